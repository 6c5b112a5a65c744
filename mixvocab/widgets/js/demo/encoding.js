/** Text to piece ids for a model, exactly as `mixvocab/tasks/encoding.py` does it. */

// Where Python's str.split() splits. JavaScript's \s lacks the separators U+001C to U+001F and U+0085 and has U+FEFF.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * The words of a text, as Python's `text.split()` gives them.
 * @param {string} text
 * @returns {string[]}
 */
export function splitAtSpace(text) {
  return text.split(SPACE).filter((word) => word !== "");
}

/** Cuts text into pieces and fits it into a model's window. */
export class Encoder {
  /**
   * @param {import("../core/vocabulary.js").Vocabulary} vocabulary
   * @param {number} length tokens in the window
   */
  constructor(vocabulary, length) {
    this.vocabulary = vocabulary;
    this.length = length;
    [this.cls, this.sep, this.unk] = ["[CLS]", "[SEP]", "[UNK]"].map((piece) => vocabulary.id(piece));
  }

  /**
   * Cut each word alone, so that every word has a first piece; a word that leaves none is [UNK].
   * @param {string[]} words
   * @returns {{ids: number[], first: number[]}} `first`: where each word's first piece lies; words beyond the window
   *   are not in it
   */
  words(words) {
    const ids = [this.cls];
    const first = [];
    for (const word of words) {
      if (ids.length > this.length - 2) break;
      first.push(ids.length);
      const cut = this.#cut(word, true);
      ids.push(...(cut.length ? cut : [this.unk]));
    }
    return { ids: [...ids.slice(0, this.length - 1), this.sep], first };
  }

  /**
   * One text, in which a typed [MASK] is one; what does not fit is cut off.
   * @param {string} text
   * @returns {{ids: number[], complete: boolean}}
   */
  text(text) {
    const cut = this.#cut(text, false);
    const room = this.length - 2;
    return { ids: [this.cls, ...cut.slice(0, room), this.sep], complete: cut.length <= room };
  }

  /** Ids of a text's pieces, without [CLS] and [SEP]. */
  #cut(text, plain) {
    return this.vocabulary.words(text, plain).flatMap((word) => this.vocabulary.cut(word).map(({ id }) => id));
  }
}
