"""SNIPS in the layout of joint intent and slot code: three files a split, a line each an utterance.

`seq.in` holds the words, `seq.out` as many BIO tags, `label` the intent; all separated by white space.
"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.sources import synthetic
from mixvocab.sources.lookup import look_up
from mixvocab.sources.rows import SYNTHETIC, Sizes, SnipsData, SnipsRow
from mixvocab.sources.source import files_source, read_lines

_SPLITS = ("train", "valid", "test")
_FILES = ("seq.in", "seq.out", "label")


def resolve_snips(spec: str = "auto", *, data_dir: Path | str | None = None, sizes: Sizes = SYNTHETIC) -> SnipsData:
    """Find the joint intent and slot set (`mixvocab.sources.lookup` has the order and the specifications).

    A data directory has it as `snips/{train,valid,test}/{seq.in,seq.out,label}`; a path names the folder with the
    splits in it. Embedded is the synthetic grammar's set of these sizes. Raises UserError, naming file and line, on
    missing or malformed data.
    """
    return look_up(
        "task SNIPS",
        spec,
        data_dir,
        place=lambda data: data / "snips",
        read=_read,
        embedded=lambda: SnipsData(*synthetic.snips(sizes)),
    )


def _read(folder: Path, origin: str, root: Path) -> SnipsData:
    splits = {split: _read_split(folder / split) for split in _SPLITS}
    files = [folder / split / name for split in _SPLITS for name in _FILES]
    return SnipsData(files_source("snips", "SNIPS", origin, root, folder, files), splits)


def _read_split(place: Path) -> list[SnipsRow]:
    """The rows of a split; blank lines at the end of a file are none."""
    shown = f"{place.parent.name}/{place.name}"
    for name in _FILES:
        if not (place / name).is_file():
            raise UserError(f"{shown}: no file {name}; a split is a folder with {', '.join(_FILES)}")
    columns = ([line.split() for line in read_lines(place / name)] for name in _FILES)
    lines = zip_longest(*columns, fillvalue=())
    rows = [SnipsRow(tuple(words), tuple(tags), " ".join(intent)) for words, tags, intent in lines]
    while rows and not any(rows[-1]):
        rows.pop()
    if not rows:
        raise UserError(f"{shown}: no utterance in it")
    for number, row in enumerate(rows, 1):
        if not row.words or len(row.words) != len(row.slots) or not row.intent:
            found = f"{len(row.words)} words, {len(row.slots)} tags, {'an' if row.intent else 'no'} intent"
            raise UserError(f"{shown}, line {number}: {found}; an utterance has a tag for each word, and an intent")
    return rows
