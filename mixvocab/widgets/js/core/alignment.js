/** Two segmentations of the same words side by side: what they share, and how long each makes the text. */

/**
 * @typedef {object} Aligned
 * @property {string} word after normalisation
 * @property {string} space the white space before it
 * @property {import("./vocabulary.js").Piece[]} teacher
 * @property {import("./vocabulary.js").Piece[]} student
 * @property {Set<number>} boundaries places inside the word (in characters) where both end a piece
 */

/**
 * @param {string} text
 * @param {import("./vocabulary.js").Vocabulary} teacher
 * @param {import("./vocabulary.js").Vocabulary} student
 * @returns {Aligned[]} one entry a word
 */
export function align(text, teacher, student) {
  return teacher.spacedWords(text).map(({ word, space }) => {
    const cuts = { teacher: teacher.cut(word), student: student.cut(word) };
    const ends = new Set(cuts.teacher.slice(0, -1).map((piece) => piece.end));
    const boundaries = new Set(
      cuts.student
        .slice(0, -1)
        .map((piece) => piece.end)
        .filter((end) => ends.has(end)),
    );
    return { word, space, ...cuts, boundaries };
  });
}

/** The same piece over the same stretch of the word in the other segmentation, if there is one. */
export function twin(piece, others) {
  return others.find((other) => other.piece === piece.piece && other.start === piece.start && other.end === piece.end);
}

/**
 * Counts over all words, for "teacher" and "student".
 * @param {Aligned[]} aligned
 * @param {"teacher" | "student"} side
 * @param {string} unknown the piece that stands for words that cannot be cut
 * @returns {{pieces: number, fertility: number, unknown: number, perPiece: number, shared: number}}
 *   fertility: pieces a word; perPiece: characters of the words a piece; shared: pieces that have a twin
 */
export function count(aligned, side, unknown) {
  const other = side === "teacher" ? "student" : "teacher";
  const found = { pieces: 0, unknown: 0, shared: 0 };
  let characters = 0;
  for (const word of aligned) {
    found.pieces += word[side].length;
    found.unknown += word[side][0].piece === unknown ? 1 : 0;
    found.shared += word[side].filter((piece) => twin(piece, word[other])).length;
    characters += word[side].at(-1).end;
  }
  return { ...found, fertility: found.pieces / aligned.length, perPiece: characters / found.pieces };
}
