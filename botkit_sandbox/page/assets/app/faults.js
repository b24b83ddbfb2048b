// The strip of fault switches: one button for each fault of each cloud.

import { byId, h } from "./dom.js";
import { reading, refreshing } from "./store.js";
import { put, remove, trying } from "./talk.js";

// A fault that ends as soon as it has happened is `once`; others stay on until they are pressed again or used up.
const KORE = [
  { title: "Answer 500", about: "Every call to the platform is answered with 500", fault: { status: 500 } },
  { title: "Answer 429 three times", about: "Three calls are told to come back in two seconds", fault: { status: 429, retry_after: 2, count: 3 } },
  { title: "Slow", about: "Every call to the platform takes two seconds", fault: { delay_ms: 2000 } },
  { title: "Refuse", about: "Connections to the platform are closed at once", fault: { refuse: true } },
  { title: "Silent", about: "Calls to the platform are taken and never answered", fault: { silence: true } },
  { title: "Lose an answer", about: "The next call is done, but its answer is lost", fault: { drop_response: true, count: 1 } },
  { title: "Hooks twice", about: "Every hook is posted twice", fault: { duplicate_hooks: true } },
  { title: "Forged token", about: "Hooks are signed with a wrong secret", fault: { forged_token: true } },
];
const SALESFORCE = [
  { title: "Drop streams", about: "Every open event stream breaks now", fault: { kind: "drop-streams" }, once: true },
  { title: "Answer 500", about: "Every call to Salesforce is answered with 500", fault: { kind: "status", status: 500 } },
  { title: "Answer 429 three times", about: "Three calls are told to come back in two seconds", fault: { kind: "status", status: 429, retry_after: 2, times: 3 } },
  { title: "Slow", about: "Every call to Salesforce takes two seconds", fault: { kind: "delay", delay_ms: 2000 } },
  { title: "Refuse", about: "Connections to Salesforce are closed at once", fault: { kind: "refuse" } },
  { title: "Silent", about: "Salesforce answers nothing, and open streams say nothing", fault: { kind: "silence" } },
  { title: "Lose an answer", about: "The next call is done, but its answer is lost", fault: { kind: "drop-response", times: 1 } },
  { title: "Repeat an event", about: "The next event comes twice", fault: { kind: "repeat-event", times: 1 } },
  { title: "Lose an event", about: "The next event is in the list, but not on the stream", fault: { kind: "lose-event", times: 1 } },
  { title: "Unpublished", about: "The deployment isn't published: no token", fault: { kind: "status", status: 400, operation: "unauthenticatedToken", code: "SETUP_ERROR", message: "The embedded service deployment isn't published" } },
  { title: "Hold streams", about: "A proxy holds event streams back: their headers pass, their events do not", fault: { kind: "hold-stream" } },
  { title: "Expire tokens", about: "Every access token has expired now", fault: { kind: "expire-tokens" }, once: true },
];
const LIVE_CHAT = [
  { title: "Move the server", about: "Every session moves: 503 until the client reconnects with a new affinity", fault: { kind: "pod-restart" }, once: true },
  { title: "409 on three polls", about: "Three polls are answered with 409, as if there were two at once", fault: { kind: "status", status: 409, operation: "Messages", times: 3 } },
  { title: "Silent", about: "Live Chat takes requests and never answers", fault: { kind: "silence" } },
  { title: "Polls bring nothing", about: "Polls are answered with 204, whatever happens", fault: { kind: "empty-polls" } },
  { title: "Drop polls", about: "Every waiting poll loses its connection now", fault: { kind: "drop-polls" }, once: true },
  { title: "Answer 500", about: "Every call to Live Chat is answered with 500", fault: { kind: "status", status: 500 } },
  { title: "Slow", about: "Every call to Live Chat takes two seconds", fault: { kind: "delay", delay_ms: 2000 } },
  { title: "Refuse", about: "Connections to Live Chat are closed at once", fault: { kind: "refuse" } },
  { title: "Lose an answer", about: "The next call is done, but its answer is lost", fault: { kind: "drop-response", times: 1 } },
  { title: "Lose quick messages", about: "Of messages less than 15 ms apart, the later ones are answered OK and lost", fault: { kind: "lose-quick" } },
  { title: "Fail a request", about: "The next request for a chat fails: nobody is available", fault: { kind: "request-fail", times: 1 } },
  { title: "Expire sessions", about: "Every session is unknown from now on: 403", fault: { kind: "expire-sessions" }, once: true },
];
const SIDES = [
  { cloud: "kore", title: "Kore XO", presets: KORE },
  { cloud: "salesforce", title: "Salesforce MIAW", presets: SALESFORCE },
  { cloud: "live-chat", title: "Salesforce Live Chat", presets: LIVE_CHAT },
];
const COUNTERS = new Set(["count", "times"]);

export function startFaults() {
  const strip = byId("faults");
  const toggle = byId("faults-toggle");
  toggle.addEventListener("click", () => {
    strip.hidden = !strip.hidden;
    toggle.setAttribute("aria-expanded", String(!strip.hidden));
  });
  const buttons = SIDES.flatMap((side) => side.presets.map((preset) => ({ side, preset, button: null })));
  strip.append(
    ...SIDES.map((side) =>
      h(
        "fieldset",
        { class: "fault-side" },
        h("legend", {}, side.title),
        buttons.filter((entry) => entry.side === side).map((entry) => (entry.button = switchFor(entry))),
        h("button", { type: "button", class: "button small", "data-testid": `faults-clear-${side.cloud}`, onclick: () => clear(side) }, "All well again"),
      ),
    ),
  );
  reading((state) => {
    for (const { side, preset, button } of buttons) {
      if (!preset.once) button.setAttribute("aria-pressed", String(current(side, state).some((fault) => isSame(fault, preset.fault))));
    }
    const count = SIDES.reduce((sum, side) => sum + current(side, state).length, 0);
    byId("faults-count").hidden = !count;
    byId("faults-count").textContent = String(count);
  });
}

let known = {};
reading((state) => (known = state));

const current = ({ cloud }, state = known) => state[cloud].faults ?? [];

function switchFor({ side, preset }) {
  const press = () => {
    if (preset.once) return apply(side, preset.fault);
    const others = current(side).filter((fault) => !isSame(fault, preset.fault));
    const on = others.length < current(side).length;
    return apply(side, { faults: on ? others : [...others, preset.fault] });
  };
  return h(
    "button",
    { type: "button", class: "button small fault", title: preset.about, "data-testid": `fault-${side.cloud}`, onclick: press },
    preset.title,
  );
}

/** Whether an active fault belongs to a switch, regardless of its remaining count. */
function isSame(fault, wanted) {
  return Object.entries(wanted).every(([name, value]) => COUNTERS.has(name) || fault[name] === value);
}

async function apply(side, content) {
  await trying(put(`${side.cloud}/faults`, content));
  await refreshing[side.cloud]();
}

async function clear(side) {
  await trying(remove(`${side.cloud}/faults`));
  await refreshing[side.cloud]();
}
