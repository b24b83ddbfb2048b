// The sheet about the bot: its dialogs, which of them hand over to an agent, stand-ins, and the warnings about its export.

import { byId, h, refresh } from "./dom.js";
import { showStandIns } from "./stand-ins.js";
import { reading, refreshing } from "./store.js";
import { post, trying } from "./talk.js";

export function startBot() {
  const sheet = byId("bot-sheet");
  byId("about-bot").addEventListener("click", () => {
    sheet.showModal();
    showStandIns();
  });
  byId("bot-close").addEventListener("click", () => sheet.close());
  reading(({ kore: { bot } }) => {
    const warnings = bot.warnings ?? [];
    byId("bot-warnings-count").hidden = !warnings.length;
    byId("bot-warnings-count").textContent = String(warnings.length);
    byId("about-bot").title = warnings.length ? `Dialogs of ${bot.name}, and warnings about its export` : `Dialogs of ${bot.name}`;
    byId("bot-sheet-title").textContent = bot.name;
    byId("bot-about").textContent = about(bot);
    refresh(byId("bot-warnings"), warnings, () => warnings.map(warning));
    refresh(byId("bot-dialogs"), bot.dialogs ?? [], () => (bot.dialogs ?? []).map(dialog));
  });
}

function about({ id, dialogs = [], languages = [] }) {
  const many = dialogs.length === 1 ? "1 dialog" : `${dialogs.length} dialogs`;
  return [many, languages.join(", "), id].filter(Boolean).join(" · ");
}

function warning({ count, what, then, places }) {
  const where = places.join(", ") + (count > places.length ? ", …" : "");
  return h(
    "li",
    { "data-testid": "bot-warning" },
    h("span", {}, h("b", {}, places.length ? `${count} × ${what}` : what), `: ${then}`),
    where ? h("small", { dir: "auto" }, where) : null,
  );
}

function dialog({ id, name, transfers, nodes }) {
  const size = h("small", {}, nodes === 1 ? "1 node" : `${nodes} nodes`);
  return h(
    "li",
    { "data-testid": "bot-dialog" },
    h("span", { dir: "auto" }, name),
    size,
    transfers
      ? h("span", { class: "pill agent" }, "Hands over")
      : h("button", { type: "button", class: "button small", "data-testid": `hand-over-${name}`, title: "The dialog ends at an agent from now on", onclick: () => handOver(id) }, "Let it hand over"),
  );
}

async function handOver(id) {
  if (await trying(post("kore/transfers", { dialog: id }))) await refreshing.kore();
}
