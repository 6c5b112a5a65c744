"""Masks: exact counts, both caps, 80/10/10 within the token's own vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import IGNORED, choose_masks, expected_shares, mask_tokens
from mixvocab.text.words import WordTable


def table(size: int, mask: int) -> WordTable:
    """A vocabulary of `size` pieces whose special ids are mask - 4 ... mask."""
    special = np.arange(mask - 4, mask + 1)
    regular = np.setdiff1d(np.arange(size), special)
    names = dict(zip(("pad", "cls", "sep", "mask"), special[1:].tolist(), strict=True))
    return WordTable(np.zeros(1, np.int64), np.zeros(0, np.int32), **names, special=special, regular=regular)


def expected_counts(maskable: np.ndarray, student: np.ndarray, mixing: MixingSettings) -> np.ndarray:
    """Masks a row must have, from the rule as written: one row, one number."""
    counts = []
    for can, own in zip(maskable, student, strict=True):
        wanted = min(max(1, round(mixing.mask_rate * int(can.sum()))), mixing.max_masks)
        of_teacher, of_student = int((can & ~own).sum()), int((can & own).sum())
        counts.append((wanted, of_student, min(of_teacher, mixing.max_teacher_masks)))
    return np.array(counts)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 200),
    p_sv=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    max_masks=st.integers(0, 25),
    max_teacher_masks=st.integers(0, 25),
)
def test_counts_and_caps_hold_for_any_row(
    seed: int, length: int, p_sv: float, max_masks: int, max_teacher_masks: int
) -> None:
    rng = np.random.default_rng(seed)
    mixing = MixingSettings(max_masks=max_masks, max_teacher_masks=max_teacher_masks)
    maskable, student = rng.random((6, length)) < 0.9, rng.random((6, length)) < p_sv
    chosen = choose_masks(maskable, student, mixing, rng)
    assert not (chosen & ~maskable).any()
    wanted, of_student, of_teacher = expected_counts(maskable, student, mixing).T
    np.testing.assert_array_equal(chosen.sum(1), np.minimum(wanted, of_student + of_teacher))
    assert ((chosen & ~student).sum(1) <= max_teacher_masks).all()


def test_the_papers_numbers_on_rows_of_128() -> None:
    rng = np.random.default_rng(0)
    maskable = np.ones((200, 140), bool)
    chosen = choose_masks(maskable, rng.random((200, 140)) < 0.5, MixingSettings(), rng)
    assert (chosen.sum(1) == 20).all()
    none, every = np.zeros((200, 140), bool), np.ones((200, 140), bool)
    assert (choose_masks(maskable, none, MixingSettings(), rng).sum(1) == 10).all()
    assert (choose_masks(maskable, every, MixingSettings(), rng).sum(1) == 20).all()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"length": 64}, (0.075, 0.075)),
        ({"mask_rate": 0.5, "max_teacher_masks": 5}, (5 / 128, 15 / 128)),
        ({"p_sv": 0.0}, (10 / 128, 0.0)),
        ({"length": 64, "p_sv": 1.0}, (0.0, 0.15)),
    ],
)
def test_expected_shares_are_what_long_batches_have(settings: dict[str, float], expected: tuple[float, float]) -> None:
    mixing = MixingSettings(**settings)
    assert expected_shares(mixing) == pytest.approx(expected)
    rng = np.random.default_rng(0)
    student = rng.random((4000, mixing.length)) < mixing.p_sv
    chosen = choose_masks(np.ones(student.shape, bool), student, mixing, rng)
    assert [(chosen & own).mean() for own in (~student, student)] == pytest.approx(expected, abs=0.01)


def test_a_row_without_tokens_and_a_rate_of_zero_get_no_mask() -> None:
    rng = np.random.default_rng(2)
    nothing, student = np.zeros((3, 10), bool), np.ones((3, 10), bool)
    assert not choose_masks(nothing, student, MixingSettings(), rng).any()
    assert not choose_masks(student, student, MixingSettings(mask_rate=0), rng).any()


def test_replacements_stay_in_the_tokens_own_vocabulary() -> None:
    rng = np.random.default_rng(3)
    teacher, student = table(1000, mask=104), table(50, mask=4)
    own = rng.random((400, 100)) < 0.5
    ids = np.where(own, rng.choice(student.regular, own.shape), rng.choice(teacher.regular, own.shape))
    mixing = MixingSettings(max_masks=90, max_teacher_masks=90)
    masked, labels = mask_tokens(ids, own, np.ones(own.shape, bool), mixing, (teacher, student), rng)
    chosen = labels != IGNORED
    assert (chosen.sum(axis=1) == 15).all()
    np.testing.assert_array_equal(labels[chosen], ids[chosen])
    np.testing.assert_array_equal(masked[~chosen], ids[~chosen])
    for mine, vocabulary in ((own, student), (~own, teacher)):
        here = chosen & mine
        new, old = masked[here], ids[here]
        is_mask, kept = new == vocabulary.mask, new == old
        assert 0.77 < is_mask.mean() < 0.83
        assert 0.08 < kept.mean() < 0.13
        others = new[~is_mask & ~kept]
        assert 0.07 < len(others) / len(new) < 0.12
        assert np.isin(others, vocabulary.regular).all()
        assert len(np.unique(others)) > 0.4 * min(len(others), len(vocabulary.regular))
