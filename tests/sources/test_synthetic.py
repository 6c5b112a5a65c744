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
from mixvocab.sources.synthetic import CLAIMS, GRAMMARS, Claim, options, relation
from mixvocab.tasks import baselines
from mixvocab.tasks.scores import glue_roles

TASKS = ("SST-2", "MRPC", "MNLI")
SENTIMENT, PARAPHRASE, INFERENCE = (
    {name: options(rule) for name, rule in GRAMMARS[name].items()} for name in ("sentiment", "paraphrase", "inference")
)


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


def write(task, train=3000, dev=600):
    return synthetic.glue(task, Sizes(train, dev, 50))[1]


@pytest.mark.parametrize("task", TASKS)
def test_words_say_something_of_the_paper_s_tasks_and_not_all(task):
    data = resolve_glue(task, "embedded", sizes=Sizes(1500, 300, 400))
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
    for row in write("SST-2")["train"]:
        assert read_sentiment(row.text_a) == row.label


def read_event(sentence):
    """Who did what to whom, where and when: a reader who knows the six ways to say it."""
    deeds = {form: verb for verb in PARAPHRASE["VERB"] for form in verb.split("/")}
    patterns = (
        r"the one who (?P<verb>\w+) the (?P<patient>\w+) was the (?P<agent>\w+)",
        r"it was the (?P<patient>\w+) who was (?P<verb>\w+) by the (?P<agent>\w+)",
        r"it was the (?P<agent>\w+) who (?P<verb>\w+) the (?P<patient>\w+)",
        r"it was the (?P<patient>\w+) that the (?P<agent>\w+) (?P<verb>\w+)",
        r"the (?P<patient>\w+) was (?P<verb>\w+) by the (?P<agent>\w+)",
        r"the (?P<agent>\w+) (?P<verb>\w+) the (?P<patient>\w+)",
    )
    found = next(match for pattern in patterns if (match := re.search(pattern, sentence)))
    place, time, reason = ([p for p in PARAPHRASE[name] if p in sentence] for name in ("PLACE", "TIME", "REASON"))
    assert len(place) == len(time) == 1
    return found["agent"], deeds[found["verb"]], found["patient"], *place, *time, reason


def test_paraphrase_follows_from_its_rules():
    exchanged = 0
    for row in write("MRPC")["train"]:
        first, second = read_event(row.text_a), read_event(row.text_b)
        assert (first == second) == (row.label == "1")
        assert first[0] != first[2]
        assert second[0] != second[2]
        exchanged += first != second and sorted(map(str, first)) == sorted(map(str, second))
    assert 150 < exchanged < 350  # of some 1,500 pairs that differ


def read_claim(sentence):
    """The claim that a sentence of the inference grammar makes."""
    narrow = {"n": any(f" {word} " in sentence for word in INFERENCE["ADJECTIVE"])}
    narrow["v"] = any(word in sentence for word in INFERENCE["ADVERB"])
    for quantifier in ("not all", "no", "all", "some"):
        for frame in INFERENCE[quantifier]:
            if re.match(re.escape(frame.partition("{")[0]), sentence) and (
                ("did not" in frame) == ("did not" in sentence)
            ):
                return Claim(quantifier, narrow["n"], narrow["v"])
    raise AssertionError(sentence)


def test_inference_follows_from_its_rules():
    data = write("MNLI")
    for row in data["train"] + data["mm"]:
        assert relation(read_claim(row.text_a), read_claim(row.text_b)) == row.label


def test_relations_known_from_logic():
    def claim(text):
        quantifier, noun, verb = text.rsplit(" ", 2)
        return Claim(quantifier, noun == "narrow", verb == "narrow")

    for premise, hypothesis, label in (
        ("all wide wide", "all narrow wide", "entailment"),
        ("all narrow wide", "all wide wide", "neutral"),
        ("all wide narrow", "some wide wide", "entailment"),
        ("no wide wide", "no wide narrow", "entailment"),
        ("no wide narrow", "no wide wide", "neutral"),
        ("some wide wide", "no wide wide", "contradiction"),
        ("all wide wide", "not all narrow wide", "contradiction"),
        ("no narrow wide", "all wide wide", "contradiction"),
        ("some narrow narrow", "some wide wide", "entailment"),
        ("not all wide wide", "some wide wide", "neutral"),
    ):
        assert relation(claim(premise), claim(hypothesis)) == label
    for one in CLAIMS:
        assert relation(one, one) == "entailment"
        for other in CLAIMS:
            both = {relation(one, other), relation(other, one)}
            assert "contradiction" not in both or both == {"contradiction"}


def test_mismatched_things_are_new():
    data = write("MNLI", train=500, dev=200)
    known = {word for row in data["train"] + data["m"] for word in row.text_a.split()}
    assert not known & set(INFERENCE["NEW_NOUN"])
    assert all(set(row.text_a.split()) & set(INFERENCE["NEW_NOUN"]) for row in data["mm"])


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_always_the_same_and_says_that_it_is_synthetic(task):
    sizes = Sizes(40, 10, 10)
    data = resolve_glue(task, "embedded", sizes=sizes)
    assert data == resolve_glue(task, "embedded", sizes=sizes)
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


def test_a_task_without_a_grammar_is_an_error():
    with pytest.raises(UserError, match="task CoLA: no synthetic set; put GLUE's own files into glue/CoLA/"):
        resolve_glue("CoLA", "embedded")
