from collections import Counter

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.sources.source import Source
from mixvocab.tasks.scores import glue_roles, snips_roles, stratified_order

SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)


def rows(**counts):
    return [GlueRow(f"{label} {i}", None, label) for label, count in counts.items() for i in range(count)]


def data(task="SST-2", **splits):
    return GlueData(SOURCE, task, splits)


@pytest.mark.parametrize("size", [10, 37, 200, 500])
def test_every_beginning_of_the_order_has_the_labels_shares(size):
    train = rows(a=700, b=200, c=100)  # sorted by label, as some files are
    chosen = stratified_order(train)[:size]
    assert len(set(chosen)) == size
    found = Counter(train[i].label for i in chosen)
    for label, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        assert abs(found[label] - share * size) <= 1


def test_no_label_keeps_the_files_order_and_scores_are_no_strata():
    order = stratified_order(rows(a=50, b=50))
    assert (np.diff([i for i in order if i < 50]) < 0).any()
    assert sorted(stratified_order([GlueRow("a", "b", float(i % 3)) for i in range(30)])) == list(range(30))


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
        assert glue_roles(resolve_glue(task, "data-dir", data_dir=data_dir), 100).about == expected
