"""Slots from IOB2 tags; on the device too, so without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """A filled slot; `start` and `end` count words, the end is not included."""

    name: str
    text: str
    start: int
    end: int


def spans(tags: Sequence[str], words: Sequence[str]) -> tuple[Slot, ...]:
    """Slots of IOB2 tags; an I- that continues nothing begins a slot of its own."""
    slots: list[Slot] = []
    for i, tag in enumerate(tags):
        mark, _, name = tag.partition("-")
        if mark == "I" and slots and slots[-1].end == i and slots[-1].name == name:
            start = slots[-1].start
            slots[-1] = Slot(name, " ".join(words[start : i + 1]), start, i + 1)
        elif mark in ("B", "I"):
            slots.append(Slot(name, words[i], i, i + 1))
    return tuple(slots)
