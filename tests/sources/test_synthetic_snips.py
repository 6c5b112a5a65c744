from collections import Counter, defaultdict

import numpy as np
import pytest
from seqeval.metrics import f1_score
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from mixvocab.sources import synthetic
from mixvocab.sources.rows import Sizes
from mixvocab.sources.snips import resolve_snips


@pytest.fixture(scope="module")
def splits():
    return synthetic.snips(1, Sizes(train=4000, valid=300, test=500))[1]


def test_sizes_labels_and_no_repetition(splits):
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 4000, "valid": 300, "test": 500}
    rows = [row for part in splits.values() for row in part]
    assert len({row.words for row in rows}) == len(rows)
    assert {row.intent for row in rows} == set(synthetic.GRAMMARS["commands"]["templates"])
    slots = set(filter(str.islower, synthetic.GRAMMARS["commands"]["rules"])) | {"timeRange"}
    assert {tag[2:] for row in rows for tag in row.slots if tag != "O"} == slots
    assert len(slots) == 39


def test_tags_are_well_formed(splits):
    for row in splits["train"]:
        assert len(row.words) == len(row.slots) > 1
        assert not set("{}[]()|") & set(" ".join(row.words))
        for before, tag in zip(("O", *row.slots), row.slots, strict=False):
            assert tag[0] != "I" or before[2:] == tag[2:]


def test_same_seed_same_rows_and_the_global_generator_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sizes = Sizes(50, 5, 5)
    first = resolve_snips("embedded", seed=4, sizes=sizes)
    assert first == resolve_snips("embedded", seed=4, sizes=sizes)
    assert first.source.sha256 != resolve_snips("embedded", seed=5, sizes=sizes).source.sha256
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert not first.source.real
    assert "synthetic" in first.source.name


def test_choices_of_a_template():
    grammar = synthetic.Grammar({}, np.random.default_rng(0))
    assert {grammar.choose("a (b|c)[ d [e|f]]").strip() for _ in range(200)} == {
        "a b", "a c", "a b d", "a c d", "a b d e", "a c d e", "a b d f", "a c d f",
    }  # fmt: skip


def test_a_words_most_frequent_tag_is_a_poor_reader_of_slots(splits):
    counts = defaultdict(Counter)
    for row in splits["train"]:
        for word, tag in zip(row.words, row.slots, strict=True):
            counts[word][tag] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    truth = [list(row.slots) for row in splits["test"]]
    guess = [[best.get(word, "O") for word in row.words] for row in splits["test"]]
    assert f1_score(truth, guess) < 0.6


def test_a_bag_of_words_misses_intents(splits):
    texts = {name: [" ".join(row.words) for row in rows] for name, rows in splits.items()}
    intents = {name: [row.intent for row in rows] for name, rows in splits.items()}
    words = CountVectorizer(token_pattern=r"\S+")
    model = LogisticRegression(max_iter=300).fit(words.fit_transform(texts["train"]), intents["train"])
    assert 0.8 < model.score(words.transform(texts["test"]), intents["test"]) < 0.995
