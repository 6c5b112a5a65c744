"""Mixed-vocabulary training and its baselines: students that differ in where their embeddings come from alone.

Under one seed all of them have the same other weights, the same data order and the same held-out set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixvocab.distill.methods import method
from mixvocab.distill.steps import Init, StageOne, StageTwo

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


@method("nokd", "NoKD", "fresh embeddings, BERT's spread of 0.02")
def nokd(plan: Plan, seed: int) -> StageTwo:
    """Stage II alone."""
    return plan.stage_two(seed, None)


@method("nokd-wide", "NoKD, wider", "fresh embeddings with the spread of the PCA start")
def nokd_wide(plan: Plan, seed: int) -> StageTwo:
    """Scale without knowledge."""
    return plan.stage_two(seed, _wide(plan, seed))


@method("pca", "PCA", "the teacher's embeddings by PCA, no stage I")
def pca(plan: Plan, seed: int) -> StageTwo:
    """A copy of the teacher's embeddings, as far as d dimensions go."""
    return plan.stage_two(seed, plan.init(seed, init="pca"))


@method(
    "pca-frequency",
    "PCA by frequency",
    "the same, each piece counting as often as text uses it, and with plain PCA's spread",
)
def pca_by_frequency(plan: Plan, seed: int) -> StageTwo:
    """A copy that keeps what tells apart the pieces that are used."""
    return plan.stage_two(seed, plan.init(seed, init="pca", weighting=1.0, init_std="pca"))


@method("paper", "mixed-vocab as in the paper", "stage I from random embeddings, one learning rate for all")
def paper(plan: Plan, seed: int) -> StageTwo:
    """Stage I and stage II of the paper."""
    return plan.stage_two(seed, paper_stage_one(plan, seed))


@method("mixed", "mixed-vocab from PCA", "stage I from the PCA start")
def mixed(plan: Plan, seed: int) -> StageTwo:
    """Stage I and stage II with the profile's settings; with `stage_one.steps` 0 its init alone."""
    return plan.stage_two(seed, plan.stage_one(seed))


@method(
    "nokd-matched",
    "NoKD, stage I's compute too",
    "fresh embeddings with the wider spread, and more steps: the compute of stage I as well",
)
def nokd_matched(plan: Plan, seed: int) -> StageTwo:
    """The baseline at equal compute."""
    first = plan.stage_one(seed)
    return plan.stage_two(seed, _wide(plan, seed), matched=first if isinstance(first, StageOne) else None)


def paper_stage_one(plan: Plan, seed: int) -> StageOne | Init:
    """Stage I as in the paper: random embeddings with BERT's spread, one learning rate for all parts."""
    return plan.stage_one(seed, init="random", init_std=None, weighting=0.0, preset="paper", multipliers={})


def _wide(plan: Plan, seed: int) -> Init:
    return plan.init(seed, init="random", init_std="pca")
