"""Chapter 4's table, figure and sentences: what they say for students that read, and for those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from mixvocab_book.show import plateau

GUESS = {"masked": 6.5, "right": 0.052, "word": 8.1}


def record(
    method: str, seed: int, masked: float, left: float | None = None, steps: int = 100, read: str = "a" * 64
) -> dict[str, Any]:
    """A student of 100 steps of 1,000 tokens; `left`: million tokens to the plateau's end; `read`: its text."""
    curve = [{"step": s, "tokens": s * 1000, "masked": masked + (100 - s) / 100} for s in (0, 50, 100)]
    return {
        "profile": "evening",
        "seed": seed,
        "params": {
            "method": method,
            "size": "L-6 H-96",
            "stage_two": {"steps": steps, "batch_size": 10},
            "mixing": {"length": 100},
        },
        "metrics": {
            "heldout": {"masked": masked, "right": 0.1, "loss": masked - 0.4, "kept": 1.0, "replaced": 8.0},
            "heldout_word_nats": masked + 1.5,
            "guess": GUESS,
            "left_plateau_tokens": left and left * 1e6,
            "spent": {"stage two": {"tokens_read": 100_000, "flops": 2e15}},
        },
        "curves": {"stage_two": curve},
        "sources": [{"kind": "teacher", "sha256": "t"}, {"kind": "corpus", "name": "text", "sha256": read}],
    }


def groups(**masked: tuple[float, float | None]) -> dict[str, list[dict[str, Any]]]:
    names = {"nokd": "nokd", "pca": "pca", "mixed": "mixed", "wide": "nokd-wide"}
    found = [record(names[a], s, m + s / 100, at) for a, (m, at) in masked.items() for s in (1, 0, 2)]
    return plateau.by_method(found)


def test_groups_are_in_the_chapters_order_and_by_seed() -> None:
    found = groups(pca=(5.0, 1.0), nokd=(6.4, None))
    assert list(found) == ["nokd", "pca"]
    assert [r["seed"] for r in found["pca"]] == [0, 1, 2]
    different = [record("pca", 0, 5.0, steps=300), record("nokd", 0, 5.0, read="b" * 64)]
    budgets = plateau.by_budget([record("pca", 0, 5.0), record("nokd", 0, 6.0), *different])
    assert {key: len(group) for key, group in budgets.items()} == {
        ("evening", 100_000, "L-6 H-96", "a" * 64): 2,
        ("evening", 300_000, "L-6 H-96", "a" * 64): 1,
        ("evening", 100_000, "L-6 H-96", "b" * 64): 1,  # students of two texts are not compared
    }


def test_the_guess_is_the_tables_first_row() -> None:
    rows = plateau.rows(groups(pca=(5.0, 1.0), nokd=(6.4, None)))
    assert rows[0][:5] == ["guessing by frequency", "", "6.500", "5.2 %", "8.100"]
    assert rows[1][0] == "NoKD"
    assert rows[1][5] == "not yet"
    assert rows[2][2].startswith("5.010 ± ")
    assert rows[2][5] == "1.0M tokens"
    assert rows[2][6:] == ["0", "100,000", "2.00"]
    assert all(len(row) == len(plateau.HEADERS) for row in rows)


@pytest.mark.parametrize(
    ("students", "told"),
    [
        ({"pca": (5.0, 1.0), "nokd": (6.4, None)}, "PCA leaves the plateau after 1.0M tokens,\nNoKD does not within"),
        (
            {"pca": (5.0, 1.0), "nokd": (6.4, None), "wide": (6.4, None)},
            "PCA leaves the plateau after 1.0M tokens,\nNoKD and NoKD, wider do not within",
        ),
        (
            {"pca": (5.0, 1.0), "mixed": (4.9, 0.8)},
            "mixed-vocab from PCA leaves the plateau after 0.8M tokens,\nPCA last",
        ),
        ({"pca": (5.0, 1.0)}, "PCA leaves the plateau after 1.0M tokens"),
        (
            {"pca": (6.2, None)},
            "No student has learned to use context yet:\nthe best, PCA, is 0.29 nats below the guess",
        ),
        (
            {"nokd": (6.6, None)},
            "No student has learned to use context yet:\nthe best, NoKD, is 0.11 nats above the guess",
        ),
    ],
)
def test_the_finding_has_a_form_for_every_outcome(students: dict[str, Any], told: str) -> None:
    assert plateau.finding(groups(**students)).startswith(told)


def test_seeds_that_have_left_are_counted() -> None:
    found = groups(pca=(5.0, 1.0), nokd=(6.4, None))
    found["nokd"][1]["metrics"]["left_plateau_tokens"] = 9e6
    assert "NoKD (but for 1 of 3 seeds) does not within this budget" in plateau.finding(found)


def test_a_student_that_does_not_beat_the_guess_has_learned_no_context() -> None:
    found = groups(pca=(5.0, 1.0), nokd=(6.6, None))
    assert plateau.without_context(found) == ["NoKD"]
    assert "NoKD is no better than the guess: nothing has been learned of context there." in plateau.summary(found)
    assert "1.49 nats below the guess" in plateau.summary(found)
    assert "nothing has been learned" not in plateau.summary(groups(pca=(5.0, 1.0)))


def test_some_seeds_only() -> None:
    found = plateau.by_method([record("pca", 0, 5.9, 1.5), record("pca", 1, 6.1, None)])
    assert plateau.plateau_end(found["pca"]) == "1.5M (1 of 2 seeds)"


def test_answers_are_paired_and_have_each_sign() -> None:
    found = groups(pca=(5.0, 1.0), nokd=(6.4, None), mixed=(5.3, 1.2))
    answers = {row[1]: row[2] for row in plateau.answers(found)}
    assert answers["PCA against NoKD"].startswith("+1.400 ± 0.000 nats over 3 seeds: better")
    assert answers["mixed-vocab from PCA against PCA"].startswith("-0.300")
    one = plateau.by_method([record("pca", 0, 5.0), record("nokd", 0, 6.0), record("nokd", 1, 6.0)])
    assert plateau.answers(one)[0][2] == "+1.000 nats with one seed: no interval, so nothing is claimed"
    unsure = plateau.by_method(
        [record("pca", 0, 5.0), record("nokd", 0, 6.0), record("pca", 1, 6.0), record("nokd", 1, 5.5)]
    )
    assert plateau.answers(unsure)[0][2].endswith(": no difference found at this scale")


def test_chart_and_words_show_the_guess() -> None:
    found = groups(pca=(5.0, 1.0), nokd=(6.4, None))
    chart = plateau.chart(found)
    assert [each.name for each in chart.series] == ["NoKD", "PCA"]
    assert [point.x for point in chart.series[1].points] == [0.05, 0.1]  # without the evaluation before training
    assert [(r.axis, r.value) for r in chart.references] == [("y", GUESS["masked"])]
    assert "guessing by frequency 6.50" in plateau.alt(found)
