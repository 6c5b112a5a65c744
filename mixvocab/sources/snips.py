"""SNIPS in the layout of joint intent and slot code: three files a split, a line each an utterance.

`seq.in` holds the words, `seq.out` as many BIO tags, `label` the intent; all separated by white space.
"""

from __future__ import annotations

from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.sources import synthetic
from mixvocab.sources.files import files_source, read_lines
from mixvocab.sources.lookup import look_up, subfolder
from mixvocab.sources.rows import Sizes, SnipsData, SnipsRow

SIZES = Sizes(train=13_000, valid=700, test=700)  # SNIPS's own, rounded
_SPLITS = {"train": ("train",), "valid": ("valid", "dev"), "test": ("test",)}
_FILES = ("seq.in", "seq.out", "label")


def resolve_snips(
    spec: str = "auto", *, data_dir: Path | str | None = None, seed: int = 0, sizes: Sizes = SIZES
) -> SnipsData:
    """Find the joint intent and slot set (`mixvocab.sources.lookup` has the order and the specifications).

    A data directory has it as `snips/{train,valid or dev,test}/{seq.in,seq.out,label}`; a path names the folder
    with the splits in it. Embedded is the synthetic grammar, which `seed` and `sizes` steer; they mean nothing
    elsewhere. Raises UserError, naming file and line, on missing or malformed data.
    """
    return look_up(
        "task SNIPS",
        spec,
        data_dir,
        place=lambda data: subfolder(data, "snips"),
        read=_read,
        embedded=lambda: SnipsData(*synthetic.snips(seed, sizes)),
    )


def _read(folder: Path, origin: str, root: Path) -> SnipsData:
    places = {
        split: next((folder / name for name in names if (folder / name).is_dir()), folder / split)
        for split, names in _SPLITS.items()
    }
    splits = {split: _read_split(place) for split, place in places.items()}
    files = [place / name for place in places.values() for name in _FILES]
    return SnipsData(files_source("snips", "SNIPS", origin, root, [folder], files), splits)


def _read_split(place: Path) -> list[SnipsRow]:
    shown = f"{place.parent.name}/{place.name}"
    for name in _FILES:
        if not (place / name).is_file():
            raise UserError(f"{shown}: no file {name}; a split is a folder with {', '.join(_FILES)}")
    words, tags, intents = ([line.split() for line in read_lines(place / name)] for name in _FILES)
    if not words:
        raise UserError(f"{shown}/seq.in: no utterance in it")
    for name, lines in (("seq.out", tags), ("label", intents)):
        if len(lines) != len(words):
            raise UserError(
                f"{shown}/{name}, line {min(len(lines), len(words)) + 1}: {len(lines)} lines against "
                f"{len(words)} in seq.in; every utterance needs its line in each file"
            )
    rows = [SnipsRow(tuple(w), tuple(t), " ".join(i)) for w, t, i in zip(words, tags, intents, strict=True)]
    for number, row in enumerate(rows, 1):
        if not row.words or not row.intent:
            raise UserError(f"{shown}, line {number}: no {'intent' if row.words else 'words'}")
        if len(row.words) != len(row.slots):
            raise UserError(f"{shown}, line {number}: {len(row.slots)} tags for {len(row.words)} words")
    return rows
