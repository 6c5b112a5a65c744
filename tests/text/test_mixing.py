"""Mixed batches: exact at both ends, whole words, caps, nothing but the generator decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import SPAN, Batch, Mixer, by_span
from mixvocab.text.words import WordStore, WordTable, ranges

Get = Callable[[str], PreTrainedTokenizerFast]
Material = tuple[WordStore, WordTable, WordTable]


@pytest.fixture(scope="module")
def material(prose: list[str], tokenizers: Get, tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A store with its student's and teacher's tables."""
    store = WordStore.build(prose, tmp_path_factory.mktemp("mixing") / "store", tokenizers("student"), heldout=0.02)
    return store, store.table(tokenizers("student")), store.table(tokenizers("uncased"))


def mixer(material: Material, **options: object) -> Mixer:
    return Mixer(*material, MixingSettings(**{"length": 64, **options}))


def unmasked(material: Material, **options: object) -> Mixer:
    return mixer(material, mask_rate=0, **options)


def row_ids(batch: Batch, row: int) -> list[int]:
    return batch.ids[row, batch.attention[row]].tolist()


@pytest.mark.parametrize(("p_sv", "kind"), [(0.0, "uncased"), (1.0, "student")])
def test_at_either_end_rows_are_the_tokenizers_own(p_sv: float, kind: str, material: Material, tokenizers: Get) -> None:
    store, tokenizer = material[0], tokenizers(kind)
    maker, rng = unmasked(material, p_sv=p_sv), np.random.default_rng(0)
    words = maker._windows(store.words("train"), rng.integers(len(store.words("train")) - 62, size=500))
    batch = maker._masked(words, np.full(words.shape, bool(p_sv)), rng)
    assert (batch.student == (p_sv == 1)).all()
    for row in range(len(words)):
        text = " ".join(store.types[word] for word in words[row, 1:-1])
        expected = tokenizer(text, split_special_tokens=True).input_ids
        got = row_ids(batch, row)
        assert got[0] == tokenizer.cls_token_id
        assert got[-1] == tokenizer.sep_token_id
        assert got[1:-1] == expected[: len(got) - 2]
        assert (batch.ids[row, len(got) :] == tokenizer.pad_token_id).all()


def test_a_mixed_row_reads_word_by_word_and_is_full(material: Material) -> None:
    store, student, teacher = material
    maker, rng = unmasked(material, p_sv=0.4), np.random.default_rng(2)
    words = maker._windows(store.words("train"), rng.integers(len(store.words("train")) - 62, size=300))
    choice = rng.random(words.shape) < 0.4
    batch = maker._masked(words, choice, rng)
    for row in range(300):
        ids, flags, length = [], [], 0
        for word, own in zip(words[row, 1:-1].tolist(), choice[row, 1:-1].tolist(), strict=True):
            pieces = (student if own else teacher).segment(np.array([word])).tolist()
            if length + len(pieces) > 62:
                break
            ids += pieces
            flags += [own] * len(pieces)
            length += len(pieces)
        first, last = ((student if choice[row, end] else teacher) for end in (0, -1))
        assert row_ids(batch, row) == [first.cls, *ids, last.sep]
        seen = batch.student[row, batch.attention[row]].tolist()
        assert seen == [choice[row, 0], *flags, choice[row, -1]]
        assert (batch.student[row, ~batch.attention[row]] == choice[row, -1]).all()


def test_the_places_of_words_are_told(material: Material) -> None:
    store, student, teacher = material
    text, starts = store.words("train"), np.array([0, 7, 100, 1000])
    batch, places = unmasked(material).rows_at(starts, np.random.default_rng(0))
    for row, start in enumerate(starts):
        assert places[row].max() > 20
        for place in range(places[row].max() + 1):
            inside = places[row] == place
            table = student if batch.student[row, inside].all() else teacher
            assert batch.ids[row, inside].tolist() == table.segment(text[start + place, None]).tolist()
        specials = np.flatnonzero(places[row] == -1)
        assert specials.tolist() == [0, *range(batch.attention[row].sum() - 1, 64)]


def test_the_same_words_are_read_twice_and_no_others(material: Material) -> None:
    store, student, teacher = material
    text, starts = store.words("train"), np.arange(0, 5000, 100)
    batch, places = unmasked(material).read_twice(text, starts, np.random.default_rng(0))
    assert (batch.student == (np.arange(100) % 2 == 1)[:, None]).all()
    for number, start in enumerate(starts):
        both = slice(2 * number, 2 * number + 2)
        held = places[both].max() + 1
        words = [table.segment(text[start : start + held]).tolist() for table in (teacher, student)]
        for row, table, ids in zip((2 * number, 2 * number + 1), (teacher, student), words, strict=True):
            assert row_ids(batch, row) == [table.cls, *ids, table.sep]
            assert set(places[row]) == {-1, *range(held)}
        one_more = [table.segment(text[start : start + held + 1]) for table in (teacher, student)]
        assert max(map(len, one_more)) > 62


def test_read_twice_and_mixed_the_teachers_rows_have_words_of_both(material: Material) -> None:
    store, student, teacher = material
    text, starts = store.words("train"), np.arange(0, 5000, 100)
    batch, places = unmasked(material).read_twice(text, starts, np.random.default_rng(0), mixed=True)
    assert batch.student[1::2].all()
    assert 0.4 < batch.student[::2].mean() < 0.7
    assert (places[::2].max(axis=1) == places[1::2].max(axis=1)).all()
    for number, start in enumerate(starts):
        for place in range(places[2 * number].max() + 1):
            inside = places[2 * number] == place
            table = student if batch.student[2 * number, inside].all() else teacher
            assert batch.ids[2 * number, inside].tolist() == table.segment(text[start + place, None]).tolist()


def test_at_the_end_of_a_text_rows_are_short(material: Material) -> None:
    words = material[0].words("heldout")
    _, places = unmasked(material).read_twice(words, np.array([len(words) - 3]), np.random.default_rng(0))
    assert places.max(axis=1).tolist() == [2, 2]


def test_masks_keep_the_papers_caps(material: Material) -> None:
    maker = mixer(material, length=128)
    batch = maker.batch(200, np.random.default_rng(3))
    chosen = batch.labels != IGNORED
    assert chosen.sum(1).max() == 19
    assert (chosen & ~batch.student).sum(1).max() == 10
    tokens = batch.attention.sum(1) - 2
    assert (chosen.sum(1) <= np.rint(0.15 * tokens)).all()
    assert (chosen.sum(1) == np.rint(0.15 * tokens)).mean() > 0.9


def test_special_tokens_are_never_masked(material: Material) -> None:
    maker = mixer(material, mask_rate=1, max_masks=100, max_teacher_masks=100)
    batch = maker.batch(100, np.random.default_rng(4))
    for mine, vocabulary in ((batch.student, material[1]), (~batch.student, material[2])):
        labels = batch.labels[mine & (batch.labels != IGNORED)]
        assert not np.isin(labels, vocabulary.special).any()
        left = batch.ids[mine & (batch.labels == IGNORED)]
        assert np.isin(left, vocabulary.special).all()


def test_same_seed_same_batch_whatever_the_global_state(material: Material) -> None:
    batches = []
    for disturbance in (1, 2):
        np.random.seed(disturbance)  # noqa: NPY002 - the global state must not matter
        batches.append(mixer(material).batch(16, np.random.default_rng(6)))
    for name in ("ids", "student", "labels", "attention"):
        np.testing.assert_array_equal(getattr(batches[0], name), getattr(batches[1], name))
    other = mixer(material).batch(16, np.random.default_rng(7))
    assert (other.ids != batches[0].ids).any()


def test_words_are_counted_as_rows_hold_them(material: Material) -> None:
    store, student, _ = material
    maker = unmasked(material, p_sv=1.0)
    counted = maker.words_in_rows(32, np.random.default_rng(5))
    batch = maker.batch(32, np.random.default_rng(5))
    starts = np.random.default_rng(5).integers(len(store.words("train")) - 62 + 1, size=32)
    for row, (start, number) in enumerate(zip(starts.tolist(), counted.tolist(), strict=True)):
        words = store.words("train")[start : start + number]
        assert student.segment(words).tolist() == row_ids(batch, row)[1:-1]


def test_heldout_rows_follow_one_another_to_the_end(material: Material) -> None:
    store, student, teacher = material
    maker = unmasked(material)
    batches = list(maker.heldout_batches(8, 10_000, np.random.default_rng(8)))
    assert {len(batch.ids) for batch in batches[:-1]} == {8}
    assert 1 <= len(batches[-1].ids) <= 8
    words, at = np.asarray(store.words("heldout")), 0
    tables, last = (teacher, student), 0
    for batch in batches:
        for row in range(len(batch.ids)):
            ids, own = row_ids(batch, row)[1:-1], batch.student[row, batch.attention[row]][1:-1]
            while ids:
                pieces = tables[int(own[0])].segment(words[at : at + 1]).tolist()
                assert ids[: len(pieces)] == pieces
                ids, own, at = ids[len(pieces) :], own[len(pieces) :], at + 1
            assert at > last
            last = at
    assert at == len(words)


def test_heldout_rows_and_masks_repeat_with_the_seed(material: Material) -> None:
    once, again = (list(mixer(material, p_sv=1).heldout_batches(4, 3, np.random.default_rng(9))) for _ in range(2))
    assert len(once) == 3
    for one, two in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.ids, two.ids)
        np.testing.assert_array_equal(one.labels, two.labels)


def test_a_word_longer_than_the_row_is_cut_and_passed(tokenizers: Get, tmp_path: Path) -> None:
    texts = ["q" * 90 + " short " + "z" * 80, "j" * 95]
    store = WordStore.build(texts, tmp_path / "store", tokenizers("student"), heldout=0.4)
    table = store.table(tokenizers("student"))
    assert table.lengths.max() > 30
    maker = Mixer(store, table, None, MixingSettings(length=16))
    batch = maker.batch(20, np.random.default_rng(0))
    assert (batch.attention.sum(1) >= 3).all()
    assert batch.attention.all(1).any()  # the long word fills its row
    heldout = list(maker.heldout_batches(2, 50, np.random.default_rng(0)))
    assert sum(len(batch.ids) for batch in heldout) == len(store.words("heldout"))
    assert all((batch.labels != IGNORED).any(1).all() for batch in heldout)


@pytest.mark.parametrize("unit", ["word", "span", "sequence"])
def test_without_a_teacher_everything_is_the_students(unit: str, material: Material) -> None:
    store, student, _ = material
    batch = Mixer(store, student, None, MixingSettings(length=32, unit=unit)).batch(16, np.random.default_rng(1))
    assert batch.student.all()
    full = mixer(material, p_sv=1.0, length=32).batch(16, np.random.default_rng(1))
    np.testing.assert_array_equal(batch.ids, full.ids)
    np.testing.assert_array_equal(batch.labels, full.labels)


def test_whole_sequences_can_be_mixed_instead(material: Material) -> None:
    batch = mixer(material, unit="sequence").batch(64, np.random.default_rng(0))
    assert (batch.student.all(1) | (~batch.student).all(1)).all()
    assert 10 < batch.student[:, 0].sum() < 54


def test_runs_are_geometric_and_keep_the_share() -> None:
    # At p_sv = 1/2 neighbouring words agree if no run begins between them, or one does and draws the same again.
    drawn = by_span(np.random.default_rng(0), (2000, 128), 0.5)
    same = (drawn[:, 1:] == drawn[:, :-1]).mean()
    assert same == pytest.approx(1 - 0.5 / SPAN, abs=0.005)
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn[:, 0].mean() == pytest.approx(0.5, abs=0.05)
    rare = by_span(np.random.default_rng(1), (2000, 128), 0.1)
    assert rare.mean() == pytest.approx(0.1, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=20))
def test_ranges_is_the_loop_it_stands_for(pairs: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array(column, np.int64) for column in (zip(*pairs, strict=True) if pairs else ([], [])))
    expected = [start + step for start, length in pairs for step in range(length)]
    assert ranges(starts, lengths).tolist() == expected
