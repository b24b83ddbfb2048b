// The middle: every hook, call and event as an arrow between the lifelines; a click opens headers and bodies.

import { byId, followEnd, h, isAtEnd } from "./dom.js";
import { code } from "./json.js";
import { get, remove, trying } from "./talk.js";
import { exactClock } from "./words.js";

const ROWS = 400;
const QUIET = /typing|client_event|acknowledge|ACKNOWLEDGEMENT/i;
const LONG_POLL = "Messages";
const PLACES = { kore: 0, botkit: 1, salesforce: 2 };
const NAMES = { kore: "Kore XO", botkit: "BotKit", salesforce: "Salesforce" };

const held = [];
let last = 0;
let newest = null;
let paused = false;

export function startWire() {
  const hops = byId("hops");
  byId("wire-filter").addEventListener("input", () => {
    for (const row of hops.children) row.hidden = !matches(row);
  });
  byId("wire-calm").addEventListener("click", (event) => {
    const calm = hops.classList.toggle("calm");
    event.currentTarget.setAttribute("aria-pressed", String(calm));
    hops.scrollTop = hops.scrollHeight;
  });
  byId("wire-pause").addEventListener("click", togglePause);
  byId("wire-clear").addEventListener("click", () => {
    hops.replaceChildren();
    held.length = 0;
    newest = null;
    trying(remove("wire"));
  });
  byId("wire-newest").addEventListener("click", () => {
    hops.scrollTop = hops.scrollHeight;
    hops.lastElementChild?.querySelector("button")?.focus();
  });
  hops.addEventListener("scroll", () => {
    if (isAtEnd(hops)) byId("wire-newest").hidden = true;
  });
  hops.addEventListener("keydown", moveBetweenRows);
}

/** Everything kept so far, after (re)connecting. Ids start again when the sandbox does. */
export function showAll(entries) {
  const hops = byId("hops");
  hops.replaceChildren();
  held.length = 0;
  last = 0;
  newest = null;
  const rows = document.createDocumentFragment(); // one layout for all of them
  for (const entry of entries.slice(-ROWS)) take(entry, false, (row) => rows.append(row));
  hops.append(rows);
  hops.scrollTop = hops.scrollHeight;
}

export function showOne(entry) {
  if (entry.id <= last) return;
  if (paused) {
    last = entry.id;
    held.push(entry);
    if (held.length > ROWS) held.shift();
  } else {
    add(entry);
  }
}

function add(entry) {
  take(entry, true, (row) => {
    const hops = byId("hops");
    const followed = followEnd(hops, () => {
      hops.append(row);
      while (hops.children.length > ROWS) hops.firstElementChild.remove();
    });
    if (!followed && !row.hidden) byId("wire-newest").hidden = false;
  });
}

/** One more entry: merged into the newest row, or `append`ed as a row of its own. */
function take(entry, fresh, append) {
  last = entry.id;
  if (newest && isEmptyPoll(entry) && isEmptyPoll(newest.entry)) {
    retell(newest.row, (newest.entry = folded(newest.entry, entry)));
    return;
  }
  const row = hop(entry, fresh);
  newest = { row, entry };
  row.hidden = !matches(row);
  append(row);
}

function togglePause(event) {
  paused = !paused;
  event.currentTarget.setAttribute("aria-pressed", String(paused));
  if (!paused) for (const entry of held.splice(0)) add(entry);
}

function matches(row) {
  const wanted = byId("wire-filter").value.trim().toLowerCase();
  return !wanted || row.dataset.words.includes(wanted);
}

/** An empty poll. Consecutive ones share a row, otherwise idle sessions would flood the wire. */
const isEmptyPoll = (entry) => entry.label === LONG_POLL && entry.status === 204;
const folded = (row, next) => ({ ...next, times: (row.times ?? 1) + 1 });

/** The messages of a poll come from the other side, as events do. */
const drawn = (entry) => (entry.brought ? { ...entry, source: entry.target, target: entry.source } : entry);

function isQuiet(entry) {
  return isEmptyPoll(entry) || (entry.brought ?? [entry.label]).every((name) => QUIET.test(name));
}

function retell(row, entry) {
  row.entry = entry;
  row.querySelector(".hop-label span").textContent = label(entry);
  row.querySelector(".hop-time").textContent = exactClock(entry.at_ms);
  row.firstElementChild.setAttribute("aria-label", about(entry));
}

function about(entry) {
  const facts = [label(entry), `${NAMES[entry.source]} to ${NAMES[entry.target]}`, entry.status ?? "event", took(entry)];
  return facts.filter(Boolean).join(", ");
}

function hop(kept, fresh) {
  const entry = drawn(kept);
  const system = entry.path.startsWith("/chat/") ? "live chat" : "";
  const [from, to] = [PLACES[entry.source] ?? 0, PLACES[entry.target] ?? 1];
  const side = Math.max(from, to) === 1 ? "left" : "right";
  const way = to > from ? "onward" : "back";
  const button = h(
    "button",
    { type: "button", class: "hop-row", "aria-expanded": "false", "aria-label": about(entry), title: took(entry) },
    h("span", { class: "hop-time" }, exactClock(entry.at_ms)),
    h("span", { class: "hop-track" }, h("span", { class: "hop-label" }, h("span", {}, label(entry))), h("span", { class: "hop-arrow" })),
    h("span", { class: `hop-status ${mood(entry.status)}` }, entry.status === null ? "event" : String(entry.status)),
  );
  const row = h(
    "li",
    {
      class: `hop from-${entry.source} ${side} ${way} ${entry.status === null ? "event" : ""} ${isQuiet(entry) ? "quiet" : ""} ${fresh ? "fresh" : ""}`,
      "data-testid": "wire-row", "data-label": entry.label, "data-source": entry.source, "data-target": entry.target, "data-status": entry.status,
      "data-words": `${entry.label} ${(entry.brought ?? []).join(" ")} ${entry.method} ${entry.path} ${system} ${entry.status ?? "event"} ${entry.source} ${entry.target}`.toLowerCase(),
    },
    button,
  );
  row.entry = entry;
  button.addEventListener("click", () => toggle(row, button));
  return row;
}

/** CONVERSATION_PARTICIPANT_CHANGED → participant changed: Salesforce's event names are long. */
function label({ label: name, brought, status, times = 1 }) {
  if (brought) return contentsOf(brought);
  if (name === LONG_POLL && status === 204) return counted("Poll, nothing new", times);
  return name.startsWith("CONVERSATION_") ? name.slice(13).toLowerCase().replaceAll("_", " ") : name;
}

/** Each type once, with its count; typing only if there is nothing else. */
function contentsOf(brought) {
  const loud = brought.filter((type) => !QUIET.test(type));
  const types = loud.length ? loud : brought;
  return [...new Set(types)].map((type) => counted(type, types.filter((each) => each === type).length)).join(", ");
}

const counted = (words, times) => (times > 1 ? `${words} ×${times}` : words);

function mood(status) {
  if (status === null) return "";
  return status < 400 ? "good" : "bad";
}

function took({ duration_ms: ms }) {
  if (ms === null || ms === undefined) return "";
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

async function toggle(row, button) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  row.querySelector(".hop-detail")?.remove();
  if (!open) return;
  const box = h("div", { class: "hop-detail", "data-testid": "wire-detail" }, "…");
  row.append(box);
  const worked = await trying(get(`wire/${row.entry.id}`).then((detail) => box.replaceChildren(...contents(detail))));
  if (!worked) box.replaceChildren("This exchange is no longer kept.");
  box.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function contents(detail) {
  const headers = Object.entries(detail.request_headers);
  return [
    h("p", { class: "address" }, [detail.method, detail.path].filter(Boolean).join(" ") || detail.label),
    h("p", { class: "hop-time" }, [exactClock(detail.at_ms), took(detail)].filter(Boolean).join("  ·  ")),
    headers.length ? h("h3", {}, "Headers") : null,
    headers.length ? h("dl", {}, headers.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : null,
    detail.request_body ? h("h3", {}, detail.status === null ? "Event" : "Request") : null,
    detail.request_body ? code(detail.request_body, "Request body") : null,
    detail.response_body ? h("h3", {}, `Answer ${detail.status ?? ""}`) : null,
    detail.response_body ? code(detail.response_body, "Response body") : null,
  ].filter(Boolean);
}

function moveBetweenRows(event) {
  if (!event.target.classList.contains("hop-row")) return;
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!step) return;
  event.preventDefault();
  let row = event.target.parentElement[step];
  while (row && !row.checkVisibility()) row = row[step];
  row?.querySelector("button").focus();
}
