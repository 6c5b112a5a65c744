"""Which cells are the same student: those whose decisive settings are the same."""

from __future__ import annotations

from typing import Any

import pytest

from mixvocab.settings.profiles import load_profile
from mixvocab_book.sweep.grid import Cell


def key(method: str = "mixed", **settings: Any) -> str:
    return Cell("", "", None, method, settings, load_profile("smoke", **settings)).key


@pytest.mark.parametrize(
    "settings",
    [
        {"mixing.p_sv": 0.3},
        {"mixing.unit": "span"},
        {"stage_one.steps": 0},
        {"stage_one.shared": True},
        {"stage_two.steps": 25},
        {"vocabulary.size": 600},
        {"corpus.megabytes": 2},
        {"teacher.source": "hub:someone/else"},
        {"student.layers": 3},
    ],
)
def test_what_changes_the_student_changes_the_cell(settings: dict[str, Any]) -> None:
    assert key(**settings) != key()


@pytest.mark.parametrize("settings", [{"vocabulary.sizes": [700]}, {"glue.epochs": 9}, {"edge.rounds": 1}])
def test_what_other_chapters_do_does_not(settings: dict[str, Any]) -> None:
    assert key(**settings) == key()


def test_a_method_without_stage_one_does_not_depend_on_it() -> None:
    changes = {"stage_one.steps": 9, "stage_one.init": "random", "mixing.p_sv": 0.1, "mixing.max_teacher_masks": 2}
    for method in ("nokd", "nokd-wide"):
        assert key(method, **changes) == key(method)
        assert key(method, **{"mixing.length": 16}) != key(method)
    assert key("nokd") != key("nokd-wide") != key("mixed")


def test_a_start_alone_depends_on_the_start() -> None:
    alone = {"stage_one.steps": 0}
    assert key(**alone, **{"mixing.p_sv": 0.1, "stage_one.learning_rate": 1.0, "stage_one.tied": False}) == key(**alone)
    assert key(**alone, **{"stage_one.init": "random"}) != key(**alone)
    assert key(**alone, **{"stage_one.init_std": 0.1}) != key(**alone)
    assert key(**alone, **{"stage_one.weighting": 0.5}) != key(**alone)
    random = alone | {"stage_one.init": "random"}
    assert key(**random, **{"stage_one.init_std": 0.1}) != key(**random)
    assert key(**random, **{"stage_one.weighting": 0.5}) == key(**random)  # nothing is copied


def test_a_default_written_out_is_the_default() -> None:
    assert key(**{"mixing.p_sv": 0.5, "stage_one.tied": True}) == key()
