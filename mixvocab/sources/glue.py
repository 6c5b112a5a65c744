"""GLUE in its own folder layout: tab-separated files whose columns differ from task to task and split to split.

Quoting is off everywhere (MRPC's fields hold single quotation marks), lines break at line feeds alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixvocab.errors import UserError
from mixvocab.sources.files import files_sha256
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.sources.source import Source


@dataclass(frozen=True)
class Layout:
    """How one task lies on disk and on the hub."""

    folder: str  # GLUE's own name
    config: str  # the hub's name
    columns: tuple[str, ...]  # one or two text columns
    label: str
    hub_columns: tuple[str, ...]
    regression: bool = False
    headless: Mapping[str, int] | None = None  # column numbers of files without a header
    ragged: bool = False  # the published file has some broken rows, which every reader leaves out


_PAIR = ("sentence1", "sentence2")
LAYOUTS = (
    Layout("CoLA", "cola", ("sentence",), "label", ("sentence",), headless={"label": 1, "sentence": 3}),
    Layout("SST-2", "sst2", ("sentence",), "label", ("sentence",)),
    Layout("MRPC", "mrpc", ("#1 String", "#2 String"), "Quality", _PAIR),
    Layout("QQP", "qqp", ("question1", "question2"), "is_duplicate", ("question1", "question2"), ragged=True),
    Layout("STS-B", "stsb", _PAIR, "score", _PAIR, regression=True),
    Layout("MNLI", "mnli", _PAIR, "gold_label", ("premise", "hypothesis")),
    Layout("QNLI", "qnli", ("question", "sentence"), "label", ("question", "sentence")),
    Layout("RTE", "rte", _PAIR, "label", _PAIR),
    Layout("WNLI", "wnli", _PAIR, "label", _PAIR),
)
TASKS = tuple(layout.folder for layout in LAYOUTS)

_FILES = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
_MNLI_FILES = {
    "train": "train.tsv",
    "m": "dev_matched.tsv",
    "mm": "dev_mismatched.tsv",
    "mm-hard": "dev_mismatched_hard.tsv",
    "test-m": "test_matched.tsv",
    "test-mm": "test_mismatched.tsv",
    "ax": "diagnostic.tsv",
}
_HUB_SPLITS = {
    "train": "train",
    "dev": "validation",
    "m": "validation_matched",
    "mm": "validation_mismatched",
    "test": "test",
    "test-m": "test_matched",
    "test-mm": "test_mismatched",
}


def layout(task: str) -> Layout:
    """The layout of a task by its name, case and hyphen aside. Raises UserError if there is no such task."""
    wanted = task.lower().replace("-", "").replace("_", "")
    for known in LAYOUTS:
        if known.folder.lower().replace("-", "") == wanted:
            return known
    raise UserError(f"glue: no task {task!r}; there are {', '.join(TASKS)}")


def read_folder(folder: Path, layout: Layout) -> tuple[dict[str, list[GlueRow]], str]:
    """The splits that lie in `folder`, and the SHA-256 over their files.

    Raises UserError, naming file and line, if train or every development set is missing, a split is empty,
    a column is missing, a row has too few or too many columns, or another split has a label that train lacks.
    """
    names = _MNLI_FILES if layout.folder == "MNLI" else _FILES
    files = {split: folder / name for split, name in names.items() if (folder / name).is_file()}
    if "train" not in files:
        raise UserError(f"{folder.name}: no train.tsv")
    splits: dict[str, list[GlueRow]] = {}
    for split, path in files.items():
        known = None if layout.regression or split == "train" else {row.label for row in splits["train"]}
        splits[split] = _read_file(path, layout, labelled=not _is_test(split), known=known)
    if not any(split in splits for split in ("dev", "m", "mm", "mm-hard")):
        raise UserError(f"{folder.name}: no development set ({', '.join(list(names.values())[1:3])})")
    return splits, files_sha256(list(files.values()))


def from_rows(layout: Layout, splits: Mapping[str, Sequence[Mapping[str, Any]]], source: Source) -> GlueData:
    """Rows of the hub's data set, labels already by name; a hidden label is None."""
    read: dict[str, list[GlueRow]] = {}
    for split, name in _HUB_SPLITS.items():
        if name not in splits:
            continue
        rows = splits[name]
        if not rows:
            raise UserError(f"{source.location}: split {name} is empty")
        if missing := [column for column in (*layout.hub_columns, "label") if column not in rows[0]]:
            raise UserError(f"{source.location}: no column {missing[0]!r}; it has {', '.join(rows[0])}")
        hidden = _is_test(split) and all(row["label"] in (None, -1, -1.0) for row in rows)
        texts = [[row[column] for column in layout.hub_columns] for row in rows]
        labels = [None if hidden else row["label"] for row in rows]
        if not layout.regression:
            labels = [None if label is None else str(label) for label in labels]
            known = {row.label for row in read.get("train", [])} or set(labels)
            for number, label in enumerate(labels, 1):
                if label is not None and label not in known:
                    raise UserError(f"{source.location}, {name} row {number}: {_unseen(label, known, 'split train')}")
        read[split] = [_row(text, label) for text, label in zip(texts, labels, strict=True)]
    if "train" not in read or len(read) < 2:
        raise UserError(f"{source.location}: no train and validation splits; it has {', '.join(splits)}")
    return GlueData(source, layout.folder, read, layout.regression)


def _is_test(split: str) -> bool:
    return split.startswith("test") or split == "ax"


def _unseen(label: str, known: set[Any], where: str) -> str:
    shown = ", ".join(sorted(str(name)[:40] for name in known)[:8])
    return f"label {label[:40]!r} does not occur in {where} (it has {shown}); no model could give it"


def _read_file(path: Path, layout: Layout, *, labelled: bool, known: set[Any] | None = None) -> list[GlueRow]:
    here = f"{path.parent.name}/{path.name}"
    lines = _decoded(path, here)
    if not lines:
        raise UserError(f"{here}: empty")
    if layout.headless and labelled:
        columns, first = dict(layout.headless), 0
    else:
        columns, first = {name.strip(): i for i, name in enumerate(lines[0].split("\t"))}, 1
    needed = [*layout.columns, *([layout.label] if labelled else [])]
    if missing := [name for name in needed if name not in columns]:
        raise UserError(f"{here}, line 1: no column {missing[0]!r}; it has {', '.join(columns)}")
    wide = max(columns[name] for name in needed)
    width = max(columns.values()) + 1
    rows = []
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) <= wide:
            if layout.ragged:
                continue
            raise UserError(f"{here}, line {number}: {len(cells)} columns where {wide + 1} are needed{_quoted(line)}")
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            if layout.ragged:
                continue
            raise UserError(f"{here}, line {number}: {len(cells)} columns where there are {width}{_quoted(line)}")
        stated = cells[columns[layout.label]].strip() if columns.get(layout.label, len(cells)) < len(cells) else ""
        if labelled and not stated:
            raise UserError(f"{here}, line {number}: no {layout.label}")
        if stated == "-":  # annotators of MNLI did not agree
            continue
        if stated and known is not None and stated not in known:
            raise UserError(f"{here}, line {number}: {_unseen(stated, known, 'train.tsv')}")
        rows.append(_row([cells[columns[name]] for name in layout.columns], _value(stated, layout, here, number)))
    if not rows:
        raise UserError(f"{here}: no example in it")
    return rows


def _quoted(line: str) -> str:
    """A hint for files written by a spreadsheet, whose quotation marks hide tabs and line breaks."""
    return "; quotation marks join nothing here: take tabs and line breaks out of the texts" if '"' in line else ""


def _row(texts: Sequence[str], label: str | float | None) -> GlueRow:
    first, second = texts[0].strip(), texts[1].strip() if len(texts) > 1 else None
    return GlueRow(first, second, label)


def _value(stated: str, layout: Layout, here: str, number: int) -> str | float | None:
    if not stated:
        return None
    if not layout.regression:
        return stated
    try:
        score = float(stated)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise UserError(f"{here}, line {number}: {layout.label} {stated!r} is not a number")
    return score


def _decoded(path: Path, here: str) -> list[str]:
    data = path.read_bytes()
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{here}, line {line}: not UTF-8; convert it: iconv -f LATIN1 -t UTF-8") from None
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip("\r") for line in lines]
