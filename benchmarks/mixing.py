"""Masked mixed-vocabulary batches per second: the word store against the Hugging Face path.

    python benchmarks/mixing.py [--data-dir DIR] [--megabytes 20] [--batches 60]

Both sides make the same batches: the same rows of the same text, the same chance of a student word, [CLS] and [SEP] at
the ends, 15% of the tokens masked, tensors at the end.

* **Word store**: `Mixer.batch`: draws places in the corpus, draws a vocabulary for each word, gathers the pieces,
  masks under both caps (20 a sequence, 10 of the teacher) within each token's own vocabulary.
* **Hugging Face**: its words are given as strings and its places drawn beforehand, untimed, and it gets about
  the words that fit into its rows. It draws a vocabulary for each word and segments the words of each row that
  fall to one vocabulary by `encode_batch` of that vocabulary's Rust tokenizer, on all cores: each word once, not
  under both. The words go in as lists (`is_pretokenized=True`, the documented way) or joined by spaces into text,
  which BERT's tokenizers allow and which is faster. It puts the pieces in the order of the words by numpy and
  calls `DataCollatorForLanguageModeling`, which gets the mask of special tokens ready made and returns numpy, the
  faster of its ways. The collator knows one vocabulary and no caps: it is not charged for the second [MASK] or
  the paper's caps, which it lacks.

Expected on two cores: 11 to 18 times the tokens a second of the faster Hugging Face way, 15 to 25 times those of the
other, more when other work keeps the cores busy; two minutes in all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from common import Speeds, Texts, compare, options, texts, timed, write
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.text.words import WordStore

SHAPES = ((32, 128), (24, 64))
WARM_UP = 3
Rows = list[list[str]]


def hugging_face(
    student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast, length: int, *, joined: bool
) -> Callable[[Rows, np.random.Generator], int]:
    """The peer's way: rows of words -> a masked batch, as text (`joined`) or as lists; returns its tokens."""
    inner = [tokenizer.backend_tokenizer for tokenizer in (teacher, student)]
    for tokenizer in inner:
        tokenizer.no_padding()
        tokenizer.no_truncation()
    collator = DataCollatorForLanguageModeling(teacher, mlm_probability=0.15, return_tensors="np")

    def make(rows: Rows, rng: np.random.Generator) -> int:
        is_student = [rng.random(len(row)) < 0.5 for row in rows]
        encoded = []
        for number, tokenizer in enumerate(inner):
            places = [np.flatnonzero(drawn == number) for drawn in is_student]
            lists = [[row[n] for n in chosen.tolist()] for row, chosen in zip(rows, places, strict=True)]
            if joined:
                codes = tokenizer.encode_batch([" ".join(words) for words in lists], add_special_tokens=False)
            else:
                codes = tokenizer.encode_batch(lists, is_pretokenized=True, add_special_tokens=False)
            encoded.append([(code.ids, chosen[code.word_ids]) for code, chosen in zip(codes, places, strict=True)])
        features, flags = [], np.zeros((len(rows), length), bool)
        for row, ((first, first_at), (second, second_at)) in enumerate(zip(*encoded, strict=True)):
            order = np.argsort(np.concatenate([first_at, second_at]), kind="stable")[: length - 2]
            ids = np.array(first + second)[order].tolist()
            flags[row, 1 : 1 + len(ids)] = order >= len(first)
            ids = [teacher.cls_token_id, *ids, teacher.sep_token_id]
            features.append({"input_ids": ids, "special_tokens_mask": [1, *[0] * (len(ids) - 2), 1]})
        batch = {"student": flags, **collator(features)}
        tensors = {name: torch.as_tensor(array) for name, array in batch.items()}
        return int(tensors["attention_mask"].sum())

    return make


def rows_of_words(mixer: Mixer, store: WordStore, rows: int, rng: np.random.Generator) -> Rows:
    """Words that fill `rows` rows: as many as one row of the store's own batches holds on average."""
    corpus = store.words("train")
    count = round(float(mixer.words_in_rows(200, rng).mean()))
    starts = rng.integers(len(corpus) - count, size=rows)
    return [[store.types[word] for word in corpus[start : start + count]] for start in starts.tolist()]


def measure(text: Texts, rows: int, length: int, batches: int) -> Speeds:
    """The speeds of both sides at batches of one shape."""
    rng = np.random.default_rng(0)
    mixer = Mixer(
        text.store, text.store.table(text.student), text.store.table(text.teacher), MixingSettings(length=length)
    )
    words = [rows_of_words(mixer, text.store, rows, rng) for _ in range(batches + WARM_UP)]

    def ours() -> int:
        tensors = {name: torch.from_numpy(array) for name, array in vars(mixer.batch(rows, rng)).items()}
        return int(tensors["attention"].sum())

    def theirs(joined: bool) -> Callable[[], int]:
        make, batch = hugging_face(text.student, text.teacher, length, joined=joined), iter(words)
        return lambda: make(next(batch), rng)

    sides = {
        "word store": timed(ours),
        "Hugging Face, lists": timed(theirs(joined=False)),
        "Hugging Face, text": timed(theirs(joined=True)),
    }
    return compare(f"{rows} x {length}", sides, batches, WARM_UP)


def main() -> None:
    chosen = options(__doc__, megabytes=20.0, batches=60)
    with texts(chosen) as text:
        speeds = {f"{rows} x {length}": measure(text, rows, length, chosen.batches) for rows, length in SHAPES}
        write(__file__, **text.record, speeds=speeds)


if __name__ == "__main__":
    main()
