// The right side: the agents' console, whichever system a session comes from.

import { bubble } from "./bubble.js";
import { byId, followEnd, h, menu, reconcile, refresh } from "./dom.js";
import { openReply } from "./reply.js";
import { renderSessions, statusPill, systemMark } from "./sessions.js";
import { change, reading } from "./store.js";
import { isOpen, isTalking, queues, rarely } from "./systems.js";
import { desk, trying } from "./talk.js";
import { customerName } from "./words.js";

let state = null;
let shown = null;
let reply = null;

export function startDesk() {
  byId("agent").addEventListener("change", (event) => change({ agent: event.target.value }));
  reading(render);
}

function render(fresh) {
  state = fresh;
  renderPicker();
  renderSessions(state, agentName);
  renderOpenSession();
}

const agentName = (id) => state.salesforce.agents.find((agent) => agent.id === id)?.name ?? id;

function renderPicker() {
  const picker = byId("agent");
  reconcile(picker, state.salesforce.agents, (agent) => agent.id, (agent) =>
    h("option", { value: agent.id }, agent.online === false ? `${agent.name} (offline)` : agent.name),
  );
  picker.value = state.agent ?? "";
}

function renderOpenSession() {
  const place = byId("desk");
  const conversation = state.sessions.find(({ id }) => id === state.conversation);
  if (!conversation) {
    shown = reply = null;
    place.replaceChildren(h("p", { class: "empty" }, h("b", {}, "No sessions yet"), "When a user asks the bot for an agent, the session appears here."));
    return;
  }
  if (shown !== conversation.id) openSession(place, conversation);
  refreshHead(conversation);
  refreshOffer(conversation);
  refreshPreChat(conversation);
  refreshTranscript(conversation);
  refreshReply(conversation);
}

function openSession(place, conversation) {
  shown = conversation.id;
  reply = openReply(conversation);
  place.replaceChildren(
    h("div", { class: "desk-head", id: "desk-head" }),
    h("div", { class: "offer", id: "offer", "data-testid": "offer", hidden: true }),
    h("details", { class: "prechat", id: "prechat", open: true, "data-testid": "prechat" }, h("summary"), h("dl")),
    h("div", { class: "log", id: "transcript", role: "log", "aria-live": "polite", "aria-label": "Transcript", tabindex: "0", "data-testid": "transcript" }),
    h("p", { class: "typing", id: "desk-typing", "aria-live": "polite", "data-testid": "desk-typing" }),
    h("div", { id: "reply-place" }),
  );
}

const act = (conversation, operation, body) => trying(desk(conversation, operation, body));

function refreshHead(conversation) {
  const { id, system, status, agents = [], chatbot, queuePosition, fileRequested, lost } = conversation;
  const talking = isTalking(conversation, state.agent);
  const mine = agents.includes(state.agent);
  const facts = [id, status, agents, chatbot, queuePosition, fileRequested, lost, state.agent, customerName(conversation)];
  refresh(byId("desk-head"), facts, () => [
    h(
      "div",
      { class: "room" },
      h("h3", { dir: "auto", "data-testid": "desk-name" }, customerName(conversation)),
      systemMark(system),
      statusPill(status),
      lost ? h("span", { class: "pill waiting", "data-testid": "desk-lost" }, "Reconnecting") : null,
      agents.length > 1 || (agents.length && !mine) ? h("span", { class: "pill agent" }, agents.map(agentName).join(", ")) : null,
      chatbot ? h("span", { class: "pill bot", "data-testid": "desk-chatbot" }, chatbot) : null,
      status === "waiting" && queuePosition ? h("span", { class: "pill" }, `No. ${queuePosition} in the queue`) : null,
    ),
    isOpen(conversation)
      ? h(
          "div",
          { class: "tools", role: "group", "aria-label": "Session" },
          ...(talking
            ? [transferTool(conversation), tool("End", "end", () => act(conversation, "end", { agent: state.agent }), "End the session", "danger")]
            : []),
          menu("More", "desk-more", rarely(conversation, state.agent).map(([words, name, operation, body]) => [words, `desk-${name}`, () => act(conversation, operation, body)])),
        )
      : null,
  ]);
}

const tool = (words, name, onclick, title, look = "") =>
  h("button", { type: "button", class: `button small ${look}`, title, "data-testid": `desk-${name}`, onclick }, words);

function transferTool(conversation) {
  const others = state.salesforce.agents.filter((agent) => !(conversation.agents ?? []).includes(agent.id));
  const target = h(
    "select",
    { class: "field small", "aria-label": "Transfer to", "data-testid": "desk-transfer-to" },
    others.map((agent) => h("option", { value: agent.id }, agent.name)),
    queues(conversation, state).map(([id, name]) => h("option", { value: id }, name)),
  );
  const give = () => act(conversation, "transfer", { agent: state.agent, to: target.value });
  return h("span", { class: "transfer" }, target, tool("Transfer", "transfer", give, "Give the session to another agent"));
}

function refreshOffer(conversation) {
  const { id, status, assignedTo } = conversation;
  const box = byId("offer");
  const offered = ["waiting", "assigned", "transferring"].includes(status);
  box.hidden = !offered;
  if (!offered) return;
  const forMe = !assignedTo || assignedTo === state.agent;
  refresh(box, [id, status, assignedTo, state.agent], () => [
    h("p", { role: "status" }, !assignedTo ? "Waiting for an agent" : forMe ? "A customer is waiting for you" : `Offered to ${agentName(assignedTo)}`),
    assignedTo === state.agent
      ? h("button", { type: "button", class: "button small", "data-testid": "desk-decline", onclick: () => act(conversation, "decline", { agent: state.agent }) }, "Decline")
      : null,
    forMe ? null : become(assignedTo, "become"),
    forMe
      ? h("button", { type: "button", class: "button small primary good", "data-testid": "desk-accept", onclick: () => accept(conversation) }, "Accept")
      : null,
  ]);
}

const become = (agent, name) => tool(`Work as ${agentName(agent)}`, name, () => change({ agent }), "Be this agent in the console");

async function accept(conversation) {
  if (await act(conversation, "accept", { agent: state.agent })) reply?.focus();
}

function refreshPreChat({ id, attributes = {}, entities = [] }) {
  const fields = Object.entries(attributes);
  const records = entities.map((record) => [`${record.entityName} ${record.created ? "made" : "found"}`, record.id]);
  const box = byId("prechat");
  box.hidden = !fields.length && !records.length;
  const [summary, list] = box.children;
  refresh(summary, [id, fields.length], () => ["Pre-chat ", h("span", {}, `${fields.length} ${fields.length === 1 ? "field" : "fields"} from the bot`)]);
  refresh(list, [id, fields, records], () =>
    [...fields, ...records].map(([name, value]) =>
      h("div", { "data-testid": "prechat-field", "data-name": name }, h("dt", { title: name }, name), h("dd", { dir: "auto", title: String(value) }, String(value))),
    ),
  );
}

function refreshTranscript(conversation) {
  const log = byId("transcript");
  const name = customerName(conversation);
  followEnd(log, () =>
    reconcile(log, conversation.transcript ?? [], (entry) => entry.id, (entry, before) => bubble(shape(entry, before, name))),
  );
  byId("desk-typing").textContent = conversation.userTyping ? `${name} is typing…` : conversation.preview ? `${name} is writing: ${conversation.preview}` : "";
}

function shape(entry, before, customer) {
  const joined = before?.role === entry.role && (before?.name ?? null) === (entry.name ?? null);
  if (entry.kind === "notice") return { at_ms: entry.at_ms, text: entry.text, kind: "event", voice: "event" };
  const mine = entry.role === "Agent";
  return {
    at_ms: entry.at_ms,
    joined: joined && !entry.receipt,
    receipt: mine ? entry.receipt : null,
    kind: mine ? "mine" : "theirs",
    voice: mine ? "agent-own" : entry.automated ? "system" : "user",
    name: entry.role === "EndUser" ? customer : entry.name || "Salesforce",
    text: entry.kind === "link" || entry.kind === "attachment" ? "" : entry.text,
    link: entry.kind === "link" ? { title: entry.text, url: entry.url } : null,
    files: entry.attachments ?? [],
    choices: (entry.options ?? []).map((title) => ({ title })),
  };
}

function refreshReply(conversation) {
  const place = byId("reply-place");
  const mine = isTalking(conversation, state.agent);
  const note = !isOpen(conversation)
    ? "This session is over."
    : conversation.status === "inactive"
      ? "The customer is inactive; their next message brings them back to the queue."
      : conversation.status === "active"
        ? `${(conversation.agents ?? []).map(agentName).join(" and ")} has this session.`
        : "";
  const other = !mine && conversation.status === "active" ? conversation.agents?.[0] : null;
  reply.agent = state.agent;
  refresh(place, [conversation.id, mine, note, other], () =>
    mine ? [reply.element] : note ? [h("p", { class: "over-note" }, note, other ? become(other, "work-as") : null)] : [],
  );
}
