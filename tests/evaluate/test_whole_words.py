"""Whole masked words: the same for every vocabulary."""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.evaluate import word_scores
from mixvocab.evaluate.word_scores import WordBatch, whole_word_batches
from mixvocab.text.learner import learn_vocabularies
from mixvocab.text.masking import IGNORED
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore

PROSE = [paragraph for topic in sorted(topics) for paragraph in topics[topic].split("\n\n\n")]
Tokenizers = dict[str, PreTrainedTokenizerFast]


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    """Of a small vocabulary and a large one."""
    small, large = learn_vocabularies(count_words(PROSE[:60]), [400, 1500]).values()
    return {"small": small.tokenizer(), "large": large.tokenizer()}


@pytest.fixture(scope="module")
def store(tokenizers: Tokenizers, tmp_path_factory: pytest.TempPathFactory) -> WordStore:
    return WordStore.build(PROSE, tmp_path_factory.mktemp("words") / "store", tokenizers["small"], heldout=0.1)


def hidden_words(store: WordStore, tokenizer: PreTrainedTokenizerFast, **options: int) -> list[WordBatch]:
    rng = np.random.default_rng(7)
    return list(whole_word_batches(store, store.table(tokenizer), rng=rng, **({"words": 12, "rows": 100} | options)))


def read(batch: WordBatch, row: int, tokenizer: PreTrainedTokenizerFast) -> tuple[list[str], list[str]]:
    """The words of a row, and those of its words that are masked, from ids and labels alone."""
    labels = batch.labels[row, batch.attention[row]]
    ids = np.where(labels == IGNORED, batch.ids[row, batch.attention[row]], labels)
    pieces = tokenizer.convert_ids_to_tokens(ids.tolist())[1:-1]
    begins = [not piece.startswith("##") for piece in pieces]
    number = np.cumsum(begins) - 1
    words, hidden = [""] * (number[-1] + 1), [set() for _ in range(number[-1] + 1)]
    for at, piece in enumerate(pieces):
        words[number[at]] += piece.removeprefix("##")
        hidden[number[at]].add(labels[at + 1] != IGNORED)
    assert all(len(each) == 1 for each in hidden)  # a word is masked with all its pieces or not at all
    return words, [word for word, each in zip(words, hidden, strict=True) if each == {True}]


def test_every_vocabulary_gets_the_same_words_with_the_same_ones_masked(
    store: WordStore, tokenizers: Tokenizers
) -> None:
    read_rows = [
        [read(batch, row, each) for batch in hidden_words(store, each) for row in range(len(batch.ids))]
        for each in tokenizers.values()
    ]
    assert [len(rows) for rows in read_rows] == [100, 100]
    for (small, small_masked), (large, large_masked) in zip(*read_rows, strict=True):
        assert len(small) == len(large) == 12
        assert small_masked == large_masked  # in plain letters both spell them; the rest may hold an [UNK]
        assert len(small_masked) == 4
        assert "[UNK]" not in small_masked
        assert all(a == b or "[UNK]" in (a, b) for a, b in zip(small, large, strict=True))
    lengths = [
        sum((batch.labels != IGNORED).sum() for batch in hidden_words(store, each)) for each in tokenizers.values()
    ]
    assert lengths[0] > 1.2 * lengths[1]  # or one vocabulary would be tested against itself


def test_rows_are_whole_and_masked_by_the_mask_piece_alone(store: WordStore, tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers["small"]
    made = hidden_words(store, tokenizer, batch=16)
    assert [len(batch.ids) for batch in made] == [16] * 6 + [4]
    for batch in made:
        last = batch.attention.sum(axis=1) - 1
        assert (batch.ids[:, 0] == tokenizer.cls_token_id).all()
        assert (batch.ids[np.arange(len(last)), last] == tokenizer.sep_token_id).all()
        assert batch.ids.shape[1] == last.max() + 1
        assert (batch.ids[~batch.attention] == tokenizer.pad_token_id).all()
        assert ((batch.ids == tokenizer.mask_token_id) == (batch.labels != IGNORED)).all()
        assert (batch.masked_words == 4).all()


def test_rows_come_from_the_heldout_text_none_twice(store: WordStore, tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers["large"]
    heldout = [store.types[number] for number in np.asarray(store.words("heldout"))]
    blocks = [heldout[at : at + 12] for at in range(0, len(heldout) - 11, 12)]
    at = -1
    for batch in hidden_words(store, tokenizer, rows=10_000):
        for row in range(len(batch.ids)):
            words = read(batch, row, tokenizer)[0]
            at = next(
                place
                for place in range(at + 1, len(blocks))
                if all(got in (word, "[UNK]") for got, word in zip(words, blocks[place], strict=True))
            )
    assert at > 50


def test_same_seed_same_bytes_and_another_seed_other_words(store: WordStore, tokenizers: Tokenizers) -> None:
    table = store.table(tokenizers["small"])
    first, again, other = (
        next(whole_word_batches(store, table, rng=np.random.default_rng(seed), words=12)) for seed in (1, 1, 2)
    )
    assert first.ids.tobytes() == again.ids.tobytes()
    assert first.ids.tobytes() != other.ids.tobytes()


def test_no_row_outgrows_the_model(tmp_path: Path, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'z' * 60} plain words stand in row {n} here" for n in range(8)] + [
        f"all of these are short in row {n}" for n in range(8)
    ]
    store = WordStore.build(texts, tmp_path / "store", tokenizers["small"], heldout=0.9)
    options = {"words": 8, "masked": 2}
    free = hidden_words(store, tokenizers["small"], **options)
    monkeypatch.setattr(word_scores, "POSITIONS", 40)
    tight = hidden_words(store, tokenizers["small"], **options)
    assert max(batch.ids.shape[1] for batch in free) > 40
    assert 0 < max(batch.ids.shape[1] for batch in tight) <= 40


def test_too_little_heldout_text_is_an_error(tokenizers: Tokenizers, tmp_path: Path) -> None:
    store = WordStore.build(["a few words", "only these"], tmp_path / "store", tokenizers["small"], heldout=0)
    with pytest.raises(UserError, match="larger heldout"):
        next(whole_word_batches(store, store.table(tokenizers["small"]), rng=np.random.default_rng(0)))


def test_a_masked_token_knows_its_place_in_its_word(store: WordStore, tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers["small"]
    deepest = 0
    for batch in hidden_words(store, tokenizer):
        assert ((batch.place >= 0) == (batch.labels != IGNORED)).all()
        for row, column in zip(*np.nonzero(batch.place >= 0), strict=True):
            piece = tokenizer.convert_ids_to_tokens(int(batch.labels[row, column]))
            place = int(batch.place[row, column])
            assert piece.startswith("##") == (place > 0)
            assert place == 0 or batch.place[row, column - 1] == place - 1
            deepest = max(deepest, place)
    assert deepest > 1
