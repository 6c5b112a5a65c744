"""Words and how often they occur, counted in bounded memory: what that does not hold is sorted and merged on disk.

Words are counted in *runs*. A run numbers its words as they appear; when it has `RUN_WORDS`, they move into a table of
SQLite, which keeps `CACHE_MEGABYTES` of what it has in memory and the rest in a file without a name, in the temporary
folder (TMPDIR), and the next run begins. The order of words is that of their code points, in Python and in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice

import numpy as np

RUN_WORDS = 100_000  # some 20 MB
CACHE_MEGABYTES = 16


def tables() -> sqlite3.Connection:
    """An empty database that nobody else sees and that is gone when it is closed, or its process ends."""
    made = sqlite3.connect("", isolation_level=None)
    for name, value in (("journal_mode", "off"), ("temp_store", "file"), ("cache_size", -1000 * CACHE_MEGABYTES)):
        made.execute(f"pragma {name} = {value}")
    made.execute("begin")  # and never ended: one transaction is fastest, and there is nothing to go back to
    return made


class Tally:
    """Distinct words with their counts. First `add`, then `ranked`, then `ranks`."""

    def __init__(self, made: sqlite3.Connection) -> None:
        self._tables = made
        self._tables.execute("create table seen (word text, times integer)")  # in runs, one after the other
        self._run: dict[str, int] = {}
        self._times = np.zeros(0, np.int64)
        self._sizes: list[int] = []  # of the runs before

    def add(self, words: list[str], times: np.ndarray) -> tuple[int, np.ndarray]:
        """Count distinct `words`, each so many `times`; the number of the run and those that it has for the words."""
        if len(self._run) >= RUN_WORDS:
            self._end_run()
        numbers = np.array([self._run.setdefault(word, len(self._run)) for word in words], np.uint32)
        self._times = np.pad(self._times, (0, len(self._run) - len(self._times)))
        self._times[numbers] += times
        return len(self._sizes), numbers

    def _end_run(self) -> None:
        self._tables.executemany("insert into seen values (?, ?)", zip(self._run, self._times.tolist(), strict=True))
        self._sizes.append(len(self._run))
        self._run, self._times = {}, np.zeros(0, np.int64)

    def ranked(self) -> Iterator[tuple[str, int]]:
        """The words with their counts: by falling count, ties in the order of code points."""
        self._end_run()
        self._tables.execute(
            "create table ranked as select word, sum(times) as times from seen group by word order by times desc, word"
        )
        yield from self._tables.execute("select word, times from ranked order by rowid")

    def ranks(self) -> Iterator[np.ndarray]:
        """Of each run the places, counted from 0, that its words have in `ranked`: (words of the run,) uint32."""
        self._tables.execute("create unique index places on ranked (word)")
        found = self._tables.execute(
            "select ranked.rowid - 1 from seen cross join ranked on ranked.word = seen.word order by seen.rowid"
        )
        for size in self._sizes:
            yield np.fromiter((place for (place,) in islice(found, size)), "<u4", count=size)
