/** The mixed teacher's forward pass, on pages and in JupyterLab: a row a token, from what is read to what scores it. */

import { forwardPass } from "../core/forward.js";
import { Vocabulary } from "../core/vocabulary.js";
import { h } from "../dom.js";
import { drawControls } from "../overlap/drawing.js";
import { freshId, grouped } from "../overlap/naming.js";
import { follow } from "../overlap/store.js";

const sub = (name, index) => [h("i", {}, name), h("sub", {}, index)];
const ET = () => sub("E", "t");
const ES = () => sub("E", "s");

/**
 * @param {object} vocabularies what `mixvocab.widgets.vocabularies.published` made
 * @param {import("../overlap/store.js").Store} store text, p, seed, size; and of the models: layers, wide (D), narrow
 *   (d), tied
 * @returns {{element: HTMLElement, remove: () => void}}
 */
export function forwardView(vocabularies, store) {
  const teacher = new Vocabulary(vocabularies.teacher);
  const students = new Map(); // by size
  const studentOf = (size) => {
    if (!students.has(size)) students.set(size, new Vocabulary(vocabularies.students[size]));
    return students.get(size);
  };
  const [layers, wide, narrow, tied] = ["layers", "wide", "narrow", "tied"].map(store.get);
  let before = []; // which vocabulary each word had in the last draw

  const id = freshId();
  const field = h("input", {
    class: "mv-text",
    type: "text",
    id,
    spellcheck: false,
    autocomplete: "off",
    oninput: () => store.set("text", field.value),
  });
  const controls = drawControls(store);
  const body = h("tbody");
  const told = h("p", { class: "mv-summary", role: "status", "aria-live": "polite" });
  const table = h(
    "table",
    { class: "mv-forward-table", style: `--mv-share: ${narrow / wide}` },
    h("caption", { class: "mv-silent" }, "One mixed sequence on its way through the mixed teacher, a row a token"),
    head(narrow, wide),
    body,
  );
  const box = h(
    "div",
    { class: "mv-forward-box", role: "region", "aria-label": "The forward pass", tabIndex: 0 },
    table,
  );

  function update() {
    if (field.value !== store.get("text")) field.value = store.get("text");
    controls.update();
    const student = studentOf(store.get("size"));
    const draw = { p: store.get("p"), seed: store.get("seed") };
    const { words, left } = forwardPass(store.get("text"), teacher, student, draw);
    const count = words.reduce((sum, one) => sum + one.ways.length, 0);
    const through = h(
      "td",
      { class: "mv-forward-layers", rowSpan: count },
      h("span", {}, `the teacher's ${layers} layers`),
    );
    const changed = (one, n) => before[n]?.word === one.word && before[n].student !== one.student;
    const rows = words.flatMap((one, n) =>
      one.ways.map((way, piece) => rowOf(way, one, piece, changed(one, n), { teacher, student, tied })),
    );
    // The layers are one cell beside all rows: every token attends to every other, whichever vocabulary cut it.
    rows[0].querySelector(".mv-forward-x").after(through);
    body.replaceChildren(...rows);
    before = words;
    told.replaceChildren(...summary(words, left, { teacher, student, tied }));
  }

  const element = h(
    "div",
    { class: "mv-overlap mv-forward" },
    h("div", { class: "mv-input-row" }, h("label", { htmlFor: id }, "Sentence")),
    field,
    controls.element,
    box,
    told,
    h(
      "p",
      { class: "mv-summary mv-about" },
      "Words are the unit of the draw: all pieces of a word go the same way, and so do [CLS] and [SEP]. Bars are as " +
        `long as the vectors, ${grouped(narrow)} and ${grouped(wide)} numbers. Drawn here are the ways; no model ` +
        `runs in this page. The student's vocabulary was learned from: ${vocabularies.about}`,
    ),
  );
  update();
  return { element, remove: follow(store, update) };
}

function head(narrow, wide) {
  const column = (name, ...children) => h("th", { scope: "col", class: `mv-forward-${name}` }, ...children);
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      column("word", h("span", { class: "mv-forward-width" }, "word, cut "), "by"),
      column("read", "reads"),
      column("own", ...ES(), h("span", { class: "mv-forward-width" }, ` ${narrow} wide`)),
      column("raise", h("i", {}, "W")),
      column("x", h("i", {}, "x"), h("span", { class: "mv-forward-width" }, ` ${wide} wide`)),
      column("layers", h("span", { class: "mv-silent" }, "layers")),
      column("score", "scored by"),
    ),
  );
}

/** A token's row; the first of a word has the word, which stands beside all of its pieces. */
function rowOf(way, { word, student: own, ways }, piece, changed, { teacher, student, tied }) {
  const side = own ? "student" : "teacher";
  const cell = (name, ...children) => h("td", { class: `mv-forward-${name}` }, ...children);
  const from = (name) => h("span", { class: "mv-forward-from" }, ...name, `[${way.row}]`);
  const bar = (kind) => h("span", { class: `mv-forward-bar mv-forward-${kind}`, "aria-hidden": "true" });
  const first = h(
    "th",
    { scope: "rowgroup", rowSpan: ways.length, class: "mv-forward-word" },
    h("span", { class: "mv-letter", "aria-hidden": "true" }, own ? "S" : "T"),
    h("span", { class: "mv-forward-name" }, word),
    h("span", { class: "mv-silent" }, `, ${side}'s`),
  );
  const asked = way.target !== null;
  const score = asked
    ? [
        h("span", { class: "mv-forward-softmax" }, `softmax of ${grouped((own ? student : teacher).size)} `),
        h("span", { class: "mv-forward-against" }, "against ", ...(own ? (tied ? raised() : ["its own"]) : ET())),
        h("span", { class: "mv-forward-target" }, h("span", { class: "mv-silent" }, ", to give "), way.target),
      ]
    : [h("span", { class: "mv-silent" }, "not asked for")];
  return h(
    "tr",
    {
      class: `mv-by-${side}${asked ? " mv-forward-asked" : ""}${changed ? " mv-forward-changed" : ""}`,
      "data-side": side,
      "data-read": way.read,
      "data-row": way.row,
      "data-label": way.label,
      "data-softmax": asked ? (own ? student : teacher).size : "",
    },
    ...(piece ? [] : [first]),
    cell("read", h("span", { class: "mv-input" }, way.read)),
    cell("own", ...(own ? [from(ES()), bar("narrow")] : [])),
    cell("raise", ...(own ? [h("span", { class: "mv-silent" }, "raised"), bar("wedge")] : [])),
    cell("x", own ? h("span", { class: "mv-forward-from" }, ...raised()) : from(ET()), bar("wide")),
    cell("score", ...score),
  );
}

const raised = () => [h("i", {}, "W"), " ", ...ES(), " + ", h("i", {}, "b")];

function summary(words, left, { teacher, student, tied }) {
  const count = (found) => found.reduce((sum, one) => sum + one.ways.length, 0);
  const own = count(words.filter((one) => one.student));
  const other = count(words) - own;
  const asked = words.flatMap((one) => one.ways).filter((way) => way.target !== null);
  const mine = asked.filter((way) => way.student).length;
  const learned = () => [ES(), " and ", h("i", {}, "W")].flat();
  const told = [
    `${times(own + other, "token")}: ${grouped(own)} go in by `,
    ...learned(),
    `, ${grouped(other)} by `,
    ...ET(),
    `. To predict: ${asked.length}, of them ${mine} by the softmax of the student's ${grouped(student.size)} pieces ` +
      `and ${asked.length - mine} by that of the teacher's ${grouped(teacher.size)}. `,
  ];
  if (!own) told.push(...learned(), " are not touched: this is the teacher's own masked language modelling.");
  else if (!other) told.push(...ET(), " is not touched: no piece of the teacher's stands beside the student's.");
  else {
    const scored = tied && mine ? ` and ${times(mine, "piece")} scored` : "";
    told.push("From this row ", ...learned(), ` learn by ${times(own, "token")} read${scored}.`);
  }
  if (left > 0) told.push(` ${grouped(left)} words do not fit into the row.`);
  return told;
}

const times = (number, what) => `${grouped(number)} ${what}${number === 1 ? "" : "s"}`;
