/** The words that a reader typed, with their counts: exactly those of `mixvocab/widgets/learning.py`. */

import { normalise, splitWords } from "../core/reading.js";

/** Different words that are learned from: the first ones typed, so that a pasted book does not stop the page. */
export const WORDS = 200;
const LONGEST = 30; // characters of a word; longer ones are left out, for the same reason

const UNCASED = { clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true };
const COUNTED = /^(\p{L}+):([1-9][0-9]{0,4})$/u; // "newest:6"

/**
 * @param {string} text plain text, in which "newest:6" stands for six times that word
 * @returns {Map<string, number>} words by falling count, equals by code points
 */
export function countTyped(text) {
  const counts = new Map();
  for (const stretch of text.split(/[ \t\n\r]+/)) {
    const [, word, times] = COUNTED.exec(stretch) ?? [null, stretch, "1"];
    for (const one of splitWords(normalise(word, UNCASED))) {
      if (Array.from(one).length > LONGEST) continue;
      if (counts.has(one) || counts.size < WORDS) counts.set(one, (counts.get(one) ?? 0) + Number(times));
    }
  }
  return new Map([...counts].sort(([a, m], [b, n]) => n - m || compare(a, b)));
}

/** Order by code points, as Python has it; JavaScript's own is by halves of surrogate pairs. */
export function compare(a, b) {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const [x, y] = [a, b].map((text) => place(text.charCodeAt(at)));
  return x - y;
}

/** Surrogates behind all other units; the end of a text before all. */
function place(unit) {
  if (Number.isNaN(unit)) return -1;
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}
