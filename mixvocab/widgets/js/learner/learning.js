/**
 * The WordPiece learner of `mixvocab/text/learner.py`, line by line, which notes what it does: characters and pairs
 * become pieces, until there are twice as many as wanted or no pair is left; then the cheapest pieces go, one by one.
 */

import { compare } from "./counting.js";
import { Queue } from "./queue.js";

const CONTINUATION = "##";
const SURPLUS = 2; // candidates a piece kept
const WORDS_PER_PIECE = 20; // word types that taking out looks at, a piece
const SPECIAL = 5; // [PAD] [UNK] [CLS] [SEP] [MASK]

/** Every printable ASCII character that lower-casing leaves, at the start of a word and within it. */
const CHARACTERS = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n)).filter((c) => !/[A-Z]/.test(c));
export const ALPHABET = [...CHARACTERS, ...CHARACTERS.map((character) => CONTINUATION + character)];

/** Pieces of every vocabulary: the special ones and the alphabet, which are never taken out. */
export const FIXED = SPECIAL + ALPHABET.length;

/**
 * @typedef {object} Step what happened
 * @property {"join" | "character" | "read" | "remove"} kind "read": joining is over, words are now read greedily
 * @property {string} [piece] that was made, or taken out
 * @property {string[]} [pair] that was joined
 * @property {boolean} [known] whether another pair had made the piece before
 * @property {number} [score] how often the pair stood in the text; tokens that the text grows by without the piece
 * @property {boolean} [stopped] whether joining ended because there are twice as many pieces as wanted
 * @property {Map<string, string[] | null>} cuts the new cut of each word that changed; null: it cannot be read
 */

/**
 * Learn a vocabulary of `FIXED` + `learned` pieces, or of as many as the words give.
 * @param {Map<string, number>} counts as `countTyped` orders them
 * @param {number} learned
 * @returns {{steps: Step[], pieces: string[], most: number}} pieces: the learned ones, the most used first; most: that
 *   the words give
 */
export function learn(counts, learned) {
  const alphabet = new Set(ALPHABET);
  const merging = merge(counts);
  const made = merging.filter(({ known }) => !known).map(({ piece }) => piece);
  const most = made.filter((piece) => !alphabet.has(piece)).length;
  const size = FIXED + Math.min(learned, most);
  const candidates = made.slice(0, SURPLUS * size);
  const end = merging.findIndex(({ piece }) => piece === candidates.at(-1));
  const steps = merging.slice(0, end + 1).filter(({ kind, piece }) => kind === "join" || !alphabet.has(piece));
  const frequent = [...counts].slice(0, WORDS_PER_PIECE * size);
  const selection = new Selection(new Map(frequent), candidates);
  steps.push({ kind: "read", stopped: made.length > candidates.length, cuts: new Map(selection.segments) });
  const pieces = selection.pruned(size - SPECIAL, (step) => steps.push(step));
  return { steps, pieces, most };
}

/** What merging does, until no pair is left. */
function merge(counts) {
  const chains = new Map([...counts.keys()].map((word) => [word, characters(word)]));
  const [scores, holders] = [new Map(), new Map()];
  const add = (key, count) => scores.set(key, (scores.get(key) ?? 0) + count);
  const hold = (key, word) => (holders.get(key) ?? holders.set(key, new Set()).get(key)).add(word);
  for (const [word, chain] of chains) {
    for (const symbol of chain) add(pairOf(symbol, ""), counts.get(word));
    for (const pair of pairs(chain)) {
      add(pair, counts.get(word));
      hold(pair, word);
    }
  }
  const queue = new Queue(
    (a, b) =>
      b.score - a.score || compare(a.piece, b.piece) || compare(a.left, b.left) || compare(a.right, b.right),
  );
  const push = (pair) => {
    const [left, right] = pair.split(" ");
    queue.push({ score: scores.get(pair), piece: left + right.slice(2), left, right, pair });
  };
  [...scores.keys()].forEach(push);
  const [steps, pieces] = [[], new Set()];
  while (queue.first) {
    const { score, piece, left, right, pair } = queue.pop();
    const current = scores.get(pair);
    if (score !== current) {
      // Scores fall silently: an entry that is too high returns with its true score.
      if (score > current && current > 0) push(pair);
      continue;
    }
    const [cuts, neighbours] = [new Map(), new Set()];
    const held = holders.get(pair) ?? new Set();
    holders.delete(pair);
    for (const word of held) {
      const { lost, gained } = join(chains.get(word), left, right, piece);
      if (gained.length || lost.length) cuts.set(word, [...chains.get(word)]);
      for (const former of lost) add(former, -counts.get(word));
      for (const neighbour of gained) {
        add(neighbour, counts.get(word));
        hold(neighbour, word);
        neighbours.add(neighbour);
      }
    }
    for (const neighbour of neighbours) if (scores.get(neighbour)) push(neighbour);
    const known = pieces.has(piece);
    pieces.add(piece);
    steps.push(
      right
        ? { kind: "join", piece, pair: [left, right], known, score, cuts }
        : { kind: "character", piece, known, score, cuts },
    );
  }
  return steps;
}

/** Put `piece` in the place of the pair wherever it stands in the chain; the pairs that this takes and makes. */
function join(chain, left, right, piece) {
  const [lost, gained] = [[], []];
  for (let place = 0; place < chain.length - 1; place++) {
    if (chain[place] === left && chain[place + 1] === right) {
      const start = Math.max(place - 1, 0);
      lost.push(...pairs(chain.slice(start, place + 3)));
      chain.splice(place, 2, piece);
      gained.push(...pairs(chain.slice(start, place + 2)));
    }
  }
  return { lost, gained };
}

/** A word as the chain of its characters, all but the first marked as going on. */
export function characters(word) {
  return Array.from(word, (character, n) => (n ? CONTINUATION : "") + character);
}

function pairOf(left, right) {
  return `${left} ${right}`; // no piece holds a space
}

function pairs(chain) {
  return chain.slice(1).map((right, n) => pairOf(chain[n], right));
}

/** Cover characters from the left by the longest of `pieces` that fit; null if that gets stuck. */
function longestMatch(letters, pieces, longest, prefix = "") {
  const segments = [];
  for (let start = 0; start < letters.length;) {
    let end = Math.min(letters.length, start + longest);
    while (end > start && !pieces.has(prefix + letters.slice(start, end).join(""))) end--;
    if (end === start) return null;
    segments.push(prefix + letters.slice(start, end).join(""));
    [start, prefix] = [end, CONTINUATION];
  }
  return segments;
}

/** A piece without its mark of going on, as characters. */
function body(piece) {
  return Array.from(goesOn(piece) ? piece.slice(CONTINUATION.length) : piece);
}

function goesOn(piece) {
  return piece.startsWith(CONTINUATION) && piece.length > CONTINUATION.length;
}

/** A set of pieces, the words they segment, and what each piece is worth. */
class Selection {
  constructor(counts, candidates) {
    this.counts = counts;
    this.alphabet = new Set(ALPHABET);
    this.pieces = new Set([...ALPHABET, ...candidates]);
    this.longest = Math.max(...[...this.pieces].map((piece) => body(piece).length));
    this.segments = new Map([...counts.keys()].map((word) => [word, null])); // null: cannot be covered
    this.use = new Map([...this.pieces].map((piece) => [piece, 0])); // occurrences in the segmented text
    this.users = new Map([...this.pieces].map((piece) => [piece, new Set()])); // words that contain it
    this.apply(new Map([...counts.keys()].map((word) => [word, this.match(word)])));
  }

  match(word) {
    return longestMatch(Array.from(word), this.pieces, this.longest);
  }

  /** Take out the cheapest piece until `size` are left; those outside the alphabet, the most used first. */
  pruned(size, note) {
    const queue = new Queue((a, b) => a.cost - b.cost || compare(a.piece, b.piece));
    const removable = [...this.pieces].filter((piece) => !this.alphabet.has(piece));
    for (const piece of removable) queue.push({ cost: this.estimate(piece), piece });
    while (this.pieces.size > size) {
      const { piece } = queue.pop();
      if (!this.pieces.delete(piece)) continue;
      const changes = new Map([...this.users.get(piece)].map((word) => [word, this.match(word)]));
      const cost = [...changes].reduce((sum, [word, cut]) => sum + this.added(word, cut), 0);
      const next = queue.first;
      if (next && (cost - next.cost || compare(piece, next.piece)) > 0) {
        // A piece goes only if its exact cost is still the lowest.
        this.pieces.add(piece);
        queue.push({ cost, piece });
        continue;
      }
      for (const used of this.apply(changes)) queue.push({ cost: this.estimate(used), piece: used });
      note({ kind: "remove", piece, score: cost, cuts: changes });
    }
    const left = [...this.pieces].filter((piece) => !this.alphabet.has(piece));
    return left.sort((a, b) => this.use.get(b) - this.use.get(a) || compare(a, b));
  }

  /** Tokens that a new cut of a word adds; a word that cannot be cut counts as more than its characters. */
  added(word, cut) {
    const [before, after] = [this.segments.get(word), cut].map((one) => one?.length ?? Array.from(word).length + 1);
    return this.counts.get(word) * (after - before);
  }

  /** Tokens added if every use of the piece were replaced by what its own text falls apart into. */
  estimate(piece) {
    const letters = body(piece);
    const parts = longestMatch(letters, this.pieces, letters.length - 1, goesOn(piece) ? CONTINUATION : "");
    return this.use.get(piece) * (parts === null ? letters.length : parts.length - 1);
  }

  /** Put new cuts in place; the removable pieces that lost uses. */
  apply(changes) {
    const touched = new Set();
    for (const [word, cut] of changes) {
      const times = this.counts.get(word);
      for (const piece of this.segments.get(word) ?? []) {
        this.use.set(piece, this.use.get(piece) - times);
        this.users.get(piece).delete(word);
        touched.add(piece);
      }
      this.segments.set(word, cut);
      for (const piece of cut ?? []) {
        this.use.set(piece, this.use.get(piece) + times);
        this.users.get(piece).add(word);
      }
    }
    return [...touched].filter((piece) => this.pieces.has(piece) && !this.alphabet.has(piece));
  }
}
