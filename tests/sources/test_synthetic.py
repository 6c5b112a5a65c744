"""The synthetic tasks: a reader who knows their rules makes no mistake, a bag of words does."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from seqeval.metrics import f1_score
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from mixvocab.common.errors import UserError
from mixvocab.sources import synthetic
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import GlueRow, Sizes
from mixvocab.sources.snips import resolve_snips
from mixvocab.sources.synthetic import GRAMMARS, options
from mixvocab.tasks import baselines
from mixvocab.tasks.scores import glue_roles

SENTIMENT = {name: options(rule) for name, rule in GRAMMARS["sentiment"].items()}


@pytest.fixture(scope="module")
def splits():
    return synthetic.snips(Sizes(train=4000, valid=300, test=500))[1]


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


def test_rows_are_always_the_same_and_the_global_generator_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = resolve_snips("embedded", sizes=Sizes(50, 5, 5))
    assert first == resolve_snips("embedded", sizes=Sizes(50, 5, 5))
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


def test_words_say_something_of_a_review_and_not_all():
    data = resolve_glue("SST-2", "embedded", sizes=Sizes(1500, 300, 400))
    roles = glue_roles(data)
    majority, bag = baselines.majority(data, roles), baselines.bag_of_words(data, roles)
    for name, rows in roles.report.items():
        right = [
            sum(row.label == guess for row, guess in zip(rows, found[name], strict=True)) for found in (majority, bag)
        ]
        assert right[0] + 0.1 * len(rows) < right[1] < 0.95 * len(rows)
        assert right[0] < 1.2 * len(rows) / len(data.labels)


def read_sentiment(sentence):
    """A reader who knows the rules of contrast and negation."""
    opening = max((known for known in SENTIMENT["OPENING"] if sentence.startswith(known)), key=len)
    sentence = sentence.removeprefix(opening).removesuffix(" .")
    clauses = re.split(r" , (?:but |although |and )?", sentence)
    decisive = clauses[0] if ", although" in sentence else clauses[-1]
    negated = any(negation in decisive for negation in SENTIMENT["NEGATION"])
    positive = set(decisive.split()) & set(SENTIMENT["GOOD"])
    assert bool(positive) != bool(set(decisive.split()) & set(SENTIMENT["BAD"]))
    return str(int(bool(positive) != negated))


def test_sentiment_follows_from_its_rules():
    for row in synthetic.glue("SST-2", Sizes(3000, 600, 50))[1]["train"]:
        assert read_sentiment(row.text_a) == row.label


def test_reviews_are_always_the_same_and_say_that_they_are_synthetic():
    sizes = Sizes(40, 10, 10)
    data = resolve_glue("SST-2", "embedded", sizes=sizes)
    assert data == resolve_glue("SST-2", "embedded", sizes=sizes)
    assert not data.source.real
    assert "synthetic" in data.source.name
    rows = [row for part in data.splits.values() for row in part]
    assert len(set(rows)) == len(rows)


def test_a_grammar_that_has_not_so_many_rows_is_an_error(monkeypatch):
    def sentiment(grammar):
        return GlueRow(grammar.pick(("good", "bad")), None, "1")

    monkeypatch.setattr(synthetic, "sentiment", sentiment)
    with pytest.raises(UserError, match="SST-2-like set: its grammar has no 2 new rows for dev; ask for fewer"):
        resolve_glue("SST-2", "embedded", sizes=Sizes(1, 2, 1))


@pytest.mark.parametrize("task", ["CoLA", "MRPC"])
def test_a_task_without_a_grammar_is_an_error(task):
    with pytest.raises(UserError, match=f"task {task}: no synthetic set; put GLUE's own files into glue/{task}/"):
        resolve_glue(task, "embedded")
