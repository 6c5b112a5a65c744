"""The comparison of chapter 04: students that differ in where their embeddings come from, and in nothing else.

Under one seed all of them have the same other weights, the same data order and the same held-out set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mixvocab.book import steps
from mixvocab.stats import Estimate, estimate

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

NOKD = "NoKD"
NOKD_SCALED = "NoKD, wider start"
PCA = "PCA start"
PAPER = "stage I, random start"
WARM = "stage I, PCA start"
MATCHED = "NoKD, stage I's compute too"


@dataclass(frozen=True)
class Arm:
    """One way to start stage II: its name in figures, what it is, and how to get its embeddings for a seed."""

    name: str
    about: str
    embeddings: Callable[[Chapter, int], steps.Embeddings | None]
    matched: bool = False  # gets stage I's compute as further steps of stage II


def arms(chapter: Chapter) -> list[Arm]:
    """The students that are compared, the baseline first."""
    spread = steps.pca_spread(chapter)
    return [
        Arm(NOKD, "fresh embeddings, BERT's spread of 0.02", lambda c, s: None),
        Arm(
            NOKD_SCALED,
            f"fresh embeddings with the spread of the PCA start, {spread:.3f}",
            lambda c, s: steps.start(c, "random", s, start_std=spread),
        ),
        Arm(PCA, "the teacher's embeddings by PCA, no stage I", lambda c, s: steps.start(c, "warm", s)),
        Arm(PAPER, "stage I from random embeddings, as in the paper", lambda c, s: paper_stage_one(c, s)),
        Arm(WARM, "stage I from the PCA start", lambda c, s: steps.stage_one(c, s, start="warm")),
        Arm(
            MATCHED,
            "fresh embeddings with the wider spread, and more steps: the compute of stage I as well",
            lambda c, s: steps.start(c, "random", s, start_std=spread),
            matched=True,
        ),
    ]


def paper_stage_one(chapter: Chapter, seed: int) -> steps.Embeddings:
    """Stage I from random embeddings; they get the wider spread as well, so that it tells nothing apart."""
    return steps.stage_one(chapter, seed, start="random", start_std=steps.pca_spread(chapter))


@dataclass(frozen=True)
class Run:
    """One student of one seed."""

    arm: Arm
    seed: int
    student: steps.Student
    stage_one: steps.Embeddings | None
    flops: float  # of both stages

    @property
    def loss(self) -> float:
        """Held-out MLM loss after stage II, nats a masked token."""
        return self.student.final_loss

    @property
    def seconds(self) -> float:
        """Training time of both stages, wall clock."""
        first = self.stage_one.result if self.stage_one else None
        return self.student.result.seconds + (first.seconds if first else 0.0)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read in stage I and in stage II."""
        first = self.stage_one.result if self.stage_one else None
        return (first.tokens if first else 0), self.student.result.tokens


def run(chapter: Chapter) -> list[Run]:
    """Every arm for every seed of the chapter; what was made before is found again."""
    length, shape = chapter.profile.mixing.length, steps.shape(chapter)
    runs = []
    for seed in chapter.seeds:
        for arm in arms(chapter):
            embeddings = arm.embeddings(chapter, seed)
            extra = steps.stage_one(chapter, seed, start="warm").flops if arm.matched else 0.0
            label = f"{arm.name}, seed {seed}"
            student = steps.stage_two(chapter, seed, embeddings, extra_flops=extra, label=label)
            spent = shape.masked_lm_flops(student.result.tokens, length) + (embeddings.flops if embeddings else 0.0)
            runs.append(Run(arm, seed, student, embeddings, spent))
    return runs


def by_arm(runs: list[Run]) -> dict[str, list[Run]]:
    """The runs of each arm, in the order of the arms."""
    grouped: dict[str, list[Run]] = {}
    for one in runs:
        grouped.setdefault(one.arm.name, []).append(one)
    return grouped


def losses(runs: list[Run]) -> dict[str, Estimate]:
    """Held-out loss of each arm over its seeds."""
    return {name: estimate([one.loss for one in group]) for name, group in by_arm(runs).items()}


def record(chapter: Chapter, runs: list[Run]) -> list[Path]:
    """One record a run."""
    sources = [steps.corpus(chapter).source, steps.teacher(chapter).source]
    paths = []
    for one in runs:
        first = one.stage_one.result if one.stage_one else None
        name = "stage-two-" + "-".join("".join(c if c.isalnum() else " " for c in one.arm.name.lower()).split())
        paths.append(
            chapter.record(
                name,
                seed=one.seed,
                params=chapter.profile.model_dump(mode="json")
                | {"arm": one.arm.name, "about": one.arm.about, "stage_two_steps": one.student.result.steps},
                metrics={
                    "heldout_loss_nats": one.loss,
                    "stage_one_tokens": one.tokens[0],
                    "stage_two_tokens": one.tokens[1],
                    "flops": one.flops,
                    "parameters": steps.shape(chapter).total_params,
                },
                curves={"stage_one": first.curve if first else [], "stage_two": one.student.result.curve},
                sources=sources,
                seconds=one.seconds,
            )
        )
    return paths
