"""Progress with an estimate of what is left, on stderr: rich in a terminal, plain lines everywhere else.

It is for whoever waits and no part of what a command or a chapter says: that goes to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


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
    """Counts finished units of work and prints a line when enough time has passed.

    A line every few seconds, not a redrawn bar: executed notebooks and CI logs keep every character
    that a bar would have erased.
    """

    label: str
    total: int
    every: float = 15.0
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)
    _earlier: int = field(init=False)  # units that an earlier run finished: they took none of this one's time

    def __post_init__(self) -> None:
        self._earlier = self.done

    def advance(self, count: int = 1, note: str = "") -> None:
        """Record `count` more finished units; `note` (for example the current loss) goes on the line."""
        self.done += count
        now = time.monotonic()
        if now - self._shown >= self.every and self.done < self.total:
            self._shown = now
            self._print(now, note)

    def finish(self, note: str = "") -> None:
        """Print the closing line if the work was long enough to have been waited for."""
        now = time.monotonic()
        if now - self.started >= 1.0:
            end = f", {note}" if note else ""
            say(f"{self.label}: {self.done:,} done in {duration(now - self.started)}{end}")

    def _print(self, now: float, note: str) -> None:
        left = (now - self.started) / max(self.done - self._earlier, 1) * (self.total - self.done)
        end = f", {note}" if note else ""
        say(f"{self.label}: {self.done:,} of {self.total:,} ({self.done / self.total:.0%}), {duration(left)} left{end}")


class _Bar(Progress):
    """The same interface drawn by rich on one line of a terminal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._rich.add_task(self.label, total=self.total, note="")
        self._rich.start()

    def advance(self, count: int = 1, note: str = "") -> None:
        self.done += count
        self._rich.update(self._task, completed=self.done, note=note)

    def finish(self, note: str = "") -> None:
        self._rich.update(self._task, completed=self.done, note=note)
        self.stop()

    def stop(self) -> None:
        """Give the terminal line back; safe to call twice."""
        self._rich.stop()


@contextmanager
def progress(label: str, total: int, *, every: float = 15.0, done: int = 0) -> Iterator[Progress]:
    """Yield a `Progress` over `total` units, `done` of which were finished by an earlier run."""
    if sys.stderr.isatty():
        bar = _Bar(label, total, every)
        bar.advance(done)
        try:
            yield bar
        finally:
            bar.stop()
    else:
        yield Progress(label, total, every, done)
