/** The widget: text above, both segmentations, their numbers, and one mixed sequence. The same on pages and in a notebook. */

import { align } from "../core/alignment.js";
import { Vocabulary } from "../core/vocabulary.js";
import { h } from "../dom.js";
import { freshId, grouped } from "./naming.js";
import { EXAMPLES } from "./examples.js";
import { countsTable, sizeCards } from "./figures.js";
import { drawWords } from "./pieces.js";
import { pointing } from "./pointing.js";
import { sequencePanel } from "./sequence.js";
import { toAddress, toPython } from "./share.js";

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
  const names = sides();

  function redraw() {
    let left = PIECES;
    const drawn = aligned.slice(0, WORDS);
    const end = drawn.findIndex((word) => (left -= word.teacher.length + word.student.length) < 0);
    const shown = end < 0 ? drawn : drawn.slice(0, Math.max(end, 1));
    words.classList.toggle("mv-stacked", how.layout === "stacked");
    words.replaceChildren(drawWords(shown, { ...how, unknown: current().teacher.unknown }));
    cut.hidden = shown.length === aligned.length;
    cut.textContent = `Drawn: the first ${grouped(shown.length)} of ${grouped(aligned.length)} words. Counts are over all.`;
    pointer.reset();
  }

  function update() {
    const { teacher, student } = current();
    const text = store.get("text");
    if (field.value !== text) field.value = text;
    aligned = align(text, teacher, student);
    names.update(teacher.size, student.size);
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
    h("div", { class: "mv-controls" }, layoutField(how, redraw), spaceField(how, redraw), names.element),
    words,
    cut,
    pointer.line,
    h("div", { class: "mv-columns" }, counts.element, h("div", { class: "mv-sizes" }, cards.element, shape.element)),
    sequence.element,
    copyRow(store, page),
    h("p", { class: "mv-summary mv-about" }, `The students' vocabularies were learned from: ${vocabularies.about}`),
  );
  update();
  return { element, remove: store.on(afterwards(update)) };
}

/** Several changes at once, and changes while a key is held down, are drawn once. */
function afterwards(update) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      update();
    });
  };
}

function layoutField(how, redraw) {
  const name = freshId();
  const choice = (value, label) => {
    const choose = () => {
      how.layout = value;
      redraw();
    };
    return h(
      "label",
      { class: "mv-switch" },
      h("input", { type: "radio", name, value, checked: how.layout === value, onchange: choose }),
      h("span", {}, label),
    );
  };
  return h(
    "fieldset",
    { class: "mv-layout" },
    h("legend", { class: "mv-silent" }, "Arrangement"),
    choice("stacked", "Side by side"),
    choice("interleaved", "Interleaved"),
  );
}

function spaceField(how, redraw) {
  const input = h("input", {
    type: "checkbox",
    onchange: () => {
      how.space = input.checked;
      redraw();
    },
  });
  return h("label", { class: "mv-check" }, input, " white space");
}

function shapeField(shapes, store) {
  const id = freshId();
  const options = Object.keys(shapes).map((name) => h("option", { value: name }, name));
  const select = h("select", { id, onchange: () => store.set("shape", select.value) }, ...options);
  return {
    element: h("span", { class: "mv-control" }, h("label", { htmlFor: id }, "Student's shape"), select),
    update: () => (select.value = store.get("shape")),
  };
}

/** Which row is whose, and what the marks between the rows mean. */
function sides() {
  const [teacher, student] = [h("span"), h("span")];
  const key = (mark, meaning) =>
    h("span", { class: "mv-key" }, h("span", { class: `${mark} mv-sample`, "aria-hidden": "true" }), ` ${meaning}`);
  return {
    element: h(
      "p",
      { class: "mv-legend" },
      teacher,
      student,
      key("mv-shared", "shared piece"),
      key("mv-boundary", "shared boundary"),
    ),
    update(theirs, mine) {
      teacher.textContent = `above: teacher's ${grouped(theirs)}`;
      student.textContent = `below: student's ${grouped(mine)}`;
    },
  };
}

function copyRow(store, page) {
  const told = h("span", { class: "mv-copied", role: "status" });
  const button = (label, done, text) =>
    h("button", { class: "mv-button", type: "button", onclick: () => copy(text(), done) }, label);
  const source = h("textarea", { class: "mv-source", hidden: true, readOnly: true, rows: 8, "aria-label": "To copy" });
  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      source.hidden = true;
      told.textContent = done;
    } catch {
      // Some browsers refuse, on pages from disk above all: then the reader copies.
      source.value = text;
      source.hidden = false;
      source.select();
      told.textContent = "Your browser does not let pages copy: take it from here.";
    }
  }
  const python = button("Copy as Python", "Python copied.", () => toPython(store));
  const link = button("Copy link", "Link copied.", () => toAddress(page.address(), store));
  return h("div", { class: "mv-copy" }, ...(page.address ? [link] : []), python, told, source);
}
