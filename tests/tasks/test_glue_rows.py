from collections import Counter

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import GlueRow, resolve_glue
from mixvocab.sources.rows import GlueData
from mixvocab.sources.source import Source
from mixvocab.tasks.glue_rows import roles, stratified_order

SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)


def rows(**counts):
    return [GlueRow(f"{label} {i}", None, label) for label, count in counts.items() for i in range(count)]


def data(task="SST-2", **splits):
    return GlueData(SOURCE, task, splits)


@pytest.mark.parametrize("size", [10, 37, 200, 500])
def test_every_beginning_of_the_order_has_the_labels_shares(size):
    train = rows(a=700, b=200, c=100)  # sorted by label, as some files are
    chosen = stratified_order(train, 0)[:size]
    assert len(set(chosen)) == size
    found = Counter(train[i].label for i in chosen)
    for label, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        assert abs(found[label] - share * size) <= 1


def test_the_order_is_seeded_and_no_label_keeps_the_files_order():
    train = rows(a=50, b=50)
    first = stratified_order(train, 3)
    assert (first == stratified_order(train, 3)).all()
    assert (first != stratified_order(train, 4)).any()
    assert (np.diff([i for i in first if i < 50]) < 0).any()


def test_scores_of_a_regression_are_no_strata():
    train = [GlueRow("a", "b", float(i % 3)) for i in range(30)]
    assert sorted(stratified_order(train, 0)) == list(range(30))


def test_without_labelled_test_set_a_part_of_train_chooses():
    train = rows(a=600, b=400)
    split = roles(data(train=train, dev=rows(a=5, b=5), test=[GlueRow("x", None, None)]), rows=100)
    assert len(split.choose) == 50
    assert Counter(row.label for row in split.choose) == {"a": 30, "b": 20}
    assert len(split.train) == 100
    assert split.available == 950
    assert not set(split.train) & set(split.choose)
    assert set(split.report) == {"dev"}
    assert split.about == "chosen on 50 held-out training rows, reported on dev"
    more = roles(data(train=train, dev=rows(a=5, b=5)), rows=200)
    assert set(split.train) < set(more.train)
    assert split.choose == more.choose
    assert len(roles(data(train=train, dev=rows(a=1))).train) == 950


def test_at_most_a_thousand_rows_are_held_out():
    assert len(roles(data(train=rows(a=30_000), dev=rows(a=1))).choose) == 1000


def test_with_a_labelled_test_set_development_chooses_and_all_of_train_trains():
    train, dev, test = rows(a=6, b=4), rows(a=2, b=1), [GlueRow("x", None, "a")]
    split = roles(data(train=train, dev=dev, test=test))
    assert (split.choose, split.report) == (dev, {"test": test})
    assert sorted(split.train) == sorted(train)
    assert split.available == 10


def test_mnli_reports_each_development_set_under_its_own_name():
    sets = {"m": rows(a=1), "mm-hard": rows(b=1)}
    split = roles(data("MNLI", train=rows(a=30, b=30), **sets, ax=rows(a=1)))
    assert split.report == sets


def test_bad_sizes():
    with pytest.raises(UserError, match="rows=0 should be at least 1"):
        roles(data(train=rows(a=9), dev=rows(a=1)), rows=0)
    with pytest.raises(UserError, match="leave none to train on"):
        roles(data(train=rows(a=1), dev=rows(a=1)))


def test_real_glue(data_dir):
    about = {
        "MRPC": "chosen on dev, reported on test",
        "SST-2": "chosen on 1,000 held-out training rows, reported on dev",
        "MNLI": "chosen on 1,000 held-out training rows, reported on m, mm-hard",
    }
    for task, expected in about.items():
        assert roles(resolve_glue(task, "data-dir", data_dir=data_dir), rows=100).about == expected
