/** From a model's outputs to what it says, as `mixvocab/edge/runtime.py` and `mixvocab/tasks/encoding.py` have it. */
import { viterbi } from "./decoding.js";

/**
 * Probabilities.
 * @param {Float32Array} logits
 * @returns {number[]}
 */
export function softmax(logits) {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Row `i` of a matrix that lies flat in memory. */
export function row(matrix, width, i) {
  return matrix.subarray(i * width, (i + 1) * width);
}

/**
 * Slots of IOB2 tags; an I- that continues nothing begins a slot of its own.
 * @param {string[]} tags
 * @param {string[]} words
 * @returns {{name: string, text: string, start: number, end: number}[]} `start` and `end` count words, the end is not
 *   included
 */
export function spans(tags, words) {
  const found = [];
  tags.forEach((tag, i) => {
    const [mark, name] = [tag[0], tag.slice(2)];
    const last = found.at(-1);
    if (mark === "I" && last?.end === i && last.name === name) {
      last.end = i + 1;
      last.text = words.slice(last.start, last.end).join(" ");
    } else if (mark === "B" || mark === "I") {
      found.push({ name, text: words[i], start: i, end: i + 1 });
    }
  });
  return found;
}

/**
 * What a model of intents and slots says of an utterance.
 * @param {{labels: string[], slots: string[]}} task contents of task.json
 * @param {string[]} words of the utterance
 * @param {number[]} first where each word's first piece lies
 * @param {{intent: Float32Array, slots: Float32Array}} logits (I,) and (T, S)
 * @returns {{intents: {name: string, probability: number}[], slots: object[], tags: string[], complete: boolean}}
 *   intents by falling probability; a tag for every word, "O" beyond the window
 */
export function understood(task, words, first, logits) {
  const chances = softmax(logits.intent);
  const intents = task.labels.map((name, i) => ({ name, probability: chances[i] }));
  intents.sort((a, b) => b.probability - a.probability);
  const rows = first.map((place) => row(logits.slots, task.slots.length, place));
  const tags = viterbi(rows, task.slots).map((tag) => task.slots[tag]);
  const complete = tags.length === words.length;
  while (tags.length < words.length) tags.push("O");
  return { intents, slots: spans(tags, words), tags, complete };
}

/**
 * The most probable pieces for one masked place.
 * @param {string[]} pieces by id
 * @param {Float32Array} logits (V,)
 * @param {number} count
 * @returns {{piece: string, probability: number}[]} by falling probability
 */
export function guesses(pieces, logits, count = 5) {
  const best = []; // ids, by falling logit; of equals, the smaller id first
  logits.forEach((logit, id) => {
    if (best.length === count && logit <= logits[best.at(-1)]) return;
    const place = best.findIndex((other) => logit > logits[other]);
    best.splice(place < 0 ? best.length : place, 0, id);
    best.length = Math.min(best.length, count);
  });
  const chances = softmax(logits);
  return best.map((id) => ({ piece: pieces[id], probability: chances[id] }));
}
