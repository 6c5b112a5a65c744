import re

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from mixvocab.common.errors import UserError
from mixvocab.sources import synthetic
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import Sizes
from mixvocab.sources.synthetic import CLAIMS, GRAMMARS, Claim, options, relation
from mixvocab.tasks import baselines
from mixvocab.tasks.scores import glue_roles

TASKS = ("SST-2", "MRPC", "MNLI")
SENTIMENT, PARAPHRASE, INFERENCE = (
    {name: options(rule) for name, rule in GRAMMARS[name].items()} for name in ("sentiment", "paraphrase", "inference")
)


def write(task, seed=0, train=3000, dev=600):
    return synthetic.glue(task, seed, Sizes(train, dev, 50))[1]


def counted_words(row):
    """Which words occur on which side: all that a bag of words knows."""
    return " ".join([f"a_{w}" for w in row.text_a.split()] + [f"b_{w}" for w in (row.text_b or "").split()])


@pytest.mark.parametrize("task", TASKS)
def test_a_bag_of_words_does_not_solve_it(task):
    data = write(task)
    dev = data.get("dev") or data["m"]
    labels = [row.label for row in data["train"]]
    assert max(labels.count(label) for label in set(labels)) < 1.2 * len(labels) / len(set(labels))
    words = CountVectorizer(token_pattern=r"\S+")
    model = LogisticRegression(max_iter=200).fit(words.fit_transform(map(counted_words, data["train"])), labels)
    score = model.score(words.transform(map(counted_words, dev)), [row.label for row in dev])
    assert score < (0.8 if task == "MRPC" else 0.7)  # a longer text of two tells more


@pytest.mark.parametrize("task", TASKS)
def test_words_say_something_of_the_paper_s_tasks_and_not_all(task):
    data = resolve_glue(task, "embedded", seed=1, sizes=Sizes(1500, 300, 400))
    roles = glue_roles(data)
    majority, bag = baselines.majority(data, roles), baselines.bag_of_words(data, roles)
    for name, rows in roles.report.items():
        right = [
            sum(row.label == guess for row, guess in zip(rows, found[name], strict=True)) for found in (majority, bag)
        ]
        assert right[0] + 0.1 * len(rows) < right[1] < 0.95 * len(rows)


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
def test_every_task_is_seeded_and_says_that_it_is_synthetic(task):
    sizes = Sizes(40, 10, 10)
    data = resolve_glue(task, "embedded", seed=2, sizes=sizes)
    assert data == resolve_glue(task, "embedded", seed=2, sizes=sizes)
    assert data.splits != resolve_glue(task, "embedded", seed=3, sizes=sizes).splits
    assert not data.source.real
    assert "synthetic" in data.source.name
    rows = [row for part in data.splits.values() for row in part]
    assert len(set(rows)) == len(rows)


def test_a_task_without_a_grammar_is_an_error():
    with pytest.raises(UserError, match="task CoLA: no synthetic set; put GLUE's own files into glue/CoLA/"):
        resolve_glue("CoLA", "embedded")
