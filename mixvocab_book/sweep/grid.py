"""The grid of experiments, `ablations.yaml`: its header says what may stand there, and all else is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, ValidationInfo, model_validator

from mixvocab.common.errors import UserError
from mixvocab.distill.methods import find_method
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import PROFILES, Profile, Section, load_profile
from mixvocab_book.steps.students import student_step

PATH = Path(__file__).with_name("ablations.yaml")

Settings = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One student to be trained, whatever the seed."""

    label: str  # unique in its experiment
    line: str  # of several lines over one axis; "" if there is one
    value: Any  # on the axis; None without one
    method: str
    settings: Mapping[str, Any] = field(hash=False)  # over the profile's, by dotted name
    profile: Profile = field(hash=False, repr=False)  # with these settings

    @property
    def told(self) -> str:
        """The cell in a sentence: "PCA at 5000"."""
        return f"{self.line} at {as_text(self.value)}" if self.line else self.label

    @cached_property
    def key(self) -> str:
        """Fingerprint of what is asked for, seed and data apart: cells with the same one are the same student."""
        return student_step(Plan(self.profile), self.method, 0).asked


@dataclass(frozen=True)
class Experiment:
    """One question with the cells that answer it."""

    name: str
    question: str
    paper: str | None  # what it says
    settle: str | None  # what it would take to know
    axis_label: str
    baseline: Any
    cells: tuple[Cell, ...]
    title: str = ""
    about: str = ""  # what the names of its cells mean

    @property
    def topic(self) -> str:
        """Its name for readers."""
        return self.title or self.name.replace("_", " ").capitalize()

    def baseline_of(self, cell: Cell) -> Cell | None:
        """The cell that this one is compared with; None for the same student, or if it is not among the cells."""
        wanted = as_text(self.baseline)
        for other in self.cells if self.baseline is not None else ():
            on_that_line = other.line == wanted and other.value == cell.value
            at_that_value = other.line == cell.line and wanted in (other.label, as_text(other.value))
            if on_that_line or at_that_value:
                return None if other.key == cell.key else other
        return None


@dataclass(frozen=True)
class Grid:
    """The experiments of one sweep at one profile."""

    seeds: int
    experiments: tuple[Experiment, ...]
    common: Settings = field(default_factory=dict)  # of every cell, over the profile's


def as_text(value: Any) -> str:
    """A value as it is written in YAML."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


class _Experiment(Section):
    """An experiment as it stands in the file, with what it says for the profile that is read."""

    question: str
    title: str = ""
    about: str = ""
    paper: str | None = None
    settle: str | None = None
    method: str | None = None
    base: Settings = Field(default={})
    cells: dict[str, Settings] = Field(default={})
    axis: dict[str, list[Any]] = Field(default={})
    axis_label: str = ""
    lines: dict[str, Settings] = Field(default={"": {}})
    baseline: Any = None

    @model_validator(mode="before")
    @classmethod
    def _at_the_profile(cls, written: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        changes = written.get("per_profile", {})
        if unknown := changes.keys() - PROFILES:
            raise ValueError(f"per_profile names {', '.join(unknown)}; profiles are {', '.join(PROFILES)}")
        usual = {name: value for name, value in written.items() if name != "per_profile"}
        return usual | changes.get(info.context, {})

    @model_validator(mode="after")
    def _has_cells(self) -> _Experiment:
        if bool(self.cells) == bool(self.axis):
            raise ValueError("give it either cells or an axis")
        if len({len(values) for values in self.axis.values()}) > 1:
            raise ValueError("settings of one axis need equally many values")
        return self

    def rows(self) -> list[tuple[str, str, Any, Settings]]:
        """Label, line, value and settings of each cell."""
        rows = [(label, "", None, settings) for label, settings in self.cells.items()]
        for line, settings in self.lines.items():
            for values in zip(*self.axis.values(), strict=True):
                text = as_text(values[0])
                varied = dict(zip(self.axis, values, strict=True))
                rows.append((f"{line}, {text}" if line else text, line, values[0], settings | varied))
        return rows


class _Sweep(Section):
    seeds: Annotated[int, Field(gt=0)] = 1
    experiments: list[str] = Field(default=[])  # each whole, or as experiment=cell; empty: all


class _File(Section):
    per_profile: dict[str, Settings] = Field(default={})
    sweeps: dict[str, _Sweep]
    experiments: dict[str, _Experiment]


def load_grid(
    sweep: str,
    *,
    profile: str,
    path: Path = PATH,
    overrides: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> Grid:
    """The experiments of a sweep; `overrides` of the profile's settings come before the file's.

    `only`: experiments by name, or single cells as `experiment=cell`; empty: all.

    Raises UserError, naming file and experiment, for whatever the file says wrongly.
    """
    file: _File = read_yaml(path, _File, context=profile)
    if sweep not in file.sweeps:
        raise UserError(f"sweep {sweep!r} is unknown; {path.name} has {', '.join(file.sweeps)}")
    common = {**(overrides or {}), **file.per_profile.get(profile, {})}
    experiments = [_experiment(path, name, written, common, profile) for name, written in file.experiments.items()]
    experiments = _select(f"{path.name}, sweep {sweep}", experiments, file.sweeps[sweep].experiments)
    return Grid(file.sweeps[sweep].seeds, tuple(_select("--only", experiments, only)), common)


def read_yaml(path: Path, model: Any, context: Any = None) -> Any:
    """A YAML file as a pydantic model or a list of them. Raises UserError, naming the file and the place in it."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(model).validate_python(tree, context=context)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(f"entry {part + 1}" if isinstance(part, int) else part for part in problem["loc"])
        raise UserError(f"{path.name}: {place}: {problem['msg']}") from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} cannot be read: {error}") from None


def _experiment(path: Path, name: str, written: _Experiment, common: Settings, profile: str) -> Experiment:
    where, cells = f"{path.name}, experiment {name}", []
    for label, line, value, own in written.rows():
        settings = common | written.base | own
        method = settings.pop("method", written.method)
        try:
            find_method(method)
            cells.append(Cell(label, line, value, method, settings, load_profile(profile, **settings)))
        except UserError as error:
            raise UserError(f"{where}, {label}: {error}") from None
    told = written.model_dump(include={"question", "title", "about", "paper", "settle", "axis_label", "baseline"})
    experiment = Experiment(name=name, cells=tuple(cells), **told)
    if written.baseline is not None and not any(experiment.baseline_of(cell) for cell in cells):
        labels = ", ".join(cell.label for cell in cells)
        raise UserError(f"{where}: baseline {written.baseline!r} is none of {labels}")
    return experiment


def _select(where: str, experiments: Sequence[Experiment], wanted: Sequence[str]) -> list[Experiment]:
    """The experiments that are wanted, each whole or with the cells that are named; all if none is."""
    chosen, unknown = [], set(wanted)
    for experiment in experiments:
        name = experiment.name
        names = [(cell, {name, f"{name}={cell.label}", f"{name}={cell.line}"}) for cell in experiment.cells]
        cells = tuple(cell for cell, own in names if not wanted or own.intersection(wanted))
        unknown = unknown.difference(*(own for _, own in names))
        if cells:
            chosen.append(replace(experiment, cells=cells))
    if unknown:
        known = ", ".join(experiment.name for experiment in experiments)
        raise UserError(f"{where}: {unknown.pop()!r} is neither an experiment nor a cell of one; known are {known}")
    return chosen
