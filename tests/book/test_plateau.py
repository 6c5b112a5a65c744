"""Chapter 4's table, figure and sentences: what they say for students that read, and for those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import GUESS, commit, student

from mixvocab_book.show import plateau
from mixvocab_book.show.entries import Entry, grouped

NAMES = {"nokd": "nokd", "pca": "pca", "mixed": "mixed", "wide": "nokd-wide"}


def group(**students: tuple[float, float | None]) -> list[Entry]:
    """Three seeds a student: its loss behind [MASK], and the end of its plateau."""
    return grouped(
        student(NAMES[name], seed, masked + seed / 100, left)
        for name, (masked, left) in students.items()
        for seed in (1, 0, 2)
    )


def test_the_guess_is_the_tables_first_row() -> None:
    rows = plateau.rows(group(pca=(5.0, 1.0), nokd=(6.4, None)))
    assert rows[0][:5] == ["guessing by frequency", "", "6.500", "5.2%", "8.10"]
    assert (rows[1][0], rows[1][5]) == ("NoKD", "not yet")
    assert rows[2][2].startswith("5.010 ± ")
    assert rows[2][5:] == ["1.0M", "0.0M", "0.1M", "2.00"]
    assert all(len(row) == len(plateau.HEADERS) for row in rows)


@pytest.mark.parametrize(
    ("students", "expected"),
    [
        (
            {"pca": (5.0, 1.0), "nokd": (6.4, None), "wide": (6.4, None)},
            "PCA leaves the plateau first,\nafter 1.0M tokens; 1 of 3 leave it",
        ),
        (
            {"pca": (5.0, 1.0), "mixed": (4.9, 0.8)},
            "mixed-vocab from PCA leaves the plateau first,\nafter 0.8M tokens; 2 of 2 leave it",
        ),
        ({"pca": (6.2, None)}, "No student leaves the plateau with every seed"),
    ],
)
def test_the_finding_is_who_leaves_first_and_who_does_not(students: dict[str, Any], expected: str) -> None:
    assert plateau.finding(group(**students)) == expected


def test_a_student_with_a_seed_on_the_plateau_has_not_left() -> None:
    found = grouped([student("pca", 0, 5.9, 1.5), student("pca", 1, 6.1, None)])
    assert plateau.rows(found)[1][5] == "1.5M (1 of 2 seeds)"
    assert plateau.finding(found).startswith("No student")


def test_a_student_that_does_not_beat_the_guess_has_learned_no_context() -> None:
    told = plateau.summary(group(pca=(5.0, 1.0), nokd=(6.6, None)))
    assert "PCA costs 5.01 and is right in 10.0%" in told
    assert "nothing has been learned of context: NoKD." in told
    assert "nothing has been learned of context: none." in plateau.summary(group(pca=(5.0, 1.0)))


def test_the_share_is_of_the_way_from_the_guess_to_the_teacher() -> None:
    found = group(pca=(5.0, 1.0), nokd=(6.4, None))
    assert found[0].metrics["guess"]["word"] == 8.1
    nats = [entry.mean("heldout_word_nats").mean for entry in found]
    told = plateau.share_of_teacher(found, 4.1)
    assert told.startswith("Of the teacher's score by whole hidden words (4.10 nats, from the guess): ")
    assert told.endswith(f"NoKD keeps {(8.1 - nats[0]) / 4:.0%}; PCA keeps {(8.1 - nats[1]) / 4:.0%}.")
    assert "no mark to measure by" in plateau.share_of_teacher(found, 8.2)


def test_answers_are_paired_and_have_each_sign() -> None:
    answers = {row[1]: row[2] for row in plateau.answers(group(pca=(5.0, 1.0), nokd=(6.4, None), mixed=(5.3, 1.2)))}
    assert answers["PCA against NoKD"].startswith("+1.400 ± 0.000 nats over 3 seeds: better")
    assert answers["mixed-vocab from PCA against PCA"].startswith("-0.300")
    one = grouped([student("pca", 0, 5.0), student("nokd", 0, 6.0), student("nokd", 1, 6.0)])
    assert plateau.answers(one)[0][2] == "+1.000 nats with one seed"


def test_the_chart_shows_the_guess() -> None:
    chart = plateau.chart(group(pca=(5.0, 1.0), nokd=(6.4, None)))
    assert [each.name for each in chart.series] == ["NoKD", "PCA"]
    assert [point.x for point in chart.series[1].points] == [0.05, 0.1]  # without the evaluation before training
    assert [(r.axis, r.value) for r in chart.references] == [("y", GUESS["masked"])]


def test_the_longest_runs_of_those_that_chapter_4_asks_about_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [student(method, 0, 5.0, steps=steps) for method in ("nokd", "pca", "mobilebert") for steps in (10, 300)]
    commit(monkeypatch, students=found)
    groups = plateau.recorded()
    assert [budget.read for budget in groups] == [300_000, 10_000]
    assert [[entry.model.method for entry in group] for group in groups.values()] == [["nokd", "pca"]] * 2
