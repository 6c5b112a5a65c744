/** How guesses for masked words are shown. */
import { h } from "../dom.js";
import { bars } from "./parts.js";

const MASK = "[MASK]";

export const label = "A sentence with one or more [MASK]";
export const hint = "Put [MASK] where the model should guess.";

/** Whether there is something in the text to be guessed. */
export function answerable(text) {
  return text.includes(MASK);
}

/**
 * The likeliest pieces for each masked place.
 * @param {object} answer of the model, see `answers.js`
 * @returns {Node[]}
 */
export function show({ masks, complete }) {
  const several = masks.length > 1;
  const lists = masks.map((guesses, i) => {
    const title = several ? `${MASK} number ${i + 1}` : MASK;
    const rows = guesses.map(({ piece, probability }) => ({ name: piece, probability }));
    return h("div", {}, h("p", { class: "mv-demo-mask" }, title), bars(rows, `Guesses for ${title}`));
  });
  const nodes = [h("div", { class: "mv-demo-masks" }, ...lists)];
  if (!complete) {
    nodes.push(h("p", { class: "mv-demo-note" }, "The model reads no further than its window: the end is cut off."));
  }
  return nodes;
}

/** The same as one line, to be read out. */
export function tell({ masks }) {
  return masks.map((guesses) => guesses.map(({ piece }) => piece).join(", ")).join("; ");
}

/**
 * A button that puts a [MASK] where the caret is.
 * @param {HTMLInputElement} input
 * @returns {HTMLElement}
 */
export function control(input) {
  const insert = () => {
    input.setRangeText(MASK, input.selectionStart, input.selectionEnd, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  };
  return h("button", { type: "button", class: "mv-demo-button", onclick: insert, disabled: true }, `Insert ${MASK}`);
}
