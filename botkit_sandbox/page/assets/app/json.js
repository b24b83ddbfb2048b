// JSON made readable: indented, and coloured with elements, never with markup.

import { h } from "./dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/g;
const COLOURED_CHARACTERS = 24000;

/** A `<pre>` with the text, pretty if it is JSON. */
export function code(text, label) {
  const block = h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label });
  const pretty = indented(text);
  if (pretty === null || pretty.length > COLOURED_CHARACTERS) block.textContent = pretty ?? text;
  else block.append(...coloured(pretty));
  return block;
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function coloured(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, match.index));
    const [whole, string, colon, number] = match;
    const kind = string ? (colon ? "key" : "string") : number ? "number" : "word";
    parts.push(h("span", { class: kind }, string ?? whole), colon ?? "");
    end = match.index + whole.length;
  }
  parts.push(text.slice(end));
  return parts;
}
