"""A grid of experiments, read from YAML: what is varied, against what baseline, and in which sweeps::

    base: {setting: value}                    # of every cell, over the profile's; may be left out
    per_profile: {smoke: {setting: value}}    # further ones at that profile
    sweeps:
      reduced: {seeds: 1, experiments: [p_sv, {init: [random, pca]}]}   # of `init` these cells alone
      full: {seeds: 3, experiments: all}
    experiments:
      p_sv:
        question: "What share of the words should be cut by the student's vocabulary?"
        paper: "0.5; nothing else was tried"  # what the paper says, or null
        settle: "ten times the text"          # what would settle it, or null
        method: mixed                         # one of `mixvocab.distill.methods`
        base: {setting: value}
        axis: {mixing.p_sv: [0, 0.5, 1]}      # several settings are varied together: lists of one length
        axis_label: "share of words"          # for figures; default: the setting's name
        lines: {name: {method: ..., setting: value}}   # the axis once for each of them
        baseline: 0.5                         # a value of the axis (of the same line), or a line (at the same value)
        per_profile: {smoke: {axis: ..., ...}}         # replaces keys of the experiment; `base` is added to
      start:
        question: ...
        cells: {random: {method: mixed, setting: value}, pca: {...}}   # instead of an axis
        baseline: random

Settings are written with their section, `stage_two.steps`, and null leaves the profile's value; whatever is unknown is
an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from mixvocab.common.errors import UserError
from mixvocab.distill.methods import methods
from mixvocab.settings.profiles import Profile, Section, load_profile, profile_names
from mixvocab_book.sweep.cells import Cell, Experiment, Grid, as_text

PATH = Path(__file__).with_name("ablations.yaml")
METHOD = "method"  # the one key of a cell that is no setting

Settings = dict[str, Any]


class _Changes(Section):
    """What an experiment may say anew for one profile."""

    method: str | None = None
    base: Settings = Field(default={})
    cells: dict[str, Settings] | None = None
    axis: dict[str, list[Any]] | None = None
    lines: dict[str, Settings] | None = None
    baseline: Any = None


class _Written(_Changes):
    """An experiment as it stands in the file."""

    question: str
    paper: str | None = None
    settle: str | None = None
    axis_label: str = ""
    per_profile: dict[str, _Changes] = Field(default={})

    def at(self, profile: str) -> _Written:
        """The same with what it says for that profile."""
        change = self.per_profile.get(profile)
        if change is None:
            return self
        given = {name: getattr(change, name) for name in change.model_fields_set}
        return self.model_copy(update=given | {"base": self.base | change.base})


class _Sweep(Section):
    """A choice of experiments."""

    seeds: Annotated[int, Field(gt=0)] = 1
    experiments: str | list[str | dict[str, list[Any]]]


class _File(Section):
    base: Settings = Field(default={})
    per_profile: dict[str, Settings] = Field(default={})
    sweeps: dict[str, _Sweep]
    experiments: dict[str, _Written]


def load_grid(
    sweep: str,
    *,
    profile: str,
    path: Path = PATH,
    overrides: Mapping[str, Any] | None = None,
    only: Collection[str] = (),
) -> Grid:
    """The experiments of a sweep.

    Args:
        sweep: its name in the file.
        profile: smoke, laptop, evening, gpu or paper; `overrides` of its settings come before the file's.
        only: experiments by name, or single cells as `experiment=value`; empty: all.

    Raises:
        UserError: naming file and experiment, for whatever the file says wrongly, whether this sweep needs it or not.
    """
    file = _read(path)
    if sweep not in file.sweeps:
        raise UserError(f"sweep {sweep!r} is unknown; {path.name} has {', '.join(file.sweeps)}")
    common = file.base | file.per_profile.get(profile, {})
    made = {
        name: _experiment(f"{path.name}, experiment {name}", name, written.at(profile), common, profile,
                          overrides or {})
        for name, written in file.experiments.items()
    }  # fmt: skip
    chosen = {name: _select(path.name, made, _entries(one, made), name) for name, one in file.sweeps.items()}[sweep]
    if only:
        wanted: dict[str, list[Any]] = {}
        for given in only:
            name, equals, value = given.partition("=")
            wanted.setdefault(name.strip(), []).extend([value.strip()] if equals else [])
        chosen = _select("--only", {one.name: one for one in chosen}, wanted, sweep)
    return Grid(sweep, file.sweeps[sweep].seeds, tuple(chosen))


def _read(path: Path) -> _File:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--grid {path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path.name}: write the keys sweeps and experiments")
    try:
        file = _File(**tree)
    except ValidationError as error:
        problem = error.errors()[0]
        place = [str(part) for part in problem["loc"]]
        where = f"{path.name}, {place[0][:-1]} {place[1]}" if len(place) > 2 else path.name
        raise UserError(f"{where}: {place[-1]}: {_plain(problem)}") from None
    named = set(file.per_profile).union(*(one.per_profile for one in file.experiments.values()))
    for profile in sorted(named - set(profile_names())):
        raise UserError(f"{path.name}: per_profile names {profile!r}; profiles are {', '.join(profile_names())}")
    return file


def _plain(problem: Mapping[str, Any]) -> str:
    told = {"extra_forbidden": "no such key", "missing": "is missing"}
    return told.get(problem["type"]) or problem["msg"]


def _experiment(
    where: str,
    name: str,
    written: _Written,
    common: Settings,
    profile: str,
    overrides: Mapping[str, Any],
) -> Experiment:
    """An experiment with its cells resolved; `where` begins every error."""
    axis = written.axis or {}
    if bool(written.cells) == bool(axis):
        raise UserError(f"{where}: give it either cells or an axis, with at least one entry")
    if written.lines is not None and (not written.lines or not axis):
        raise UserError(f"{where}: lines need an axis and at least one name")
    lengths = {setting: len(values) for setting, values in axis.items()}
    if 0 in lengths.values() or len(set(lengths.values())) > 1:
        raise UserError(f"{where}: every setting of the axis needs as many values, at least one; found {lengths}")

    usual = load_profile(profile, **overrides)

    def cell(label: str, line: str, value: Any, given: Settings) -> Cell:
        settings = common | written.base | given
        method = settings.pop(METHOD, written.method)
        if method not in methods():
            raise UserError(f"{where}, {label}: method {method!r} is unknown; choose from {', '.join(methods())}")
        for setting in settings:
            if "." not in setting:
                raise UserError(f"{where}, {label}: write {setting!r} with its section, as in stage_two.steps")
        try:
            resolved = load_profile(profile, **dict(overrides) | settings)
        except UserError as error:
            raise UserError(f"{where}, {label}: {error}") from None
        differ = {name: value for name, value in settings.items() if _value(resolved, name) != _value(usual, name)}
        return Cell(label, line, value, method, differ, resolved)

    cells = [cell(label, "", None, given) for label, given in (written.cells or {}).items()]
    for line, given in (written.lines or {"": {}}).items() if axis else ():
        for values in zip(*axis.values(), strict=True):
            label = f"{line}, {as_text(values[0])}" if line else as_text(values[0])
            cells.append(cell(label, line, values[0], given | dict(zip(axis, values, strict=True))))
    if len({one.label for one in cells}) < len(cells):
        raise UserError(f"{where}: a value stands on the axis twice")
    made = Experiment(
        name,
        written.question,
        written.paper,
        tuple(axis),
        written.axis_label or next(iter(axis), ""),
        tuple(cells),
        written.baseline,
        written.settle,
    )
    if written.baseline is not None and not any(made.baseline_of(one) for one in cells) and len(cells) > 1:
        raise UserError(f"{where}: baseline {written.baseline!r} is none of {', '.join(one.label for one in cells)}")
    return made


def _entries(sweep: _Sweep, known: Collection[str]) -> dict[str, list[Any]]:
    """Experiment -> the cells that a sweep takes of it; an empty list: all."""
    if isinstance(sweep.experiments, str):
        return {name: [] for name in known} if sweep.experiments == "all" else {sweep.experiments: []}
    entries: dict[str, list[Any]] = {}
    for item in sweep.experiments:
        entries |= {item: []} if isinstance(item, str) else item
    return entries


def _select(
    where: str, known: Mapping[str, Experiment], wanted: Mapping[str, list[Any]], sweep: str
) -> list[Experiment]:
    chosen = []
    for name, values in wanted.items():
        if name not in known:
            raise UserError(f"{where}: sweep {sweep} has no experiment {name!r}; known are {', '.join(known)}")
        one = known[name]
        texts = [as_text(value) for value in values]
        for text in texts:
            if not any(text in _names(cell) for cell in one.cells):
                labels = ", ".join(cell.label for cell in one.cells)
                raise UserError(f"{where}: experiment {name} has no cell {text!r}; known are {labels}")
        kept = tuple(cell for cell in one.cells if not texts or set(texts) & _names(cell))
        chosen.append(replace(one, cells=kept))
    return chosen


def _value(profile: Profile, name: str) -> Any:
    section, _, leaf = name.partition(".")
    return getattr(getattr(profile, section), leaf)


def _names(cell: Cell) -> set[str]:
    """What a choice of cells may call this one."""
    return {cell.label, *([cell.line] if cell.line else []), *([as_text(cell.value)] if cell.value is not None else [])}
