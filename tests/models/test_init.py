"""Random and PCA inits of the student's embeddings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.models.init import (
    EmbeddingInit,
    aligned_share,
    copied_vectors,
    nearest,
    pca_init,
    piece_frequencies,
    random_init,
    shared_pieces,
    sinusoidal_positions,
    sparsemax,
    teacher_pieces,
)
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore

SPECIALS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def wordpiece(*pieces: str) -> PreTrainedTokenizerFast:
    vocab = {piece: i for i, piece in enumerate([*SPECIALS.values(), *pieces])}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordPiece(vocab, unk_token="[UNK]")), **SPECIALS)


def raised(init: EmbeddingInit) -> torch.Tensor:
    return init.embeddings @ init.weight.T + init.bias


def vectors(count: int = 40, wide: int = 12) -> torch.Tensor:
    return torch.randn(count, wide, generator=torch.Generator().manual_seed(5))


def test_pca_of_full_width_gives_the_teacher_back() -> None:
    table = vectors()
    init = pca_init(table[:30], width=12)
    torch.testing.assert_close(raised(init), table[:30], atol=1e-5, rtol=1e-5)
    spread = pca_init(table, width=4).embeddings.std(dim=0)
    assert torch.equal(spread, spread.sort(descending=True).values)  # the first direction keeps most


def test_a_missing_piece_is_the_mean_of_the_teachers_pieces() -> None:
    table = vectors(6, 4)
    init = pca_init(copied_vectors(table, [[0], [1], [2], [3], [4, 5]]), width=4)
    torch.testing.assert_close(raised(init)[4], table[[4, 5]].mean(dim=0), atol=1e-5, rtol=1e-5)


def test_equal_weights_are_plain_pca() -> None:
    table = vectors()
    plain = pca_init(table, 4)
    weighted = pca_init(table, 4, weights=torch.full((len(table),), 3.0))
    torch.testing.assert_close(plain.embeddings, weighted.embeddings, atol=1e-5, rtol=1e-4)


def test_pieces_that_count_more_are_kept_more_exactly() -> None:
    table = vectors()
    weights = torch.ones(len(table))
    weights[:6] = 1000.0
    plain, weighted = pca_init(table, 5), pca_init(table, 5, weights=weights)
    error = {name: (raised(init) - table)[:6].square().sum() for name, init in (("p", plain), ("w", weighted))}
    assert error["w"] < 0.05 * error["p"]  # six pieces around their mean span five directions
    assert (raised(weighted) - table)[6:].square().sum() > (raised(plain) - table)[6:].square().sum()


def test_a_spread_changes_the_student_and_not_what_the_teacher_reads() -> None:
    table = vectors()
    plain, spread = pca_init(table, 4), pca_init(table, 4, std=0.17)
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


def test_continuation_pieces_stay_continuations() -> None:
    teacher = wordpiece("in", "##in", "##g", "ing", "un")
    student = wordpiece("ing", "##ing", "un", "##zz")
    found = dict(
        zip(student.convert_ids_to_tokens(list(range(len(student)))), teacher_pieces(student, teacher), strict=True)
    )
    ids = teacher.get_vocab()
    assert found["ing"] == [ids["ing"]]
    assert found["##ing"] == [ids["##in"], ids["##g"]]
    assert found["##zz"] == [ids["[UNK]"]]
    assert found["[MASK]"] == [ids["[MASK]"]]


def test_random_init_follows_its_generator_and_nothing_else() -> None:
    first = random_init(10, 4, 8, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(99)
    again = random_init(10, 4, 8, generator=torch.Generator().manual_seed(3))
    other = random_init(10, 4, 8, generator=torch.Generator().manual_seed(4))
    assert torch.equal(first.embeddings, again.embeddings)
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.embeddings, other.embeddings)


def test_shared_pieces_are_the_same_text_in_the_same_place_of_a_word() -> None:
    student, teacher = wordpiece("ing", "##un", "zz", "un"), wordpiece("un", "##ing", "ing", "##x")
    mine, theirs = student.get_vocab(), teacher.get_vocab()
    named = {
        (student.convert_ids_to_tokens(a), teacher.convert_ids_to_tokens(b))
        for a, b in shared_pieces(student, teacher).tolist()
    }
    assert named == {(piece, piece) for piece in (*SPECIALS.values(), "ing", "un")}
    assert [mine["un"], theirs["un"]] in shared_pieces(student, teacher).tolist()


def test_pieces_are_shared_with_word_piece_teachers_alone() -> None:
    with pytest.raises(UserError, match="shared with a WordPiece"):
        shared_pieces(wordpiece("##ing"), wordpiece("ing"))


@pytest.mark.parametrize("width", [16, 96])
def test_sinusoidal_positions_tell_distances_and_have_the_spread_asked_for(width: int) -> None:
    table = sinusoidal_positions(64, width, 0.09, generator=torch.Generator().manual_seed(3))
    assert table.shape == (64, width)
    assert float(table.square().mean().sqrt()) == pytest.approx(0.09, rel=1e-5)
    products = table @ table.T
    for distance in (0, 1, 5, 20):  # the product of two rows depends on their distance alone
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-6)
    near, far = products.diagonal(1)[0], products.diagonal(20)[0]
    assert products[0, 0] > near > far
    again = sinusoidal_positions(64, width, 0.09, generator=torch.Generator().manual_seed(3))
    other = sinusoidal_positions(64, width, 0.09, generator=torch.Generator().manual_seed(4))
    assert torch.equal(table, again)
    assert not torch.allclose(table, other)
    torch.testing.assert_close(other @ other.T, products, rtol=1e-4, atol=1e-6)  # a rotation changes no product


def test_sinusoids_are_turned_away_from_the_axes() -> None:
    table = sinusoidal_positions(512, 96, 1.0, generator=torch.Generator().manual_seed(0))
    spreads = table.std(dim=0)
    assert float(spreads.max() / spreads.min()) < 3  # unturned, the slowest wave hardly moves over 512 places


def test_nearest_is_by_direction_not_by_length() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    found = nearest(torch.tensor([[9.0, 1.0], [0.1, 0.2]]), table, k=2)
    assert found.tolist() == [[0, 1], [1, 0]]


def test_aligned_share_counts_only_pieces_the_teacher_has() -> None:
    neighbours = torch.tensor([[3, 1], [4, 2], [5, 0]])
    assert aligned_share(neighbours, [[3], [9], [5, 6]]) == 0.5


def test_sparsemax_is_the_nearest_distribution() -> None:
    scores = torch.randn(20, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores[0] = 0.0
    low, high = scores.min(dim=1, keepdim=True).values - 1, scores.max(dim=1, keepdim=True).values
    for _ in range(60):  # the projection is max(z - t, 0) for the t by which it sums to one
        middle = (low + high) / 2
        much = (scores - middle).clamp(min=0).sum(dim=1, keepdim=True) > 1
        low, high = torch.where(much, middle, low), torch.where(much, high, middle)
    found = sparsemax(scores)
    torch.testing.assert_close(found, (scores - low).clamp(min=0))
    assert (found == 0).any()
    assert (found > 0).sum(dim=1).max() > 1
