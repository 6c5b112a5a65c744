/** The widget, the same on pages and in a notebook: a text, both segmentations, their numbers, one mixed sequence. */

import { align } from "../core/alignment.js";
import { Vocabulary } from "../core/vocabulary.js";
import { h } from "../dom.js";
import { freshId, grouped } from "./naming.js";
import { copyRow } from "./copying.js";
import { EXAMPLES } from "./examples.js";
import { layoutField, legend, shapeField, spaceField } from "./fields.js";
import { countsTable, sizeCards } from "./figures.js";
import { drawWords } from "./pieces.js";
import { pointing } from "./pointing.js";
import { sequencePanel } from "./sequence.js";
import { follow } from "./store.js";

const WORDS = 400; // drawn at most, so that a pasted book does not stop the page
const PIECES = 3000;

/**
 * @param {object} vocabularies what `mixvocab.widgets.vocabularies.published` made
 * @param {Record<string, {layers: number, hidden: number}>} shapes of students, by name
 * @param {import("./store.js").Store} store text, p, seed, size, shape, and setup (Python that makes the vocabularies)
 * @param {{address?: () => string}} [page] where there is one: what a shared link begins with
 * @returns {{element: HTMLElement, remove: () => void}}
 */
export function overlapView(vocabularies, shapes, store, page = {}) {
  const made = new Map();
  const vocabulary = (pack) => made.get(pack) ?? made.set(pack, new Vocabulary(pack)).get(pack);
  const current = () => ({
    teacher: vocabulary(vocabularies.teacher),
    student: vocabulary(vocabularies.students[store.get("size")] ?? vocabularies.students[vocabularies.default]),
  });
  const how = { layout: "stacked", space: false };
  let aligned = [];

  const textId = freshId();
  const field = h("textarea", {
    class: "mv-text",
    id: textId,
    rows: 3,
    spellcheck: false,
    oninput: () => store.set("text", field.value),
  });
  const examples = EXAMPLES.map(([name, text]) =>
    h("button", { class: "mv-chip", type: "button", onclick: () => store.set("text", text) }, name),
  );
  const words = h("div", {
    class: "mv-words",
    role: "region",
    "aria-label": "Both segmentations of the text",
    tabIndex: 0,
  });
  const cut = h("p", { class: "mv-summary mv-cut", hidden: true });
  const pointer = pointing(words, () => ({ aligned, vocabularies: current() }));
  const counts = countsTable();
  const cards = sizeCards(vocabularies, shapes, store);
  const sequence = sequencePanel(store);
  const shape = shapeField(shapes, store);
  const key = legend();

  function redraw() {
    let left = PIECES;
    const drawn = aligned.slice(0, WORDS);
    const end = drawn.findIndex((word) => (left -= word.teacher.length + word.student.length) < 0);
    const shown = end < 0 ? drawn : drawn.slice(0, Math.max(end, 1));
    words.classList.toggle("mv-stacked", how.layout === "stacked");
    words.replaceChildren(drawWords(shown, { ...how, unknown: current().teacher.unknown }));
    key.update(how.layout, current());
    cut.hidden = shown.length === aligned.length;
    const part = `the first ${grouped(shown.length)} of ${grouped(aligned.length)} words`;
    cut.textContent = `Drawn: ${part}. Counts are over all.`;
    pointer.reset();
  }

  function update() {
    const { teacher, student } = current();
    const text = store.get("text");
    if (field.value !== text) field.value = text;
    aligned = align(text, teacher, student);
    counts.update(text, aligned, { teacher, student });
    cards.update();
    shape.update();
    sequence.update(
      aligned.map((each) => each.word),
      { teacher, student },
    );
    redraw();
  }

  const element = h(
    "div",
    { class: "mv-overlap" },
    h(
      "div",
      { class: "mv-input-row" },
      h("label", { htmlFor: textId }, "Text"),
      h("span", { class: "mv-chips", role: "group", "aria-label": "Examples" }, ...examples),
    ),
    field,
    h("div", { class: "mv-controls" }, layoutField(how, redraw), spaceField(how, redraw), key.element),
    words,
    cut,
    pointer.line,
    h("div", { class: "mv-columns" }, counts.element, h("div", { class: "mv-sizes" }, cards.element, shape.element)),
    sequence.element,
    copyRow(store, page),
    h("p", { class: "mv-summary mv-about" }, `The students' vocabularies were learned from: ${vocabularies.about}`),
  );
  update();
  return { element, remove: follow(store, update) };
}
