// The two agent systems of the emulated organisation: their names on the page, and their differences.

export const SYSTEMS = {
  salesforce: { name: "MIAW", title: "Messaging for In-App and Web", replies: ["text", "link", "buttons", "file"] },
  "live-chat": { name: "Live Chat", title: "Live Chat (legacy)", replies: ["text"] },
};

/** Sessions of all systems, oldest first, each with the `system` it belongs to. */
export function sessionsOf(state) {
  return Object.keys(SYSTEMS)
    .flatMap((system) => (state[system]?.conversations ?? []).map((conversation) => ({ ...conversation, system })))
    .sort((one, other) => one.createdAt_ms - other.createdAt_ms);
}

export const isOpen = (conversation) => !["ended", "closed"].includes(conversation.status);

/** Whether the agent can speak in it. In Live Chat an agent keeps a transferred session until the other one accepts. */
export const isTalking = ({ status, agents = [] }, agent) => ["active", "transferring"].includes(status) && agents.includes(agent);

/** Where a session can be transferred to, besides the other agents: `[id, name]`. Live Chat's queues are buttons. */
export function queues(conversation, state) {
  const buttons = (state[conversation.system].buttons ?? []).filter(({ id }) => id !== conversation.button);
  return [["queue", "the queue"], ...buttons.map(({ id, name }) => [id, `queue ${name}`])];
}

/** Events of a session that no button of the real console causes: `[words, name, operation, body]`. */
export function rarely(conversation, agent) {
  const talking = isTalking(conversation, agent);
  const about = conversation.system === "live-chat" ? liveChat(conversation, agent, talking) : miaw(conversation, agent, talking);
  return about.filter(Boolean);
}

const failing = (agent) => ["A transfer that fails", "transfer-fails", "transfer", { agent, to: "queue", fail: true }];

function miaw({ agents, chatbot }, agent, talking) {
  return [
    !chatbot && !agents.length && ["A chatbot answers first", "bot-joins", "bot", { join: "Astro" }],
    chatbot && ["The chatbot asks what it is about", "bot-asks", "bot", { text: "What is it about?" }],
    chatbot && ["The chatbot hands over to the queue", "bot-hands-over", "bot", { handOver: "queue" }],
    talking && ["The customer goes silent (idle)", "idle", "idle"],
    talking && ["The agent's browser crashes", "drop", "drop", { agent }],
    talking && failing(agent),
    !talking && ["Routing fails", "route-failure", "route-failure", { failureType: "RoutingError" }],
    !talking && ["Routing fails, then works", "route-failure-again", "route-failure", { again: true }],
    !talking && ["Nobody is there, says the organisation", "route-failure-says", "route-failure", { says: "Our team is away until Monday." }],
    ["The system ends the session", "system-end", "system-end"],
    ["A supervisor “ends” the session", "supervisor-end", "supervisor-end"],
  ];
}

function liveChat({ fileRequested }, agent, talking) {
  const file = fileRequested
    ? ["Take back the request for a file", "cancel-file", "cancel-file", { agent }]
    : ["Ask the customer for a file", "request-file", "request-file", { agent }];
  return [
    talking && file,
    talking && ["The agent's connection is lost", "disconnect", "disconnect", { agent }],
    talking && failing(agent),
    ["Routing fails: nobody is available", "route-failure", "route-failure", { reason: "Unavailable" }],
    ["Routing fails: the customer is blocked", "route-blocked", "route-failure", { reason: "Blocked" }],
  ];
}
