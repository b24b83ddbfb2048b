// One message of a conversation, on either side: text, link, choices, file, or a line about what happened.

import { h, icon } from "./dom.js";
import { clock, webLink } from "./words.js";

const LONG_LINES = 9;
const LONG_CHARACTERS = 460;
/** A picture beside its own link: the page shows the link. */
const PICTURE = /!\[[^\]\n]{1,200}\]\(https?:\/\/[^\s)]{1,2000}\)\n(?=\[)/g;
const LINK = /\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]{1,2000})\)|https?:\/\/[^\s<>"']{1,2000}[^\s<>"'.,;:!?)\]]/g;

/**
 * @param {object} said `{kind: "mine"|"theirs"|"event", voice, name, at_ms, joined, receipt, text, link, files, choices}`
 * @param {(choice) => void} [choose] when given, choices are buttons that call it
 */
export function bubble(said, choose) {
  const joined = said.joined ? "joined" : "";
  return h(
    "div",
    { class: `said ${said.kind} ${said.voice ?? ""} ${joined}`, "data-testid": "message", "data-voice": said.voice },
    said.kind === "event" ? null : h("div", { class: "by" }, h("b", { dir: "auto" }, said.name ?? ""), [clock(said.at_ms), said.receipt].filter(Boolean).join(" · ")),
    h("div", { class: "bubble" }, body(said)),
    said.choices?.length ? choices(said.choices, choose) : null,
  );
}

function body(said) {
  const parts = [];
  if (said.text) parts.push(...text(said.text));
  if (said.link) parts.push(h("div", {}, anchor(said.link.title || said.link.url, said.link.url, icon("link"))));
  for (const file of said.files ?? []) parts.push(h("div", {}, anchor(file.name || "file", file.url, icon("file"))));
  return parts;
}

/** A link if the address is http or https, else its title. */
function anchor(title, address, picture) {
  const target = address ? webLink(address) : null;
  if (!target) return h("span", { class: "target", dir: "auto" }, picture, title);
  return h("a", { class: "target", href: target, target: "_blank", rel: "noopener noreferrer", dir: "auto" }, picture, title);
}

/** Addresses in running text, bare or as Kore writes a document, `[name](address)`, become links. */
function linked(words) {
  words = words.replace(PICTURE, "");
  const parts = [];
  let end = 0;
  for (const match of words.matchAll(LINK)) {
    parts.push(words.slice(end, match.index), anchor(match[1] ?? match[0], match[2] ?? match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, words.slice(end)];
}

function text(words) {
  const paragraph = h("div", { dir: "auto" }, linked(words));
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
