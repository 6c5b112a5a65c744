/** The words on the page: each a small grid in which both segmentations stand on the same places of the word. */

import { twin } from "../core/alignment.js";
import { CONTINUATION } from "../core/vocabulary.js";
import { h } from "../dom.js";

const COLOURS = 7; // --mv-c0 to --mv-c6
export const SIDES = ["teacher", "student"];
const MARKS = { " ": "·", "\t": "→", "\n": "↵" };

/** A piece's colour follows from its letters alone (FNV-1a), so that it is the same wherever it stands. */
function colourOf(piece) {
  let hash = 0x811c9dc5;
  for (const character of piece) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) % COLOURS;
}

/**
 * One piece: a button, since keyboards and fingers must reach it. `data-` attributes say what it is.
 * @param {"teacher" | "student" | "both"} side whose it is
 */
function pieceButton(piece, side, word, number, unknown) {
  const isUnknown = piece.piece === unknown;
  const continues = piece.start > 0;
  const classes = ["mv-piece", continues && "mv-continues", isUnknown && "mv-unknown"].filter(Boolean);
  const letters = continues ? piece.piece.slice(CONTINUATION.length) : piece.piece;
  return h(
    "button",
    {
      class: classes.join(" "),
      type: "button",
      tabIndex: -1,
      style: `--mv-piece: var(--mv-c${colourOf(piece.piece)})`,
      "aria-label": `${piece.piece}, ${side === "both" ? "both" : `${side}'s`}`,
      "data-side": side,
      "data-word": word,
      "data-number": number,
      "data-piece": piece.piece,
      "data-id": piece.id,
    },
    ...(continues ? [h("span", { class: "mv-hashes" }, CONTINUATION)] : []),
    h("span", { class: "mv-letters" }, letters),
  );
}

/** The word as two rows of pieces on common columns; bars join shared pieces, lines run through shared boundaries. */
function stacked(aligned, number, unknown) {
  const ends = [...new Set(SIDES.flatMap((side) => aligned[side].map((piece) => piece.end)))].sort((a, b) => a - b);
  const column = new Map([[0, 1], ...ends.map((end, n) => [end, n + 2])]);
  const span = (piece) => `grid-column: ${column.get(piece.start)} / ${column.get(piece.end)}`;
  const place = (element, style) => {
    element.style.cssText += `; ${style}`;
    return element;
  };
  const word = h("span", { class: "mv-word", "data-word": number });
  if (SIDES.some((side) => aligned[side][0].piece === unknown)) {
    word.append(h("span", { class: "mv-spelled", style: `grid-column: 1 / ${ends.length + 1}` }, aligned.word));
  }
  SIDES.forEach((side, row) => {
    aligned[side].forEach((piece, n) => {
      const button = pieceButton(piece, side, number, n, unknown);
      word.append(place(button, `grid-row: ${2 + 2 * row}; ${span(piece)}`));
    });
  });
  for (const piece of aligned.teacher) {
    if (twin(piece, aligned.student)) word.append(h("span", { class: "mv-shared", style: span(piece) }));
  }
  for (const end of aligned.boundaries) {
    word.append(h("span", { class: "mv-boundary", style: `grid-column: ${column.get(end)}`, "data-at": end }));
  }
  return word;
}

/** The word in running text: the teacher's pieces, then the student's; once where both cut alike. */
function interleaved(aligned, number, unknown) {
  const alike =
    aligned.teacher.length === aligned.student.length && aligned.teacher.every((p) => twin(p, aligned.student));
  const group = (side) => {
    const other = SIDES.find((each) => each !== side);
    const buttons = aligned[side].map((piece, n) => {
      const button = pieceButton(piece, alike ? "both" : side, number, n, unknown);
      button.classList.toggle("mv-twinned", !alike && Boolean(twin(piece, aligned[other])));
      button.classList.toggle("mv-at-boundary", aligned.boundaries.has(piece.start));
      return button;
    });
    return h("span", { class: `mv-group mv-group-${alike ? "both" : side}` }, ...buttons);
  };
  return h(
    "span",
    { class: "mv-word mv-inline", "data-word": number },
    group("teacher"),
    ...(alike ? [] : [group("student")]),
  );
}

/**
 * Draw words, with the line breaks of the text and, if wanted, marks for its white space.
 * @param {import("../core/alignment.js").Aligned[]} aligned
 * @param {{layout: "stacked" | "interleaved", space: boolean, unknown: string}} how
 * @returns {DocumentFragment}
 */
export function drawWords(aligned, { layout, space, unknown }) {
  const drawn = document.createDocumentFragment();
  const draw = layout === "stacked" ? stacked : interleaved;
  aligned.forEach((word, number) => {
    if (space && word.space)
      drawn.append(h("span", { class: "mv-space" }, Array.from(word.space, (one) => MARKS[one] ?? "·").join("")));
    if (number && word.space.includes("\n")) drawn.append(h("span", { class: "mv-break" }));
    const element = draw(word, number, unknown);
    element.classList.toggle("mv-joined", number > 0 && !word.space);
    drawn.append(element);
  });
  return drawn;
}
