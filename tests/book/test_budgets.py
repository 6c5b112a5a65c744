"""Methods at several budgets: what is said is true for either sign, and only what can be compared is compared."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import GUESS, commit, scored, student

from mixvocab_book.show import budgets
from mixvocab_book.show.budgets import Course
from mixvocab_book.sweep.grid import load_grid
from mixvocab_book.sweep.run import units_of

Records = list[dict[str, Any]]
LENGTHS = {"steps": 5, "batch_size": 4}


def read(method: str, steps: int, *losses: float, flops: float = 1e15, **more: Any) -> Records:
    """A student of `steps` thousand tokens, one a loss behind [MASK]; a word costs 1.5 nats more."""
    found = [student(method, seed, loss, steps=steps, **more) for seed, loss in enumerate(losses)]
    for one in found:
        one["metrics"]["spent"] = {"stage one": {"flops": flops / 4}, "stage two": {"flops": 3 * flops / 4}}
        one["params"]["stage_one"] = LENGTHS
        one["params"]["stage_two"] |= {"learning_rate": 0.0015}
    return found


CROSSING = [
    *read("nokd", 100, 6.0, 6.1),
    *read("pca", 100, 5.0, 5.1),
    *read("nokd", 10_000, 4.0, 4.1, flops=1e17),
    *read("pca", 10_000, 4.5, 4.6, flops=1e17),
    *read("mixed", 10_000, 4.2, 3.9, flops=2e17),
]


@pytest.fixture
def courses(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Courses of records by place."""

    def made(**places: Records) -> list[Course]:
        commit(monkeypatch, **places)
        return budgets.recorded()

    return made


def test_without_records_there_is_nothing_to_show(courses: Any) -> None:
    assert courses() == []


def test_each_sign_is_told_and_what_chance_may_explain(courses: Any) -> None:
    (course,) = courses(students=CROSSING)
    assert course.told() == [
        "By loss of a whole hidden word, against NoKD. Better: PCA at 0.1M. Worse: PCA at 10M. "
        "Not told apart: mixed-vocab from PCA at 10M.",
        "By loss of a whole hidden word, against PCA. Not told apart: mixed-vocab from PCA at 10M.",
    ]
    (alone,) = courses(students=[*read("nokd", 100, 6.0), *read("pca", 100, 5.0)])
    assert alone.told() == ["By loss of a whole hidden word, against NoKD. One seed: PCA at 0.1M."]


def test_gains_are_paired_by_seed_a_row_a_budget_and_method(courses: Any) -> None:
    (course,) = courses(students=CROSSING)
    rows = [row[:2] for row in course.rows()]
    assert rows == [["0.1M", "PCA"], ["10M", "PCA"], ["10M", "mixed-vocab from PCA"]]
    assert course.rows()[0][2:] == ["+1.00 ± 0.00: better", "–"]
    assert course.rows()[1][2:] == ["-0.50 ± 0.00: worse", "–"]
    assert all(len(row) == len(budgets.HEADERS) for row in course.rows())


def test_nobody_is_compared_across_profiles(courses: Any) -> None:
    (course,) = courses(students=[*read("nokd", 100, 6.0, 6.1, profile="gpu"), *read("pca", 100, 5.0, 5.1)])
    assert course.told() == []
    assert course.charts()[0].title == "PCA over NoKD: not known yet"
    assert "profile evening" in course.caption()
    assert "profile gpu" in course.caption()


def test_a_line_joins_budgets_and_a_single_one_is_a_mark(courses: Any) -> None:
    (course,) = courses(students=CROSSING)
    chart, _ = course.charts()
    assert [(each.name, each.line, [point.x for point in each.points]) for each in chart.series] == [
        ("NoKD", True, [0.1, 10]),
        ("PCA", True, [0.1, 10]),
        ("mixed-vocab from PCA", False, [10]),
    ]
    assert [point.y for point in chart.series[1].points] == pytest.approx([6.55, 6.05])
    assert len({(each.colour, each.mark) for each in chart.series}) == 3
    (alone,) = courses(students=[one for one in CROSSING if one["params"]["method"] != "pca"])
    assert alone.charts()[0].series[1].mark == chart.series[2].mark  # a method looks alike whoever is beside it
    assert (chart.x.scale, chart.references[0].value) == ("log", GUESS["word"])
    assert chart.title == "PCA over NoKD, in nats: +1.00 ± 0.00 at 0.1M and -0.50 ± 0.00 at 10M tokens"


def test_intervals_are_drawn_from_three_seeds_on(courses: Any) -> None:
    (course,) = courses(students=[*read("nokd", 100, 6.0, 6.1), *read("pca", 100, 5.0, 5.1, 5.2)])
    two, three = (series.points[0] for series in course.charts()[0].series)
    assert (two.low, two.high) == (None, None)
    assert (three.low, three.high) == (pytest.approx(6.6 - 0.248, abs=1e-3), pytest.approx(6.6 + 0.248, abs=1e-3))


def test_compute_is_of_all_stages_and_names_whom_nothing_cheaper_beats(courses: Any) -> None:
    (course,) = courses(students=CROSSING)
    _, chart = course.charts()
    assert [[point.x for point in each.points] for each in chart.series] == [[1, 100], [1, 100], [200]]
    assert chart.title == "Best for what they cost (PFLOPs): PCA at 1, NoKD at 100"


def test_tasks_stand_at_what_their_students_cost_beside_what_is_known(courses: Any) -> None:
    found = {"snips": [], "glue_sst2": []}  # type: dict[str, Records]
    for seed in range(3):
        for method, score in (("nokd", 0.80), ("pca", 0.90)):
            found["snips"].append(scored(method, seed, slot_f1=score + seed / 100))
            found["glue_sst2"].append(scored(method, seed, "SST-2", bag=0.82, dev_accuracy=score + seed / 100))
    for one in (*found["snips"], *found["glue_sst2"]):
        one["params"]["stage_one"] = LENGTHS
        one["params"]["stage_two"] |= {"learning_rate": 0.0015}
    _, snips, sst2 = courses(students=CROSSING, **found)
    for course, line in ((snips, 92.8), (sst2, 82.0)):
        text, compute = course.charts()
        assert text.title == "PCA over NoKD, in points: +10.0 ± 0.0 at 0.1M tokens"
        assert [each.points[0].y for each in text.series] == pytest.approx([81, 91])
        assert [each.points[0].x for each in compute.series] == [1, 1]
        assert text.references[0].value == pytest.approx(line)


def test_made_up_data_other_texts_and_other_shapes_are_left_out(courses: Any) -> None:
    synthetic = read("mixed", 100, 1.0)
    synthetic[0]["sources"][0]["real"] = False
    others = [*read("mixed", 100, 1.0, text="b" * 64), *read("mixed", 100, 1.0, size="L-6 H-256"), *synthetic]
    (course,) = courses(students=[*CROSSING, *others])
    assert len(course.students) == 5
    assert {entry.model.corpus[0] for entry in course.students} == {"a"}


def test_of_chapter_seven_methods_as_they_are_count(courses: Any) -> None:
    units = units_of(load_grid("full", profile="evening", only=["init"]), [0, 1])
    found = []
    for (_, seed), unit in units.items():
        (one,) = read(unit.method, 1500, 5.0)
        one["params"] |= {"identity": unit.identity}
        found.append(one | {"seed": seed})
    (course,) = courses(ablations=found, students=read("nokd", 1500, 7.0))
    assert [(entry.model.method, entry.seeds) for entry in course.students] == [
        ("nokd", [0]),  # chapter 4's
        ("nokd-wide", [0, 1]),
        ("pca", [0, 1]),
        ("mixed", [0, 1]),
    ]
    assert course.students[0].mean("heldout_word_nats").mean == 8.5
