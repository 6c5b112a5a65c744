import math

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import glue
from mixvocab.tasks.glue_scores import CHOOSE_BY, METRICS, glue_scores, positive_label

BINARY = ("0", "1")


def counts(gold, predicted, positive="1"):
    """True and false positives and negatives."""
    pairs = [(g == positive, p == positive) for g, p in zip(gold, predicted, strict=True)]
    return [
        sum(pair == kind for pair in pairs) for kind in ((True, True), (False, True), (True, False), (False, False))
    ]


def f1(gold, predicted, positive="1"):
    tp, fp, fn, _ = counts(gold, predicted, positive)
    return 2 * tp / (2 * tp + fp + fn)


def matthews(gold, predicted):
    tp, fp, fn, tn = counts(gold, predicted)
    return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def correlation(x, y):
    x, y = np.asarray(x) - np.mean(x), np.asarray(y) - np.mean(y)
    return float((x * y).sum() / math.sqrt((x**2).sum() * (y**2).sum()))


def ranks(values):
    """Equal values share the mean of their places."""
    values = np.asarray(values)
    return [(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values]


def test_every_task_has_its_metrics():
    assert set(METRICS) == set(glue.TASKS)


def test_by_hand():
    gold, predicted = ["1", "1", "1", "0", "0"], ["1", "1", "0", "1", "0"]
    # 2 true positives, 1 false positive, 1 false negative, 1 true negative
    scores = glue_scores("mrpc", gold, predicted, BINARY)
    assert scores == pytest.approx({"f1": 2 / 3, "accuracy": 0.6, "score": (2 / 3 + 0.6) / 2})
    assert glue_scores("CoLA", gold, predicted, BINARY)["matthews"] == pytest.approx((2 - 1) / math.sqrt(3 * 3 * 2 * 2))
    assert glue_scores("STS-B", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0], ()) == pytest.approx(
        {"pearson": 1, "spearman": 1, "score": 1}
    )


@pytest.mark.parametrize("seed", range(5))
def test_against_the_formulas(seed):
    rng = np.random.default_rng(seed)
    gold, predicted = (rng.choice(BINARY, 60, p=[0.4, 0.6]).tolist() for _ in range(2))
    accuracy = np.mean(np.array(gold) == np.array(predicted))
    for task in ("MRPC", "QQP"):
        scores = glue_scores(task, gold, predicted, BINARY)
        assert scores["f1"] == pytest.approx(f1(gold, predicted))
        assert scores["accuracy"] == pytest.approx(accuracy)
        assert scores[CHOOSE_BY] == pytest.approx((f1(gold, predicted) + accuracy) / 2)
    assert glue_scores("CoLA", gold, predicted, BINARY)[CHOOSE_BY] == pytest.approx(matthews(gold, predicted))
    for task in ("SST-2", "QNLI", "RTE", "WNLI", "MNLI"):
        assert glue_scores(task, gold, predicted, BINARY) == pytest.approx({"accuracy": accuracy, "score": accuracy})
    x = rng.integers(0, 11, 40) / 2  # with ties
    y = x + rng.normal(size=40)
    scores = glue_scores("STS-B", x.tolist(), y.tolist(), ())
    assert scores["pearson"] == pytest.approx(correlation(x, y))
    assert scores["spearman"] == pytest.approx(correlation(ranks(x), ranks(y)))


def test_f1_asks_for_the_positive_class_whatever_it_is_called():
    assert positive_label(("0", "1")) == "1"
    hub = ("equivalent", "not_equivalent")  # the positive one comes first
    assert positive_label(hub) == "equivalent"
    gold, predicted = ["equivalent", "not_equivalent", "not_equivalent"], ["equivalent", "equivalent", "not_equivalent"]
    assert glue_scores("MRPC", gold, predicted, hub)["f1"] == pytest.approx(2 / 3)
    for names in (("same", "other"), ("1",), ("0", "1", "2"), ("1", "duplicate"), ()):
        with pytest.raises(UserError, match="F1 needs two labels"):
            positive_label(names)


def test_constant_predictions_score_nothing_but_are_no_accident():
    assert glue_scores("MRPC", ["1", "0"], ["0", "0"], BINARY)["f1"] == 0
    assert glue_scores("CoLA", ["1", "0"], ["1", "1"], BINARY)["matthews"] == 0
    assert glue_scores("STS-B", [1.0, 2.0], [3.0, 3.0], ()) == {"pearson": 0, "spearman": 0, "score": 0}


def test_what_cannot_be_scored():
    with pytest.raises(UserError, match="2 examples and 1 predictions"):
        glue_scores("RTE", ["a", "b"], ["a"], ("a", "b"))
    with pytest.raises(UserError, match="0 examples"):
        glue_scores("RTE", [], [], ("a", "b"))
    with pytest.raises(UserError, match="hide their labels"):
        glue_scores("RTE", ["a", None], ["a", "b"], ("a", "b"))
    with pytest.raises(UserError, match="not a finite number"):
        glue_scores("STS-B", [1.0, 2.0], [math.nan, 1.0], ())
    with pytest.raises(UserError, match="no task 'foo'"):
        glue_scores("foo", ["a"], ["a"], ())
