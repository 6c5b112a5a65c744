/** The mixed teacher's forward pass of one sentence: where each token goes in and out, by `MixedTeacher`'s rule. */

import { mix } from "./mixing.js";

/**
 * @typedef {object} Way
 * @property {number} word which of `words` the token is a piece of
 * @property {boolean} student whether it goes in by E_s and W; otherwise by E_t
 * @property {string} read the piece that is looked up: of a token to predict, what stands in its place
 * @property {number} row its row in that matrix
 * @property {string | null} target the piece that its own vocabulary's softmax should give; null: it is not asked for
 * @property {number} label id of `target`; -100 where nothing is asked
 */

/**
 * @param {string} text
 * @param {import("./vocabulary.js").Vocabulary} teacher
 * @param {import("./vocabulary.js").Vocabulary} student
 * @param {{p: number, seed: number}} draw
 * @returns {{words: {word: string, student: boolean, ways: Way[]}[], left: number}} words between [CLS] and [SEP],
 *   which are drawn like words; `left`: words of the text that do not fit
 */
export function forwardPass(text, teacher, student, draw) {
  const typed = teacher.spacedWords(text).map(({ word }) => word);
  const { words, tokens } = mix(typed, teacher, student, draw);
  const ways = tokens.map(({ word, student: own, piece, id, shown, input }) => ({
    word,
    student: own,
    read: shown ?? piece,
    row: input,
    target: shown === null ? null : piece,
    label: shown === null ? -100 : id,
  }));
  const drawn = words.map((word, n) => ({ word, ways: ways.filter((way) => way.word === n) }));
  return {
    words: drawn.map((one) => ({ ...one, student: one.ways[0].student })),
    left: typed.length - (words.length - 2),
  };
}
