"""Records in groups: seeds together, twins paired by seed, the best known model alone in its row."""

from typing import Any

import pytest
from recorded import record, scored

from mixvocab_book.show import entries
from mixvocab_book.show.entries import grouped
from mixvocab_book.store import records


def test_grouped_by_task_method_size_profile_and_text_in_a_fixed_order() -> None:
    found = grouped(
        [
            record("mixed", 1),
            scored("stackprop", 0, slot_f1=0.9),
            record("mixed", 0),
            record("mixed", 0, size="L-6 H-256"),
            record("nokd", 0),
            record("mixed", 0, profile="smoke"),
            record("mixed", 0, steps=300),
            record("mixed", 0, text="b" * 64),
            scored("nokd", 0, "MRPC", test_f1=0.8),
        ]
    )
    assert [(e.task, e.title, e.model.profile, e.model.read, e.model.corpus[:1], e.seeds) for e in found] == [
        ("", "NoKD L-6 H-96", "evening", 100_000, "a", [0]),
        ("", "mixed-vocab from PCA L-6 H-96", "evening", 100_000, "a", [0, 1]),
        ("", "mixed-vocab from PCA L-6 H-96", "evening", 100_000, "b", [0]),
        ("", "mixed-vocab from PCA L-6 H-96", "evening", 300_000, "a", [0]),
        ("", "mixed-vocab from PCA L-6 H-96", "smoke", 100_000, "a", [0]),
        ("", "mixed-vocab from PCA L-6 H-256", "evening", 100_000, "a", [0]),
        ("", "StackProp", "evening", 0, "", [0]),
        ("MRPC", "NoKD L-6 H-96", "evening", 100_000, "a", [0]),
    ]


def test_of_committed_records_those_on_real_data_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [scored("nokd", seed, "SST-2", dev_accuracy=0.5) for seed in range(2)]
    found[0]["sources"][0]["real"] = False
    monkeypatch.setattr(records, "committed", lambda place: found)
    assert [entry.seeds for entry in entries.recorded("glue")] == [[1]]


def test_twins_are_compared_on_the_seeds_they_share() -> None:
    mixed = [scored("mixed", seed, slot_f1=value) for seed, value in ((0, 0.90), (1, 0.91), (3, 0.10))]
    nokd = [scored("nokd", seed, slot_f1=value) for seed, value in ((0, 0.80), (1, 0.83), (2, 0.99))]
    (row,) = entries.twin_rows(grouped(mixed + nokd), "recorded")
    assert row == [
        "mixed-vocab from PCA L-6 H-96 against NoKD L-6 H-96", "recorded, 0.1M tokens", "slot F1",
        "+9.0 ± 12.7 points over 2 seeds: no difference found at this scale",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "count"), [({}, 2), ({"size": "L-6 H-256"}, 0), ({"steps": 9}, 0), ({"text": "b"}, 0)]
)
def test_twins_differ_in_the_method_alone(changed: dict[str, Any], count: int) -> None:
    found = grouped([record("mixed", 0, **changed), record("nokd", 0), record("nokd-wide", 0), record("paper", 7)])
    assert len(entries.twins(found)) == count


def test_the_entry_with_more_seeds_is_the_better_known() -> None:
    now = grouped([scored("mixed", 0, slot_f1=0.9), scored("nokd", 0, slot_f1=0.8)])
    before = grouped([scored("mixed", s, slot_f1=0.85) for s in range(3)] + [scored("nokd", 7, slot_f1=0.1)])
    nokd, mixed = entries.best_known(now, before)
    assert mixed.seeds == [0, 1, 2]
    assert nokd.values("test", "slot_f1") == [0.8]  # of equals this run's


def test_the_student_of_most_tasks_is_the_better_known_and_no_other_stands_beside_it() -> None:
    def glue(task: str, steps: int) -> dict[str, Any]:
        found = scored("pca", 0, task, dev_accuracy=0.5)
        found["params"]["stage_two"]["steps"] = steps
        return found

    sst2, sst2_longer, mrpc = (grouped([glue(*run)]) for run in (("SST-2", 1), ("SST-2", 9), ("MRPC", 1)))
    known = entries.best_known([*sst2, *mrpc], sst2_longer)
    assert [(entry.task, entry.model.read) for entry in known] == [("MRPC", 1000), ("SST-2", 1000)]
    assert [entry.model.read for entry in entries.best_known(sst2, sst2_longer)] == [9000]


def test_students_of_one_budget_and_text_stand_in_one_table() -> None:
    found = [record("pca", 0), record("nokd", 0), record("pca", 0, steps=300), record("nokd", 0, text="b" * 64)]
    budgets = entries.by_budget(grouped(found))
    assert {(budget.read, budget.corpus[0]): len(group) for budget, group in budgets.items()} == {
        (100_000, "a"): 2,
        (100_000, "b"): 1,
        (300_000, "a"): 1,
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.90, 0.91, 0.90], "+10.3 ± 1.4: better"),
        ([0.70, 0.71, 0.70], "-9.7 ± 1.4: worse"),
        ([0.70, 0.90, 0.80], "+0.0 ± 24.8: not told apart"),
        ([0.99], "+19.0: one seed"),
    ],
)
def test_a_row_of_glue_says_what_its_gain_over_the_bag_of_words_is_worth(values: list[float], expected: str) -> None:
    found = [scored("nokd", seed, "SST-2", dev_accuracy=v, dev_score=v) for seed, v in enumerate(values)]
    (table,) = entries.task_tables(grouped(found))
    assert table.caption.startswith("SST-2, 1,000 of 2,000 training rows")
    majority, words, row = (dict(zip(table.headers, cells, strict=True)) for cells in table.rows())
    assert (majority["dev accuracy"], words["dev accuracy"]) == ("50.0", "80.0")
    assert (row["model"], row["seeds"]) == ("NoKD L-6 H-96", str(len(values)))
    assert row["over the bag of words"] == expected


def test_baselines_of_other_rows_stand_in_another_table() -> None:
    found = [scored("nokd", 0, "SST-2", dev_accuracy=0.8), scored("pca", 0, "SST-2", dev_accuracy=0.8)]
    found[1]["metrics"]["training_rows"] = 500
    found.append(scored("pca", 0, "MRPC", test_f1=0.8))
    captions = [table.caption.partition(" training")[0] for table in entries.task_tables(grouped(found))]
    assert captions == ["MRPC, 1,000 of 2,000", "SST-2, 1,000 of 2,000", "SST-2, 500 of 2,000"]


def test_a_pair_of_twins_is_a_row_and_a_score_a_column() -> None:
    found = [
        scored(method, seed, task, **{score: value + seed / 100})
        for task, score in (("MRPC", "test_f1"), ("SST-2", "dev_accuracy"))
        for method, value in (("pca", 0.9), ("nokd", 0.8))
        for seed in range(3 if task == "MRPC" else 1)
    ]
    found += [scored("mixed", 0, "MRPC", test_f1=0.7)]
    headers, rows = entries.twin_table(grouped(found))
    assert headers == ["twins", "tokens of stage II", "MRPC test F1", "SST-2 dev accuracy"]
    assert rows == [
        ["PCA against NoKD, L-6 H-96", "0.1M", "+10.0 ± 0.0: better", "+10.0: one seed"],
        ["mixed-vocab from PCA against NoKD, L-6 H-96", "0.1M", "-10.0: one seed", "–"],
    ]
    assert entries.twin_table([]) == (["twins", "tokens of stage II"], [])


def test_the_teacher_has_another_name_in_glue_and_has_read_nobody_knows_how_much() -> None:
    for task, title in (("SST-2", "the teacher itself"), ("", "BERT-joint")):
        (entry,) = grouped([scored("bert-joint", 0, task, dev_accuracy=0.9)])
        assert (entry.title, entry.tokens) == (title, None)
