/** One mixed sequence and its masks, to the draw what `mixvocab/widgets/vocabularies.py` gives in Python. */

import { Generator } from "./generator.js";

/** Tokens of a sequence, as in the paper: [CLS], as many whole words as fit, [SEP]. */
export const LENGTH = 128;
// The rule of BERT and the paper's two caps, as `mixvocab.settings.profiles.MixingSettings` has them by default.
const MASKING = { rate: 0.15, maxMasks: 20, maxTeacherMasks: 10, keep: 0.1, random: 0.1 };
const [CLS, SEP, MASK] = ["[CLS]", "[SEP]", "[MASK]"];
const SPECIAL = new Set(["[PAD]", "[UNK]", CLS, SEP, MASK]);
const UNUSED = /^\[unused\d+\]$/;

/**
 * @typedef {object} Token
 * @property {number} word which of `words` it is a piece of
 * @property {boolean} student whether the student's vocabulary cut it
 * @property {string} piece
 * @property {number} id of `piece`
 * @property {string | null} shown the piece that stands in its place in the input; null where nothing is predicted
 * @property {number} input id of what stands there
 */

/**
 * @param {string[]} words
 * @param {import("./vocabulary.js").Vocabulary} teacher
 * @param {import("./vocabulary.js").Vocabulary} student
 * @param {{p: number, seed: number}} draw
 * @returns {{words: string[], tokens: Token[]}} `words`: those that fit, between [CLS] and [SEP]
 */
export function mix(words, teacher, student, { p, seed }) {
  const generator = new Generator(seed);
  const drawn = generator.floats(LENGTH).map((number) => number < Math.fround(p));
  const columns = [CLS, ...words.slice(0, LENGTH - 2)].map((word, n) => [word, drawn[n]]);
  const pieces = ([word, mine]) => (mine ? student : teacher).cut(word);
  const [begin, ...inner] = columns;
  const rows = [begin, ...fitting(inner, pieces), [SEP, drawn[LENGTH - 1]]];
  const tokens = rows.flatMap((column, word) =>
    // Only a first word that is longer than the row is ever cut.
    pieces(column)
      .slice(0, LENGTH - 2)
      .map(({ piece, id }) => ({ word, student: column[1], piece, id })),
  );
  const chosen = chooseMasks(tokens, generator);
  return { words: rows.map(([word]) => word), tokens: applyMasks(tokens, chosen, { teacher, student }, generator) };
}

/** The words that fit whole; the first always. */
function fitting(columns, pieces) {
  let room = LENGTH - 2;
  const end = columns.findIndex((column) => (room -= pieces(column).length) < 0);
  return columns.slice(0, end < 0 ? columns.length : Math.max(end, 1));
}

/** Positions to predict: tokens queue in random order, until 15% are taken or the caps are reached. */
function chooseMasks(tokens, generator) {
  const keys = generator.doubles(LENGTH);
  const queue = [...tokens.keys()].filter((n) => !SPECIAL.has(tokens[n].piece)).sort((a, b) => keys[a] - keys[b]);
  const wanted = Math.min(Math.max(roundHalfToEven(MASKING.rate * queue.length), 1), MASKING.maxMasks);
  const chosen = new Set();
  let teachers = 0;
  for (const n of queue) {
    if (chosen.size === wanted) break;
    if (!tokens[n].student && ++teachers > MASKING.maxTeacherMasks) continue;
    chosen.add(n);
  }
  return chosen;
}

/** BERT's 80/10/10 within each token's own vocabulary. */
function applyMasks(tokens, chosen, vocabularies, generator) {
  const fates = generator.doubles(chosen.size);
  const draws = generator.doubles(chosen.size);
  let drawn = 0;
  return tokens.map((token, n) => {
    if (!chosen.has(n)) return { ...token, shown: null, input: token.id };
    const vocabulary = vocabularies[token.student ? "student" : "teacher"];
    const [fate, draw] = [fates[drawn], draws[drawn++]];
    const shown =
      fate < MASKING.random ? another(vocabulary, draw) : fate < MASKING.random + MASKING.keep ? token.piece : MASK;
    return { ...token, shown, input: vocabulary.id(shown) };
  });
}

/** The piece that a number in [0, 1) picks among those that text can produce. */
function another(vocabulary, draw) {
  const regular = vocabulary.pieces.filter((piece) => !SPECIAL.has(piece) && !UNUSED.test(piece));
  return regular[Math.floor(draw * regular.length)];
}

/** Numbers half way between two go to the even one, as numpy rounds. */
function roundHalfToEven(number) {
  const down = Math.floor(number);
  return number - down === 0.5 ? down + (down % 2) : Math.round(number);
}
