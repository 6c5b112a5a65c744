"""Learning a vocabulary: ours against Hugging Face's `WordPieceTrainer`, in one run on the same text.

    python benchmarks/vocabulary.py [--data-dir DIR] [--megabytes 80]

Both start from documents in memory. Two peers: the trainer as it comes, which spends up to 1,000 characters, twice
each, on its alphabet, and the trainer held to our alphabet (`limit_alphabet`, `initial_alphabet`), which compresses
best. A vocabulary with fewer characters turns more words into [UNK], one token each, so tokens per word are given
for all words and for the words that both sides can segment.

Expected on two idle cores, 80 MB of Wikipedia: 5,000 pieces in about 20 s including 7 s of counting; 2 to 3% fewer
tokens per word than the better peer at every size; some four minutes in all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from common import options, write
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from mixvocab.sources.corpus import resolve_corpus
from mixvocab.text.learner import ascii_pieces, learn_vocabulary
from mixvocab.text.reading import bert_normalizer, count_words
from mixvocab.text.wordpiece import CONTINUATION, MAX_WORD_CHARACTERS, SPECIAL_PIECES, UNK, Vocabulary

SIZES = (1000, 5000, 10_000)
ALPHABET = [piece for piece in ascii_pieces() if not piece.startswith(CONTINUATION)]
PEERS = {
    "Hugging Face, as it comes": {},
    "Hugging Face, our alphabet": {"limit_alphabet": len(ALPHABET), "initial_alphabet": ALPHABET},
}


def train_peer(documents: list[str], size: int, **settings: Any) -> Vocabulary:
    """The peer's vocabulary, which may be larger than asked for."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK))
    tokenizer.normalizer = bert_normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = list(SPECIAL_PIECES)
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False, **settings)
    tokenizer.train_from_iterator(documents, trainer)
    ids = tokenizer.get_vocab()
    return Vocabulary(tuple(sorted(ids, key=ids.__getitem__)), True, MAX_WORD_CHARACTERS)


def tokens(vocabulary: Vocabulary, counts: Mapping[str, int]) -> dict[str, int]:
    """Tokens of each word type; 0 where it is [UNK]."""
    pieces = {word: vocabulary.segment(word) for word in counts}
    return {word: 0 if cut == [UNK] else len(cut) for word, cut in pieces.items()}


def main() -> None:
    chosen = options(__doc__, megabytes=80.0)
    corpus = resolve_corpus(data_dir=chosen.data_dir, megabytes=chosen.megabytes)
    documents = list(corpus.documents())
    started = time.perf_counter()
    counts = count_words(documents, processes=os.cpu_count() or 1)
    counting = time.perf_counter() - started
    words = sum(counts.values())
    learners = {name: partial(train_peer, documents, **settings) for name, settings in PEERS.items()}
    rows = []
    for size in SIZES:
        our_tokens: dict[str, int] = {}
        for name, learn in {"ours": partial(learn_vocabulary, counts), **learners}.items():
            started = time.perf_counter()
            vocabulary = learn(size)
            seconds = time.perf_counter() - started + (counting if name == "ours" else 0)
            lengths = tokens(vocabulary, counts)
            our_tokens = our_tokens or lengths
            both = {word: count for word, count in counts.items() if lengths[word] and our_tokens[word]}
            shared = sum(both.values())
            row = {
                "learner": name,
                "pieces": len(vocabulary),
                "seconds": seconds,
                "tokens_per_word": sum(max(lengths[word], 1) * count for word, count in counts.items()) / words,
                "unknown_words": sum(count for word, count in counts.items() if not lengths[word]) / words,
                "tokens_per_shared_word": sum(lengths[word] * count for word, count in both.items()) / shared,
                "ours_per_shared_word": sum(our_tokens[word] * count for word, count in both.items()) / shared,
            }
            rows.append({"asked": size} | row)
            print(
                *(f"{value:,.4g}" if isinstance(value, float) else value for value in row.values()),
                sep="  ",
                flush=True,
            )
    write(__file__, corpus=corpus.source.as_record(), megabytes=chosen.megabytes, words=words, rows=rows)


if __name__ == "__main__":
    main()
