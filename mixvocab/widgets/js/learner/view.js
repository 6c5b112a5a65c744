/** The learner step by step, on pages and in JupyterLab: the reader's words, their cuts, the pieces, and what happens. */

import { h } from "../dom.js";
import { follow } from "../overlap/store.js";
import { countTyped, WORDS } from "./counting.js";
import { EXAMPLES } from "./examples.js";
import { characters, FIXED, learn } from "./learning.js";
import { told } from "./telling.js";

const PAUSE = 120; // ms without a key before what was typed is learned from
const grouped = (number) => number.toLocaleString("en");
let made = 0; // ids must differ on a page

/**
 * @param {import("../overlap/store.js").Store} store text, pieces, step
 * @returns {{element: HTMLElement, remove: () => void}}
 */
export function learnerView(store) {
  const id = ++made;
  let [counts, run, learned] = [new Map(), null, ""];

  const text = h("textarea", { id: `mv-learner-text-${id}`, rows: 3, spellcheck: false, maxLength: 3000 });
  text.addEventListener("input", () => begin({ text: text.value }));
  const examples = EXAMPLES.map(([name, words, pieces]) =>
    h("button", { type: "button", onclick: () => begin({ text: words, pieces }) }, name),
  );
  const pieces = h("input", { type: "number", min: 0, step: 1 });
  pieces.addEventListener("input", () => begin({ pieces: Math.max(0, Math.trunc(Number(pieces.value))) }));
  pieces.addEventListener("change", () => {
    learnAnew();
    showSize();
  });
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Step" });
  slider.addEventListener("input", () => go(() => Number(slider.value)));
  const turn = (name, sign, target) =>
    h("button", { type: "button", "aria-label": name, title: name, onclick: () => go(target) }, sign);
  const place = () => Math.min(store.get("step"), run.steps.length);
  const buttons = [
    turn("First step", "|◀", () => 0),
    turn("Step back", "◀", () => place() - 1),
    turn("Step forward", "▶", () => place() + 1),
    turn("Last step", "▶|", () => run.steps.length),
  ];
  const jump = h(
    "button",
    { type: "button", onclick: () => go(() => run.steps.findIndex(({ kind }) => kind === "read") + 1) },
    "To the removals",
  );
  const spoken = h("p", { class: "mv-learner-told", role: "status", "aria-live": "polite" });
  const facts = h("p", { class: "mv-learner-facts" });
  const count = h("p", { class: "mv-learner-count" });
  const known = h("ul", { class: "mv-learner-pieces", "aria-label": "Pieces made so far" });
  const rows = h("tbody");
  const heads = ["word", "times", "cut"].map((name) => h("th", { scope: "col" }, name));
  const words = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), rows);
  const about = h("p", { class: "mv-learner-about" });

  /** Something else is learned: from its first step on. */
  function begin(values) {
    for (const [key, value] of Object.entries({ ...values, step: 0 })) store.set(key, value);
  }

  /** To the step that `target` says, of what has been typed by now. */
  function go(target) {
    learnAnew();
    store.set("step", Math.max(0, Math.min(target(), run.steps.length)));
  }

  function showSize() {
    pieces.value = Math.min(store.get("pieces"), run.most);
  }

  /** Learn anew if there is something new to learn from. */
  function learnAnew() {
    const wanted = JSON.stringify([store.get("text"), store.get("pieces")]);
    if (wanted === learned) return;
    learned = wanted;
    if (text.value !== store.get("text")) text.value = store.get("text");
    counts = countTyped(store.get("text"));
    run = learn(counts, store.get("pieces"));
    slider.max = run.steps.length;
    pieces.max = run.most;
    if (document.activeElement !== pieces) showSize();
    const full = counts.size === WORDS ? ` Only the first ${WORDS} different words are learned from.` : "";
    about.textContent =
      `The algorithm is that of mixvocab/text/learner.py. A vocabulary has ${FIXED} pieces that are not shown: five ` +
      `special ones and the ASCII characters, as beginning and as ## piece.${full}`;
  }

  function draw() {
    const at = place();
    const step = run.steps[at - 1];
    const left = run.steps.slice(at).filter(({ kind }) => kind === "remove").length;
    slider.value = at;
    const sentence = told(step, left);
    slider.setAttribute("aria-valuetext", `${at} of ${run.steps.length}: ${sentence}`);
    spoken.textContent = sentence;
    const cuts = cutsAt(counts, run.steps, at);
    rows.replaceChildren(...[...cuts].map(([word, cut]) => row(word, cut, step)));
    drawPieces(at, step);
    const total = [...cuts].reduce((sum, [word, cut]) => sum + counts.get(word) * (cut?.length ?? 1), 0);
    const running = [...counts.values()].reduce((sum, count) => sum + count, 0);
    facts.textContent =
      `Step ${grouped(at)} of ${grouped(run.steps.length)}. ${grouped(running)} words are ${grouped(total)} tokens` +
      (running ? `, ${(total / running).toFixed(2)} a word.` : ".");
    buttons.forEach((button, n) => {
      button.setAttribute("aria-disabled", String(n < 2 ? at === 0 : at === run.steps.length));
    });
  }

  function row(word, cut, step) {
    const changed = step?.cuts.has(word) && step.kind !== "read";
    const shown = (cut ?? ["[UNK]"]).flatMap((piece, n) => [
      ...(n ? [" "] : []),
      h(changed && piece === step.piece ? "mark" : "span", { class: "mv-learner-piece" }, piece),
    ]);
    const mark = h("span", { class: "mv-learner-changed", "aria-hidden": "true" }, changed ? "▸" : "");
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, mark, word),
      h("td", {}, grouped(counts.get(word))),
      h("td", {}, ...shown),
    );
  }

  /** The pieces in the order in which they were made; those that were taken out behind them, crossed out. */
  function drawPieces(at, step) {
    const gone = new Set();
    const there = new Set();
    for (const { kind, piece } of run.steps.slice(0, at)) {
      if (kind === "remove") gone.add(piece);
      else if (piece) there.add(piece);
    }
    known.replaceChildren(
      ...[...there].sort((a, b) => gone.has(a) - gone.has(b)).map((piece) => {
        const tag = gone.has(piece) ? "del" : piece === step?.piece ? "mark" : "span";
        return h("li", {}, h(tag, { class: "mv-learner-piece" }, piece));
      }),
    );
    const out = gone.size ? `, ${grouped(gone.size)} taken out` : "";
    count.textContent = `Pieces: ${grouped(there.size - gone.size)}${out}`;
  }

  function update() {
    learnAnew();
    draw();
  }

  const remove = follow(store, update, () => ([text, pieces].includes(document.activeElement) ? PAUSE : 0));
  const element = h(
    "div",
    { class: "mv-learner" },
    h(
      "div",
      { class: "mv-learner-head" },
      h("label", { htmlFor: text.id }, "Words; low:5 stands for five times low"),
      h("span", { role: "group", "aria-label": "Examples" }, ...examples),
    ),
    text,
    h("div", { class: "mv-learner-controls" }, h("label", {}, "Pieces to learn ", pieces), jump),
    h("div", { class: "mv-learner-steps", role: "group", "aria-label": "Steps of the learner" }, ...buttons, slider),
    spoken,
    facts,
    h(
      "div",
      { class: "mv-learner-columns" },
      h("div", { class: "mv-learner-words", role: "region", tabIndex: 0, "aria-label": "Words and their cuts" }, words),
      h("div", { class: "mv-learner-known", role: "region", tabIndex: 0, "aria-label": "Pieces" }, count, known),
    ),
    about,
  );
  update();
  return { element, remove };
}

/** The cut of each word after so many steps; null: it cannot be read. */
function cutsAt(counts, steps, at) {
  const cuts = new Map([...counts.keys()].map((word) => [word, characters(word)]));
  for (const step of steps.slice(0, at)) for (const [word, cut] of step.cuts) cuts.set(word, cut);
  return cuts;
}
