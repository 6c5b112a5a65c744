/** What two models made of a sentence with one word hidden, out of what is published (`mixvocab_book/steps/looks.py`). */

const decoded = new WeakMap(); // what a model made of a sentence -> its attention in 8 bits

/** Bytes of base64. */
function bytes(made) {
  if (!decoded.has(made)) decoded.set(made, Uint8Array.from(atob(made.attention), (one) => one.charCodeAt(0)));
  return decoded.get(made);
}

/**
 * Where a model looks from a hidden word.
 * @param {object} made {layers, heads, attention, ...} of one model and sentence
 * @param {number} words in the sentence
 * @param {{word: number, layer: number, head: number}} from layer 0 is the last, head 0 the mean of all
 * @returns {number[]} the share of [CLS], of each word, and of [SEP]; together about 1
 */
export function sharesOf(made, words, { word, layer, head }) {
  const kept = bytes(made);
  const width = words + 2;
  const begin = (word * made.layers + (layer || made.layers) - 1) * made.heads;
  const share = (one, n) => (kept[(begin + one) * width + n] / 255) ** 2;
  const heads = head ? [head - 1] : [...Array(made.heads).keys()];
  return Array.from({ length: width }, (_, n) => heads.reduce((sum, one) => sum + share(one, n), 0) / heads.length);
}

/** How much of their attention two models have in common: the smaller share of each word, added up. */
export function inCommon(one, other) {
  return one.reduce((sum, share, n) => sum + Math.min(share, other[n]), 0);
}

/** Place of the largest share. */
export function most(shares) {
  return shares.indexOf(Math.max(...shares));
}
