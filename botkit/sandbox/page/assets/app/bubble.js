// One message of a conversation, on either side: text, link, choices, file, or a line about what happened.

import { h, icon } from "./dom.js";
import { clock, webLink } from "./words.js";

const LONG_LINES = 9;
const LONG_CHARACTERS = 460;
const FRESH_MS = 3000;

/**
 * @param {object} said `{kind: "mine"|"theirs"|"event", voice, name, at_ms, text, link, choices, file, joined, mark}`
 * @param {(choice) => void} [choose] when given, choices are buttons that call it
 */
export function bubble(said, choose) {
  const fresh = Date.now() - said.at_ms < FRESH_MS ? "fresh" : "";
  const joined = said.joined ? "joined" : "";
  return h(
    "div",
    { class: `said ${said.kind} ${said.voice ?? ""} ${fresh} ${joined}`, "data-testid": "message", "data-voice": said.voice },
    said.kind === "event" ? null : h("div", { class: "by" }, h("b", { dir: "auto" }, said.name ?? ""), clock(said.at_ms)),
    h("div", { class: "bubble" }, body(said)),
    said.choices?.length ? choices(said.choices, choose) : null,
  );
}

function body(said) {
  const parts = [];
  if (said.text) parts.push(...text(said.text));
  const target = said.link ? webLink(said.link.url) : null;
  if (said.link) parts.push(target ? anchor("link", said.link.title || said.link.url, target) : h("div", {}, said.link.title ?? ""));
  const fileTarget = said.file?.url ? webLink(said.file.url) : null;
  if (said.file) parts.push(fileTarget ? anchor("file", said.file.name, fileTarget) : h("div", {}, icon("file"), said.file.name ?? "file"));
  return parts;
}

function anchor(kind, title, target) {
  return h("a", { href: target, target: "_blank", rel: "noopener noreferrer", dir: "auto" }, icon(kind), title);
}

function text(words) {
  const paragraph = h("div", { dir: "auto" }, words);
  if (words.length <= LONG_CHARACTERS && words.split("\n").length <= LONG_LINES) return [paragraph];
  paragraph.classList.add("long");
  const more = h("button", { type: "button", class: "more", "aria-expanded": "false" }, "Show all");
  more.addEventListener("click", () => {
    const open = !paragraph.classList.toggle("long");
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Show less" : "Show all";
  });
  return [paragraph, more];
}

function choices(options, choose) {
  return h(
    "div",
    { class: "choices", role: "group", "aria-label": "Choices" },
    options.map((option) =>
      choose
        ? h("button", { type: "button", class: "button small", dir: "auto", onclick: () => choose(option) }, option.title)
        : h("span", { class: "pill", dir: "auto" }, option.title),
    ),
  );
}
