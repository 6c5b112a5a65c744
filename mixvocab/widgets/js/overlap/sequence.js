/** One mixed sequence: which vocabulary cut each word, what is masked, and the controls that draw it. */

import { LENGTH, mix } from "../core/mixing.js";
import { h } from "../dom.js";
import { drawControls } from "./drawing.js";
import { grouped } from "./naming.js";

/** @param {import("./store.js").Store} store */
export function sequencePanel(store) {
  const controls = drawControls(store);
  const row = h("div", { class: "mv-sequence", role: "group", "aria-label": "One mixed sequence", tabIndex: 0 });
  const told = h("p", { class: "mv-summary", "aria-live": "polite" });
  const element = h("section", { class: "mv-mixed" }, controls.element, row, told, legend());
  return {
    element,
    update(words, { teacher, student }) {
      controls.update();
      const drawn = mix(words, teacher, student, { p: store.get("p"), seed: store.get("seed") });
      row.replaceChildren(
        ...drawn.words.map((word, n) =>
          wordOf(
            word,
            drawn.tokens.filter((token) => token.word === n),
          ),
        ),
      );
      told.textContent = summary(words, drawn);
    },
  };
}

/** A word with the letter of its vocabulary; each token as the model reads it, what it must predict beneath. */
function wordOf(word, tokens) {
  const side = tokens[0].student ? "student" : "teacher";
  const shown = tokens.map((token) =>
    h(
      "span",
      {
        class: `mv-token${token.shown === null ? "" : " mv-masked"}`,
        "data-side": side,
        "data-piece": token.piece,
        "data-id": token.id,
        "data-input": token.input,
        "data-predicted": token.shown !== null,
      },
      h("span", { class: "mv-input" }, token.shown ?? token.piece),
      ...(token.shown === null
        ? []
        : [h("span", { class: "mv-target" }, h("span", { class: "mv-silent" }, " for "), token.piece)]),
    ),
  );
  const letter = h(
    "span",
    { class: "mv-letter", title: `cut by the ${side}'s vocabulary` },
    side === "student" ? "S" : "T",
  );
  return h("span", { class: `mv-mixed-word mv-by-${side}`, "data-side": side, "data-text": word }, letter, ...shown);
}

function summary(words, { words: kept, tokens }) {
  const masked = tokens.filter((token) => token.shown !== null);
  const teachers = masked.filter((token) => !token.student).length;
  const mine = tokens.filter((token) => token.student).length;
  const left = words.length - (kept.length - 2);
  const told = [
    `${grouped(tokens.length)} tokens, ${grouped(mine)} of them the student's.`,
    `To predict: ${masked.length} (15%, at most 20), ${teachers} of them the teacher's (at most 10).`,
  ];
  if (left > 0) told.push(`The row holds ${LENGTH} tokens: ${grouped(left)} words do not fit.`);
  return told.join(" ");
}

function legend() {
  const key = (sample, meaning) => h("span", { class: "mv-key" }, sample, ` ${meaning}`);
  const sample = (side, letter) =>
    h(
      "span",
      { class: `mv-mixed-word mv-by-${side}`, "aria-hidden": "true" },
      h("span", { class: "mv-letter" }, letter),
      h("span", { class: "mv-token" }, h("span", { class: "mv-input" }, "word")),
    );
  const masked = h(
    "span",
    { class: "mv-token mv-masked", "aria-hidden": "true" },
    h("span", { class: "mv-input" }, "[MASK]"),
    h("span", { class: "mv-target" }, "word"),
  );
  return h(
    "p",
    { class: "mv-legend" },
    key(sample("teacher", "T"), "cut by the teacher's"),
    key(sample("student", "S"), "by the student's"),
    key(masked, "to predict: below what stood there"),
  );
}
