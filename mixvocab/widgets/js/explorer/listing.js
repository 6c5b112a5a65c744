/** A list of pieces to choose from. */

import { h } from "../dom.js";
import { grouped, SETS } from "./sets.js";

const FIRST = 60; // pieces shown at first, and more at a time

/**
 * @param {(piece: string) => void} choose
 * @returns {{element: HTMLElement, show: (title: string, entries: object[]) => void, mark: (piece: string) => void}}
 */
export function listing(choose) {
  const title = h("p", { class: "mv-explorer-title", role: "status", "aria-live": "polite" });
  const list = h("ul", { class: "mv-explorer-pieces" });
  const more = h("button", { type: "button", class: "mv-explorer-more", onclick: () => grow() });
  let [entries, shown, chosen] = [[], 0, ""];

  function grow() {
    const next = entries.slice(shown, shown + FIRST);
    shown += next.length;
    list.append(...next.map((entry) => h("li", {}, button(entry))));
    more.hidden = shown === entries.length;
    more.textContent = `${grouped(Math.min(FIRST, entries.length - shown))} more`;
    mark(chosen);
  }

  function button({ piece, set, times }) {
    const told = (text) => h("span", { class: "mv-explorer-spoken" }, text);
    const made = h(
      "button",
      { type: "button", class: `mv-set-${set}`, onclick: () => choose(piece) },
      h("code", {}, piece),
      told(`, ${SETS[set]}, used `),
      h("small", {}, grouped(times)),
      told(" times"),
    );
    made.dataset.piece = piece;
    return made;
  }

  function mark(piece) {
    chosen = piece;
    for (const one of list.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one.dataset.piece === piece));
    }
  }

  return {
    element: h("div", {}, title, list, more),
    show(name, now) {
      [entries, shown] = [now, 0];
      title.textContent = name;
      list.replaceChildren();
      grow();
    },
    mark,
  };
}
