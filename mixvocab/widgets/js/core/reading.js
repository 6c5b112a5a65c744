/** BERT's reading of raw text, as `mixvocab/text/reading.py` has it from the Rust library, to the character. */

import { ACCENT, CONTROL, isHan, PUNCTUATION, SPACE, UNKNOWN } from "./unicode.js";

const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Text as BERT sees it: without control characters, Chinese characters spaced out; uncased, without accents.
 * @param {string} text
 * @param {object} config the "normalizer" of a tokenizer.json: a BertNormalizer
 * @returns {string}
 */
export function normalise(text, config) {
  if (PLAIN.test(text)) return config.lowercase ? text.toLowerCase() : text;
  let normal = config.clean_text ? clean(text) : text;
  if (config.handle_chinese_chars) normal = Array.from(normal, (one) => (isHan(one) ? ` ${one} ` : one)).join("");
  if (config.strip_accents ?? config.lowercase) {
    normal = known(normal, (part) => part.normalize("NFD").replace(ACCENT, ""));
  }
  // Letter by letter, as Rust does: in a whole string JavaScript would write ς for a Σ that ends its word.
  return config.lowercase ? known(normal, (part) => Array.from(part, (one) => one.toLowerCase()).join("")) : normal;
}

/**
 * The words of normalised text: runs between white space and punctuation, and each punctuation mark.
 * @param {string} normal
 * @returns {string[]}
 */
export function splitWords(normal) {
  return normal.split(/\p{White_Space}+/u).flatMap((run) => {
    if (!PUNCTUATION.test(run)) return run ? [run] : [];
    const words = [];
    let word = "";
    for (const character of run) {
      if (PUNCTUATION.test(character)) {
        if (word) words.push(word);
        words.push(character);
        word = "";
      } else word += character;
    }
    return word ? [...words, word] : words;
  });
}

function clean(text) {
  return Array.from(text, (one) => (CONTROL.test(one) ? "" : SPACE.test(one) ? " " : one)).join("");
}

/** Apply `change` to `text`, but for characters that the tables of the Rust library do not know. */
function known(text, change) {
  if (!UNKNOWN.test(text)) return change(text);
  return text
    .split(new RegExp(`(${UNKNOWN.source})`, "u"))
    .map((part, n) => (n % 2 ? part : change(part)))
    .join("");
}
