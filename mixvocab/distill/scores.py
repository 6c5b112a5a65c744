"""What students are scored by, as steps: whole hidden words, and the guess by frequency."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mixvocab.common.files import write_json
from mixvocab.common.store import Step, Store
from mixvocab.distill import mixed_vocab
from mixvocab.distill.data import Rows, VocabularyStep
from mixvocab.distill.steps import StudentStep
from mixvocab.evaluate.word_scores import guess_pieces, guess_words, whole_word_batches, word_scores
from mixvocab.models.init import piece_frequencies
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Batch
from mixvocab.text.words import WordStore, WordTable


@dataclass(frozen=True)
class WordScores(Step[np.ndarray]):
    """Summed -log p of each held-out row's masked words and their number, (rows, 2): the same rows for all."""

    name, room = "word-scores", "distill"

    student: StudentStep

    def make(self, folder: Path, store: Store) -> None:
        rows, rng = self.student.rows, np.random.default_rng(mixed_vocab.HELDOUT_SEED)
        words = whole_word_batches(store.get(rows), rows.student_table(self.student.vocabulary, store), rng=rng)
        scores = torch.from_numpy(word_scores(store.get(self.student).model(), words))
        save_file({"scores": scores.contiguous()}, folder / "scores.safetensors")

    def load(self, folder: Path, store: Store) -> np.ndarray:
        """(rows, 2) float64."""
        return load_file(folder / "scores.safetensors")["scores"].numpy()


@dataclass(frozen=True)
class Guess:
    """Scores of who reads nothing and guesses pieces by their frequency: what a student has to beat."""

    masked: float  # nats a piece behind [MASK]
    right: float  # share of the pieces behind [MASK] that are the commonest one
    word: float  # nats a whole hidden word


def frequency_guess(words: WordStore, table: WordTable, pieces: int, heldout: list[Batch]) -> Guess:
    """The guess of who knows how often the training text uses each of a vocabulary's `pieces`, on held-out batches."""
    frequencies = piece_frequencies(words, table, pieces).numpy()
    hidden = whole_word_batches(words, table, rng=np.random.default_rng(mixed_vocab.HELDOUT_SEED))
    nats, count = guess_words(frequencies, hidden).sum(axis=0)
    return Guess(**guess_pieces(frequencies, heldout, table.mask), word=float(nats / count))


@dataclass(frozen=True)
class FrequencyGuess(Step[Guess]):
    """The guess on the held-out rows that students are scored on."""

    name, room = "guess", "distill"

    vocabulary: VocabularyStep
    rows: Rows
    mixing: MixingSettings
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        table, pieces = self.rows.student_table(self.vocabulary, store), len(store.get(self.vocabulary))
        mixer = self.rows.mixer(self.vocabulary, self.mixing, store, mixed=False)
        heldout = mixed_vocab.heldout_rows(mixer, self.heldout_batches)
        guess = frequency_guess(store.get(self.rows), table, pieces, heldout)
        write_json(folder / "guess.json", asdict(guess))

    def load(self, folder: Path, store: Store) -> Guess:
        return Guess(**json.loads((folder / "guess.json").read_text(encoding="utf-8")))
