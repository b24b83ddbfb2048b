// Answers in place of the bot's services and forms, which the sandbox does not call or show: a part of the sheet about the bot.

import { byId, h } from "./dom.js";
import { get, notice, put, remove, trying } from "./talk.js";

const ORIGINS = { own: "Your answer", sample: "Sample of the export", default: "Empty success" };

/** Show what each stand-in answers; asked for when the sheet opens, because samples can be long. */
export async function showStandIns() {
  await trying(
    get("kore/stand-ins").then(({ standIns }) => {
      byId("stand-ins").replaceChildren(...standIns.map(row));
    }),
  );
}

function row({ name, kind, answer, origin }) {
  const field = h("textarea", { class: "field code", rows: 6, spellcheck: "false", "aria-label": `Answer in place of ${name}`, "data-testid": `stand-in-answer-${name}` });
  field.value = JSON.stringify(answer, null, 2);
  const path = `kore/stand-ins/${encodeURIComponent(name)}`;
  const from = kind === "form" && origin === "default" ? "Plausible values" : ORIGINS[origin];
  return h(
    "li",
    { "data-testid": "stand-in" },
    h(
      "details",
      {},
      h("summary", {}, h("span", { dir: "auto" }, name), h("small", {}, kind), h("span", { class: origin === "own" ? "pill bot" : "pill" }, from)),
      field,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button small", "data-testid": `stand-in-reset-${name}`, onclick: () => changed(remove(path), name) }, "Back to the export's"),
        h("button", { type: "button", class: "button small primary kore", "data-testid": `stand-in-save-${name}`, onclick: () => save(path, field, name) }, "Answer this"),
      ),
    ),
  );
}

async function save(path, field, name) {
  let answer;
  try {
    answer = JSON.parse(field.value);
  } catch (error) {
    notice(`The answer of ${name} is not JSON: ${error.message}`);
    field.focus();
    return;
  }
  await changed(put(path, answer), name);
}

async function changed(request, name) {
  if (!(await trying(request))) return;
  await showStandIns();
  const rows = [...byId("stand-ins").querySelectorAll("details")];
  rows.find((details) => details.querySelector("summary span").textContent === name)?.querySelector("summary").focus();
}
