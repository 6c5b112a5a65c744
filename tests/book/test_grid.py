"""A grid says what is varied; what it says wrongly is an error that names file and experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sweeping
import yaml

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import PROFILES
from mixvocab_book.sweep.grid import Grid, load_grid


def load(path: Path, text: str = sweeping.GRID, sweep: str = "full", **changes: Any) -> Grid:
    file = path / "grid.yaml"
    file.write_text(text, encoding="utf-8")
    return load_grid(sweep, path=file, **({"profile": "smoke"} | changes))


def with_experiment(**written: Any) -> str:
    """A grid of one experiment."""
    one = {"question": "Why?", "method": "mixed", **written}
    return yaml.safe_dump({"sweeps": {"full": {}}, "experiments": {"one": one}}, sort_keys=False)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("sweep", ["reduced", "full"])
def test_the_books_own_grid_holds_at_every_profile(profile: str, sweep: str) -> None:
    grid = load_grid(sweep, profile=profile)
    assert grid.experiments
    for one in grid.experiments:
        assert len({cell.label for cell in one.cells}) == len(one.cells)


def test_cells_have_the_settings_of_profile_file_experiment_and_cell(tmp_path: Path) -> None:
    text = with_experiment(
        base={"stage_two.steps": 7, "mixing.p_sv": 0.4},
        axis={"stage_one.steps": [0, 5]},
        lines={"random": {"stage_one.init": "random"}, "fresh": {"method": "nokd", "mixing.p_sv": 0.1}},
        baseline="fresh",
    )
    text += "per_profile: {smoke: {stage_two.batch_size: 8, mixing.p_sv: 0.3}}\n"
    (one,) = load(tmp_path, text, overrides={"mixing.length": 16}).experiments
    told = [
        (
            c.label,
            c.line,
            c.value,
            c.method,
            c.profile.mixing.p_sv,
            c.profile.stage_one.steps,
            c.profile.stage_one.init,
        )
        for c in one.cells
    ]
    assert told == [
        ("random, 0", "random", 0, "mixed", 0.4, 0, "random"),
        ("random, 5", "random", 5, "mixed", 0.4, 5, "random"),
        ("fresh, 0", "fresh", 0, "nokd", 0.1, 0, "pca"),
        ("fresh, 5", "fresh", 5, "nokd", 0.1, 5, "pca"),
    ]
    for cell in one.cells:
        second = cell.profile.stage_two
        assert (second.steps, second.batch_size, cell.profile.mixing.length) == (7, 8, 16)


def test_settings_may_be_varied_together(tmp_path: Path) -> None:
    text = with_experiment(axis={"stage_one.steps": [0, 40], "stage_two.steps": [700, 600]}, baseline=0)
    (one,) = load(tmp_path, text).experiments
    assert [(c.label, c.profile.stage_one.steps, c.profile.stage_two.steps) for c in one.cells] == [
        ("0", 0, 700),
        ("40", 40, 600),
    ]


def test_baselines(tmp_path: Path) -> None:
    def baselines(**written: Any) -> dict[str, str | None]:
        (one,) = load(tmp_path, with_experiment(**written)).experiments
        return {c.label: (b.label if (b := one.baseline_of(c)) else None) for c in one.cells}

    axis = {"mixing.p_sv": [0.25, 0.5]}
    lines = {"a": {"stage_one.tied": False}, "b": {}}
    assert baselines(axis=axis, baseline=0.5) == {"0.25": "0.5", "0.5": None}
    assert baselines(axis=axis) == {"0.25": None, "0.5": None}
    by_line = {"a, 0.25": "b, 0.25", "a, 0.5": "b, 0.5", "b, 0.25": None, "b, 0.5": None}
    assert baselines(axis=axis, lines=lines, baseline="b") == by_line
    by_value = {"a, 0.25": "a, 0.5", "a, 0.5": None, "b, 0.25": "b, 0.5", "b, 0.5": None}
    assert baselines(axis=axis, lines=lines, baseline=0.5) == by_value
    assert baselines(cells={"x": {}, "y": {"mixing.p_sv": 0}}, baseline="x") == {"x": None, "y": "x"}


def test_a_profile_may_have_other_values(tmp_path: Path) -> None:
    text = with_experiment(
        base={"stage_two.steps": 9},
        axis={"stage_one.steps": [100, 1000]},
        baseline=100,
        per_profile={"smoke": {"axis": {"stage_one.steps": [1, 2]}, "baseline": 1}},
    )
    (smoke,), (laptop,) = (load(tmp_path, text, profile=p).experiments for p in ("smoke", "laptop"))
    assert [(c.value, c.profile.stage_two.steps) for c in smoke.cells] == [(1, 9), (2, 9)]
    assert [(c.value, c.profile.stage_two.steps) for c in laptop.cells] == [(100, 9), (1000, 9)]


def test_a_sweep_and_only_choose_among_cells(tmp_path: Path) -> None:
    def labels(grid: Grid) -> dict[str, list[str]]:
        return {one.name: [cell.label for cell in one.cells] for one in grid.experiments}

    everything = {"start": ["fresh", "PCA", "stage I"], "p_sv": ["0.25", "0.5"]}
    assert labels(load(tmp_path)) == everything
    assert load(tmp_path).seeds == 2
    assert labels(load(tmp_path, sweep="reduced")) == {"start": everything["start"], "p_sv": ["0.25"]}
    assert labels(load(tmp_path, only=["start"])) == {"start": everything["start"]}
    assert labels(load(tmp_path, only=["p_sv=0.5", "start=PCA", "start=stage I"])) == {
        "p_sv": ["0.5"],
        "start": ["PCA", "stage I"],
    }


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (sweeping.GRID, {"sweep": "half"}, "sweep 'half' is unknown; grid.yaml has full, reduced"),
        (
            sweeping.GRID,
            {"only": ["pvs"]},
            "--only: 'pvs' is neither an experiment nor a cell of one; known are start,",
        ),
        (sweeping.GRID, {"only": ["p_sv=1"]}, "--only: 'p_sv=1' is neither an experiment nor a cell of one"),
        (sweeping.GRID, {"profile": "desk"}, "profile 'desk' is unknown"),
        (
            with_experiment(axis={"mixing.p_sv": [0], "mixing.length": [16, 32]}),
            {},
            "one: Value error, settings of one",
        ),
        (with_experiment(), {}, "grid.yaml: experiments.one: Value error, give it either cells or an axis"),
        (with_experiment(axis={"mixing.p_sv": [0]}, cells={"a": {}}), {}, "one: Value error, give it either"),
        (with_experiment(axis={"mixing.p": [0]}), {}, "experiment one, 0: setting 'mixing.p' is unknown"),
        (with_experiment(axis={"mixing.p_sv": [0.1, 2]}), {}, "experiment one, 2: profile smoke: mixing.p_sv=2"),
        (with_experiment(cells={"a": {"method": "magic"}}), {}, "one, a: method 'magic' is unknown; choose from nokd"),
        (with_experiment(axis={"mixing.p_sv": [0, 1]}, baseline=0.5), {}, "experiment one: baseline 0.5 is none of"),
        (with_experiment(axis={"mixing.p_sv": [0]}, basis={}), {}, "grid.yaml: experiments.one.basis: Extra inputs"),
        (
            with_experiment(axis={"mixing.p_sv": [0]}, per_profile={"desk": {}}),
            {},
            "grid.yaml: experiments.one: Value error, per_profile names desk; profiles are smoke",
        ),
        (sweeping.GRID.replace("seeds: 2", "seeds: 0"), {}, "grid.yaml: sweeps.full.seeds: Input should be greater"),
        (
            sweeping.GRID.replace("[p_sv=0.25, start]", "[stat]"),
            {"sweep": "reduced"},
            "sweep reduced: 'stat' is neither",
        ),
        ("sweeps: [", {}, "grid.yaml cannot be read"),
        ("3", {}, "grid.yaml: : Input should be"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        load(tmp_path, text, **changes)
    assert message in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml cannot be read"):
        load_grid("full", profile="smoke", path=tmp_path / "none.yaml")
