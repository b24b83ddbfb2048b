// The sandbox's control API, and the notice about refused actions.

import { byId, h } from "./dom.js";

const NOTICE_MS = 7000;

async function call(method, path, body) {
  const response = await fetch(`/sandbox/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text ? parsed(text) : null;
  if (!response.ok) throw new Error(reason(answer) ?? `${method} ${path}: HTTP ${response.status}`);
  return answer;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function reason(answer) {
  if (typeof answer === "string") return answer.slice(0, 300);
  const words = answer?.error ?? answer?.message ?? answer?.detail ?? answer?.errors?.[0]?.msg;
  return typeof words === "string" ? words : undefined;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);

export const kore = (user, operation, body) => post(`kore/users/${encodeURIComponent(user)}/${operation}`, body);

/** What an agent does in a session of either system. */
export const desk = ({ system, id }, operation, body) => post(`${system}/conversations/${encodeURIComponent(id)}/${operation}`, body);

/** Run an action that may be refused, and show the refusal. Resolves to whether it succeeded. */
export async function trying(promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    notice(error.message);
    return false;
  }
}

export function notice(text) {
  const element = h("div", { class: "notice" }, text);
  byId("notices").append(element);
  setTimeout(() => element.remove(), NOTICE_MS);
}
