/** The vocabulary explorer, on pages and in JupyterLab: two sets of pieces as a picture, a search, single pieces. */

import { Vocabulary } from "../core/vocabulary.js";
import { h } from "../dom.js";
import { countUse } from "./counting.js";
import { detail } from "./detail.js";
import { listing } from "./listing.js";
import { cellName, cellOf, picture } from "./picture.js";
import { entriesOf, grouped, search } from "./sets.js";

/**
 * @param {object} vocabularies what `mixvocab.widgets.vocabularies.published` made
 * @param {{words: string[], counts: number[]}} text the words that are cut, the most frequent first
 * @param {import("../overlap/store.js").Store} store size (a number), query, selected (a piece, or "")
 * @returns {{element: HTMLElement, ready: Promise<void>, remove: () => void}}
 */
export function explorerView(vocabularies, text, store) {
  const counted = new Map(); // pack -> promise of the vocabulary and its use
  let [entries, student, teacher, opened] = [[], null, null, null];

  const sets = picture((cell) => {
    opened = cell;
    store.set("query", "");
    list();
  });
  const pieces = listing((piece) => store.set("selected", piece));
  const one = h("div", { class: "mv-explorer-detail", role: "region", "aria-label": "One piece" });
  const spoken = h("p", { class: "mv-explorer-spoken", role: "status" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Cutting the words" });
  const waiting = h("p", { class: "mv-explorer-wait" }, `Cutting ${grouped(text.words.length)} words twice `, bar);
  const field = h("input", { type: "search", spellcheck: false, autocapitalize: "none", placeholder: "##ing" });
  field.addEventListener("input", () => store.set("query", field.value));
  const sizes = vocabularies.sizes.map((size) => h("option", { value: size }, grouped(Number(size))));
  const select = h("select", {}, ...sizes);
  select.addEventListener("change", () => store.set("size", Number(select.value)));
  const controls = h(
    "div",
    { class: "mv-explorer-controls" },
    h("label", {}, "Student's pieces ", select),
    h("label", {}, "Search a piece ", field),
  );
  const running = text.counts.reduce((sum, count) => sum + count, 0);
  const about = h(
    "p",
    { class: "mv-explorer-about" },
    `Uses are counted in the ${grouped(text.words.length)} most frequent words, ${grouped(running)} running words: ` +
      "the student's, or the teacher's of pieces that the student lacks. Bars are measured within their column. " +
      `The student's pieces were learned from ${vocabularies.about}.`,
  );
  const shown = h("div", { hidden: true }, sets.element, about, pieces.element, spoken, one);
  const element = h("div", { class: "mv-explorer" }, controls, waiting, shown);

  function use(pack, from) {
    if (!counted.has(pack)) {
      const vocabulary = new Vocabulary(pack);
      const done = countUse(vocabulary, text, (share) => (bar.value = from + share / 2));
      counted.set(
        pack,
        done.then((found) => ({ vocabulary, use: found })),
      );
    }
    return counted.get(pack);
  }

  /** Another vocabulary: count, then show all anew. */
  async function load() {
    const size = store.get("size");
    select.value = size;
    waiting.hidden = false;
    const theirs = await use(vocabularies.teacher, 0);
    const mine = await use(vocabularies.students[size], 0.5);
    if (store.get("size") !== size) return; // the reader has gone on
    [student, teacher] = [mine, theirs];
    entries = entriesOf(student, teacher);
    sets.update(entries);
    waiting.hidden = true;
    shown.hidden = false;
    list();
    choose();
  }

  /** What the list holds: what was searched, or the opened part of the picture. */
  function list() {
    const query = store.get("query");
    if (field.value !== query) field.value = query;
    if (query.trim()) opened = null;
    sets.mark(opened);
    if (opened) {
      const found = cellOf(entries, opened);
      pieces.show(`${grouped(found.length)} pieces: ${cellName(opened)}`, found);
    } else if (query.trim()) {
      const found = search(entries, query);
      pieces.show(`${grouped(found.length)} piece${found.length === 1 ? "" : "s"} with “${query.trim()}”`, found);
    } else {
      pieces.show("Open a part of the picture, or search, to see its pieces.", []);
    }
    pieces.mark(store.get("selected"));
  }

  function choose() {
    const entry = entries.find(({ piece }) => piece === store.get("selected"));
    pieces.mark(store.get("selected"));
    one.hidden = !entry;
    one.replaceChildren(...(entry ? [detail(entry, text, student.use, teacher.use)] : []));
    spoken.textContent = entry ? `${entry.piece} is shown below` : "";
  }

  const last = {};
  const changed = (key) => last[key] !== (last[key] = store.get(key));
  const remove = store.on(() => {
    const [size, query, selected] = ["size", "query", "selected"].map(changed);
    if (size) load();
    else {
      if (query) list();
      if (selected) choose();
    }
  });
  ["size", "query", "selected"].forEach(changed);
  return { element, ready: load(), remove };
}
