/** The controls that draw a mixed sequence: the probability of the student's vocabulary, and the seed. */

import { h } from "../dom.js";
import { freshId } from "./naming.js";
import { MAX_SEED } from "./share.js";

/** @param {import("./store.js").Store} store p and seed */
export function drawControls(store) {
  const [pId, seedId] = [freshId(), freshId()];
  const p = h("input", {
    id: pId,
    type: "range",
    min: 0,
    max: 1,
    step: 0.05,
    oninput: () => store.set("p", Number(p.value)),
  });
  const shown = h("output", { htmlFor: pId });
  const seed = h("input", {
    id: seedId,
    type: "number",
    min: 0,
    max: MAX_SEED,
    step: 1,
    onchange: () => setSeed(seed.value),
  });
  const again = h(
    "button",
    { class: "mv-button", type: "button", onclick: () => setSeed(store.get("seed") + 1) },
    "Draw again",
  );
  const setSeed = (value) => {
    const wanted = Math.trunc(Number(value));
    store.set("seed", wanted > MAX_SEED ? 0 : Math.max(wanted || 0, 0));
    seed.value = store.get("seed");
  };
  const element = h(
    "div",
    { class: "mv-controls" },
    h(
      "span",
      { class: "mv-control" },
      h("label", { htmlFor: pId }, "Probability of the student's vocabulary, ", h("i", {}, "p"), h("sub", {}, "SV")),
      p,
      shown,
    ),
    h("span", { class: "mv-control" }, h("label", { htmlFor: seedId }, "Seed"), seed, again),
  );
  return {
    element,
    update() {
      p.value = store.get("p");
      shown.textContent = store.get("p").toFixed(2);
      if (document.activeElement !== seed) seed.value = store.get("seed");
    },
  };
}
