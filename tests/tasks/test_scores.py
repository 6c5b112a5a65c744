"""Joint scores against seqeval, an independent span counter, and by hand."""

import numpy as np
import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score

from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.scores import Prediction, joint_scores

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
    assert scores["slot_f1"] == pytest.approx(2 * right / total if total else 0.0)
    tags = [list(r.slots) for r in rows], [list(p.slots) for p in predictions]
    assert scores["slot_f1"] == pytest.approx(f1_score(*tags, mode="strict", scheme=IOB2, zero_division=0))
    assert scores["slot_f1_conll"] == pytest.approx(f1_score(*tags, zero_division=0))
    assert scores["intent_accuracy"] == accuracy_score([r.intent for r in rows], [p.intent for p in predictions])
    frames = [(r.intent, r.slots) == (p.intent, p.slots) for r, p in zip(rows, predictions, strict=True)]
    assert scores["frame_accuracy"] == pytest.approx(np.mean(frames))


def test_by_hand() -> None:
    rows = [SnipsRow(("a", "b", "c"), ("B-x", "I-x", "O"), "i"), SnipsRow(("a",), ("B-y",), "j")]
    scores = joint_scores(rows, [Prediction("i", ("B-x", "O", "O")), Prediction("i", ("B-y",))])
    assert scores["intent_accuracy"] == 0.5
    assert scores["slot_precision"] == scores["slot_recall"] == scores["slot_f1"] == 0.5
    assert scores["frame_accuracy"] == 0.0


def test_an_inside_tag_alone_begins_a_slot_only_in_the_older_convention() -> None:
    rows = [SnipsRow(("a", "b"), ("B-x", "I-x"), "i")]
    scores = joint_scores(rows, [Prediction("i", ("I-x", "I-x"))])
    assert scores["slot_f1"] == 0.0
    assert scores["slot_f1_conll"] == 1.0


def test_an_utterance_that_did_not_fit_is_never_right() -> None:
    rows = [SnipsRow(("a", "b"), ("O", "O"), "i")]
    assert joint_scores(rows, [Prediction("i", ("O", "O"), complete=False)])["frame_accuracy"] == 0.0
    assert joint_scores(rows, [Prediction("i", ("O", "O"))])["frame_accuracy"] == 1.0
