"""Tables of chapter 6 from records: this run's and the committed ones, which look alike and are never mixed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixvocab.evaluate.stats import Estimate, estimate, paired
from mixvocab.tasks.spans import spans
from mixvocab_book.show.paper_tables import PUBLISHED_SNIPS, Ours
from mixvocab_book.steps.snips import BERT_JOINT, MIXED, STACKPROP, titles
from mixvocab_book.store import records

Record = dict[str, Any]
NOKD = ("nokd", "nokd-wide", "nokd-matched")


@dataclass(frozen=True)
class Entry:
    """One model over its seeds."""

    method: str
    size: str  # "L-6 H-96"; "" for what is no student
    profile: str
    read: int  # tokens of stage II that its settings ask for; 0 for what is no student
    records: tuple[Record, ...]  # by seed

    @property
    def title(self) -> str:
        """Method and size as tables show them."""
        return f"{titles()[self.method]} {self.size}".strip()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return tuple(record["seed"] for record in self.records)

    @property
    def metrics(self) -> dict[str, Any]:
        """Of the first seed: what does not depend on the seed, such as parameters."""
        return self.records[0]["metrics"]

    @property
    def teacher(self) -> str:
        """The teacher's name; "none" where nothing was learned from one."""
        named = (s["name"] for s in self.records[0]["sources"] if s["kind"] == "teacher")
        return "none" if self.method in {STACKPROP, *NOKD} else next(named, "none")

    @property
    def settings(self) -> dict[str, Any]:
        """What twins must have in common: the sections of the profile that trained them."""
        own = self.records[0]["params"]
        task = self.records[0]["chapter"].partition("_")[2]  # 05_glue, 06_snips
        sections = {name: dict(own[name]) for name in ("corpus", "mixing", "stage_two", task) if name in own}
        return {name: {k: v for k, v in s.items() if k not in {"methods", "tasks"}} for name, s in sections.items()}

    def values(self, score: str, split: str = "test") -> list[float]:
        """A score in percent, one a seed."""
        return [100 * record["metrics"][split][score] for record in self.records]

    def score(self, score: str, split: str = "test") -> Estimate:
        """The mean of a score in percent."""
        return estimate(self.values(score, split))

    def minutes(self) -> float:
        """Fine-tuning, mean over seeds, wall clock."""
        return sum(record["seconds"] for record in self.records) / len(self.records) / 60


def entries(found: Sequence[Record]) -> list[Entry]:
    """Records of chapter 6 grouped by method, size, profile and text read, in the order of `titles`."""
    groups: dict[tuple[str, str, str, int], list[Record]] = {}
    for record in found:
        own = record["params"]
        read = records.tokens_asked(own) if own["size"] else 0
        groups.setdefault((own["method"], own["size"], record["profile"], read), []).append(record)
    return sorted(
        (Entry(*key, tuple(sorted(group, key=lambda r: r["seed"]))) for key, group in groups.items()), key=_order
    )


def live(paths: Sequence[Path]) -> list[Entry]:
    """The entries of records that this run has written."""
    return entries([records.read(path) for path in paths])


def recorded(pattern: str = "snips-*") -> list[Entry]:
    """The entries of committed records."""
    return entries([record for record in records.load(pattern) if not record["live"]])


def best_known(*runs: Iterable[Entry]) -> list[Entry]:
    """Of each method and size the entries of one student, the best known: one a task, so that no row mixes two.

    It is the student with most tasks, then with most seeds, then that has read most; of equals the one of the first
    run: give this run before the recorded ones.
    """
    students: dict[tuple[int, str, str, str, int], list[Entry]] = {}
    for number, run in enumerate(runs):
        for entry in run:
            students.setdefault((number, entry.method, entry.size, entry.profile, entry.read), []).append(entry)
    best: dict[tuple[str, str], list[Entry]] = {}
    for student in students.values():
        of = student[0].method, student[0].size
        if of not in best or _known(student) > _known(best[of]):
            best[of] = student
    return sorted((entry for student in best.values() for entry in student), key=_order)


def _known(student: Sequence[Entry]) -> tuple[int, int, int]:
    """How much is known of a student: tasks, seeds, and the text it has read."""
    return len(student), min(len(entry.seeds) for entry in student), student[0].read


def _order(entry: Entry) -> tuple[int, int, str, str, int]:
    return list(titles()).index(entry.method), len(entry.size), entry.size, entry.profile, entry.read


def ours(found: Sequence[Entry]) -> list[Ours]:
    """Entries as rows beside table 2 of the paper."""
    beside = {STACKPROP: "StackProp", BERT_JOINT: "BERT-base"}
    made = []
    for entry in found:
        cost = entry.metrics
        twin = beside.get(entry.method, f"Mixed-vocab {entry.size}" if entry.method == MIXED else "")
        if twin not in {row.label for row in PUBLISHED_SNIPS}:
            twin = ""  # a size that the paper does not have
        made.append(
            Ours(
                entry.title.replace("mixed-vocab", "Mixed-vocab"),
                cost["parameters"],
                {"intent": entry.score("intent_accuracy"), "slot_f1": entry.score("slot_f1")},
                bytes=cost["bytes"],
                teacher=entry.teacher,
                # How much the teacher has read is not known.
                tokens=None if entry.method == BERT_JOINT else cost["stage_one_tokens"] + cost["stage_two_tokens"],
                beside=twin,
            )
        )
    return made


def twins(found: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Every student that had a teacher, with each NoKD of its size that was trained with the same settings."""
    return [
        (one, other)
        for one in found
        for other in found
        if one.size
        and one.method not in NOKD
        and other.method in NOKD
        and (one.size, one.settings) == (other.size, other.settings)
    ]


def difference(first: Entry, second: Entry, score: str) -> Estimate:
    """First minus second in points, over the seeds that both have."""
    shared = sorted(set(first.seeds) & set(second.seeds))
    one, two = ([v for s, v in zip(e.seeds, e.values(score), strict=True) if s in shared] for e in (first, second))
    return paired(one, two)


def bracketed(words: Sequence[str], tags: Sequence[str]) -> str:
    """An utterance with its slots in brackets: play [genre: jazz] now."""
    slots = spans(tags, words)
    inside = {place for slot in slots for place in range(slot.start, slot.end)}
    parts = {place: word for place, word in enumerate(words) if place not in inside}
    parts |= {slot.start: f"[{slot.name}: {slot.text}]" for slot in slots}
    return " ".join(parts[place] for place in sorted(parts))
