// The agent's reply box: text, and where the system has them a link, buttons or a file.

import { h, icon } from "./dom.js";
import { base64 } from "./files.js";
import { SYSTEMS } from "./systems.js";
import { desk, trying } from "./talk.js";
import { noticeTyping } from "./typing.js";

const FILE_LIMIT = 5 * 1024 * 1024;

const KINDS = {
  text: {
    title: "Text",
    fields: () => [field("text", "Reply", { placeholder: "Write to the customer", id: "reply-text" })],
    message: ({ text }) => text.trim() && { text },
  },
  link: {
    title: "Link",
    fields: () => [field("title", "Title of the link", { placeholder: "Title" }), field("url", "Address of the link", { placeholder: "https://", type: "url" })],
    message: ({ title, url }) => url.trim() && { link: { title: title.trim() || url.trim(), url: url.trim() } },
  },
  buttons: {
    title: "Buttons",
    fields: () => [field("text", "Question", { placeholder: "Question" }), field("options", "Buttons, separated by commas", { placeholder: "Yes, No" })],
    message: ({ text, options }) => {
      const buttons = options.split(",").map((option) => option.trim()).filter(Boolean);
      return buttons.length > 0 && { text, buttons };
    },
  },
  file: {
    title: "File",
    fields: () => [h("input", { class: "field", type: "file", name: "file", "aria-label": "File for the customer", "data-testid": "reply-file" })],
    message: async ({ file }) => file?.size > 0 && { file: { name: file.name, mimeType: file.type || "application/octet-stream", base64: await base64(file) } },
  },
};

function field(name, label, attributes) {
  return h("input", { class: "field", name, "aria-label": label, dir: "auto", autocomplete: "off", maxlength: "4000", "data-testid": `reply-${name}`, ...attributes });
}

/** A reply box for one conversation; set `.agent` to who is writing. */
export function openReply(conversation) {
  const box = { agent: null, element: null, focus: () => fields.querySelector("input")?.focus() };
  const fields = h("div", { class: "fields" });
  const kinds = SYSTEMS[conversation.system].replies;
  let kind = "text";
  let stopTyping = () => {};

  const choose = (name) => {
    kind = name;
    fields.replaceChildren(...KINDS[name].fields());
    const first = fields.querySelector("input");
    stopTyping = noticeTyping(first, (started) => trying(desk(conversation, "typing", { agent: box.agent, started })));
  };

  const send = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    if (values.file?.size > FILE_LIMIT) return trying(Promise.reject(new Error("Salesforce takes files of up to 5 MB.")));
    const message = await KINDS[kind].message(values);
    if (!message) return;
    stopTyping();
    fields.querySelectorAll("input").forEach((input) => (input.value = ""));
    box.focus();
    if (!(await trying(desk(conversation, "say", { agent: box.agent, ...message })))) restore(fields, values);
  };

  box.element = h(
    "form",
    { class: "reply", "data-testid": "reply", onsubmit: send },
    h(
      "fieldset",
      { class: "kinds", hidden: kinds.length === 1 },
      h("legend", { class: "unseen" }, "Kind of reply"),
      kinds.map((name) =>
        h("label", {}, h("input", { type: "radio", name: "kind", value: name, checked: name === "text", "data-testid": `reply-kind-${name}`, onchange: () => choose(name) }), KINDS[name].title),
      ),
    ),
    h(
      "div",
      { class: "composer" },
      fields,
      h("button", { type: "submit", class: "button primary salesforce square", "aria-label": "Send as the agent", "data-testid": "reply-send" }, icon("send")),
    ),
  );
  choose("text");
  return box;
}

function restore(fields, values) {
  for (const input of fields.querySelectorAll("input:not([type=file])")) input.value ||= values[input.name] ?? "";
}
