"""GLUE's metrics against their formulas; joint scores against conlleval's own procedure and a span counter; by hand."""

import math

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import glue
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.scores import METRICS, Prediction, glue_scores, joint_scores

BINARY = ("0", "1")


def f1_and_matthews(gold, predicted, positive="1"):
    pairs = [(g == positive, p == positive) for g, p in zip(gold, predicted, strict=True)]
    kinds = ((True, True), (False, True), (True, False), (False, False))
    tp, fp, fn, tn = (sum(pair == kind for pair in pairs) for kind in kinds)
    matthews = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return 2 * tp / (2 * tp + fp + fn), matthews


def correlation(x, y):
    x, y = np.asarray(x) - np.mean(x), np.asarray(y) - np.mean(y)
    return float((x * y).sum() / math.sqrt((x**2).sum() * (y**2).sum()))


def ranks(values):
    """Equal values share the mean of their places."""
    values = np.asarray(values)
    return [(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values]


def test_glue_by_hand():
    gold, predicted = ["1", "1", "1", "0", "0"], ["1", "1", "0", "1", "0"]
    # 2 true positives, 1 false positive, 1 false negative, 1 true negative
    scores = glue_scores("mrpc", gold, predicted, BINARY)
    assert scores == pytest.approx({"f1": 2 / 3, "accuracy": 0.6, "score": (2 / 3 + 0.6) / 2})
    assert glue_scores("CoLA", gold, predicted, BINARY)["matthews"] == pytest.approx((2 - 1) / math.sqrt(3 * 3 * 2 * 2))
    expected = {"pearson": 1, "spearman": 1, "score": 1}
    assert glue_scores("STS-B", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0], ()) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_glue_against_the_formulas(seed):
    rng = np.random.default_rng(seed)
    gold, predicted = (rng.choice(BINARY, 60, p=[0.4, 0.6]).tolist() for _ in range(2))
    accuracy = np.mean(np.array(gold) == np.array(predicted))
    f1, matthews = f1_and_matthews(gold, predicted)
    for task in glue.TASKS:
        if task in ("MRPC", "QQP"):
            expected = {"f1": f1, "accuracy": accuracy, "score": (f1 + accuracy) / 2}
        else:
            expected = {"matthews": matthews, "score": matthews}
            if task not in METRICS:
                expected = {"accuracy": accuracy, "score": accuracy}
        if task != "STS-B":
            assert glue_scores(task, gold, predicted, BINARY) == pytest.approx(expected)
    x = rng.integers(0, 11, 40) / 2  # with ties
    y = x + rng.normal(size=40)
    scores = glue_scores("STS-B", x.tolist(), y.tolist(), ())
    assert scores["pearson"] == pytest.approx(correlation(x, y))
    assert scores["spearman"] == pytest.approx(correlation(ranks(x), ranks(y)))


def test_f1_asks_for_the_positive_class_whatever_it_is_called():
    hub = ("equivalent", "not_equivalent")  # the positive one comes first
    gold, predicted = ["equivalent", "not_equivalent", "not_equivalent"], ["equivalent", "equivalent", "not_equivalent"]
    assert glue_scores("MRPC", gold, predicted, hub)["f1"] == pytest.approx(2 / 3)
    for names in (("same", "other"), ("1",), ("0", "1", "2"), ("1", "duplicate"), ()):
        with pytest.raises(UserError, match="F1 needs two"):
            glue_scores("MRPC", gold, predicted, names)


def test_constant_predictions_score_nothing_but_are_no_accident():
    assert glue_scores("MRPC", ["1", "0"], ["0", "0"], BINARY)["f1"] == 0
    assert glue_scores("CoLA", ["1", "0"], ["1", "1"], BINARY)["matthews"] == 0
    assert glue_scores("STS-B", [1.0, 2.0], [3.0, 3.0], ()) == {"pearson": 0, "spearman": 0, "score": 0}


TAGS = ["O", "O", "B-a", "I-a", "B-b", "I-b"]


def strict_spans(tags: tuple[str, ...]) -> set[tuple[str, int, int]]:
    """IOB2 spans: B- begins, I- of the same name goes on, everything else ends."""
    spans, start = set(), None
    for i, tag in enumerate([*tags, "O"]):
        goes_on = start is not None and tag == f"I-{tags[start][2:]}"
        if start is not None and not goes_on:
            spans.add((tags[start][2:], start, i))
            start = None
        if tag.startswith("B-"):
            start = i
    return spans


def conlleval(gold: list[tuple[str, ...]], found: list[tuple[str, ...]]) -> tuple[int, int, int]:
    """Slots in `gold`, in `found`, and right ones, counted in one pass as Sang and Buchholz's script does (2000)."""

    def ends(before: str, tag: str) -> bool:
        return before != "O" and (tag[0] in "OB" or before[2:] != tag[2:])

    def begins(before: str, tag: str) -> bool:
        return tag[0] == "B" or (tag[0] == "I" and (before == "O" or before[2:] != tag[2:]))

    meant = said = right = 0
    for one, other in zip(gold, found, strict=True):
        together = False  # within a slot that has begun at this word's or an earlier one in both, with the same name
        was, was_other = "O", "O"
        for tag, tag_other in zip((*one, "O"), (*other, "O"), strict=True):
            if together and (ends(was, tag) or ends(was_other, tag_other)):
                right += ends(was, tag) and ends(was_other, tag_other)
                together = False
            starts, starts_other = begins(was, tag), begins(was_other, tag_other)
            together = together or (starts and starts_other and tag[2:] == tag_other[2:])
            meant, said = meant + starts, said + starts_other
            was, was_other = tag, tag_other
    return meant, said, right


def random_case(rng: np.random.Generator) -> tuple[list[SnipsRow], list[Prediction]]:
    rows, predictions = [], []
    for _ in range(int(rng.integers(1, 20))):
        n = int(rng.integers(1, 8))
        gold, found = (tuple(rng.choice(TAGS, n).tolist()) for _ in range(2))
        if rng.random() < 0.4:
            found = gold
        one, two = rng.choice(["x", "y"], 2).tolist()
        rows.append(SnipsRow(("w",) * n, gold, one))
        predictions.append(Prediction(two, found))
    return rows, predictions


@pytest.mark.parametrize("seed", range(30))
def test_random_cases(seed: int) -> None:
    rows, predictions = random_case(np.random.default_rng(seed))
    scores = joint_scores(rows, predictions)
    gold, found = [strict_spans(r.slots) for r in rows], [strict_spans(p.slots) for p in predictions]
    right = sum(len(a & b) for a, b in zip(gold, found, strict=True))
    total = sum(map(len, gold)) + sum(map(len, found))
    assert scores["slot_f1_strict"] == pytest.approx(2 * right / total if total else 0.0)
    intents = [r.intent == p.intent for r, p in zip(rows, predictions, strict=True)]
    assert scores["intent_accuracy"] == pytest.approx(np.mean(intents))
    frames = [(r.intent, r.slots) == (p.intent, p.slots) for r, p in zip(rows, predictions, strict=True)]
    assert scores["frame_accuracy"] == pytest.approx(np.mean(frames))


@pytest.mark.parametrize("seed", range(100))
def test_slots_are_counted_as_conlleval_counts_them(seed: int) -> None:
    rows, predictions = random_case(np.random.default_rng(1000 + seed))
    meant, said, right = conlleval([r.slots for r in rows], [p.slots for p in predictions])
    scores = joint_scores(rows, predictions)
    assert scores["slot_precision"] == pytest.approx(right / said if said else 0.0)
    assert scores["slot_recall"] == pytest.approx(right / meant if meant else 0.0)
    assert scores["slot_f1"] == pytest.approx(2 * right / (meant + said) if meant + said else 0.0)


def test_by_hand() -> None:
    rows = [SnipsRow(("a", "b", "c"), ("B-x", "I-x", "O"), "i"), SnipsRow(("a",), ("B-y",), "j")]
    scores = joint_scores(rows, [Prediction("i", ("B-x", "O", "O")), Prediction("i", ("B-y",))])
    assert scores["intent_accuracy"] == 0.5
    assert scores["slot_precision"] == scores["slot_recall"] == scores["slot_f1"] == 0.5
    assert scores["frame_accuracy"] == 0.0


def test_an_inside_tag_alone_begins_a_slot_unless_counted_strictly() -> None:
    rows = [SnipsRow(("a", "b"), ("B-x", "I-x"), "i")]
    scores = joint_scores(rows, [Prediction("i", ("I-x", "I-x"))])
    assert scores["slot_f1"] == 1.0
    assert scores["slot_f1_strict"] == 0.0
    # Nor does counting strictly see a slot too many.
    rows = [SnipsRow(("a", "b", "c"), ("B-x", "I-x", "O"), "i")]
    scores = joint_scores(rows, [Prediction("i", ("B-x", "I-x", "I-y"))])
    assert scores["slot_f1"] == pytest.approx(2 / 3)
    assert scores["slot_f1_strict"] == 1.0


def test_an_utterance_that_did_not_fit_is_never_right() -> None:
    rows = [SnipsRow(("a", "b"), ("O", "O"), "i")]
    assert joint_scores(rows, [Prediction("i", ("O", "O"), complete=False)])["frame_accuracy"] == 0.0
    assert joint_scores(rows, [Prediction("i", ("O", "O"))])["frame_accuracy"] == 1.0
