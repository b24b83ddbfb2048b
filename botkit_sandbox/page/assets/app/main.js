// The demo page: the user on the left, the agent on the right, the wire between them.

import { startBot } from "./bot.js";
import { startDesk } from "./desk.js";
import { byId, h } from "./dom.js";
import { startFaults } from "./faults.js";
import { follow, reading } from "./store.js";
import { startUser } from "./user.js";
import { showAll, showOne, startWire } from "./wire.js";

const CONNECTION = { live: "Live", lost: "Sandbox not reachable, trying again" };
const ADDRESSES = { kore_url: "Kore XO", botkit_url: "BotKit", salesforce_url: "Salesforce" };

startBot();
startUser();
startWire();
startDesk();
startFaults();

reading(({ addresses }) => {
  const known = Object.entries(ADDRESSES).filter(([key]) => addresses[key]);
  byId("addresses").replaceChildren(
    ...known.map(([key, title]) => h("div", {}, h("dt", {}, title), h("dd", {}, addresses[key].replace(/^https?:\/\//, "")))),
  );
});

follow({
  onWire: showOne,
  onSnapshot: showAll,
  onConnection(status) {
    const line = byId("connection");
    line.className = `connection ${status}`;
    line.textContent = CONNECTION[status];
  },
});
