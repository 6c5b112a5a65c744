/** How often a vocabulary uses its pieces: every word cut once, weighted by how often it occurs. */

const CHUNK = 1000; // words between two looks at what else the page has to do

/**
 * @typedef {object} Use
 * @property {string[][]} cuts the pieces of each word
 * @property {Map<string, number>} times piece -> how often it occurs in the running text
 * @property {Map<string, number[]>} words piece -> the words that are cut with it, by number, in their order
 */

/**
 * Cut all words, with pauses in which the page can answer.
 * @param {import("../core/vocabulary.js").Vocabulary} vocabulary
 * @param {{words: string[], counts: number[]}} text
 * @param {(share: number) => void} progress
 * @returns {Promise<Use>}
 */
export async function countUse(vocabulary, { words, counts }, progress) {
  const use = { cuts: [], times: new Map(), words: new Map() };
  for (let number = 0; number < words.length; number++) {
    if (number % CHUNK === 0) {
      progress(number / words.length);
      await new Promise((resolve) => setTimeout(resolve));
    }
    const pieces = vocabulary.cut(words[number]).map(({ piece }) => piece);
    use.cuts.push(pieces);
    for (const piece of pieces) {
      use.times.set(piece, (use.times.get(piece) ?? 0) + counts[number]);
      const found = use.words.get(piece) ?? [];
      if (!found.length) use.words.set(piece, found);
      if (found.at(-1) !== number) found.push(number); // a word may hold a piece twice
    }
  }
  return use;
}
