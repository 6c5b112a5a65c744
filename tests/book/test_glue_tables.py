"""Chapter 5's tables: every student beside the baselines of its own rows, and a sentence for each outcome."""

from typing import Any

import pytest

from mixvocab_book.show import glue_tables
from mixvocab_book.show.evaluation import Entry, entries


def record(method: str, seed: int, accuracy: float, bag: float, steps: int = 100) -> dict[str, Any]:
    scores = {"dev/accuracy": accuracy, "dev/score": accuracy}
    student = method != "bert-joint"
    return {
        "chapter": "05_glue",
        "seed": seed,
        "profile": "evening",
        "seconds": 90.0,
        "sources": [{"kind": "glue", "name": "SST-2", "real": True}],
        "params": {
            "method": method,
            "size": "L-6 H-96" if student else "",
            "stage_two": {"steps": steps, "batch_size": 10},
            "mixing": {"length": 10},
        },
        "metrics": {
            "test": scores,
            "baselines": {"majority": dict.fromkeys(scores, 0.5), "bag_of_words": dict.fromkeys(scores, bag)},
            "stage_one_tokens": 200_000 if method == "mixed" else 0,
            "stage_two_tokens": steps * 10_000,
            "training_rows": 1000,
            "training_rows_available": 1000 if student else 2000,
        },
    }


def runs(method: str, values: list[float], bag: float = 0.8, steps: int = 100) -> list[Entry]:
    return entries([record(method, seed, value, bag, steps) for seed, value in enumerate(values)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.90, 0.91, 0.90], "above the bag of words: NoKD"),
        ([0.70, 0.71, 0.70], "below the bag of words: NoKD"),
        ([0.70, 0.90, 0.80], "not to be told from the bag of words: NoKD"),
        ([0.99], "one seed, so nothing is claimed: NoKD"),
    ],
)
def test_a_sentence_for_each_outcome(values: list[float], expected: str) -> None:
    assert glue_tables.outcomes({"SST-2": runs("nokd", values)}) == [
        f"SST-2, dev accuracy - {expected} L-6 H-96 (1.0M tokens)"
    ]


def test_outcomes_of_one_score_stand_in_one_sentence() -> None:
    known = {"SST-2": runs("nokd", [0.7, 0.71]) + runs("mixed", [0.9, 0.91])}
    (line,) = glue_tables.outcomes(known)
    assert line == (
        "SST-2, dev accuracy - below the bag of words: NoKD L-6 H-96 (1.0M tokens); "
        "above the bag of words: mixed-vocab from PCA L-6 H-96 (1.2M tokens)"
    )
    assert glue_tables.outcomes({}) == glue_tables.rows({}) == []


def test_rows_show_how_much_text_was_read() -> None:
    short, long = (
        [record("pca", 0, 0.7, 0.8)],
        [record("pca", seed, value, 0.8, 300) for seed, value in ((0, 0.9), (1, 0.8))],
    )
    found = {"SST-2": entries(short + long) + entries([record("bert-joint", 0, 0.95, 0.8)])}
    shown = [dict(zip(glue_tables.HEADERS, row, strict=True)) for row in glue_tables.rows(found)]
    assert [(row["model"], row["tokens read"], row["seeds"]) for row in shown] == [
        ("PCA L-6 H-96", "1.0M", "1"),
        ("PCA L-6 H-96", "3.0M", "2"),
        ("the teacher itself", "–", "1"),
    ]
    first = shown[0]
    assert (first["score (%)"], first["the model"], first["over the bag"]) == ("dev accuracy", "70.0", "-10.0")
    assert (first["majority class"], first["bag of words"], first["minutes"]) == ("50.0", "80.0", "1.5")
    assert shown[1]["over the bag"].startswith("+5.0 ± ")
    assert [row["training rows"] for row in shown] == ["1,000", "1,000", "1,000 of 2,000"]


def test_one_run_is_held_against_the_draw_of_rows() -> None:
    now = {"SST-2": runs("nokd", [0.52]) + runs("mixed", [0.9])}
    assert glue_tables.tallies(now, {"SST-2": 400}) == [
        "SST-2, accuracies: 1 of 2 above the majority class, 0 below; "
        "1 of 2 above the bag of words, 1 below (by more than 4.9 points)"
    ]


def test_what_is_no_share_has_no_margin() -> None:
    (entry,) = runs("nokd", [0.5])
    for part in (entry.metrics["test"], *entry.metrics["baselines"].values()):
        part["dev/matthews"] = part.pop("dev/accuracy")
    assert glue_tables.tallies({"CoLA": [entry]}, {"CoLA": 400}) == []


def test_twins_say_how_much_they_read_and_share_seeds() -> None:
    mixed, nokd = runs("mixed", [0.9, 0.91]), runs("nokd", [0.8, 0.82])
    (row,) = glue_tables.twins({"recorded": {"SST-2": mixed + nokd}})
    assert row[1] == "mixed-vocab from PCA L-6 H-96 (1.2M tokens) against NoKD L-6 H-96 (1.0M tokens)"
    assert "+9.5" in row[-1]
    longer = runs("nokd", [0.8], steps=200)
    assert glue_tables.twins({"recorded": {"SST-2": mixed + longer}}) == []
    other = entries([record("nokd", 7, 0.8, 0.8)])
    assert glue_tables.twins({"recorded": {"SST-2": mixed + other}}) == []
