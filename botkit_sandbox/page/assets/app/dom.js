// Building elements. Text is always set as text, so messages cannot inject markup.

/** An element: `h("p", {class: "note", onclick: f, "aria-label": "…"}, "text", child, null)`. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of icons.svg, invisible to screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/page/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

/**
 * Make `container` show `items` in order, touching only what changed: focus, scroll position and what a screen reader
 * has already announced stay as they are. `make(item, previousItem)` builds an item's element; one that was not there
 * before gets the class `fresh`, unless the whole container is new.
 */
export function reconcile(container, items, key, make) {
  const known = container.shown ?? new Map();
  const shown = new Map();
  let cursor = container.firstElementChild;
  for (const [index, item] of items.entries()) {
    const id = String(key(item));
    const print = JSON.stringify([item, index > 0 ? neighbour(items[index - 1]) : null]);
    let entry = known.get(id);
    if (!entry || entry.print !== print) {
      const element = make(item, items[index - 1] ?? null);
      if (!entry && container.shown) element.classList.add("fresh");
      if (entry) replaceKeepingFocus(entry, element, () => (cursor = cursor === entry.element ? element : cursor));
      entry = { element, print };
    }
    shown.set(id, entry);
    if (entry.element === cursor) cursor = cursor.nextElementSibling;
    else container.insertBefore(entry.element, cursor);
  }
  for (const [id, entry] of known) if (!shown.has(id)) entry.element.remove();
  container.shown = shown;
}

function neighbour(item) {
  return [item.from, item.role, item.name];
}

function replaceKeepingFocus(entry, element, moved) {
  const focused = entry.element === document.activeElement;
  moved();
  entry.element.replaceWith(element);
  if (focused) element.focus();
}

/** Replace an element's children only when `facts` have changed, so that focus and open menus stay as they are. */
export function refresh(element, facts, build) {
  const print = JSON.stringify(facts);
  if (element.print === print) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  element.print = print;
  element.replaceChildren(...build().filter(Boolean));
  if (focused) element.querySelector(`[data-testid="${focused}"]`)?.focus();
}

/** A few actions behind one word: `items` are `[title, testId, action]`. Escape, a choice or leaving it closes it. */
export function menu(title, testId, items) {
  const choose = (action) => () => {
    box.open = false;
    box.firstElementChild.focus();
    action();
  };
  const box = h(
    "details",
    { class: "menu" },
    h("summary", { class: "button small", "data-testid": testId }, title),
    h("div", { class: "menu-items" }, items.map(([words, id, action]) => h("button", { type: "button", "data-testid": id, onclick: choose(action) }, words))),
  );
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    box.firstElementChild.focus();
  });
  box.addEventListener("focusout", (event) => {
    if (!box.contains(event.relatedTarget)) box.open = false;
  });
  return box;
}

const SLACK_PIXELS = 48;
const endOf = (log) => log.scrollHeight - log.clientHeight;

/** Whether the reader of a log is at its end. */
export const isAtEnd = (log) => endOf(log) - log.scrollTop < SLACK_PIXELS;

/** Keep a log scrolled to its end, unless the reader has scrolled up. */
export function followEnd(log, change) {
  const atEnd = log.atEnd ?? isAtEnd(log);
  change();
  if (atEnd) log.scrollTop = endOf(log);
  watchSize(log);
  return atEnd;
}

/** The fault strip or a menu may shrink the panel: a reader at the end stays at the end. */
function watchSize(log) {
  if (log.atEnd !== undefined) return;
  log.atEnd = isAtEnd(log);
  log.addEventListener("scroll", () => (log.atEnd = isAtEnd(log)), { passive: true });
  new ResizeObserver(() => {
    if (log.atEnd) log.scrollTop = endOf(log);
  }).observe(log);
}
