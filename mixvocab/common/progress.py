"""Lines on stderr for whoever waits; what a command or a chapter says goes to stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERY = 15.0  # seconds between two lines


def duration(seconds: float) -> str:
    """A duration for people: '8 s', '2 min 05 s', '1 h 12 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def say(line: str) -> None:
    """A line for whoever waits."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Progress:
    """Counts finished units of work; says now and then how many there are and how long the rest will take.

    Lines, not a redrawn bar: executed notebooks and CI logs keep every character that a bar would have erased.
    """

    label: str
    total: int
    done: int = 0  # at first: by an earlier run, in none of this one's time
    note: str = ""

    def __post_init__(self) -> None:
        self.earlier = self.done
        self.started = self.shown = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Record `count` more finished units; `note` (for example the current loss) ends the lines from now on."""
        self.done += count
        self.note = note and f", {note}"
        now = time.monotonic()
        if now - self.shown >= EVERY and self.done < self.total:
            self.shown = now
            left = duration((now - self.started) / max(self.done - self.earlier, 1) * (self.total - self.done))
            say(f"{self.label}: {self.done:,} of {self.total:,} ({self.done / self.total:.0%}), {left} left{self.note}")


@contextmanager
def progress(label: str, total: int, *, done: int = 0) -> Iterator[Progress]:
    """Yield a `Progress`; when the block succeeds after a second or more, a closing line says how long it took."""
    bar = Progress(label, total, done)
    yield bar
    seconds = time.monotonic() - bar.started
    if seconds >= 1:
        say(f"{label}: {bar.done:,} done in {duration(seconds)}{bar.note}")
