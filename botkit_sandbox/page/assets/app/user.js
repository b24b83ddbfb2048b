// The left side: users as tabs, the chosen user's chat with the bot.

import { bubble } from "./bubble.js";
import { byId, followEnd, h, menu, reconcile, refresh } from "./dom.js";
import { attachments, put as attach, startAttaching, take } from "./files.js";
import { change, reading, refreshing } from "./store.js";
import { kore, post, put, trying } from "./talk.js";
import { noticeTyping } from "./typing.js";
import { CHANNELS, LANGUAGES, initials } from "./words.js";

const PEOPLE = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Hedy Lamarr", "Edsger Dijkstra", "Radia Perlman", "Katherine Johnson", "Dennis Ritchie"];

const seen = new Map();
let users = [];
let current = null;
let shownUser = null;

export function startUser() {
  byId("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    say(byId("say").value, take());
  });
  byId("user-tabs").addEventListener("keydown", moveBetweenTabs);
  stopTyping = noticeTyping(byId("say"), (started) => {
    if (current?.agentMode) trying(kore(current.id, "typing", { started }));
  });
  startAttaching();
  startSheet();
  reading(render);
}

const ALSO = "also:"; // before the name of a channel that is added
let stopTyping = () => {};
let turn = Promise.resolve(); // a file takes longer to read than a word: one message after the other

/** Send a text as the chosen user, or the label of a clicked choice with its payload. The first message creates the first user. */
async function say(text, files = [], payload = "") {
  if (!text.trim() && !files.length) return;
  const input = byId("say");
  const written = input.value;
  stopTyping();
  input.value = "";
  input.focus();
  const user = current?.id;
  const said = turn.then(async () => {
    const content = { text, payload: payload === text ? "" : payload, attachments: await attachments(files) };
    return kore(user ?? current?.id ?? (await newUser(nextPerson())), "say", content);
  });
  turn = said.catch(() => {}); // it is told below; what was written after it goes out all the same
  if (await trying(said)) return;
  input.value ||= written;
  if (files.length) attach(files);
}

/** A new user opens the chat. Resolves to the id once the page has the user. */
async function newUser(fields) {
  return chosen(await post("kore/users", fields));
}

/** Choose a user who has just come. Resolves to the id once the page has the user. */
async function chosen({ id }) {
  await refreshing.kore();
  change({ user: id });
  return id;
}

/** The first of the usual demo people who is not in the chat yet. */
function nextPerson() {
  const present = new Set(users.map((user) => user.name));
  const name = PEOPLE.find((person) => !present.has(person)) ?? "";
  return { name, email: name ? `${name.split(" ")[0].toLowerCase()}@example.com` : "" };
}

function render(state) {
  users = state.kore.users;
  current = state.kore.users.find((user) => user.id === state.user) ?? null;
  if (current) seen.set(current.id, current.messages.length);
  renderTabs(state);
  renderChat(state);
}

function renderTabs({ kore: { users }, user: picked }) {
  const tabs = users.map((user) => ({
    id: user.id,
    name: user.name || "Guest",
    channel: user.channel === "rtm" ? "" : (CHANNELS[user.channel] ?? user.channel),
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
      tab.channel ? h("span", { class: "by" }, tab.channel) : null,
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
  byId("chat-empty").hidden = Boolean(current?.messages.length);
  byId("chat-empty-title").textContent = `Say hello to ${bot}`;
  byId("chat-typing").textContent = current?.agentTyping ? "Typing…" : "";
}

function renderLine(bot) {
  const line = byId("chat-line");
  line.hidden = !current;
  if (!current) return;
  const { id, userId, channel, language, email, agentMode } = current;
  const about = [LANGUAGES[language] ?? language, email].filter(Boolean).join(" · ");
  const channels = users.filter((user) => user.userId === userId).map((user) => user.channel);
  refresh(line, [id, channel, channels, about, agentMode, bot], () => [
    channelPicker(current),
    h("span", { class: "about", dir: "auto", title: about }, about),
    h("span", { class: `pill ${agentMode ? "agent" : "bot"}`, "data-testid": "chat-mode", dir: "auto" }, agentMode ? "With an agent" : `With ${bot}`),
    menu("More", "chat-more", [
      ["The user opens the chat anew", "chat-connect", () => trying(kore(id, "connect"))],
      ["The client sends the last message again", "chat-retry", () => trying(kore(id, "retry"))],
      ["The client sends a message of its own", "chat-control", () => trying(kore(id, "client", { kind: "control" }))],
      ["The user closes the chat", "chat-close", () => trying(kore(id, "close"))],
      ["A late end of another session comes", "chat-close-late", () => trying(kore(id, "close", { session: "an-earlier-session", onlyEvent: true }))],
      ["The platform renews the session", "chat-renew", () => trying(kore(id, "renew"))],
      ["Fifteen silent minutes pass", "chat-timeout", () => trying(kore(id, "timeout"))],
      ["… and the bot says so", "chat-timeout-says", () => trying(kore(id, "timeout", { says: "Your session has ended because of inactivity." }))],
    ]),
  ]);
}

/** The channel of the user: to go on on another one, or to write from another one too. BotKit maps channels to agent systems. */
function channelPicker({ id, userId, name, channel, agentMode }) {
  const taken = new Set(users.filter((user) => user.userId === userId).map((user) => user.channel));
  const others = Object.entries(CHANNELS).filter(([code]) => !taken.has(code));
  const picker = h(
    "select",
    {
      class: "field small channel", "aria-label": `Channel of ${name}`, "data-testid": "user-channel",
      title: agentMode ? "With an agent: a channel is not left in the middle of a talk" : "The channel the user writes from",
    },
    h("option", { value: channel, selected: true }, CHANNELS[channel] ?? channel),
    h("optgroup", { label: "Go on on another channel", disabled: agentMode }, others.map(([code, title]) => h("option", { value: code }, title))),
    h("optgroup", { label: "Write from this one too" }, others.map(([code, title]) => h("option", { value: ALSO + code }, `Also ${title}`))),
  );
  picker.addEventListener("change", async () => {
    const wanted = picker.value;
    const request = wanted.startsWith(ALSO)
      ? kore(id, "channels", { channel: wanted.slice(ALSO.length) }).then(chosen)
      : put(`kore/users/${encodeURIComponent(id)}/channel`, { channel: wanted });
    const moved = (await trying(request)) && !wanted.startsWith(ALSO);
    if (!moved) picker.value = channel;
  });
  return picker;
}

function renderSuggestions({ kore: { suggestions } }) {
  const offers = current?.agentMode ? ["endagentchat"] : (suggestions ?? ["Hello", "Where is my order?", "Talk to an agent"]);
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
    (choice) => say(choice.title, [], choice.payload),
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
  const { name, email } = byId("user-form").elements;
  let suggested = "";
  byId("new-user").addEventListener("click", () => {
    byId("user-form").reset();
    ({ name: name.value, email: suggested } = nextPerson());
    email.value = suggested;
    sheet.showModal();
    name.select();
  });
  name.addEventListener("input", () => {
    // The suggested email belongs to the suggested name.
    if (email.value === suggested) email.value = "";
  });
  byId("user-cancel").addEventListener("click", () => sheet.close());
  byId("user-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ""));
    sheet.close();
    await trying(newUser(fields));
    byId("say").focus();
  });
}
