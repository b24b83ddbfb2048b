// The list of sessions above the agent's desk, MIAW's and Live Chat's side by side.

import { byId, h, reconcile } from "./dom.js";
import { change } from "./store.js";
import { SYSTEMS, isOpen } from "./systems.js";
import { STATUSES, customerName, initials } from "./words.js";

export const statusPill = (status) => h("span", { class: `pill ${status}`, "data-testid": "status" }, STATUSES[status] ?? status);

export const systemMark = (system) =>
  h("span", { class: `mark ${system}`, title: SYSTEMS[system].title, "data-testid": "system" }, SYSTEMS[system].name);

/** @param {(id) => string} agentName */
export function renderSessions(state, agentName) {
  const newestFirst = state.sessions
    .map((conversation) => ({
      id: conversation.id,
      system: conversation.system,
      name: customerName(conversation),
      status: conversation.status,
      who: (conversation.agents ?? []).map(agentName).join(", ") || (conversation.assignedTo ? agentName(conversation.assignedTo) : ""),
      picked: conversation.id === state.conversation,
      open: isOpen(conversation),
    }))
    .reverse()
    .sort((one, other) => Number(other.open) - Number(one.open));
  reconcile(byId("sessions"), newestFirst, (session) => session.id, (session) =>
    h(
      "button",
      {
        type: "button", class: `session ${session.open ? "" : "over"}`, "aria-pressed": String(session.picked), "data-testid": "session",
        "data-status": session.status, "data-system": session.system, onclick: () => change({ conversation: session.id }),
      },
      h("span", { class: "face", "aria-hidden": "true" }, initials(session.name)),
      h("span", { class: "who", dir: "auto" }, session.name),
      systemMark(session.system),
      h("span", { class: "state" }, statusPill(session.status), session.who),
    ),
  );
}
