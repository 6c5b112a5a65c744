"""SNIPS in the layout of joint intent and slot code: three files a split, a line each an utterance.

`seq.in` holds the words, `seq.out` as many tags, `label` the intent; all separated by white space. Tags are read as
IOB2, whichever of its relatives they are written in: IOB1, IO, IOBES, BILOU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.common.progress import say
from mixvocab.sources import synthetic
from mixvocab.sources.lookup import look_up
from mixvocab.sources.rows import SYNTHETIC, Sizes, SnipsData, SnipsRow
from mixvocab.sources.source import files_source, read_lines

_SPLITS = ("train", "valid", "test")
_FILES = ("seq.in", "seq.out", "label")
_MARKS = {"B": "B", "I": "I", "S": "B", "E": "I", "U": "B", "L": "I"}  # of IOBES and BILOU as IOB2 has them


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
    wrong = {
        number: f"{len(row.words)} words, {len(row.slots)} tags, {'an' if row.intent else 'no'} intent"
        for number, row in enumerate(rows, 1)
        if not row.words or len(row.words) != len(row.slots) or not row.intent
    }
    _refuse(shown, wrong, "an utterance has a tag for each word, and an intent")
    wrong = {
        number: f"tag {unknown[0]!r}"
        for number, row in enumerate(rows, 1)
        if (unknown := [tag for tag in row.slots if tag != "O" and (tag[:1] not in _MARKS or tag[1:2] != "-")])
    }
    _refuse(shown, wrong, "a tag is O, or B- or I- and a slot's name (IOB2); IOBES and BILOU are read as well")
    read = [row._replace(slots=iob2(row.slots)) for row in rows]
    if read != rows:
        marks = sorted({tag[:2] for row in rows for tag in row.slots if tag != "O"})
        say(f"{shown}: tags {', '.join(marks)} are read as IOB2")
    return read


def iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """The same in IOB2: a slot's first tag is B-, its others I-; what continues nothing begins a slot."""
    read: list[str] = []
    for tag in tags:
        mark, name = _MARKS.get(tag[:1], "O"), tag[2:]
        continues = mark == "I" and read and read[-1][2:] == name != ""
        read.append("O" if mark == "O" else f"{'I' if continues else 'B'}-{name}")
    return tuple(read)


def _refuse(shown: str, wrong: Mapping[int, str], remedy: str) -> None:
    """Raises UserError for lines with what is wrong with each: the first, and where the first five are of how many."""
    if wrong:
        first, *others = [*wrong][:5]
        more = f" ({len(wrong)} such lines: {', '.join(map(str, [first, *others]))}{', ...' * (len(wrong) > 5)})"
        raise UserError(f"{shown}, line {first}: {wrong[first]}; {remedy}{more if others else ''}")
