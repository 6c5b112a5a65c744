"""Building a word store: documents in, a folder of numbered units out, the same bytes for any process count.

Documents are read in parts of fixed size, by as many processes as are asked for; every part comes back with
its own numbering. Only when all parts are in are units numbered for good, by falling frequency and then by
text, and documents assigned to a split. So neither the number of processes nor their order leaves a trace.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from mixvocab.errors import UserError
from mixvocab.files import file_sha256, write_json
from mixvocab.text.counts import chunks_of
from mixvocab.text.reading import SharedReader, WordReader, reads_like_bert, stripped

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHARACTERS_A_WORD = 5  # English text under BERT's reading; only sets how much is read at a time


@dataclass(frozen=True)
class Part:
    """A run of documents: unit numbers into `units`, words and content hash of each document."""

    units: list[Any]
    words: np.ndarray  # (words,) uint32
    lengths: np.ndarray  # (documents,) int64
    hashes: np.ndarray  # (documents,) uint64


def build_folder(
    documents: Iterable[str],
    folder: Path,
    *,
    teacher: PreTrainedTokenizerFast | None,
    lowercase: bool,
    heldout: float,
    processes: int,
    shard_words: int,
) -> None:
    """Write the store to `folder`, which appears complete or not at all (see `WordStore.build`)."""
    if not 0 <= heldout < 1:
        raise UserError(f"heldout = {heldout} is not a share; choose 0 <= heldout < 1, for example 0.01")
    if folder.exists() and any(folder.iterdir()) and not (folder / "meta.json").is_file():
        raise UserError(f"{folder} holds other files; name a new folder for the word store")
    in_common = teacher is not None and not reads_like_bert(teacher, lowercase)
    rules = stripped(teacher).to_str() if teacher is not None and in_common else None
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        spool = work / "spool"
        spool.mkdir()
        parts = _read_parts(documents, rules, lowercase, processes, shard_words)
        units, counts, lengths, hashes = _collect(parts, spool)
        side = split_documents(np.concatenate(lengths), hashes, heldout)
        rank = _number_units(units, counts, work, in_common)
        splits = _write_shards(work, spool, rank, lengths, side, shard_words)
        shutil.rmtree(spool)
        write_json(
            work / "meta.json",
            {
                "format": 1,
                "unit": "shared" if in_common else "word",
                "lowercase": lowercase,
                "teacher": rules and blake2b(rules.encode(), digest_size=16).hexdigest(),
                "types": len(units),
                "heldout": heldout,
                "splits": splits,
                "files": {
                    path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
                    for path in sorted(work.iterdir())
                },
            },
        )
        umask = os.umask(0)
        os.umask(umask)
        work.chmod(0o777 & ~umask)
        _swap(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def split_documents(lengths: np.ndarray, hashes: np.ndarray, heldout: float) -> np.ndarray:
    """Which documents are held out: (documents,) bool.

    Documents queue by the hash of their text; each is held out if the share `heldout` of all words has room
    for it. If none fits, the shortest is held out, so that there is always something to evaluate on. Copies
    of one text have one hash and stay on one side.
    """
    side = np.zeros(len(lengths), bool)
    if heldout == 0:
        return side
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise UserError(
            "the corpus is a single document, so none can be held out: "
            "separate its documents by blank lines, or set heldout to 0"
        )
    words = np.bincount(group, weights=lengths).astype(np.int64)  # groups are in order of hash
    room = int(heldout * words.sum())
    for number, size in enumerate(words.tolist()):
        if size <= room:
            side[first[number]] = True
            room -= size
    if not side.any():
        side[first[np.argmin(words)]] = True
    return side[first][group]


def _read_parts(
    documents: Iterable[str], rules: str | None, lowercase: bool, processes: int, shard_words: int
) -> Iterator[Part]:
    batches = chunks_of(documents, shard_words * CHARACTERS_A_WORD)
    if processes <= 1:
        reader = _reader(rules, lowercase)
        yield from (_read(reader, batch) for batch in batches)
        return
    # Fresh processes: a copy of one in which torch or tokenizers already run threads may lock up.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start_worker, (rules, lowercase)) as pool:
        waiting: deque[Future[Part]] = deque()
        for batch in batches:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_worker_reader: WordReader | SharedReader


def _start_worker(rules: str | None, lowercase: bool) -> None:
    global _worker_reader
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are the parallelism
    _worker_reader = _reader(rules, lowercase)


def _work(batch: list[str]) -> Part:
    return _read(_worker_reader, batch)


def _reader(rules: str | None, lowercase: bool) -> WordReader | SharedReader:
    if rules is None:
        return WordReader(lowercase)
    teacher = Tokenizer.from_str(rules)
    teacher.encode_special_tokens = True
    return SharedReader(teacher, lowercase)


def _read(reader: WordReader | SharedReader, batch: Sequence[str]) -> Part:
    read = [(words, text) for words, text in zip(reader.read(batch), batch, strict=True) if len(words)]
    lengths = np.array([len(words) for words, _ in read], np.int64)
    digests = b"".join(blake2b(text.encode(), digest_size=8).digest() for _, text in read)
    every = np.concatenate([np.zeros(0, np.int64), *(words for words, _ in read)])
    used, words = np.unique(every, return_inverse=True)
    units = [reader.units[number] for number in used.tolist()]
    return Part(units, words.astype(np.uint32), lengths, np.frombuffer(digests, np.uint64))


def _collect(parts: Iterable[Part], spool: Path) -> tuple[list[Any], np.ndarray, list[np.ndarray], np.ndarray]:
    """Spool each part under one numbering: units, counts, documents' lengths (a part each) and hashes."""
    numbers: dict[Any, int] = {}
    counts = np.zeros(1024, np.int64)
    lengths, hashes = [], []
    for index, part in enumerate(parts):
        mine = np.array([numbers.setdefault(unit, len(numbers)) for unit in part.units], np.uint32)
        if len(numbers) > len(counts):
            counts = np.concatenate([counts, np.zeros(len(numbers), np.int64)])
        counts[mine] += np.bincount(part.words, minlength=len(mine))
        np.save(spool / f"{index:06d}.npy", mine[part.words] if len(mine) else part.words)
        lengths.append(part.lengths)
        hashes.append(part.hashes)
    if not numbers:
        raise UserError("the corpus holds no words: name a text file or folder with text in it")
    return list(numbers), counts[: len(numbers)], lengths, np.concatenate(hashes)


def _number_units(units: list[Any], counts: np.ndarray, work: Path, in_common: bool) -> np.ndarray:
    """Write the units, commonest first; returns the (units,) final number of each."""
    order = sorted(range(len(units)), key=lambda number: (-counts[number], units[number]))
    texts = [units[number][0] if in_common else units[number] for number in order]
    write_json(work / "types.json", texts)
    np.save(work / "counts.npy", counts[order])
    if in_common:
        ids = [units[number][1] for number in order]
        starts = np.concatenate([[0], np.cumsum([len(own) for own in ids])])
        np.save(work / "teacher-starts.npy", starts.astype(np.int64))
        np.save(work / "teacher-ids.npy", np.array([number for own in ids for number in own], np.int32))
    rank = np.empty(len(units), np.uint32)
    rank[order] = np.arange(len(units), dtype=np.uint32)
    return rank


def _write_shards(
    work: Path,
    spool: Path,
    rank: np.ndarray,
    lengths: list[np.ndarray],
    heldout: np.ndarray,
    shard_words: int,
) -> dict[str, Any]:
    """Write each split's words and document starts; returns what `meta.json` says of them."""
    spooled = sorted(spool.iterdir())
    sides = np.split(heldout, np.cumsum([len(part) for part in lengths])[:-1])
    splits = {}
    for name, chosen in (("train", False), ("heldout", True)):
        shards: list[str] = []
        buffered: list[np.ndarray] = []
        for path, part, side in zip(spooled, lengths, sides, strict=True):
            words = np.load(path)
            buffered.append(rank[words[np.repeat(side == chosen, part)]])
            if path == spooled[-1] or sum(map(len, buffered)) >= shard_words:
                shards.append(f"{name}-{len(shards):05d}.npy")
                np.save(work / shards[-1], np.concatenate(buffered))
                buffered = []
        own = np.concatenate(lengths)[heldout == chosen]
        np.save(work / f"{name}-documents.npy", np.cumsum(own) - own)
        splits[name] = {"words": int(own.sum()), "documents": len(own), "shards": shards}
    return splits


def _swap(work: Path, folder: Path) -> None:
    """Put the finished folder in place of an older store, which is removed only then."""
    if not folder.exists():
        work.rename(folder)
        return
    old = work.with_name(work.name + ".old")
    folder.rename(old)
    work.rename(folder)
    shutil.rmtree(old)
