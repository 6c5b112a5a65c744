"""SNIPS in the layout of joint intent and slot code: three files a split, a line each an utterance.

`seq.in` holds the words, `seq.out` as many BIO tags, `label` the intent; all separated by white space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.sources.files import read_lines
from mixvocab.sources.rows import SnipsRow

SPLITS = {"train": ("train",), "valid": ("valid", "dev", "validation"), "test": ("test",)}
_FILES = ("seq.in", "seq.out", "label")
# What the words, the tags and the intent are called in data sets on the hub; the first that is there wins.
_COLUMNS = (
    ("tokens", "words", "seq_in", "input", "text", "utterance", "sentence"),
    ("slots", "slot_tags", "seq_out", "tags", "slot_labels", "labels", "ner_tags"),
    ("intent", "intent_label", "intents", "label", "category"),
)


def read_folder(folder: Path) -> tuple[dict[str, list[SnipsRow]], list[Path]]:
    """The three splits below `folder`, and the files that they are read from.

    Raises UserError, naming file and line, on a missing or empty split and on lines that do not pair up.
    """
    places = {split: _place(folder, names) for split, names in SPLITS.items()}
    splits = {split: _read_split(place) for split, place in places.items()}
    return splits, [place / name for place in places.values() for name in _FILES]


def from_hub(splits: Mapping[str, Sequence[Mapping[str, Any]]], location: str) -> dict[str, list[SnipsRow]]:
    """The splits of a hub data set: words and BIO tags as lists or joined by spaces, and the intent.

    Columns: words as tokens, words, seq_in, input, text, utterance or sentence; tags as slots, slot_tags,
    seq_out, tags, slot_labels, labels or ner_tags; intent as intent, intent_label, intents, label or category.
    `location` stands for the data set in messages. Raises UserError.
    """
    read: dict[str, list[SnipsRow]] = {}
    for split, names in SPLITS.items():
        rows = next((splits[name] for name in names if name in splits), None)
        if not rows:
            raise UserError(f"{location}: no split {split!r}; a joint set needs train, validation and test")
        words, tags, intent = (_column(rows[0], names, location) for names in _COLUMNS)
        read[split] = [
            _row(row[words], row[tags], row[intent], f"{location}, {split} row {number}")
            for number, row in enumerate(rows, 1)
        ]
    return read


def _column(row: Mapping[str, Any], names: Sequence[str], location: str) -> str:
    for name in names:
        if name in row:
            return name
    raise UserError(f"{location}: columns {', '.join(row)}; none of {', '.join(names)} is there")


def _place(folder: Path, names: Sequence[str]) -> Path:
    place = next((folder / name for name in names if (folder / name).is_dir()), None)
    if place is None:
        raise UserError(f"{folder.name}: no folder {' or '.join(names)} with {', '.join(_FILES)} in it")
    for name in _FILES:
        if not (place / name).is_file():
            raise UserError(f"{folder.name}/{place.name}: no file {name}; a split has {', '.join(_FILES)}")
    return place


def _read_split(place: Path) -> list[SnipsRow]:
    shown = f"{place.parent.name}/{place.name}"
    words, tags, intents = (read_lines(place / name) for name in _FILES)
    if not words:
        raise UserError(f"{shown}/seq.in: no utterance in it")
    for name, lines in (("seq.out", tags), ("label", intents)):
        if len(lines) != len(words):
            raise UserError(
                f"{shown}/{name}, line {min(len(lines), len(words)) + 1}: {len(lines)} lines against "
                f"{len(words)} in seq.in; every utterance needs its line in each file"
            )
    rows = enumerate(zip(words, tags, intents, strict=True), 1)
    return [_row(*cells, f"{shown}, line {number}") for number, cells in rows]


def _row(words: str | list[Any], tags: str | list[Any], intent: Any, place: str) -> SnipsRow:
    """Checked; `place` names the row in messages."""
    row = SnipsRow(_tokens(words), _tokens(tags), str(intent).strip())
    if not row.words or not row.intent:
        raise UserError(f"{place}: no {'intent' if row.words else 'words'}")
    if len(row.words) != len(row.slots):
        raise UserError(f"{place}: {len(row.slots)} tags for {len(row.words)} words")
    return row


def _tokens(value: str | list[Any]) -> tuple[str, ...]:
    return tuple(value.split() if isinstance(value, str) else map(str, value))
