// Building elements. Text is only ever set as text, so nothing people write can become markup.

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

/** Keep a log at its end while its reader is there; do not pull a reader back who has scrolled up. */
export function followEnd(log, change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  change();
  if (atEnd) log.scrollTop = log.scrollHeight;
  return atEnd;
}
