/** How many parameters a student has and what they take, by the formulas of `mixvocab/models/parameters.py`. */

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

/**
 * Bytes of the weights that `mixvocab export` writes, by part.
 * @param {{layers: number, hidden: number}} shape
 * @param {number} pieces in its vocabulary
 * @param {number} bits a weight: 32 or 8
 * @param {{window: number, outputs: number}} task positions that are kept; intents and tags that the heads score
 * @returns {Record<string, number>}
 */
export function storedBytes({ layers, hidden }, pieces, bits, { window, outputs }) {
  const wide = 4 * hidden;
  // Weights of tables and matrices, their rows or outputs, and what is neither.
  const counted = {
    "embeddings of pieces": [pieces * hidden, pieces, 0],
    "other embeddings": [window * hidden, window, 2 * hidden],
    layers: [layers * (4 * hidden * hidden + 2 * hidden * wide), layers * 9 * hidden, layers * 13 * hidden],
    "pooler and heads": [hidden * hidden + outputs * hidden, hidden + outputs, hidden + outputs],
  };
  const scale = bits < 32 ? 4 : 0;
  const bytes = ([weights, scales, others]) => (bits * weights) / 8 + scale * scales + 4 * others;
  return Object.fromEntries(Object.entries(counted).map(([part, count]) => [part, bytes(count)]));
}
