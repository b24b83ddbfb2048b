// The left side: users as tabs, the chosen user's chat with the bot.

import { bubble } from "./bubble.js";
import { byId, followEnd, h, reconcile } from "./dom.js";
import { change, reading, refreshKore } from "./store.js";
import { kore, post, trying } from "./talk.js";
import { noticeTyping } from "./typing.js";
import { CHANNELS, LANGUAGES, initials } from "./words.js";

const seen = new Map();
let current = null;
let shownUser = null;

export function startUser() {
  byId("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    say(byId("say").value);
  });
  byId("user-tabs").addEventListener("keydown", moveBetweenTabs);
  stopTyping = noticeTyping(byId("say"), (started) => {
    if (current?.agentMode) trying(kore(current.id, "typing", { started }));
  });
  startSheet();
  reading(render);
}

let stopTyping = () => {};

async function say(text) {
  if (!current || !text.trim()) return;
  const input = byId("say");
  const written = input.value;
  stopTyping();
  input.value = "";
  input.focus();
  if (!(await trying(kore(current.id, "say", { text })))) input.value = written;
}

function render(state) {
  current = state.kore.users.find((user) => user.id === state.user) ?? null;
  if (current) seen.set(current.id, current.messages.length);
  renderTabs(state);
  renderChat(state);
}

function renderTabs({ kore: { users }, user: picked }) {
  const tabs = users.map((user) => ({
    id: user.id,
    name: user.name || "Guest",
    picked: user.id === picked,
    fresh: user.id !== picked && user.messages.length > (seen.get(user.id) ?? 0),
  }));
  reconcile(byId("user-tabs"), tabs, (tab) => tab.id, (tab) =>
    h(
      "button",
      {
        type: "button", class: "tab", role: "tab", "data-id": tab.id, "data-testid": "user-tab", "aria-controls": "chat",
        "aria-selected": String(tab.picked), tabindex: tab.picked ? "0" : "-1", onclick: () => change({ user: tab.id }),
      },
      h("span", { class: "face", "aria-hidden": "true" }, initials(tab.name)),
      h("span", { class: "name", dir: "auto" }, tab.name),
      tab.fresh ? h("span", { class: "fresh" }, h("span", { class: "unseen" }, ", new messages")) : null,
    ),
  );
}

function moveBetweenTabs(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const tabs = [...byId("user-tabs").children];
  const next = tabs[(tabs.findIndex((tab) => tab.dataset.id === current?.id) + step + tabs.length) % tabs.length];
  if (!next) return;
  change({ user: next.dataset.id });
  requestAnimationFrame(() => byId("user-tabs").querySelector('[aria-selected="true"]')?.focus());
}

function renderChat(state) {
  const bot = state.kore.bot?.name ?? "Bot";
  byId("say").disabled = !current;
  byId("say").placeholder = current?.agentMode ? "Write to the agent" : "Write to the bot";
  renderLine(bot);
  renderSuggestions(state);
  const log = byId("chat-log");
  const fill = () =>
    reconcile(log, current ? current.messages : [], (message) => message.id, (message, before) => chatBubble(message, before, bot));
  if (shownUser !== current?.id) {
    shownUser = current?.id;
    log.shown = undefined;
    log.replaceChildren();
    fill();
    log.scrollTop = log.scrollHeight;
  } else {
    followEnd(log, fill);
  }
  if (current && !current.messages.length) {
    log.shown = undefined;
    log.replaceChildren(h("p", { class: "empty" }, h("b", {}, `Say hello to ${bot}`), "Or ask for an agent, and watch the hand-off happen."));
  } else {
    log.querySelector(".empty")?.remove();
  }
  byId("chat-typing").textContent = current?.agentTyping ? "Typing…" : "";
}

function renderLine(bot) {
  if (!current) return byId("chat-line").replaceChildren();
  const about = [CHANNELS[current.channel] ?? current.channel, LANGUAGES[current.language] ?? current.language, current.email];
  byId("chat-line").replaceChildren(
    h("span", { class: "about", dir: "auto" }, about.filter(Boolean).join(" · ")),
    h(
      "span",
      { class: `pill ${current.agentMode ? "agent" : "bot"}`, "data-testid": "chat-mode", dir: "auto" },
      current.agentMode ? "With an agent" : `With ${bot}`,
    ),
  );
}

function renderSuggestions({ kore: { suggestions } }) {
  const offers = !current ? [] : current.agentMode ? ["endagentchat"] : (suggestions ?? ["Hello", "Where is my order?", "Talk to an agent"]);
  reconcile(byId("suggestions"), offers.map((text) => ({ text })), (offer) => offer.text, ({ text }) =>
    h("button", { type: "button", class: "button", "data-testid": "suggestion", dir: "auto", onclick: () => say(text) }, text),
  );
}

function chatBubble(message, before, bot) {
  const mine = message.from === "user";
  const shape = templateShape(message);
  return bubble(
    {
      kind: mine ? "mine" : "theirs",
      voice: message.from,
      name: message.name || { user: "Guest", bot, botkit: "BotKit", agent: "Agent", system: "Sandbox" }[message.from],
      at_ms: message.at_ms,
      joined: before?.from === message.from && (before?.name ?? null) === (message.name ?? null),
      ...shape,
    },
    (choice) => say(choice.payload ?? choice.title),
  );
}

/** What the bubble shows of a message template: `{type, text, url?, buttons?}`, as the emulated platform reads it. */
function templateShape({ text, template, attachments }) {
  const files = (attachments ?? []).map(({ name }) => ({ name }));
  if (template?.url) files.push({ name: template.type, url: template.url });
  return { text, files, choices: template?.buttons ?? [] };
}

function startSheet() {
  const sheet = byId("user-sheet");
  byId("new-user-language").append(...Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code }, name)));
  byId("new-user-channel").append(...Object.entries(CHANNELS).map(([code, name]) => h("option", { value: code }, name)));
  byId("new-user").addEventListener("click", () => {
    byId("user-form").reset();
    sheet.showModal();
  });
  byId("user-cancel").addEventListener("click", () => sheet.close());
  byId("user-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ""));
    sheet.close();
    await trying(
      post("kore/users", fields).then(async ({ id }) => {
        await refreshKore();
        change({ user: id });
      }),
    );
    byId("say").focus();
  });
}
