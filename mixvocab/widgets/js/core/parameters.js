/** How many parameters a student has, by the formula of `mixvocab/models/parameters.py`. */

const POSITIONS = 512;
const TOKEN_TYPES = 2;

/**
 * All parameters of an encoder whose feed-forward layers are four times as wide as it is.
 * @param {{layers: number, hidden: number}} shape
 * @param {number} pieces in its vocabulary
 * @returns {{embeddings: number, total: number}} those of the word embeddings, and all
 */
export function countParameters({ layers, hidden }, pieces) {
  const wide = 4 * hidden;
  const attention = 4 * (hidden * hidden + hidden);
  const feedForward = hidden * wide + wide + (wide * hidden + hidden);
  const layer = attention + feedForward + 2 * 2 * hidden;
  const pooler = hidden * hidden + hidden;
  const embeddings = pieces * hidden;
  return { embeddings, total: embeddings + (POSITIONS + TOKEN_TYPES) * hidden + 2 * hidden + layers * layer + pooler };
}
