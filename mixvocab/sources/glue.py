"""GLUE in its own folder layout: tab-separated files whose columns differ from task to task and split to split.

Quoting is off everywhere (MRPC's fields hold single quotation marks), lines break at line feeds alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, synthetic
from mixvocab.sources.files import folder_source, read_lines
from mixvocab.sources.lookup import look_up, subfolder
from mixvocab.sources.rows import DEVELOPMENT, GlueData, GlueRow, Sizes


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
SIZES = Sizes(train=8_000, valid=1_000, test=1_000)
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


def layout(task: str) -> Layout:
    """The layout of a task by its name, case and hyphen aside. Raises UserError if there is no such task."""
    wanted = task.lower().replace("-", "").replace("_", "")
    for known in LAYOUTS:
        if known.config == wanted:
            return known
    raise UserError(f"glue: no task {task!r}; there are {', '.join(TASKS)}")


def resolve_glue(
    task: str,
    spec: str = "auto",
    *,
    data_dir: Path | str | None = None,
    seed: int = 0,
    sizes: Sizes = SIZES,
) -> GlueData:
    """Find a GLUE task (`mixvocab.sources.lookup` has the order and the specifications).

    `task` is GLUE's own name in any case, with or without hyphen (SST-2, sst2, MNLI). A data directory has it
    as `glue/<task>/` or `<task>/` with GLUE's own files; a path names the folder with the files in it. Embedded,
    for the paper's three tasks, is a synthetic set with the same labels, which `seed` and `sizes` steer. Raises
    UserError on an unknown task and, naming file and line, on missing or malformed data.
    """
    known = layout(task)

    def read(folder: Path, origin: str, root: Path) -> GlueData:
        splits, files = _read_folder(known, folder)
        source = folder_source("glue", known.folder, origin, folder, root, files)
        return GlueData(source, known.folder, splits, known.regression)

    def on_hub(repository: str) -> GlueData:
        source = hub.dataset_source("glue", repository)
        with hub.user_errors(repository):
            return GlueData(source, known.folder, _read_hub(known, repository), known.regression)

    def embedded() -> GlueData:
        source, splits = synthetic.glue(known.folder, seed, sizes)
        return GlueData(source, known.folder, splits)

    return look_up(
        f"task {known.folder}",
        spec,
        data_dir,
        place=lambda data: subfolder(subfolder(data, "glue") or data, known.folder),
        read=read,
        embedded=embedded,
        on_hub=on_hub,
        repository=f"{hub.GLUE}:{known.config}",
    )


def _read_hub(layout: Layout, repository: str) -> dict[str, list[GlueRow]]:
    """The hub's splits, labels by name; a label of -1 is hidden."""
    published, splits = hub.load_dataset(repository), {}
    for split, name in _FILES.items():
        if rows := published.get(name.replace("dev", "validation")):
            names = getattr(rows.features["label"], "names", None)
            labels = [None if label == -1 else names[label] if names else label for label in rows["label"]]
            texts = zip(*(rows[column] for column in layout.hub_columns), strict=True)
            splits[split] = [_row(row, label) for row, label in zip(texts, labels, strict=True)]
    return splits


def _read_folder(layout: Layout, folder: Path) -> tuple[dict[str, list[GlueRow]], list[Path]]:
    """The splits that lie in `folder`, and the files that they are read from."""
    files = {split: path for split, name in _FILES.items() if (path := folder / f"{name}.tsv").is_file()}
    if "train" not in files:
        raise UserError(f"{folder.name}: no training set (train.tsv)")
    if not DEVELOPMENT & files.keys():
        raise UserError(f"{folder.name}: no development set (dev.tsv; for MNLI dev_matched.tsv)")
    splits: dict[str, list[GlueRow]] = {}
    for split, path in files.items():
        known = {row.label for row in splits.get("train", [])}
        splits[split] = list(_read_file(path, layout, known, labelled=split == "train" or split in DEVELOPMENT))
        if not splits[split]:
            raise UserError(f"{folder.name}/{path.name}: no example in it")
    return splits, list(files.values())


def _read_file(path: Path, layout: Layout, known: Set[Any], *, labelled: bool) -> Iterator[GlueRow]:
    """The rows of one file; `known` are the labels of the training set, empty when that is what is read."""
    shown = f"{path.parent.name}/{path.name}"
    lines = read_lines(path)
    if layout.headless and labelled:
        columns, first = dict(layout.headless), 0
    else:
        columns, first = {name.strip(): i for i, name in enumerate("".join(lines[:1]).split("\t"))}, 1
    needed = [*layout.columns, *([layout.label] if labelled else [])]
    if missing := [name for name in needed if name not in columns]:
        raise UserError(f"{shown}, line 1: no column {missing[0]!r}; it has {', '.join(columns)}")
    least, width = max(columns[name] for name in needed) + 1, max(columns.values()) + 1
    for number, line in enumerate(lines[first:], first + 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        if len(cells) < least or any(cells[width:]):
            if layout.ragged:
                continue
            raise UserError(f"{shown}, line {number}: {len(cells)} columns where {least} are needed and {width} known")
        label = cells[columns[layout.label]] if columns.get(layout.label, width) < len(cells) else ""
        if labelled and not label:
            raise UserError(f"{shown}, line {number}: no {layout.label}")
        if label == "-":  # annotators of MNLI did not agree
            continue
        texts = [cells[columns[name]] for name in layout.columns]
        yield _row(texts, _label(label, layout, known, f"{shown}, line {number}") if label else None)


def _label(text: str, layout: Layout, known: Set[Any], place: str) -> str | float:
    if not layout.regression:
        if known and text not in known:
            shown = ", ".join(sorted(name[:40] for name in known)[:8])
            raise UserError(f"{place}: label {text[:40]!r} does not occur in the training set, which has {shown}")
        return text
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise UserError(f"{place}: {layout.label} {text!r} is not a number")
    return score


def _row(texts: Sequence[str], label: str | float | None) -> GlueRow:
    return GlueRow(texts[0].strip(), texts[1].strip() if len(texts) > 1 else None, label)
