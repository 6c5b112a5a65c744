"""The warm start that counts pieces as often as the text uses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mixvocab.models.start import Start, pca_start, piece_frequencies
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore


def table_and_pieces(count: int = 40, wide: int = 12) -> tuple[torch.Tensor, list[list[int]]]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, wide, generator=generator), [[i] for i in range(count)]


def raised(start: Start) -> torch.Tensor:
    return start.embeddings @ start.weight.T + start.bias


def test_equal_weights_are_plain_pca() -> None:
    table, pieces = table_and_pieces()
    plain = pca_start(table, pieces, 4)
    weighted = pca_start(table, pieces, 4, weights=torch.full((len(pieces),), 3.0))
    torch.testing.assert_close(plain.embeddings, weighted.embeddings, atol=1e-5, rtol=1e-4)


def test_pieces_that_count_more_are_kept_more_exactly() -> None:
    table, pieces = table_and_pieces()
    weights = torch.ones(len(pieces))
    weights[:6] = 1000.0
    plain, weighted = pca_start(table, pieces, 5), pca_start(table, pieces, 5, weights=weights)
    error = {name: (raised(start) - table)[:6].square().sum() for name, start in (("p", plain), ("w", weighted))}
    assert error["w"] < 0.05 * error["p"]  # six pieces around their mean span five directions
    assert (raised(weighted) - table)[6:].square().sum() > (raised(plain) - table)[6:].square().sum()


def test_a_spread_changes_the_student_and_not_what_the_teacher_reads() -> None:
    table, pieces = table_and_pieces()
    plain, spread = pca_start(table, pieces, 4), pca_start(table, pieces, 4, std=0.17)
    assert abs(float(spread.embeddings.std()) - 0.17) < 1e-6
    torch.testing.assert_close(raised(plain), raised(spread), atol=1e-5, rtol=1e-4)


def test_frequencies_are_those_of_the_training_words(tmp_path: Path) -> None:
    documents = ["a cat sat", "the cat ran", "a dog sat"] * 20
    vocabulary = learn_vocabulary(count_words(documents), 150)
    store = WordStore.build(documents, tmp_path / "store", vocabulary.tokenizer(), heldout=0.2)
    table = store.table(vocabulary.tokenizer())
    found = piece_frequencies(store, table, len(vocabulary))
    ids = table.segment(np.asarray(store.words("train")))
    assert torch.equal(found, torch.from_numpy(np.bincount(ids, minlength=len(vocabulary)) + 0.5))
    assert len(np.asarray(store.words("heldout")))  # left out
