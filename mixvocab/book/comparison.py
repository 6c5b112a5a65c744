"""The comparison of chapter 04: students that differ in where their embeddings come from, and in nothing else.

Under one seed all of them have the same other weights, the same data order and the same held-out set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixvocab.book import heldout, steps
from mixvocab.book.costs import stage_two_spent
from mixvocab.compute import Spent
from mixvocab.distill.guessing import left_plateau
from mixvocab.errors import UserError

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

NOKD, NOKD_WIDE, PCA, FREQUENCY = "nokd", "nokd-wide", "pca", "pca-frequency"
PAPER, MIXED, MATCHED = "paper", "mixed", "nokd-matched"


@dataclass(frozen=True)
class Arm:
    """One way to start stage II: its name in figures, what it is, and how to get its embeddings for a seed."""

    name: str
    about: str
    embeddings: Callable[[Chapter, int], steps.Embeddings | None]
    matched: bool = False  # gets stage I's compute as further steps of stage II


def _wide(chapter: Chapter, seed: int) -> steps.Embeddings:
    return steps.start(chapter, "random", seed, start_std=steps.pca_spread(chapter))


def paper_stage_one(chapter: Chapter, seed: int) -> steps.Embeddings:
    """Stage I as in the paper: random embeddings with BERT's spread, one learning rate for all parts."""
    return steps.stage_one(chapter, seed, start="random", start_std=None, preset="paper", multipliers={})


ARMS = {
    NOKD: Arm("NoKD", "fresh embeddings, BERT's spread of 0.02", lambda c, s: None),
    NOKD_WIDE: Arm("NoKD, wider", "fresh embeddings with the spread of the PCA start", _wide),
    PCA: Arm("PCA", "the teacher's embeddings by PCA, no stage I", lambda c, s: steps.start(c, "warm", s)),
    FREQUENCY: Arm(
        "PCA by frequency",
        "the same, each piece counting as often as text uses it, and with plain PCA's spread",
        lambda c, s: steps.start(c, "warm", s, weighting=1.0, start_std="pca"),
    ),
    PAPER: Arm(
        "mixed-vocab as in the paper", "stage I from random embeddings, one learning rate for all", paper_stage_one
    ),
    MIXED: Arm("mixed-vocab from PCA", "stage I from the PCA start", lambda c, s: steps.stage_one(c, s, start="warm")),
    MATCHED: Arm(
        "NoKD, stage I's compute too",
        "fresh embeddings with the wider spread, and more steps: the compute of stage I as well",
        _wide,
        matched=True,
    ),
}
"""The students that are compared, by the names that profiles, parameters and records use; the baseline first."""


@dataclass(frozen=True)
class Run:
    """One student of one seed."""

    arm: str
    seed: int
    student: steps.Student
    stage_one: steps.Embeddings | None
    word: float  # nats a whole hidden word
    spent: Spent  # by both stages

    @property
    def masked(self) -> float:
        """Held-out loss behind [MASK] after stage II, nats a piece."""
        return self.student.scores["masked"]

    @property
    def right(self) -> float:
        """Share of the held-out pieces behind [MASK] that its best guess is right about."""
        return self.student.scores["right"]

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read in stage I and in stage II."""
        return (self.stage_one.spent.tokens_read if self.stage_one else 0), self.student.result.tokens

    def left_plateau(self, guess: heldout.Guess) -> float | None:
        """Tokens of stage II after which it was clearly better than guessing by frequency; None: it is not yet."""
        return left_plateau(self.student.result.curve, guess.masked)


def pretrain(chapter: Chapter, arm: str, seed: int) -> Run:
    """The student of that arm; what was made before is found again."""
    how = ARMS[arm]
    embeddings = how.embeddings(chapter, seed)
    extra = steps.stage_one(chapter, seed, start="warm").spent.flops if how.matched else 0.0
    student = steps.stage_two(chapter, seed, embeddings, extra_flops=extra, label=f"{how.name}, seed {seed}")
    spent = stage_two_spent(steps.shape(chapter), chapter.profile.mixing.length, student.result)
    spent += embeddings.spent if embeddings else Spent()
    return Run(arm, seed, student, embeddings, heldout.word_nats(chapter, student), spent)


def chosen(given: str) -> list[str]:
    """The arms named in a comma-separated list, in the order of `ARMS`. Raises UserError for an unknown one."""
    names = {name.strip() for name in given.split(",")}
    for name in sorted(names - set(ARMS)):
        raise UserError(f"students: {name!r} is unknown; choose from {', '.join(ARMS)}")
    return [name for name in ARMS if name in names]


def run(chapter: Chapter, arms: Iterable[str] = ARMS) -> list[Run]:
    """Every arm for every seed of the chapter."""
    return [pretrain(chapter, arm, seed) for seed in chapter.seeds for arm in arms]


def by_arm(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs of each arm, in the order of the arms."""
    grouped: dict[str, list[Run]] = {}
    for one in runs:
        grouped.setdefault(one.arm, []).append(one)
    return grouped


def record(chapter: Chapter, one: Run, name: str | None = None, **params: Any) -> Path:
    """The record of a run, as `name` if it is to have another than the arm's; `params` are added to the profile's."""
    first = one.stage_one.result if one.stage_one else None
    guess = heldout.guess(chapter)
    shape = steps.shape(chapter)
    return chapter.record(
        name or f"student-{one.arm}",
        seed=one.seed,
        params=chapter.profile.model_dump(mode="json") | {"arm": one.arm, "size": shape.name} | params,
        metrics={
            "heldout": {name: value for name, value in one.student.scores.items() if name not in _COURSE},
            "heldout_word_nats": one.word,
            "guess": asdict(guess),
            "left_plateau_tokens": one.left_plateau(guess),
            "stage_one_tokens": one.tokens[0],
            "stage_two_tokens": one.tokens[1],
            "flops": one.spent.flops,
            "precision": {"stage_one": first.precision if first else "", "stage_two": one.student.result.precision},
            "parameters": shape.total_params,
        },
        curves={"stage_one": first.curve if first else [], "stage_two": one.student.result.curve},
        sources=[steps.corpus(chapter).source, steps.teacher(chapter).source],
        seconds=one.spent.seconds,
    )


_COURSE = ("step", "tokens", "seconds")  # of a curve's point: where it lies, not what it scores
