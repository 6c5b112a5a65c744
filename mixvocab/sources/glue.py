"""GLUE in its own folder layout: tab-separated files whose columns differ from task to task and split to split.

Quoting is off everywhere (MRPC's fields hold single quotation marks), lines break at line feeds alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mixvocab.common.errors import UserError
from mixvocab.sources.files import read_lines
from mixvocab.sources.rows import DEVELOPMENT, GlueRow


@dataclass(frozen=True)
class Layout:
    """How one task lies on disk and on the hub."""

    folder: str  # GLUE's own name
    columns: tuple[str, ...]  # one or two text columns
    label: str  # column; on the hub it is "label"
    hub_columns: tuple[str, ...]
    regression: bool = False
    headless: Mapping[str, int] | None = None  # column numbers of files without a header
    ragged: bool = False  # the published file has some broken rows, which every reader leaves out

    @property
    def config(self) -> str:
        """The hub's name: sst2 for SST-2."""
        return self.folder.lower().replace("-", "")


_PAIR = ("sentence1", "sentence2")
LAYOUTS = (
    Layout("CoLA", ("sentence",), "label", ("sentence",), headless={"label": 1, "sentence": 3}),
    Layout("SST-2", ("sentence",), "label", ("sentence",)),
    Layout("MRPC", ("#1 String", "#2 String"), "Quality", _PAIR),
    Layout("QQP", ("question1", "question2"), "is_duplicate", ("question1", "question2"), ragged=True),
    Layout("STS-B", _PAIR, "score", _PAIR, regression=True),
    Layout("MNLI", _PAIR, "gold_label", ("premise", "hypothesis")),
    Layout("QNLI", ("question", "sentence"), "label", ("question", "sentence")),
    Layout("RTE", _PAIR, "label", _PAIR),
    Layout("WNLI", _PAIR, "label", _PAIR),
)
TASKS = tuple(layout.folder for layout in LAYOUTS)

# The files of a split, without .tsv. On the hub a split is called the same, with "validation" for "dev".
_FILES = {
    "train": "train",
    "dev": "dev",
    "m": "dev_matched",
    "mm": "dev_mismatched",
    "mm-hard": "dev_mismatched_hard",
    "test": "test",
    "test-m": "test_matched",
    "test-mm": "test_mismatched",
    "ax": "diagnostic",
}


class _Example(NamedTuple):
    """A row before its label is checked; None where the label is hidden."""

    place: str  # "SST-2/dev.tsv, line 4"
    texts: Sequence[str]
    label: Any


def layout(task: str) -> Layout:
    """The layout of a task by its name, case and hyphen aside. Raises UserError if there is no such task."""
    wanted = task.lower().replace("-", "").replace("_", "")
    for known in LAYOUTS:
        if known.config == wanted:
            return known
    raise UserError(f"glue: no task {task!r}; there are {', '.join(TASKS)}")


def read_folder(layout: Layout, folder: Path) -> tuple[dict[str, list[GlueRow]], list[Path]]:
    """The splits that lie in `folder`, and the files that they are read from.

    Raises UserError, naming file and line, if train or every development set is missing, a split is empty,
    a column is missing, a row has too few or too many columns, or another split has a label that train lacks.
    """
    files = {split: path for split, name in _FILES.items() if (path := folder / f"{name}.tsv").is_file()}
    examples = {split: _read_file(path, layout, labelled=_labelled(split)) for split, path in files.items()}
    return _splits(layout, examples, folder.name), list(files.values())


def from_hub(
    layout: Layout, splits: Mapping[str, Sequence[Mapping[str, Any]]], location: str
) -> dict[str, list[GlueRow]]:
    """The splits of the hub's data set, labels already by name; `location` stands for it in messages.

    Raises UserError as `read_folder` does.
    """
    names = {split: name.replace("dev", "validation") for split, name in _FILES.items()}
    examples = {
        split: _hub_examples(splits[name], layout, f"{location}, {name}", labelled=_labelled(split))
        for split, name in names.items()
        if name in splits
    }
    return _splits(layout, examples, location)


def _labelled(split: str) -> bool:
    return split == "train" or split in DEVELOPMENT


def _splits(layout: Layout, examples: Mapping[str, Iterable[_Example]], shown: str) -> dict[str, list[GlueRow]]:
    if "train" not in examples:
        raise UserError(f"{shown}: no training set (train.tsv)")
    if not DEVELOPMENT & examples.keys():
        raise UserError(f"{shown}: no development set (dev.tsv; for MNLI dev_matched.tsv)")
    splits: dict[str, list[GlueRow]] = {}
    for split, unchecked in examples.items():
        known = {row.label for row in splits.get("train", [])}
        splits[split] = [_row(example, layout, known) for example in unchecked]
        if not splits[split]:
            raise UserError(f"{shown}, {_FILES[split]}: no example in it")
    return splits


def _row(example: _Example, layout: Layout, known: set[Any]) -> GlueRow:
    first, second = example.texts[0].strip(), example.texts[1].strip() if len(example.texts) > 1 else None
    if example.label is None:
        return GlueRow(first, second, None)
    if layout.regression:
        return GlueRow(first, second, _score(example, layout))
    label = str(example.label)
    if known and label not in known:
        shown = ", ".join(sorted(name[:40] for name in known)[:8])
        raise UserError(f"{example.place}: label {label[:40]!r} does not occur in the training set, which has {shown}")
    return GlueRow(first, second, label)


def _score(example: _Example, layout: Layout) -> float:
    try:
        score = float(example.label)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise UserError(f"{example.place}: {layout.label} {example.label!r} is not a number")
    return score


def _read_file(path: Path, layout: Layout, *, labelled: bool) -> Iterator[_Example]:
    shown = f"{path.parent.name}/{path.name}"
    lines = read_lines(path)
    if not lines:
        raise UserError(f"{shown}: empty")
    if layout.headless and labelled:
        columns, first = dict(layout.headless), 0
    else:
        columns, first = {name.strip(): i for i, name in enumerate(lines[0].split("\t"))}, 1
    needed = [*layout.columns, *([layout.label] if labelled else [])]
    if missing := [name for name in needed if name not in columns]:
        raise UserError(f"{shown}, line 1: no column {missing[0]!r}; it has {', '.join(columns)}")
    least, width = max(columns[name] for name in needed) + 1, max(columns.values()) + 1
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        place, cells = f"{shown}, line {number}", line.rstrip("\r").split("\t")
        if len(cells) < least or any(cell.strip() for cell in cells[width:]):
            if layout.ragged:
                continue
            problem = f"{len(cells)} columns where {least} are needed and {width} are known"
            if '"' in line:  # as a spreadsheet writes it, to hide tabs and line breaks
                problem += "; quotation marks join nothing here: take tabs and line breaks out of the texts"
            raise UserError(f"{place}: {problem}")
        label = cells[columns[layout.label]].strip() if columns.get(layout.label, len(cells)) < len(cells) else ""
        if labelled and not label:
            raise UserError(f"{place}: no {layout.label}")
        if label != "-":  # annotators of MNLI did not agree
            yield _Example(place, [cells[columns[name]] for name in layout.columns], label or None)


def _hub_examples(
    rows: Sequence[Mapping[str, Any]], layout: Layout, place: str, *, labelled: bool
) -> Iterator[_Example]:
    for number, row in enumerate(rows, 1):
        if missing := [column for column in (*layout.hub_columns, "label") if column not in row]:
            raise UserError(f"{place} row {number}: no column {missing[0]!r}; it has {', '.join(row)}")
        label = None if row["label"] in (None, -1) else row["label"]
        if labelled and label is None:
            raise UserError(f"{place} row {number}: no label")
        yield _Example(f"{place} row {number}", [row[column] for column in layout.hub_columns], label)
