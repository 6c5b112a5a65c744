"""The methods that are compared, by name: every file of this folder that registers one is found.

A method says which steps make its student; what it depends on and what it costs follow from them. Chapters, sweeps,
fine-tuning, tables and `mixvocab distill --method` know it by its one name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, TypeVar

import mixvocab.distill
from mixvocab.common.errors import UserError
from mixvocab.distill.steps import Init, StageOne, StageTwo, StudentStep

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

StudentOf = Callable[["Plan", int], StudentStep]
F = TypeVar("F", bound=StudentOf)


@dataclass(frozen=True)
class Method:
    """A way to make a student: the steps for a plan and a seed."""

    name: str  # in profiles, grids, parameters, records
    title: str  # in tables and figures
    student: StudentOf
    size: str = "l{layers}h{hidden}"  # of its students in the names of their records' folders; braces: the profile's
    transfer: Callable[[Any, Any], Any] | None = None  # of task models of student and teacher
    by_words: bool = False  # whether that compares words, for which pieces may differ


_REGISTERED: dict[str, Method] = {}


def method(name: str, title: str, **more: Any) -> Callable[[F], F]:
    """Register the function below it, `(plan, seed) -> step`, as a method; `more`: see `Method`."""

    def register(student: F) -> F:
        _REGISTERED[name] = Method(name, title, student, **more)
        return student

    return register


@cache
def methods() -> dict[str, Method]:
    """All methods by name: those of chapter 4, in its order, then those of the other files by the files' names."""
    for module in iter_modules(mixvocab.distill.__path__):
        import_module(f"mixvocab.distill.{module.name}")

    def place(known: Method) -> tuple[bool, str]:  # files may have been imported before, in any order
        return known.student.__module__ != __name__, known.student.__module__

    return {known.name: known for known in sorted(_REGISTERED.values(), key=place)}


def find_method(name: str) -> Method:
    """The method of that name. Raises UserError for an unknown one."""
    if name not in methods():
        raise UserError(f"method {name!r} is unknown; choose from {', '.join(methods())}")
    return methods()[name]


# ---- Chapter 4: students that differ in where their embeddings come from. Under one seed all of them have the same
# other weights, the same data order and the same held-out set.


@method("nokd", "NoKD")
def nokd(plan: Plan, seed: int) -> StageTwo:
    """Fresh embeddings, BERT's spread of 0.02."""
    return plan.stage_two(seed, None)


@method("nokd-wide", "NoKD, wider")
def nokd_wide(plan: Plan, seed: int) -> StageTwo:
    """Fresh embeddings with the spread of the PCA start."""
    return plan.stage_two(seed, _wide(plan, seed))


@method("pca", "PCA")
def pca(plan: Plan, seed: int) -> StageTwo:
    """The teacher's embeddings by PCA, no stage I."""
    return plan.stage_two(seed, plan.init(seed, init="pca"))


@method("pca-frequency", "PCA by frequency")
def pca_by_frequency(plan: Plan, seed: int) -> StageTwo:
    """The same, each piece counting as often as text uses it; with plain PCA's spread."""
    return plan.stage_two(seed, plan.init(seed, init="pca", weighting=1.0, init_std="pca"))


@method("paper", "mixed-vocab as in the paper")
def paper(plan: Plan, seed: int) -> StageTwo:
    """Stage I from random embeddings, one learning rate for all."""
    stage_one = plan.stage_one(seed, init="random", init_std=None, weighting=0.0, preset="paper", multipliers={})
    return plan.stage_two(seed, stage_one)


@method("mixed", "mixed-vocab from PCA")
def mixed(plan: Plan, seed: int) -> StageTwo:
    """Stage I from the PCA start."""
    return plan.stage_two(seed, plan.stage_one(seed))


@method("mixed-projection", "mixed-vocab, learned projection")
def mixed_projection(plan: Plan, seed: int) -> StageTwo:
    """The same, training PCA's projection, which all pieces share, besides each row."""
    return plan.stage_two(seed, plan.stage_one(seed, init="pca", projection=True))


@method("nokd-matched", "NoKD, stage I's compute too")
def nokd_matched(plan: Plan, seed: int) -> StageTwo:
    """Fresh embeddings with the wider spread, and more steps: the compute of stage I as well."""
    first = plan.stage_one(seed)
    return plan.stage_two(seed, _wide(plan, seed), matched=first if isinstance(first, StageOne) else None)


def _wide(plan: Plan, seed: int) -> Init:
    return plan.init(seed, init="random", init_std="pca")
