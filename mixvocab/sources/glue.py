"""GLUE in its own folder layout: tab-separated files whose columns differ from task to task and split to split.

Quoting is off everywhere (MRPC's fields hold single quotation marks), lines break at line feeds alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, synthetic
from mixvocab.sources.lookup import look_up
from mixvocab.sources.rows import DEVELOPMENT, SYNTHETIC, GlueData, GlueRow, Sizes
from mixvocab.sources.source import Source, files_source, read_lines


class Layout(BaseModel, frozen=True):
    """How one task lies on disk and on the hub, as `glue.yaml` explains it."""

    folder: str  # GLUE's own name
    columns: tuple[str, ...]
    label: str
    hub_columns: tuple[str, ...] = ()
    regression: bool = False
    header: tuple[str, ...] = ()  # the columns of labelled files, where they do not say so
    ragged: bool = False  # the published file has some broken rows, which every reader leaves out


_DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_FILES: dict[str, str] = _DATA["files"]
LAYOUTS = tuple(Layout(**task) for task in _DATA["layouts"])


def layout(task: str) -> Layout:
    """The layout of a task by its name, case and hyphen aside. Raises UserError if there is no such task."""
    for known in LAYOUTS:
        if known.folder.lower().replace("-", "") == task.lower().replace("-", "").replace("_", ""):
            return known
    raise UserError(f"glue: no task {task!r}; there are {', '.join(known.folder for known in LAYOUTS)}")


def resolve_glue(
    task: str, spec: str = "auto", *, data_dir: Path | str | None = None, sizes: Sizes = SYNTHETIC
) -> GlueData:
    """Find a GLUE task (`mixvocab.sources.lookup` has the order and the specifications).

    `task` is GLUE's own name in any case, with or without hyphen (SST-2, sst2, MNLI). A data directory has it as
    `glue/SST-2/` with GLUE's own files; a path names the folder with the files in it. Embedded, for SST-2
    alone, is a synthetic set of these sizes with the same labels. Raises UserError on an unknown task and, naming file
    and line, on missing or malformed data.
    """
    known = layout(task)

    source, splits = look_up(
        f"task {known.folder}",
        spec,
        data_dir,
        place=lambda data: data / "glue" / known.folder,
        read=partial(_read_folder, known),
        embedded=partial(synthetic.glue, known.folder, sizes),
        on_hub=partial(_read_hub, known),
        repository=f"{hub.GLUE}:{known.folder.lower().replace('-', '')}",
    )
    return GlueData(source, known.folder, splits, known.regression)


def _read_hub(layout: Layout, repository: str) -> tuple[Source, dict[str, list[GlueRow]]]:
    """The hub's splits, labels by name; a label of -1 is hidden."""
    source, splits = hub.find("glue", repository), {}
    with hub.user_errors(repository):
        published = hub.load_dataset(repository)
        for split, name in _FILES.items():
            if rows := published.get(name.replace("dev", "validation")):
                names = getattr(rows.features["label"], "names", None)
                labels = [None if label == -1 else names[label] if names else label for label in rows["label"]]
                texts = zip(*(rows[column] for column in layout.hub_columns or layout.columns), strict=True)
                splits[split] = [_row(row, label) for row, label in zip(texts, labels, strict=True)]
    return source, splits


def _read_folder(layout: Layout, folder: Path, origin: str, root: Path) -> tuple[Source, dict[str, list[GlueRow]]]:
    """The splits that lie in `folder`."""
    files = {split: path for split, name in _FILES.items() if (path := folder / f"{name}.tsv").is_file()}
    if "train" not in files or not DEVELOPMENT & files.keys():
        raise UserError(f"{folder.name}: no train.tsv, or no development set (dev.tsv; for MNLI dev_matched.tsv)")
    splits: dict[str, list[GlueRow]] = {}
    for split, path in files.items():
        known = {row.label for row in splits.get("train", [])}
        splits[split] = list(_read_file(path, layout, known, labelled=split == "train" or split in DEVELOPMENT))
        if not splits[split]:
            raise UserError(f"{folder.name}/{path.name}: no example in it")
    return files_source("glue", layout.folder, origin, root, folder, [*files.values()]), splits


def _read_file(path: Path, layout: Layout, known: Set[Any], *, labelled: bool) -> Iterator[GlueRow]:
    """The rows of one file; `known` are the labels of the training set, empty when that is what is read."""
    shown = f"{path.parent.name}/{path.name}"
    lines = ([cell.strip() for cell in line.split("\t")] for line in read_lines(path))
    header, first = layout.header, 1  # line of the first example
    if not header or not labelled:
        header, first = tuple(next(lines, ())), 2
    needed = {*layout.columns, *([layout.label] if labelled else [])}
    if missing := needed.difference(header):
        raise UserError(f"{shown}, line 1: no column {min(missing)!r}; it has {', '.join(header)}")
    for number, cells in enumerate(lines, first):
        place, row = f"{shown}, line {number}", dict(zip(header, cells, strict=False))
        complete = row.keys() >= needed and not any(cells[len(header) :])
        if not any(cells) or (layout.ragged and not complete):
            continue
        if not complete:
            raise UserError(f"{place}: {len(cells)} columns where {len(header)} are expected")
        label = row.get(layout.label, "")
        if labelled and not label:
            raise UserError(f"{place}: no {layout.label}")
        if label != "-":  # annotators of MNLI did not agree
            yield _row([row[name] for name in layout.columns], _label(label, layout, known, place))


def _label(text: str, layout: Layout, known: Set[Any], place: str) -> str | float | None:
    if not text:
        return None
    if layout.regression:
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise UserError(f"{place}: {layout.label} {text!r} is not a number")
        return float(text)
    if known and text not in known:
        raise UserError(f"{place}: label {text[:40]!r} does not occur in the training set")
    return text


def _row(texts: Sequence[str], label: str | float | None) -> GlueRow:
    return GlueRow(texts[0].strip(), texts[1].strip() if len(texts) > 1 else None, label)
