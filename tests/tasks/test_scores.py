"""Which rows train, choose and report; metrics by hand, and slots as conlleval's own procedure counts them."""

import math
from collections import Counter

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import glue
from mixvocab.sources.rows import GlueData, GlueRow, SnipsRow
from mixvocab.sources.source import Source
from mixvocab.tasks.scores import METRICS, Prediction, glue_roles, glue_scores, joint_scores, snips_roles
from mixvocab.tasks.scores import stratified_order as order_of

BINARY = ("0", "1")
SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)


def test_glue_by_hand():
    gold, predicted = ["1", "1", "1", "0", "0"], ["1", "1", "0", "1", "0"]
    # 2 true positives, 1 false positive, 1 false negative, 1 true negative
    scores = glue_scores("mrpc", gold, predicted, BINARY)
    assert scores == pytest.approx({"f1": 2 / 3, "accuracy": 0.6, "score": (2 / 3 + 0.6) / 2})
    assert glue_scores("CoLA", gold, predicted, BINARY)["matthews"] == pytest.approx((2 - 1) / math.sqrt(3 * 3 * 2 * 2))
    expected = {"pearson": 1, "spearman": 1, "score": 1}
    assert glue_scores("STS-B", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0], ()) == pytest.approx(expected)


def test_every_task_has_its_metrics():
    plain = {known.folder for known in glue.LAYOUTS} - METRICS.keys()
    assert {task: glue_scores(task, ["1", "0"], ["1", "0"], BINARY) for task in plain} == {
        task: {"accuracy": 1, "score": 1} for task in ("SST-2", "MNLI", "QNLI", "RTE", "WNLI")
    }
    ties = glue_scores("STS-B", [1.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 9.0], ())
    assert ties["spearman"] == pytest.approx(4.5 / math.sqrt(4.5 * 5))  # equal values share the mean of their ranks


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


def test_rows_without_slots_are_right_where_none_is_said() -> None:
    rows = [SnipsRow(("a", "b"), ("O", "O"), "i")]
    kinds = ("slot_f1", "slot_precision", "slot_recall", "slot_f1_strict")
    right = joint_scores(rows, [Prediction("i", ("O", "O"))])
    assert [right[kind] for kind in kinds] == [1.0] * 4
    wrong = joint_scores(rows, [Prediction("i", ("O", "B-x"))])
    assert [wrong[kind] for kind in kinds] == [0.0] * 4


def test_an_utterance_that_did_not_fit_is_never_right() -> None:
    rows = [SnipsRow(("a", "b"), ("O", "O"), "i")]
    assert joint_scores(rows, [Prediction("i", ("O", "O"), complete=False)])["frame_accuracy"] == 0.0
    assert joint_scores(rows, [Prediction("i", ("O", "O"))])["frame_accuracy"] == 1.0


def rows(**counts):
    return [GlueRow(f"{label} {i}", None, label) for label, count in counts.items() for i in range(count)]


def data(task="SST-2", **splits):
    return GlueData(SOURCE, task, splits)


@pytest.mark.parametrize("size", [10, 37, 200, 500])
def test_every_beginning_of_the_order_has_the_labels_shares(size):
    train = rows(a=700, b=200, c=100)  # sorted by label, as some files are
    chosen = order_of(train)[:size]
    assert len(set(chosen)) == size
    found = Counter(train[i].label for i in chosen)
    for label, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        assert abs(found[label] - share * size) <= 1


def test_no_label_keeps_the_files_order_and_scores_are_no_strata():
    order = order_of(rows(a=50, b=50))
    assert (np.diff([i for i in order if i < 50]) < 0).any()
    assert sorted(order_of([GlueRow("a", "b", float(i % 3)) for i in range(30)])) == list(range(30))


def test_without_labelled_test_set_a_part_of_train_chooses():
    train = rows(a=600, b=400)
    split = glue_roles(data(train=train, dev=rows(a=5, b=5), test=[GlueRow("x", None, None)]), 100)
    assert len(split.choose) == 50
    assert Counter(row.label for row in split.choose) == {"a": 30, "b": 20}
    assert len(split.train) == 100
    assert split.available == 950
    assert not set(split.train) & set(split.choose)
    assert set(split.report) == {"dev"}
    assert split.about == "chosen on 50 held-out training rows, reported on dev"
    more = glue_roles(data(train=train, dev=rows(a=5, b=5)), 200)
    assert set(split.train) < set(more.train)
    assert split.choose == more.choose
    assert len(glue_roles(data(train=train, dev=rows(a=1))).train) == 950


def test_at_most_a_thousand_rows_are_held_out():
    assert len(glue_roles(data(train=rows(a=30_000), dev=rows(a=1))).choose) == 1000


def test_with_a_labelled_test_set_development_chooses_and_all_of_train_trains():
    train, dev, test = rows(a=6, b=4), rows(a=2, b=1), [GlueRow("x", None, "a")]
    split = glue_roles(data(train=train, dev=dev, test=test))
    assert (split.choose, split.report) == (dev, {"test": test})
    assert sorted(split.train) == sorted(train)
    assert split.available == 10


def test_mnli_reports_each_development_set_under_its_own_name():
    sets = {"m": rows(a=1), "mm-hard": rows(b=1)}
    split = glue_roles(data("MNLI", train=rows(a=30, b=30), **sets, ax=rows(a=1)))
    assert split.report == sets


def test_a_subset_of_utterances_is_the_same_for_everyone(command_data):
    split = snips_roles(command_data, 30)
    assert split == snips_roles(command_data, 30)
    assert len(split.train) == 30
    assert split.train != command_data.splits["train"][:30]
    assert (split.available, split.choose) == (160, command_data.splits["valid"])
    assert snips_roles(command_data, 1000).train == command_data.splits["train"]


def test_one_row_leaves_none_to_train_on():
    with pytest.raises(UserError, match="leave none to train on"):
        glue_roles(data(train=rows(a=1), dev=rows(a=1)))


def test_real_glue(data_dir):
    about = {
        "MRPC": "chosen on dev, reported on test",
        "SST-2": "chosen on 1,000 held-out training rows, reported on dev",
        "MNLI": "chosen on 1,000 held-out training rows, reported on m, mm-hard",
    }
    for task, expected in about.items():
        assert glue_roles(glue.resolve_glue(task, "data-dir", data_dir=data_dir), 100).about == expected
