/** A vocabulary of the pages, and the segmentation of text by it: exactly that of Python's tokenizers. */

import { Tokenizer } from "@huggingface/tokenizers";
import { normalise, splitWords } from "./reading.js";

export const CONTINUATION = "##";

// Control characters that count as white space elsewhere are deleted by BERT and end no word.
const WHITE_SPACE = /((?:[\t\n\r]|(?!\p{Cc})\p{White_Space})+)/u;

// Characters. The library tries every ending of a word for every piece, which in a longer word takes seconds.
const LONG = 100;

/**
 * The tokenizer of a pack (`mixvocab/widgets/vocabularies.py`): its tokenizer.json with the pieces back in their place.
 * The library's own reading of text differs from Rust's in rare characters and is replaced by ours.
 * @param {{pieces: string[], tokenizer: object}} pack
 * @returns {Tokenizer}
 */
export function buildTokenizer({ pieces, tokenizer }) {
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const built = new Tokenizer({ ...tokenizer, model: { ...tokenizer.model, vocab } }, {});
  built.normalizer = (text) => normalise(text, tokenizer.normalizer);
  built.pre_tokenizer = splitWords;
  return built;
}

/**
 * @typedef {object} Piece
 * @property {string} piece as the vocabulary writes it
 * @property {number} id
 * @property {number} start where it begins in its word, in characters (code points)
 * @property {number} end
 */

/** One vocabulary: reads text into words, cuts words into pieces. */
export class Vocabulary {
  constructor(pack) {
    this.name = pack.name;
    this.pieces = pack.pieces;
    this.size = pack.pieces.length;
    this.unknown = pack.tokenizer.model.unk_token;
    this.tokenizer = buildTokenizer(pack);
    this.special = new Set(this.tokenizer.special_tokens);
    this.limit = pack.tokenizer.model.max_input_chars_per_word;
    this.longest = Math.max(...pack.pieces.map((piece) => piece.length));
    this.cuts = new Map();
  }

  /** The words of `text`. A special token that is typed, as [MASK], is one word, or with `plain` text like any other. */
  words(text, plain = false) {
    const parts = plain ? [text] : this.tokenizer.splitter_unnormalized.split(text);
    const read = (part) => splitWords(this.tokenizer.normalizer(part));
    return parts.flatMap((part) => (!plain && this.special.has(part) ? [part] : read(part)));
  }

  /**
   * The same with the white space before each word: it ends a word and is seen no more.
   * @returns {{word: string, space: string}[]}
   */
  spacedWords(text) {
    const runs = text.split(WHITE_SPACE); // text and white space in turn
    return runs.flatMap((run, n) =>
      n % 2 ? [] : this.words(run).map((word, first) => ({ word, space: first ? "" : (runs[n - 1] ?? "") })),
    );
  }

  /** @returns {Piece[]} the pieces of one word. */
  cut(word) {
    if (!this.cuts.has(word)) this.cuts.set(word, this.#cut(word));
    return this.cuts.get(word);
  }

  /** The id of a piece; undefined for what is none. */
  id(piece) {
    return this.tokenizer.token_to_id(piece);
  }

  #cut(word) {
    const pieces = this.special.has(word) ? [word] : this.#segment(word);
    let at = 0;
    return pieces.map((piece) => {
      const spelled = pieces.length === 1 ? word : piece.slice(at ? CONTINUATION.length : 0);
      const start = at;
      at += Array.from(spelled).length;
      return { piece, id: this.id(piece), start, end: at };
    });
  }
  #segment(word) {
    const letters = Array.from(word);
    return letters.length > LONG && letters.length <= this.limit
      ? this.#longestMatch(letters)
      : this.tokenizer.model.encode([word]);
  }

  /** The library's rule, trying nothing that is longer than the longest piece. */
  #longestMatch(letters) {
    const found = [];
    for (let start = 0; start < letters.length;) {
      const prefix = start ? CONTINUATION : "";
      const piece = (end) => prefix + letters.slice(start, end).join("");
      let end = Math.min(start + this.longest, letters.length);
      while (end > start && this.id(piece(end)) === undefined) end--;
      if (end === start) return [this.unknown];
      found.push(piece(end));
      start = end;
    }
    return found;
  }
}
