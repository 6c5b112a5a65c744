"""Learning a vocabulary: ours against Hugging Face's `WordPieceTrainer`, in one run on the same text.

    python benchmarks/vocabulary.py [--data-dir DIR] [--megabytes 80] [--sizes 1000 5000 10000]

Both start from documents in memory. Two peers: the trainer as it comes, which spends up to 1,000 characters, twice
each, on its alphabet, and the trainer held to our alphabet (`limit_alphabet`, `initial_alphabet`), which compresses
best. A vocabulary with fewer characters turns more words into [UNK], one token each, so tokens per word are given
for all words and for the words that both sides can segment.

Expected on two idle cores, 80 MB of Wikipedia: 5,000 pieces in about 15 s including 7 s of counting; 2 to 3 % fewer
tokens per word than the better peer at every size; some four minutes in all.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from mixvocab.common.files import write_json
from mixvocab.sources import resolve_corpus
from mixvocab.text.learner import ascii_pieces, learn_vocabulary
from mixvocab.text.normalise import bert_normalizer
from mixvocab.text.reading import count_words
from mixvocab.text.wordpiece import CONTINUATION, MAX_WORD_CHARACTERS, SPECIAL_PIECES, UNK, Vocabulary
from mixvocab_book.store.provenance import provenance

RESULT = Path(__file__).parent / "results" / "vocabulary.json"
ALPHABET = [piece for piece in ascii_pieces() if not piece.startswith(CONTINUATION)]
PEERS = {
    "Hugging Face, as it comes": {},
    "Hugging Face, our alphabet": {"limit_alphabet": len(ALPHABET), "initial_alphabet": ALPHABET},
}


def train_peer(documents: list[str], size: int, options: Mapping[str, object]) -> tuple[Vocabulary, float]:
    """The peer's vocabulary, which may be larger than asked for, and the seconds it took."""
    started = time.perf_counter()
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK))
    tokenizer.normalizer = bert_normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(SPECIAL_PIECES), show_progress=False, **options
    )
    tokenizer.train_from_iterator(documents, trainer)
    seconds = time.perf_counter() - started
    ids = tokenizer.get_vocab()
    return Vocabulary(tuple(sorted(ids, key=ids.__getitem__)), True, MAX_WORD_CHARACTERS), seconds


def lengths(vocabulary: Vocabulary, counts: Mapping[str, int]) -> dict[str, int]:
    """Tokens of each word type; 0 where it is [UNK]."""
    pieces = {word: vocabulary.segment(word) for word in counts}
    return {word: 0 if found == [UNK] else len(found) for word, found in pieces.items()}


def compare(name: str, size: int, found: Mapping[str, int], ours: Mapping[str, int], counts: Mapping[str, int]) -> dict:
    """One row: tokens per word over all words, and over those that both this vocabulary and ours segment."""
    words = sum(counts.values())
    both = {word: count for word, count in counts.items() if found[word] and ours[word]}
    return {
        "learner": name,
        "pieces": size,
        "tokens_per_word": sum(max(found[word], 1) * count for word, count in counts.items()) / words,
        "unknown_words": sum(count for word, count in counts.items() if not found[word]) / words,
        "tokens_per_shared_word": sum(found[word] * count for word, count in both.items()) / sum(both.values()),
        "ours_per_shared_word": sum(ours[word] * count for word, count in both.items()) / sum(both.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=None, help="data folder; default: MIXVOCAB_DATA")
    parser.add_argument("--corpus", default="auto", help="corpus specification or path (default: auto)")
    parser.add_argument("--megabytes", type=float, default=80, help="how much text (default: 80)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 10_000], help="vocabulary sizes")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="processes that count words")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    options = parser.parse_args()

    corpus = resolve_corpus(options.corpus, data_dir=options.data_dir, megabytes=options.megabytes)
    documents = list(corpus.documents())
    started = time.perf_counter()
    counts = count_words(documents, processes=options.processes)
    counting = time.perf_counter() - started
    print(f"{sum(counts.values()):,} words, {len(counts):,} different, counted in {counting:.1f} s")
    print(f"{'learner':28} {'asked':>6} {'pieces':>7} {'seconds':>8} {'tokens/word':>12} {'[UNK]':>8} {'shared':>8}")

    rows = []
    for asked in options.sizes:
        started = time.perf_counter()
        mine = learn_vocabulary(counts, asked)
        seconds = time.perf_counter() - started + counting
        ours = lengths(mine, counts)
        measured = [({"asked": asked, "seconds": seconds}, compare("ours", len(mine), ours, ours, counts))]
        for name, settings in PEERS.items():
            peer, seconds = train_peer(documents, asked, settings)
            found = lengths(peer, counts)
            measured.append(({"asked": asked, "seconds": seconds}, compare(name, len(peer), found, ours, counts)))
        for asked_for, result in measured:
            row = asked_for | result
            rows.append(row)
            print(
                f"{row['learner']:28} {row['asked']:>6,} {row['pieces']:>7,} {row['seconds']:>8.1f} "
                f"{row['tokens_per_word']:>12.4f} {row['unknown_words']:>8.3%} {row['tokens_per_shared_word']:>8.4f}",
                flush=True,
            )
    write_json(
        options.output,
        {
            "corpus": corpus.source.as_record(),
            "megabytes": options.megabytes,
            "words": sum(counts.values()),
            "word_types": len(counts),
            "counting_seconds": counting,
            "processes": options.processes,
            "rows": rows,
            **provenance(),
        },
    )


if __name__ == "__main__":
    main()
