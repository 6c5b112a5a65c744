"""Writing a WordStore: what is held in memory is one reading and some ten megabytes of words, whatever the text.

The text as numbers, its words and its documents wait on disk until all is read: only then is known which words are the
commonest, and which documents fit into the held-out share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write
from mixvocab.text.reading import OBJECT, Reading, occurrences
from mixvocab.text.tally import Tally, tables

SPLITS = ("train", "heldout")
AT_ONCE = 1_000_000  # words of the text


def write_store(readings: Iterable[Reading], folder: Path, *, lowercase: bool, stretches: bool, heldout: float) -> None:
    """Fill the new folder `folder` as `WordStore.write` says."""
    if folder.exists():
        raise UserError(f"{folder} is there already: remove it or name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder.parent) as text, closing(tables()) as made:
        tally = Tally(made)
        made.execute("create table documents (words integer, run integer, hash integer)")
        for words, rows, digests in readings:
            run, numbers = tally.add(words, occurrences(words, rows))
            for row in rows:
                text.write(numbers[row].tobytes())
            made.executemany(
                "insert into documents values (?, ?, ?)",
                # SQLite's integers have a sign; the order of the hashes stays.
                ((len(row), run, digest - 2**63) for row, digest in zip(rows, digests, strict=True) if len(row)),
            )
        _hold_out(made, heldout)
        folder.mkdir()
        with atomic_write(folder / "words.json") as file, _array(folder / "counts.npy", "<i8") as counts:
            file.write('{\n  "types": [')
            for number, (word, times) in enumerate(tally.ranked()):
                file.write(f"{',' if number else ''}\n    {json.dumps(word, ensure_ascii=False)}")
                counts.write(np.int64(times).tobytes())
            # As `write_json` does it.
            file.write(f'\n  ],\n  "lowercase": {json.dumps(lowercase)},\n  "stretches": {json.dumps(stretches)}\n}}\n')
        text.seek(0)
        _split(text, made, tally, folder)


@contextmanager
def _array(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """An .npy file of one dimension, as `np.save` writes it, to be filled bit by bit: how long it is is said last."""
    form = {"descr": kind, "fortran_order": False}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, form | {"shape": (0,)})
        start = file.tell()  # wherever the length takes up to 21 digits
        yield file
        count = (file.tell() - start) // np.dtype(kind).itemsize
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, form | {"shape": (count,)})


def _hold_out(made: Connection, share: float) -> None:
    """Choose among `documents` (words, run, hash) and write the hashes of those held out into the table `held_out`.

    Documents queue by the hash of their text; each is held out if the `share` of all words has room for it. If none
    fits, the shortest is held out, so that there is always something to evaluate on. Copies of one text have one hash
    and stay on one side.
    """
    made.execute("create table held_out (hash integer primary key)")
    made.execute("create table texts as select hash, sum(words) as words from documents group by hash order by hash")
    texts, words = made.execute("select count(*), sum(words) from texts").fetchone()
    if not texts:
        raise UserError("the corpus holds no words: name a text file or folder with text in it")
    if share == 0:
        return
    if texts < 2:
        raise UserError(
            "the corpus is a single document, so none can be held out: "
            "give more text, a document a line or with blank lines between"
        )
    room = int(share * words)

    def fitting() -> Iterator[tuple[int]]:
        nonlocal room
        for text, size in made.execute("select hash, words from texts order by rowid"):
            if size <= room:
                room -= size
                yield (text,)

    made.executemany("insert into held_out values (?)", fitting())
    made.execute(
        "insert into held_out select hash from texts where not exists (select * from held_out) "
        "order by words, hash limit 1"
    )


def _split(text: IO[bytes], made: Connection, tally: Tally, folder: Path) -> None:
    """Number the words of `text` by rank, and write those of the documents on either side and where these begin."""
    documents = made.execute("select words, run, hash in held_out from documents order by rowid")
    with ExitStack() as files:
        sides = [
            [
                files.enter_context(_array(folder / f"{split}{kind}.npy", of))
                for kind, of in (("", "<u4"), ("-documents", "<i8"))
            ]
            for split in SPLITS
        ]
        written = [0, 0]
        for rank, (_, of_run) in zip(tally.ranks(), groupby(documents, itemgetter(1)), strict=False):
            for sizes, _, held_out in map(np.transpose, _blocks(of_run)):
                words = rank[np.frombuffer(text.read(4 * int(sizes.sum())), np.uint32)]
                for side, (file, starts) in enumerate(sides):
                    chosen = held_out == side
                    file.write(words[np.repeat(chosen, sizes)].tobytes())
                    ends = written[side] + np.cumsum(sizes[chosen])
                    starts.write((ends - sizes[chosen]).tobytes())
                    written[side] += int(sizes[chosen].sum())


def _blocks(documents: Iterator[tuple[int, ...]]) -> Iterator[np.ndarray]:
    """The rows of some documents after another, (documents, 3) int64."""
    block, size = [], 0
    for document in documents:
        block.append(document)
        size += document[0] + OBJECT
        if size >= AT_ONCE:
            yield np.array(block)
            block, size = [], 0
    if block:
        yield np.array(block)
