/** Numbers: what each vocabulary makes of the text, and what a student of each size weighs. */

import { count } from "../core/alignment.js";
import { countParameters } from "../core/parameters.js";
import { h } from "../dom.js";
import { freshId, grouped } from "./naming.js";

const share = (part, whole) => `${((100 * part) / whole).toFixed(0)}%`;

/** A table of counts over the whole text. */
export function countsTable() {
  const body = h("tbody");
  const cells = h("tr", {}, h("td"), h("th", { scope: "col" }, "teacher"), h("th", { scope: "col" }, "student"));
  const summary = h("p", { class: "mv-summary" });
  const element = h("div", { class: "mv-counts" }, h("table", {}, h("thead", {}, cells), body), summary);
  return {
    element,
    /** @param {import("../core/alignment.js").Aligned[]} aligned */
    update(text, aligned, { teacher, student }) {
      const bytes = new TextEncoder().encode(text).length;
      const both = [count(aligned, "teacher", teacher.unknown), count(aligned, "student", student.unknown)];
      const row = (name, key, show) =>
        h(
          "tr",
          { "data-count": key },
          h("th", { scope: "row" }, name),
          ...both.map((one) => h("td", {}, aligned.length ? show(one) : "–")),
        );
      body.replaceChildren(
        row("pieces", "pieces", (one) => grouped(one.pieces)),
        row("fertility, pieces a word", "fertility", (one) => one.fertility.toFixed(2)),
        row("characters a piece", "per-piece", (one) => one.perPiece.toFixed(2)),
        row("bytes a piece", "bytes-per-piece", (one) => (bytes / one.pieces).toFixed(2)),
        row("shared pieces", "shared", (one) => `${grouped(one.shared)} (${share(one.shared, one.pieces)})`),
        row("[UNK] words", "unknown", (one) => grouped(one.unknown)),
      );
      const inside = aligned.reduce((sum, word) => sum + word.boundaries.size, 0);
      const measures = [`${grouped(aligned.length)} words`, `${grouped(Array.from(text).length)} characters`];
      measures.push(`${grouped(bytes)} bytes in UTF-8`);
      summary.textContent = `${measures.join(", ")}; ${grouped(inside)} boundaries inside words are shared.`;
      summary.dataset.words = aligned.length;
      summary.dataset.bytes = bytes;
      summary.dataset.boundaries = inside;
    },
  };
}

/** One choice a size of vocabulary, with parameters and megabytes of the student's shape. */
export function sizeCards(vocabularies, shapes, store) {
  const name = freshId();
  const cards = vocabularies.sizes.map((size) => {
    const input = h("input", { type: "radio", name, value: size, onchange: () => store.set("size", Number(size)) });
    const figures = h("span", { class: "mv-card-figures" });
    const share = h("span", { class: "mv-bar-part" });
    const bar = h("span", { class: "mv-bar", "aria-hidden": "true" }, share);
    const title = h("span", { class: "mv-card-size" }, `${grouped(Number(size))} pieces`);
    return {
      size,
      input,
      figures,
      share,
      element: h("label", { class: "mv-card", "data-size": size }, input, title, bar, figures),
    };
  });
  return {
    element: h(
      "fieldset",
      { class: "mv-cards" },
      h("legend", {}, "Student's vocabulary"),
      ...cards.map((card) => card.element),
    ),
    update() {
      const shape = shapes[store.get("shape")];
      const all = cards.map(({ size }) => countParameters(shape, vocabularies.students[size].pieces.length));
      const largest = Math.max(...all.map((one) => one.total));
      cards.forEach((card, n) => {
        const { embeddings, total } = all[n];
        card.input.checked = Number(card.size) === store.get("size");
        card.share.style.width = `${(100 * embeddings) / total}%`;
        card.share.parentElement.style.width = `${(100 * total) / largest}%`;
        card.element.dataset.parameters = total;
        card.figures.replaceChildren(
          h(
            "span",
            {},
            `${(total / 1e6).toFixed(2)} M parameters, ${((100 * embeddings) / total).toFixed(0)}% embeddings`,
          ),
          h("span", {}, `${((4 * total) / 1e6).toFixed(1)} MB; in 8 bits ${(total / 1e6).toFixed(1)} MB`),
        );
      });
    },
  };
}
