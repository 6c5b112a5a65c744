"""Building a word store: documents in, a folder of numbered units out, the same bytes for any process count.

Documents are read in chunks, each with a numbering of its own. Only when all are in are units numbered for good, by
falling frequency and then by text, and documents assigned to a split. So neither the number of processes nor their
order leaves a trace.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.text.other_tokenizers import read_units
from mixvocab.text.reading import Reading, chunks_of, in_processes, read_words

FORMAT = 2


def build_folder(
    documents: Iterable[str],
    folder: Path,
    *,
    lowercase: bool,
    rules: str | None,
    heldout: float,
    processes: int,
    chunk_characters: int,
) -> None:
    """Write the store to `folder`, which appears complete or not at all (see `WordStore.build`).

    `rules`: the teacher's tokenizer as JSON if it reads text in another way than BERT.
    """
    if not 0 <= heldout < 1:
        raise UserError(f"heldout = {heldout} is not a share; choose 0 <= heldout < 1, for example 0.01")
    if folder.exists():
        raise UserError(f"{folder} exists: name a new folder for the word store, or remove that one")
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    spool = work / "spool"
    spool.mkdir(parents=True)
    try:
        read = partial(_read, lowercase=lowercase, rules=rules)
        corpus = _collect(in_processes(read, chunks_of(documents, chunk_characters), processes), spool)
        side = split_documents(corpus.lengths, corpus.hashes, heldout)
        rank = _write_units(work, corpus, with_ids=rules is not None)
        splits = {
            "train": _write_split(work / "train", spool, rank, corpus.lengths, ~side),
            "heldout": _write_split(work / "heldout", spool, rank, corpus.lengths, side),
        }
        shutil.rmtree(spool)
        meta = {"format": FORMAT, "lowercase": lowercase, "teacher": rules and fingerprint(rules), "heldout": heldout}
        files = {path.name: path.stat().st_size for path in sorted(work.iterdir())}
        write_json(work / "meta.json", meta | {"splits": splits, "files": files})
        work.rename(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def fingerprint(rules: str) -> str:
    """By which a store knows its teacher's tokenizer again."""
    return blake2b(rules.encode(), digest_size=16).hexdigest()


def split_documents(lengths: np.ndarray, hashes: np.ndarray, heldout: float) -> np.ndarray:
    """Which documents are held out: (documents,) bool.

    Documents queue by the hash of their text; each is held out if the share `heldout` of all words has room
    for it. If none fits, the shortest is held out, so that there is always something to evaluate on. Copies
    of one text have one hash and stay on one side.
    """
    if heldout == 0:
        return np.zeros(len(lengths), bool)
    texts, group = np.unique(hashes, return_inverse=True)
    if len(texts) < 2:
        raise UserError(
            "the corpus is a single document, so none can be held out: "
            "separate its documents by blank lines, or set heldout to 0"
        )
    words = np.bincount(group, weights=lengths).astype(np.int64)  # groups are in order of hash
    side = np.zeros(len(texts), bool)
    room = int(heldout * words.sum())
    for number, size in enumerate(words.tolist()):
        if size <= room:
            side[number] = True
            room -= size
    if not side.any():
        side[np.argmin(words)] = True
    return side[group]


def _read(chunk: list[str], lowercase: bool, rules: str | None) -> tuple[Reading, np.ndarray]:
    """The chunk's documents, and the hash of each one's text, (documents,) uint64."""
    if rules is None:
        reading = read_words(chunk, lowercase)
    else:
        teacher = Tokenizer.from_str(rules)
        teacher.encode_special_tokens = True
        reading = read_units(chunk, teacher, lowercase)
    digests = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in chunk)
    return reading, np.frombuffer(digests, np.uint64)


@dataclass(frozen=True, eq=False)
class _Corpus:
    """What is known of all documents once they are read; their words lie in the spool, a file a chunk."""

    units: list[Any]  # in order of appearance
    counts: np.ndarray  # (units,)
    lengths: np.ndarray  # (documents,) words in each; documents without any are left out
    hashes: np.ndarray  # (documents,)


def _collect(chunks: Iterable[tuple[Reading, np.ndarray]], spool: Path) -> _Corpus:
    """Write each chunk's words to the spool under one numbering, that of appearance."""
    known: dict[Any, int] = {}
    counts = np.zeros(1024, np.int64)
    lengths, hashes = [], []
    for index, (reading, digests) in enumerate(chunks):
        numbers = np.array([known.setdefault(unit, len(known)) for unit in reading.units], np.uint32)
        if len(known) > len(counts):
            counts = np.concatenate([counts, np.zeros(len(known), np.int64)])
        counts[numbers] += np.bincount(reading.numbers, minlength=len(numbers))
        np.save(spool / f"{index:06d}.npy", numbers[reading.numbers])
        lengths.append(reading.lengths[reading.lengths > 0])
        hashes.append(digests[reading.lengths > 0])
    if not known:
        raise UserError("the corpus holds no words: name a text file or folder with text in it")
    return _Corpus(list(known), counts[: len(known)], np.concatenate(lengths), np.concatenate(hashes))


def _write_units(work: Path, corpus: _Corpus, with_ids: bool) -> np.ndarray:
    """Write the units, commonest first; returns the (units,) final number of each."""
    units, counts = corpus.units, corpus.counts
    order = sorted(range(len(units)), key=lambda number: (-counts[number], units[number]))
    write_json(work / "types.json", [units[number][0] if with_ids else units[number] for number in order])
    np.save(work / "counts.npy", counts[order])
    if with_ids:
        ids = [units[number][1] for number in order]
        starts = np.concatenate([[0], np.cumsum([len(own) for own in ids])])
        np.save(work / "teacher-starts.npy", starts.astype(np.int64))
        np.save(work / "teacher-ids.npy", np.array([number for own in ids for number in own], np.int32))
    rank = np.empty(len(units), np.uint32)
    rank[order] = np.arange(len(units), dtype=np.uint32)
    return rank


def _write_split(stem: Path, spool: Path, rank: np.ndarray, lengths: np.ndarray, chosen: np.ndarray) -> dict[str, int]:
    """Write the words of the `chosen` documents and where each begins; returns how many there are of both."""
    own = lengths[chosen]
    words = np.lib.format.open_memmap(f"{stem}.npy", "w+", np.uint32, (int(own.sum()),))
    chosen_words = np.repeat(chosen, lengths)  # (words,) bool
    read = written = 0
    for path in sorted(spool.iterdir()):
        numbers = np.load(path)
        kept = rank[numbers[chosen_words[read : read + len(numbers)]]]
        words[written : written + len(kept)] = kept
        read, written = read + len(numbers), written + len(kept)
    words.flush()
    np.save(f"{stem}-documents.npy", np.cumsum(own) - own)
    return {"words": len(words), "documents": len(own)}
