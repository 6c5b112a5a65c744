/** One piece: what each vocabulary makes of it, and the words that are cut with it. */

import { h } from "../dom.js";
import { continues, grouped, SETS } from "./sets.js";

const ROWS = 25; // words shown at first, and more at a time

/**
 * @param {import("./sets.js").Entry} entry
 * @param {{words: string[], counts: number[]}} text
 * @param {import("./counting.js").Use} student
 * @param {import("./counting.js").Use} teacher
 * @returns {HTMLElement}
 */
export function detail(entry, text, student, teacher) {
  const [mine, theirs] = [student, teacher].map((use) => use.words.get(entry.piece) ?? []);
  const facts = [
    ["in the vocabulary of", entry.set === "both" ? "both" : SETS[entry.set]],
    ["length", `${grouped(entry.length)} character${entry.length === 1 ? "" : "s"}, ${place(entry.piece)}`],
    ["student", side(entry.studentId, entry.studentTimes, mine)],
    ["teacher", side(entry.teacherId, entry.teacherTimes, theirs)],
  ];
  const words = [...new Set([...mine, ...theirs])].sort((a, b) => a - b); // the most frequent first
  return h(
    "div",
    {},
    h("h4", {}, h("code", {}, entry.piece)),
    h("dl", {}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    words.length
      ? wordsTable(entry.piece, words, text, student, teacher)
      : h("p", {}, "None of these words is cut with it."),
  );
}

function place(piece) {
  return continues(piece) ? "goes on with a word" : "begins a word";
}

function side(id, times, words) {
  if (id === undefined) return "does not have it";
  return `number ${grouped(id)}; used ${grouped(times)} times, in ${grouped(words.length)} of these words`;
}

function wordsTable(piece, words, { words: spelled, counts }, student, teacher) {
  const body = h("tbody");
  const more = h("button", { type: "button", class: "mv-explorer-more", onclick: () => grow() });
  let shown = 0;
  function grow() {
    const next = words.slice(shown, shown + ROWS);
    shown += next.length;
    body.append(
      ...next.map((number) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, spelled[number]),
          h("td", {}, grouped(counts[number])),
          h("td", {}, ...cut(student.cuts[number], piece)),
          h("td", {}, ...cut(teacher.cuts[number], piece)),
        ),
      ),
    );
    more.hidden = shown === words.length;
    more.textContent = `${grouped(Math.min(ROWS, words.length - shown))} more of ${grouped(words.length)} words`;
  }
  grow();
  const heads = ["word", "times", "student's cut", "teacher's cut"].map((name) => h("th", { scope: "col" }, name));
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body);
  const region = { class: "mv-explorer-words", role: "region", tabIndex: 0, "aria-label": `Words cut with ${piece}` };
  return h("div", {}, h("div", region, table), more);
}

/** The pieces of a word, the one in question marked. */
function cut(pieces, chosen) {
  return pieces.flatMap((piece, number) => [
    ...(number ? [" "] : []),
    piece === chosen ? h("mark", {}, piece) : piece,
  ]);
}
