// What the page knows: the clouds' states, and what the person at the page has picked. Fed by the event stream.

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

/** Whatever is picked exists; something is picked whenever something exists; a new session opens by itself. */
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

/** Someone who is writing a reply is not carried off to another session. */
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

/** One request under way and at most one more wanted, however fast the news come. Resolves when all is fresh. */
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
