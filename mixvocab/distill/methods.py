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
from typing import TYPE_CHECKING, TypeVar

import mixvocab.distill
from mixvocab.common.errors import UserError
from mixvocab.distill.steps import StudentStep

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

StudentOf = Callable[["Plan", int], StudentStep]
F = TypeVar("F", bound=StudentOf)


@dataclass(frozen=True)
class Method:
    """A way to make a student: the steps for a plan and a seed."""

    name: str  # in profiles, grids, parameters, records
    title: str  # in tables and figures
    about: str
    student: StudentOf


_REGISTERED: dict[str, Method] = {}


def method(name: str, title: str, about: str) -> Callable[[F], F]:
    """Register the function below it, `(plan, seed) -> step`, as a method."""

    def register(student: F) -> F:
        _REGISTERED[name] = Method(name, title, about, student)
        return student

    return register


@cache
def methods() -> dict[str, Method]:
    """All methods by name: those of chapter 4 first, in its order, then the others by file."""
    for module in iter_modules(mixvocab.distill.__path__):
        import_module(f"mixvocab.distill.{module.name}")
    return dict(sorted(_REGISTERED.items(), key=lambda item: _file(item[1])))


def _file(known: Method) -> tuple[bool, str]:
    name = known.student.__module__.rpartition(".")[2]
    return name != "starts", name


def find_method(name: str) -> Method:
    """The method of that name. Raises UserError for an unknown one."""
    if name not in methods():
        raise UserError(f"method {name!r} is unknown; choose from {', '.join(methods())}")
    return methods()[name]
