/** How intents and slots are shown. */
import { h } from "../dom.js";
import { bars, percent } from "./parts.js";

const COLOURS = 7; // of the palette

export const label = "Say something to the assistant";
export const hint = "Type an order, such as “play some jazz”.";

/** Whether there is something in the text to be asked. */
export function answerable(text) {
  return text.trim() !== "";
}

/**
 * The utterance with its slots marked, and the probabilities of all intents.
 * @param {object} answer of the model, see `answers.js`
 * @param {{task: {slots: string[]}}} published
 * @returns {Node[]}
 */
export function show(answer, published) {
  const nodes = [utterance(answer, colours(published.task)), bars(answer.intents, "Intents, the most probable first")];
  if (!answer.complete) {
    const note = "The model reads no further than its window; the words beyond it are left as they are.";
    nodes.push(h("p", { class: "mv-demo-note" }, note));
  }
  return nodes;
}

/** The same as one line, to be read out. */
export function tell({ intents: [best], slots }) {
  const said = slots.map(({ name, text }) => `${spoken(name)}: ${text}`);
  return `${best.name}, ${percent(best.probability)}; ${said.join("; ") || "no slots"}`;
}

function utterance({ words, slots }, colour) {
  const line = h("p", { class: "mv-demo-utterance" });
  for (let i = 0; i < words.length; ) {
    const slot = slots.find(({ start }) => start === i);
    line.append(slot ? marked(slot, colour.get(slot.name)) : words[i], " ");
    i = slot ? slot.end : i + 1;
  }
  return line;
}

function marked({ name, text }, colour) {
  const words = h("span", { class: "mv-demo-words" }, text);
  const mark = h("span", { class: "mv-demo-slot" }, words, h("span", { class: "mv-demo-label" }, spoken(name)));
  mark.style.setProperty("--mv-slot", `var(--mv-c${colour})`);
  return mark;
}

/** Each kind of slot keeps its colour while the reader types. */
function colours({ slots }) {
  const kinds = [...new Set(slots.filter((tag) => tag !== "O").map((tag) => tag.slice(2)))];
  return new Map(kinds.map((kind, i) => [kind, i % COLOURS]));
}

function spoken(name) {
  return name.replaceAll("_", " ");
}
