/** Attention and guesses of teacher and student for a hidden word, on pages and in JupyterLab. */

import { inCommon, most, sharesOf } from "../core/attention.js";
import { h } from "../dom.js";
import { freshId, grouped } from "../overlap/naming.js";
import { follow } from "../overlap/store.js";

const SIDES = ["teacher", "student"];
const TITLES = { teacher: "Teacher", student: "Student" };
const [CLS, SEP, MASK] = ["[CLS]", "[SEP]", "[MASK]"];
const percent = (share) => (share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`);
/** A bar as long as a share of the longest beside it. */
const bar = (share, longest) =>
  h("span", { class: "mv-attention-bar", "aria-hidden": "true", style: `--mv-share: ${share / longest}` });

/**
 * @param {object} looks {sentences: [{source, words, teacher, student}], about: string}
 * @param {import("../overlap/store.js").Store} store sentence, word, and teacher_layer, teacher_head, student_layer,
 *   student_head: layer 0 is the last, head 0 the mean of all
 * @returns {{element: HTMLElement, remove: () => void}}
 */
export function attentionView(looks, store) {
  const sentences = choice(
    "Sentence",
    looks.sentences.map((one) => one.source),
    (n) => {
      store.set("sentence", n);
      store.set("word", 0);
    },
  );
  const words = h("div", { class: "mv-attention-words" });
  const heads = Object.fromEntries(SIDES.map((side) => [side, headField(looks.sentences[0][side], side, store)]));
  const table = h("div", { class: "mv-attention-shares" });
  const guesses = h("div", { class: "mv-attention-guesses" });
  const told = h("p", { class: "mv-summary", role: "status", "aria-live": "polite" });
  let wordChoice = null;
  let offered = null; // the sentence whose words can be chosen

  function update() {
    const sentence = looks.sentences[store.get("sentence")];
    const word = Math.min(store.get("word"), sentence.words.length - 1);
    if (offered !== sentence) {
      wordChoice = choice("Word to hide", sentence.words, (n) => store.set("word", n));
      words.replaceChildren(wordChoice.element);
      offered = sentence;
    }
    sentences.update(store.get("sentence"));
    wordChoice.update(word);
    const seen = SIDES.map((side) => {
      heads[side].update();
      const from = { word, layer: store.get(`${side}_layer`), head: store.get(`${side}_head`) };
      return sharesOf(sentence[side], sentence.words.length, from);
    });
    table.replaceChildren(sharesTable(sentence.words, word, seen));
    const longest = Math.max(...SIDES.flatMap((side) => sentence[side].guesses[word].map(([[, chance]]) => chance)));
    guesses.replaceChildren(...SIDES.map((side) => guessed(side, sentence[side], word, longest)));
    told.textContent = summary(sentence, word, seen);
  }

  const element = h(
    "div",
    { class: "mv-overlap mv-attention" },
    sentences.element,
    words,
    h("div", { class: "mv-controls" }, ...SIDES.map((side) => heads[side].element)),
    table,
    told,
    guesses,
    h("p", { class: "mv-summary mv-about" }, looks.about),
  );
  update();
  return { element, remove: follow(store, update) };
}

/** One of some names: radio buttons, since arrow keys and screen readers know these. */
function choice(legend, names, choose) {
  const group = freshId();
  const inputs = names.map((_, n) => h("input", { type: "radio", name: group, value: n, onchange: () => choose(n) }));
  const labels = names.map((name, n) => h("label", { class: "mv-switch" }, inputs[n], h("span", {}, name)));
  return {
    element: h("fieldset", { class: "mv-attention-choice" }, h("legend", {}, legend), ...labels),
    update: (chosen) => inputs.forEach((input, n) => (input.checked = n === chosen)),
  };
}

/** A model's layer and head. */
function headField({ layers, heads }, side, store) {
  const select = (part, options) => {
    const id = freshId();
    const key = `${side}_${part}`;
    const field = h("select", { id, onchange: () => store.set(key, Number(field.value)) }, ...options);
    const whose = h("span", part === "layer" ? {} : { class: "mv-silent" }, `${TITLES[side]}'s `);
    return { key, field, label: h("label", { htmlFor: id }, whose, part) };
  };
  const option = (value, text) => h("option", { value }, text);
  const numbered = (count) => Array.from({ length: count }, (_, n) => option(n + 1, `${n + 1}`));
  const layer = select("layer", [...numbered(layers - 1), option(0, `${layers} (last)`)]);
  // Of a large model only the mean is kept.
  const head = select("head", [option(0, "mean"), ...(heads > 1 ? numbered(heads) : [])]);
  return {
    element: h(
      "span",
      { class: `mv-control mv-by-${side}` },
      h("span", { class: "mv-letter", "aria-hidden": "true" }, side[0].toUpperCase()),
      ...[layer, head].flatMap(({ label, field }) => [label, field]),
    ),
    update() {
      layer.field.value = store.get(layer.key) % layers; // the last is also 0
      head.field.value = store.get(head.key);
    },
  };
}

/** A row a word: how much of each model's attention it gets. */
function sharesTable(words, hidden, seen) {
  const names = [CLS, ...words, SEP];
  const tops = seen.map(most);
  const longest = Math.max(...seen.flat());
  const cell = (side, n) => {
    const share = seen[side][n];
    const top = tops[side] === n ? " mv-attention-top" : "";
    return h(
      "td",
      { class: `mv-by-${SIDES[side]}${top}`, "data-share": share.toFixed(6) },
      h("span", { class: "mv-attention-cell" }, bar(share, longest), h("span", {}, percent(share))),
    );
  };
  const rows = names.map((name, n) =>
    h(
      "tr",
      n === hidden + 1 ? { class: "mv-attention-hidden" } : {},
      h(
        "th",
        { scope: "row" },
        ...(n === hidden + 1 ? [h("span", { class: "mv-attention-mask" }, MASK), ` ${name}`] : [name]),
      ),
      cell(0, n),
      cell(1, n),
    ),
  );
  const column = (name) => h("th", { scope: "col" }, name);
  return h(
    "table",
    {},
    h("caption", { class: "mv-silent" }, `Where both models look from “${words[hidden]}”, hidden`),
    h("thead", {}, h("tr", {}, column("word"), column("teacher looks"), column("student looks"))),
    h("tbody", {}, ...rows),
  );
}

/** A model's best pieces for each [MASK] of the hidden word. */
function guessed(side, made, word, longest) {
  const pieces = made.pieces[word];
  const lists = pieces.map((piece, n) => {
    const [own, place] = made.own[word][n];
    const title = pieces.length > 1 ? `${MASK} ${n + 1} of ${pieces.length}, for ${piece}` : `${MASK}, for ${piece}`;
    const best = made.guesses[word][n];
    const rows = best.map(([guess, chance]) => guessRow(guess, chance, longest, guess === piece));
    const missed = `${piece} itself: number ${grouped(place)}, ${percent(own)}`;
    return h(
      "div",
      {},
      h("p", { class: "mv-attention-title" }, title),
      h("ol", { "aria-label": `${side}'s guesses for ${title}` }, ...rows),
      ...(place > rows.length ? [h("p", { class: "mv-summary mv-attention-missed" }, missed)] : []),
    );
  });
  return h(
    "section",
    { class: `mv-by-${side}`, "aria-label": `The ${side}'s guesses` },
    h(
      "p",
      { class: "mv-attention-model" },
      h("span", { class: "mv-letter", "aria-hidden": "true" }, side[0].toUpperCase()),
      ` ${TITLES[side]}: ${made.nats[word].toFixed(2)} nats for the whole word`,
    ),
    ...lists,
  );
}

function guessRow(guess, chance, longest, right) {
  const mark = [h("span", { "aria-hidden": "true" }, " ✓"), h("span", { class: "mv-silent" }, ", right")];
  return h(
    "li",
    right ? { class: "mv-attention-right" } : {},
    h("span", { class: "mv-attention-piece" }, guess, ...(right ? mark : [])),
    bar(chance, longest),
    h("span", {}, percent(chance)),
  );
}

function summary({ words, teacher, student }, hidden, seen) {
  const names = [CLS, ...words.map((name, n) => (n === hidden ? "its own place" : `“${name}”`)), SEP];
  const [t, s] = seen.map(most);
  const looks =
    t === s
      ? `both look most at ${names[t]} (${percent(seen[0][t])} and ${percent(seen[1][s])})`
      : `the teacher looks most at ${names[t]} (${percent(seen[0][t])}), ` +
        `the student at ${names[s]} (${percent(seen[1][s])})`;
  return (
    `“${words[hidden]}” is hidden: ${looks}; ${percent(inCommon(...seen))} of their attention is in common. ` +
    `First guesses: ${teacher.guesses[hidden][0][0][0]} and ${student.guesses[hidden][0][0][0]}.`
  );
}
