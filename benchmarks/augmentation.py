"""Candidates for the words of training rows (TinyBERT's augmentation): batches of masked rows against one row a word.

    python benchmarks/augmentation.py [--data-dir DIR] [--rows 8] [--rounds 5]

Both sides read the same sentences and find, for every word that is one piece of the teacher's, the 15 most probable
other words when it is masked. Tokens are those of the masked rows.

* **Batches**: `Augmentation.candidates`: up to 64 masked rows of one length at once, scores of the masked place alone,
  the best few picked; close calls a second time in float64, so that batches do not show in what comes out.
* **One a word**: for each masked word a forward pass of transformers' model, which scores all places, and all scores of
  the word's sorted, as in the authors' data_augmentation.py. Its rows are cut beforehand, untimed, and it reads them
  alone, where theirs reads the unmasked row as well.

Expected on one core: 4 to 4.6 times the tokens a second, about half of it for places that nobody asked to score. About
a minute.
"""

from __future__ import annotations

import re
from itertools import islice

import torch
from common import compare, options, timed, write

from mixvocab.models.pretrained import load_teacher, load_tokenizer
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.rows import GlueRow
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.tasks.augmentation import Augmentation

K = 15


def sentences(documents: list[str], count: int) -> list[GlueRow]:
    """The first sentences of 8 to 40 words, as rows."""
    found = (text.strip() for document in documents for text in re.split(r"(?<=[.!?])\s", document))
    return [GlueRow(text, None, None) for text in islice((s for s in found if 8 <= len(s.split()) <= 40), count)]


def main() -> None:
    chosen = options(__doc__, megabytes=1.0, rows=8, rounds=5)
    corpus = resolve_corpus(data_dir=chosen.data_dir, megabytes=chosen.megabytes)
    source = resolve_teacher(data_dir=chosen.data_dir)
    teacher, tokenizer = load_teacher(source.folder), load_tokenizer(source.folder)
    texts = [row.parts() for row in sentences(list(corpus.documents()), chosen.rows)]
    masked = []  # (ids, place) of each word of one piece, the place masked
    for (parts,) in texts:
        read = tokenizer(parts, is_split_into_words=True)
        words = read.word_ids()
        for at, word in enumerate(words):
            if word is not None and parts[word].isalpha() and words.count(word) == 1:
                ids = torch.tensor([read["input_ids"]])
                ids[0, at] = tokenizer.mask_token_id
                masked.append((ids, at))
    tokens, augmentation = sum(ids.shape[1] for ids, _ in masked), Augmentation(teacher, tokenizer, k=K)

    def ours() -> int:
        augmentation.candidates(texts)
        return tokens

    @torch.no_grad()
    def theirs() -> int:
        for ids, at in masked:
            best = teacher(ids).logits[0, at].argsort(descending=True)[:K]
            tokenizer.convert_ids_to_tokens(best.tolist())
        return tokens

    sides = {"batches": timed(ours), "one a word": timed(theirs)}
    speeds = compare(f"{len(texts)} rows, {len(masked)} words", sides, chosen.rounds)
    record = {"corpus": corpus.source.as_record(), "teacher": source.source.as_record()}
    write(__file__, **record, rows=len(texts), words=len(masked), speeds=speeds)


if __name__ == "__main__":
    main()
