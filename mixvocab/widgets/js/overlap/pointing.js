/** Pointing at a piece, by mouse, finger or keyboard: its twin lights up, and a line says what it is. */

import { twin } from "../core/alignment.js";
import { h } from "../dom.js";
import { SIDES } from "./pieces.js";

const HINT = "Point at a piece, or move over them with the arrow keys.";
const LETTERS = 24; // of a piece, spelled out

/**
 * @param {HTMLElement} box holds the pieces
 * @param {() => {aligned: import("../core/alignment.js").Aligned[], vocabularies: object}} shown what is drawn there
 * @returns {{line: HTMLElement, reset: () => void}} the line for readers, and what to call after drawing anew
 */
export function pointing(box, shown) {
  const line = h("p", { class: "mv-told", "aria-live": "polite" }, HINT);
  const at = (side, word, number) =>
    [side, "both"].map((of) => `[data-side="${of}"][data-word="${word}"][data-number="${number}"]`).join(",");
  let current = null;

  function clear() {
    for (const lit of box.querySelectorAll(".mv-here, .mv-twin, .mv-meets"))
      lit.classList.remove("mv-here", "mv-twin", "mv-meets");
    line.replaceChildren(HINT);
  }

  function point(button) {
    if (button === current && button.classList.contains("mv-here")) return;
    clear();
    current = button;
    const { aligned, vocabularies } = shown();
    const { word: index, number, side } = button.dataset;
    const word = aligned[index];
    const [own, other] = side === "student" ? ["student", "teacher"] : SIDES;
    const piece = word[own][number];
    const like = twin(piece, word[other]);
    button.classList.add("mv-here");
    word[other].forEach((each, n) => {
      if (each.start >= piece.end || each.end <= piece.start || side === "both") return;
      box.querySelector(at(other, index, n))?.classList.add(each === like ? "mv-twin" : "mv-meets");
    });
    line.replaceChildren(...describe(piece, word, own, other, like, vocabularies));
  }

  /** Pieces are one stop of the Tab key; arrows move among them. */
  function focus(button) {
    for (const each of box.querySelectorAll('.mv-piece[tabindex="0"]')) each.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  function move(event) {
    const here = event.target.closest(".mv-piece");
    if (!here) return;
    if (event.key === "Escape") return clear();
    const own = here.dataset.side === "student" ? "student" : "teacher";
    const row = [...box.querySelectorAll(`[data-side="${own}"], [data-side="both"]`)];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    let next;
    if (step) next = row[row.indexOf(here) + step];
    else if (event.key === "Home") next = row[0];
    else if (event.key === "End") next = row.at(-1);
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") next = facing(here);
    else return;
    event.preventDefault();
    if (next) focus(next);
  }

  /** The first piece of the other segmentation that touches this one. */
  function facing(here) {
    const { word: index, number, side } = here.dataset;
    const word = shown().aligned[index];
    const other = side === "student" ? "teacher" : "student";
    const n = word[other].findIndex((each) => each.end > word[side === "student" ? side : "teacher"][number].start);
    return box.querySelector(at(other, index, n));
  }

  const under = (event) => event.target.closest?.(".mv-piece");
  box.addEventListener("pointerover", (event) => under(event) && point(under(event)));
  box.addEventListener("pointerleave", () => !box.contains(document.activeElement) && clear());
  box.addEventListener("focusin", (event) => under(event) && point(under(event)));
  box.addEventListener("focusout", clear);
  box.addEventListener("click", (event) => under(event) && focus(under(event)));
  box.addEventListener("keydown", move);

  return {
    line,
    reset() {
      current = null;
      clear();
      const first = box.querySelector(".mv-piece");
      if (first) first.tabIndex = 0;
    },
  };
}

function describe(piece, { word, ...cuts }, own, other, like, vocabularies) {
  const letters = Array.from(piece.start ? piece.piece.slice(2) : piece.piece);
  const unknown = piece.piece === vocabularies[own].unknown;
  const points = unknown ? Array.from(word) : letters;
  const spelled = points
    .slice(0, LETTERS)
    .map((letter) => `${letter} U+${hex(letter)}`)
    .join(", ");
  const count = `${points.length} character${points.length === 1 ? "" : "s"}`;
  const place = `piece ${cuts[own].indexOf(piece) + 1} of ${cuts[own].length} of “${word}”`;
  const across = cuts[other]
    .filter((each) => each.start < piece.end && each.end > piece.start)
    .map((each) => each.piece);
  const twins = like ? `twin: the ${other}'s id ${like.id}` : `no twin: the ${other} has ${across.join(" ")} here`;
  return [
    h("strong", { class: "mv-told-piece" }, piece.piece),
    ` ${own}'s id ${piece.id}; ${place}; ${twins}; `,
    h("span", { class: "mv-told-letters" }, `${count}: ${spelled}${points.length > LETTERS ? " …" : ""}`),
  ];
}

const hex = (letter) => letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
