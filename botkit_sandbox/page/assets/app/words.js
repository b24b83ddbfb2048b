// Names, times and initials as the page writes them.

export const CHANNELS = {
  rtm: "Web", facebook: "Facebook", whatsapp: "WhatsApp", msteams: "Teams", slack: "Slack", sms: "SMS", email: "E-mail", ivr: "Webhook",
  twiliovoice: "Phone",
};
export const LANGUAGES = {
  en: "English", ar: "العربية", ca: "Català", zh_cn: "简体中文", zh_tw: "繁體中文", nl: "Nederlands", fr: "Français", de: "Deutsch",
  it: "Italiano", ja: "日本語", ko: "한국어", pl: "Polski", pt: "Português", es: "Español", tr: "Türkçe",
};
export const STATUSES = {
  waiting: "Waiting", assigned: "Offered", active: "Active", transferring: "Transferring", inactive: "Inactive", ended: "Ended", closed: "Closed",
};

const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const second = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const clock = (ms) => minute.format(ms);
export const exactClock = (ms) => second.format(ms);

/** At most two letters of a name, by whole characters. */
export function initials(name) {
  const words = (name ?? "").trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...word][0] ?? "").join("").toLocaleUpperCase() || "?";
}

/** A customer's name as the agent sees it: pre-chat names, else the visitor name of Live Chat, else a guest. */
export function customerName(conversation) {
  const attributes = conversation.attributes ?? {};
  const name = [attributes._firstName, attributes._lastName].filter(Boolean).join(" ").trim();
  return name || conversation.visitorName || "Guest";
}

/** The address if it is a web link that may be put on the page, else null. */
export function webLink(address) {
  try {
    const url = new URL(address, location.href);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
