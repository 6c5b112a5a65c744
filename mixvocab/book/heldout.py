"""How students do on held-out text, beside who guesses by frequency: scores that the store keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mixvocab.book import steps
from mixvocab.distill import guessing, mixed_vocab
from mixvocab.distill.word_scores import word_scores as score_words
from mixvocab.models.start import piece_frequencies
from mixvocab.text.tables import WordTable
from mixvocab.text.whole_words import WordBatch, whole_word_batches
from mixvocab.text.words import WordStore

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter


@dataclass(frozen=True)
class Guess:
    """Scores of who reads nothing and guesses pieces by their frequency: what a student has to beat."""

    masked: float  # nats a piece behind [MASK]
    right: float  # share of the pieces behind [MASK] that are the commonest one
    word: float  # nats a whole hidden word


def guess(chapter: Chapter) -> Guess:
    """The guess on the held-out rows that students are scored on."""
    (stored, store), (known, vocab) = steps.word_store(chapter), steps.vocabulary(chapter)

    def score() -> Guess:
        table = steps.student_table(chapter)
        frequencies = piece_frequencies(store, table, len(vocab)).numpy()
        rows = mixed_vocab.heldout_rows(
            steps.mixer(chapter, student_only=True), chapter.profile.stage_two.heldout_batches
        )
        nats, hidden = guessing.guess_words(frequencies, _whole_words(store, table)).sum(axis=0)
        return Guess(**guessing.guess_pieces(frequencies, rows, table.mask), word=float(nats / hidden))

    settings = f"{steps.student_mixing(chapter)} {chapter.profile.stage_two.heldout_batches}"
    return chapter.once(f"guess {stored.key} {known.key} {settings}", score)


def word_scores(chapter: Chapter, student: steps.Student) -> np.ndarray:
    """Summed -log p of every row's masked words and their number, (rows, 2); the rows are the same for all students."""
    stored, store = steps.word_store(chapter)

    def make(folder: Path) -> None:
        scores = score_words(student.model(), _whole_words(store, steps.student_table(chapter)))
        save_file({"scores": torch.from_numpy(scores).contiguous()}, folder / "scores.safetensors")

    made = chapter.store.get(
        "word-scores",
        {"seed": mixed_vocab.HELDOUT_SEED},
        [student.artefact, stored],
        make,
        [whole_word_batches, score_words],
    )
    return load_file(made.path / "scores.safetensors")["scores"].numpy()


def word_nats(chapter: Chapter, student: steps.Student) -> float:
    """Nats a whole hidden word."""
    nats, hidden = word_scores(chapter, student).sum(axis=0)
    return float(nats / hidden)


def _whole_words(store: WordStore, table: WordTable) -> Iterator[WordBatch]:
    return whole_word_batches(store, table, rng=np.random.default_rng(mixed_vocab.HELDOUT_SEED))
