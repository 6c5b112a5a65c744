"""Words with their vectors, and which of them are near one: of a model's pieces, or of a GloVe file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixvocab.common.errors import UserError

GLOVE_WORDS = 100_000  # that are read, as TinyBERT's authors do: the commonest


class WordVectors:
    """Words and their vectors (N, D), of which cosines are taken."""

    def __init__(self, words: Sequence[str], vectors: Tensor) -> None:
        self._words, self._vectors = list(words), F.normalize(vectors.float(), dim=1)
        self._numbers = {word: number for number, word in enumerate(self._words)}

    def nearest(self, vector: Tensor, k: int) -> list[str]:
        """The k words nearest to a vector (D,), the nearest first; of equals the one that comes first."""
        order = (self._vectors @ vector.float()).sort(descending=True, stable=True).indices
        return [self._words[i] for i in order[:k].tolist()]

    def neighbours(self, word: str, k: int) -> list[str]:
        """The k words nearest to one of them, without it; none for a word that is not among them."""
        if word not in self._numbers:
            return []
        return [near for near in self.nearest(self._vectors[self._numbers[word]], k + 1) if near != word][:k]


def read_glove(path: Path) -> WordVectors:
    """The words of letters among the commonest of a GloVe text file (Pennington, Socher and Manning 2014).

    Raises UserError for a file that cannot be read, and for a line that is not a word and as many numbers as before.
    """
    words, vectors, width, line_number = [], [], 0, 0
    try:
        with path.open("rb") as file:
            for line in islice(file, GLOVE_WORDS):
                line_number += 1
                word, *values = line.decode().rstrip().split(" ")
                vector = np.array(values, dtype=np.float32)
                width = width or len(vector)
                if not width or len(vector) != width or not np.isfinite(vector).all():
                    raise ValueError
                if word.isalpha():
                    words.append(word)
                    vectors.append(vector)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name a GloVe text file") from None
    except ValueError:
        expected = f"{width} numbers" if width else "its numbers"
        raise UserError(f"{path}: line {line_number} is not a word and {expected}: name a GloVe text file") from None
    if not words:
        raise UserError(f"{path} holds no word of letters: name a GloVe text file")
    return WordVectors(words, torch.from_numpy(np.stack(vectors)))
