"""SNIPS in the layout of joint intent and slot code: three files a split, a line each an utterance.

`seq.in` holds the words, `seq.out` as many BIO tags, `label` the intent; all separated by white space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixvocab.errors import UserError
from mixvocab.sources.files import files_sha256
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.sources.source import Source

SPLITS = {"train": ("train",), "valid": ("valid", "dev", "validation"), "test": ("test",)}
_PARTS = ("seq.in", "seq.out", "label")
# What the columns are called in data sets on the hub, the first that is there wins.
_WORDS = ("tokens", "words", "seq_in", "input", "text", "utterance", "sentence")
_SLOTS = ("slots", "slot_tags", "seq_out", "tags", "slot_labels", "labels", "ner_tags")
_INTENT = ("intent", "intent_label", "intents", "label", "category")


def read_folder(folder: Path) -> tuple[dict[str, list[SnipsRow]], str]:
    """The three splits below `folder`, and the SHA-256 over their files.

    Raises UserError, naming file and line, on a missing or empty split and on lines that do not pair up.
    """
    places = {split: _place(folder, split, names) for split, names in SPLITS.items()}
    splits = {split: _read_split(place) for split, place in places.items()}
    return splits, files_sha256([place / part for place in places.values() for part in _PARTS])


def from_rows(splits: Mapping[str, Sequence[Mapping[str, Any]]], source: Source) -> SnipsData:
    """Rows of a hub data set: words and BIO tags as lists or joined by spaces, and the intent.

    Columns: words as tokens, words, seq_in, input, text, utterance or sentence; tags as slots, slot_tags,
    seq_out, tags, slot_labels, labels or ner_tags; intent as intent, intent_label, intents, label or category.
    """
    read: dict[str, list[SnipsRow]] = {}
    for split, names in SPLITS.items():
        rows = next((splits[name] for name in names if name in splits), None)
        if not rows:
            raise UserError(f"{source.location}: no split {split!r}; a joint set needs train, validation and test")
        columns = [_column(rows[0], names, source) for names in (_WORDS, _SLOTS, _INTENT)]
        read[split] = []
        for number, row in enumerate(rows, 1):
            words, slots = (tuple(v.split() if isinstance(v := row[c], str) else map(str, v)) for c in columns[:2])
            if len(words) != len(slots):
                raise UserError(f"{source.location}, {split} row {number}: {len(words)} words, {len(slots)} tags")
            read[split].append(SnipsRow(words, slots, str(row[columns[2]])))
    return SnipsData(source, read)


def _column(row: Mapping[str, Any], names: Sequence[str], source: Source) -> str:
    found = next((name for name in names if name in row), None)
    if found is None:
        raise UserError(f"{source.location}: columns {', '.join(row)}; none of {', '.join(names)} is there")
    return found


def _place(folder: Path, split: str, names: Sequence[str]) -> Path:
    place = next((folder / name for name in names if (folder / name).is_dir()), None)
    if place is None:
        raise UserError(f"{folder.name}: no folder {' or '.join(names)} with {', '.join(_PARTS)} in it")
    for part in _PARTS:
        if not (place / part).is_file():
            raise UserError(f"{folder.name}/{place.name}: no file {part}; a split has {', '.join(_PARTS)}")
    return place


def _read_split(place: Path) -> list[SnipsRow]:
    here = f"{place.parent.name}/{place.name}"
    words, slots, labels = (_lines(place / part, f"{here}/{part}") for part in _PARTS)
    if not words:
        raise UserError(f"{here}/seq.in: no utterance in it")
    for part, lines in (("seq.out", slots), ("label", labels)):
        if len(lines) != len(words):
            raise UserError(
                f"{here}/{part}, line {min(len(lines), len(words)) + 1}: {len(lines)} lines against "
                f"{len(words)} in seq.in; every utterance needs its line in each file"
            )
    rows = []
    for number, (line, tags, label) in enumerate(zip(words, slots, labels, strict=True), 1):
        row = SnipsRow(tuple(line.split()), tuple(tags.split()), label.strip())
        if len(row.words) != len(row.slots):
            raise UserError(f"{here}/seq.out, line {number}: {len(row.slots)} tags for {len(row.words)} words")
        if not row.words or not row.intent:
            raise UserError(f"{here}/{'label' if row.words else 'seq.in'}, line {number}: empty")
        rows.append(row)
    return rows


def _lines(path: Path, shown: str) -> list[str]:
    """Lines broken at line feeds alone (str.splitlines also breaks inside text); trailing empty ones dropped."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UserError(f"{shown}, line {line}: not UTF-8; convert the file: iconv -f LATIN1 -t UTF-8") from None
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
