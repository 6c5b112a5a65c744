/** Two vocabularies as sets of pieces: what both have, what one has, in classes of frequency or length. */

import { CONTINUATION } from "../core/vocabulary.js";

/** The sets, in the order in which they are shown, and what they are called. */
export const SETS = { student: "only the student", both: "both", teacher: "only the teacher" };

/**
 * @typedef {object} Entry a piece
 * @property {string} piece
 * @property {"student" | "both" | "teacher"} set
 * @property {number | undefined} studentId
 * @property {number | undefined} teacherId
 * @property {number} studentTimes uses by the student in the running text
 * @property {number} teacherTimes
 * @property {number} times uses by the student where it has the piece, else by the teacher
 * @property {number} length in characters, without ##
 */

/**
 * All pieces of both vocabularies but the special ones, the most used first.
 * @param {{vocabulary: object, use: import("./counting.js").Use}} student
 * @param {{vocabulary: object, use: import("./counting.js").Use}} teacher
 * @returns {Entry[]}
 */
export function entriesOf(student, teacher) {
  const ids = [student, teacher].map(({ vocabulary }) => new Map(vocabulary.pieces.map((piece, id) => [piece, id])));
  const entries = [...new Set([...student.vocabulary.pieces, ...teacher.vocabulary.pieces])]
    .filter((piece) => !student.vocabulary.special.has(piece))
    .map((piece) => {
      const [studentId, teacherId] = ids.map((table) => table.get(piece));
      const studentTimes = student.use.times.get(piece) ?? 0;
      const teacherTimes = teacher.use.times.get(piece) ?? 0;
      const set = teacherId === undefined ? "student" : studentId === undefined ? "teacher" : "both";
      const times = set === "teacher" ? teacherTimes : studentTimes;
      return { piece, set, studentId, teacherId, studentTimes, teacherTimes, times, length: lengthOf(piece) };
    });
  return entries.sort((a, b) => b.times - a.times || (a.piece < b.piece ? -1 : 1));
}

/** Whether a piece goes on with a word that another piece began. */
export function continues(piece) {
  return piece.startsWith(CONTINUATION) && piece.length > CONTINUATION.length;
}

function lengthOf(piece) {
  return Array.from(continues(piece) ? piece.slice(CONTINUATION.length) : piece).length;
}

/**
 * What the vocabularies share, as `mixvocab.text.reports.overlap` counts it: of the student's pieces, and of the tokens
 * into which it cuts the text.
 */
export function overlap(entries) {
  const own = entries.filter((entry) => entry.set !== "teacher");
  const shared = own.filter((entry) => entry.set === "both");
  const tokens = (list) => list.reduce((sum, entry) => sum + entry.studentTimes, 0);
  return { pieces: own.length, shared: shared.length, tokens: tokens(own), sharedTokens: tokens(shared) };
}

const TIMES = [100_000, 10_000, 1_000, 100, 10, 1, 0];
const LENGTHS = [1, 2, 3, 4, 5, 6, 8, 11];

/** The ways to put pieces into classes: name -> classes with a label and a test. */
export const CLASSES = {
  frequency: TIMES.map((least, place) => ({
    label: least === 0 ? "never" : place === 0 ? `${grouped(least)} and more` : `${grouped(least)} to ${below(place)}`,
    holds: ({ times }) => times >= least && (place === 0 || times < TIMES[place - 1]),
  })),
  length: LENGTHS.map((least, place) => ({
    label: spanned(least, LENGTHS[place + 1]),
    holds: ({ length }) => length >= least && length < (LENGTHS[place + 1] ?? Infinity),
  })),
};

function below(place) {
  return grouped(TIMES[place - 1] - 1);
}

function spanned(least, next) {
  if (next === undefined) return `${least} and more`;
  return next - least === 1 ? `${least}` : `${least} to ${next - 1}`;
}

/** 1234567 as 1,234,567. */
export function grouped(number) {
  return number.toLocaleString("en");
}

/**
 * The pieces that a reader looks for: the same, then those that begin so, then those that hold it; ## asks for pieces
 * that go on with a word.
 */
export function search(entries, query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted || wanted === CONTINUATION) return [];
  const rank = ({ piece }) => {
    if (piece === wanted) return 0;
    if (wanted.startsWith(CONTINUATION)) return piece.startsWith(wanted) ? 1 : 3;
    const bare = continues(piece) ? piece.slice(CONTINUATION.length) : piece;
    return bare.startsWith(wanted) ? 1 : bare.includes(wanted) ? 2 : 3;
  };
  const ranked = [[], [], [], []];
  for (const entry of entries) ranked[rank(entry)].push(entry); // within a rank the most used stay first
  return ranked.slice(0, 3).flat();
}
