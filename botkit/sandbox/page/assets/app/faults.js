// The strip of fault switches: what can go wrong in either cloud, at one press.

import { byId, h, reconcile } from "./dom.js";
import { reading } from "./store.js";
import { put, remove, trying } from "./talk.js";

export function startFaults() {
  const strip = byId("faults");
  const toggle = byId("faults-toggle");
  toggle.addEventListener("click", () => {
    strip.hidden = !strip.hidden;
    toggle.setAttribute("aria-expanded", String(!strip.hidden));
  });
}
