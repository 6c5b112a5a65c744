/** The most probable tags of an utterance that are IOB2, exactly as `mixvocab/tasks/encoding.py` finds them. */

/**
 * The best sequence in which I-x follows only B-x or I-x, by the sum of its logits; of equally good tags the first.
 * @param {ArrayLike<number>[]} logits (W, S), of the words' first pieces alone
 * @param {string[]} tags the S tags in the order of the logits, "O" among them
 * @returns {number[]} (W,) places in `tags`
 */
export function viterbi(logits, tags) {
  const place = new Map(tags.map((tag, i) => [tag, i]));
  // For an I- tag, the places that it may follow, the lower one first; for any other tag, null.
  const follows = tags.map((tag, i) =>
    tag.startsWith("I-") ? [place.get(`B-${tag.slice(2)}`) ?? i, i].sort((a, b) => a - b) : null,
  );
  let scores = tags.map((_, tag) => (follows[tag] ? -Infinity : 0));
  const steps = []; // for every word but the first, the best tag before each of its tags
  logits.forEach((row, word) => {
    if (word) {
      const best = largest(scores);
      const before = follows.map((pair) => {
        if (!pair) return best;
        const [low, high] = pair;
        return scores[high] > scores[low] ? high : low;
      });
      scores = before.map((tag) => scores[tag]);
      steps.push(before);
    }
    scores = scores.map((score, tag) => score + row[tag]);
  });
  const path = [largest(scores)];
  for (const before of steps.reverse()) path.push(before[path.at(-1)]);
  return path.reverse().slice(0, logits.length);
}

/** Index of the largest value, the first of equals. */
function largest(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}
