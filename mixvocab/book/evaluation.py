"""Tables of chapter 6 from records: this run's and the committed ones, which look alike and are never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixvocab.book import records
from mixvocab.book.published import PUBLISHED_SNIPS, Ours
from mixvocab.book.task_steps import BERT_JOINT, METHODS, MIXED, STACKPROP
from mixvocab.stats import Estimate, estimate, paired
from mixvocab.tasks.spans import spans

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
        return f"{METHODS[self.method].title} {self.size}".strip()

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
    """Records of chapter 6 grouped by method, size, profile and text read, in the order of `METHODS`."""
    groups: dict[tuple[str, str, str, int], list[Record]] = {}
    for record in found:
        own = record["params"]
        read = records.tokens_asked(own) if own["size"] else 0
        groups.setdefault((own["method"], own["size"], record["profile"], read), []).append(record)
    made = [Entry(*key, tuple(sorted(group, key=lambda r: r["seed"]))) for key, group in groups.items()]
    return sorted(made, key=lambda e: (list(METHODS).index(e.method), len(e.size), e.size, e.profile, e.read))


def live(paths: Sequence[Path]) -> list[Entry]:
    """The entries of records that this run has written."""
    return entries([records.read(path) for path in paths])


def recorded(pattern: str = "snips-*") -> list[Entry]:
    """The entries of committed records."""
    return entries([record for record in records.load(pattern) if not record["live"]])


def best_known(now: Sequence[Entry], before: Sequence[Entry]) -> list[Entry]:
    """For each method and size the entry with more seeds; of equals the one of this run, then who has read more."""
    best: dict[tuple[str, str], Entry] = {}
    for entry in [*now, *before]:
        key = (entry.method, entry.size)
        if key not in best or (len(entry.seeds), entry in now, entry.read) > (
            len(best[key].seeds), best[key] in now, best[key].read
        ):  # fmt: skip
            best[key] = entry
    return entries([record for entry in best.values() for record in entry.records])


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


def verdict(gain: Estimate) -> str:
    """What an interval allows to be said."""
    if gain.n < 2:
        return f"{gain.mean:+.1f} with one seed: no interval, so nothing is claimed"
    told = f"{gain.mean:+.1f} ± {gain.half_width:.1f} points over {gain.n} seeds"
    if gain.low > 0:
        return f"{told}: better"
    return f"{told}: worse" if gain.high < 0 else f"{told}: no difference found at this scale"
