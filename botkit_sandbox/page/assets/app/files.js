// Files a person chooses: read for the control API, which takes them as base64, and listed until they are sent.

import { byId, h, icon } from "./dom.js";
import { notice } from "./talk.js";

// The platform's port takes bodies of 4 MB, and base64 makes four bytes of three.
const LIMIT_MB = 2.9;
const AT_ONCE = 10;

let chosen = [];

/** The user's attach button, and the row of files that go with the next message. */
export function startAttaching() {
  const input = byId("user-file");
  byId("attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    put([...chosen, ...input.files]);
    input.value = "";
    byId("say").focus();
  });
}

/** Set the files of the next message; files over the limit are left out with a notice. */
export function put(files) {
  chosen = [];
  for (const file of files) {
    const together = chosen.reduce((sum, each) => sum + each.size, file.size);
    if (chosen.length >= AT_ONCE || together > LIMIT_MB * 1024 * 1024) notice(`A message takes ${AT_ONCE} files, of ${LIMIT_MB} MB together.`);
    else chosen.push(file);
  }
  show();
}

/** Take the files of the next message from the row. */
export function take() {
  const taken = chosen;
  put([]);
  return taken;
}

/** Files as the control API of the users wants them. */
export const attachments = (files) =>
  Promise.all(files.map(async (file) => ({ fileName: file.name, contentType: file.type || undefined, base64: await base64(file) })));

export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

function show() {
  const drop = (file) => {
    put(chosen.filter((each) => each !== file));
    byId("say").focus();
  };
  byId("chat-files").replaceChildren(
    ...chosen.map((file) =>
      h(
        "button",
        { type: "button", class: "button small", "aria-label": `Leave out ${file.name}`, title: "Leave it out", "data-testid": "chat-file", onclick: () => drop(file) },
        icon("file"), h("span", { class: "name", dir: "auto" }, file.name), icon("clear"),
      ),
    ),
  );
}
