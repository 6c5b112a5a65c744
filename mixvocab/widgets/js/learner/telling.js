/** A step of the learner in a sentence. */

const times = (number) => (number === 1 ? "once" : number === 2 ? "twice" : `${number.toLocaleString("en")} times`);
const tokens = (number) => `${number.toLocaleString("en")} token${number === 1 ? "" : "s"}`;

/**
 * @param {import("./learning.js").Step | undefined} step undefined: before the first
 * @param {number} left pieces to take out from here on
 */
export function told(step, left) {
  if (!step) return "Every word is a chain of characters; ## marks those that go on with a word.";
  const { kind, piece, pair, known, score } = step;
  if (kind === "join") {
    const made = known ? "They become the known piece" : "They become the piece";
    return `${pair[0]} and ${pair[1]} stand side by side ${times(score)}, no pair more often. ${made} ${piece}.`;
  }
  if (kind === "character") return `${piece} is no ASCII character, stands in the text ${times(score)}, and becomes a piece.`;
  if (kind === "read") {
    const end = step.stopped ? "There are twice as many pieces as wanted" : "No pair is left to join";
    const next = left ? `; ${left.toLocaleString("en")} of them are too many.` : ", and as many are wanted.";
    return `${end}${next} From here on a word is read from its start, the longest piece that fits each time.`;
  }
  const grows =
    score > 0 ? `grows by ${tokens(score)}` : score < 0 ? `shrinks by ${tokens(-score)}` : "grows by nothing";
  return `${piece} is the cheapest: without it the text ${grows}. It is taken out${left ? "" : ", and the size is right"}.`;
}
