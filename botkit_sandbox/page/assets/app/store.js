// The state of the page: the state of each cloud, and the selections. The event stream updates it.

import { SYSTEMS, isOpen, sessionsOf } from "./systems.js";
import { get, trying } from "./talk.js";

const state = {
  addresses: {},
  kore: { bot: { name: "Bot" }, users: [], faults: [] },
  salesforce: { agents: [], conversations: [], faults: [] },
  "live-chat": { agents: [], buttons: [], conversations: [], faults: [] },
  sessions: [],
  user: null,
  agent: null,
  conversation: null,
};
const met = new Set();
const readers = new Set();
let scheduled = false;

/** Call `render(state)` now and after every change. */
export function reading(render) {
  readers.add(render);
  render(state);
}

export function change(values) {
  Object.assign(state, values);
  settle();
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    for (const render of readers) render(state);
  });
}

/** Keep the selections valid: each one exists, and there is one whenever possible; a new session is selected. */
function settle() {
  state.sessions = sessionsOf(state);
  const { users } = state.kore;
  const { agents } = state.salesforce;
  const conversations = state.sessions;
  if (!users.some((user) => user.id === state.user)) state.user = users[0]?.id ?? null;
  if (!agents.some((agent) => agent.id === state.agent)) state.agent = agents[0]?.id ?? null;
  const newcomer = conversations.findLast((conversation) => isOpen(conversation) && !met.has(conversation.id));
  if (newcomer && !agentIsBusy()) state.conversation = newcomer.id;
  if (!conversations.some((conversation) => conversation.id === state.conversation)) {
    state.conversation = conversations.at(-1)?.id ?? null;
  }
  for (const { id } of conversations) met.add(id);
}

/** Do not switch the session while a reply is being written. */
function agentIsBusy() {
  const focused = document.activeElement;
  return Boolean(focused?.closest?.("#desk") && focused.value);
}

/** Follow the sandbox's event stream for as long as the page is open. */
export function follow({ onWire, onSnapshot, onConnection }) {
  const source = new EventSource("/sandbox/events");
  source.addEventListener("open", () => onConnection("live"));
  source.addEventListener("error", () => onConnection("lost"));
  source.addEventListener("snapshot", (event) => {
    const { wire, ...rest } = JSON.parse(event.data);
    change(rest);
    onSnapshot(wire);
  });
  source.addEventListener("wire", (event) => onWire(JSON.parse(event.data)));
  for (const [cloud, refresh] of Object.entries(refreshing)) source.addEventListener(cloud, () => refresh());
}

/** Coalesce requests: one under way and at most one waiting. Resolves when the state is fresh. */
function refresher(cloud) {
  let running = null;
  let wanted = false;
  const untilFresh = async () => {
    while (wanted) {
      wanted = false;
      await trying(get(`${cloud}/state`).then((fresh) => change({ [cloud]: fresh })));
    }
    running = null;
  };
  return function refresh() {
    wanted = true;
    running ??= untilFresh();
    return running;
  };
}

/** By cloud: ask for its state, and resolve when the page has it. */
export const refreshing = Object.fromEntries(["kore", ...Object.keys(SYSTEMS)].map((cloud) => [cloud, refresher(cloud)]));
