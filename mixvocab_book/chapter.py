"""What every chapter begins with: its profile, its seeds, the store of what was computed, and a banner saying so."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Template
from transformers.utils import logging

from mixvocab.common.errors import UserError
from mixvocab.common.store import Ref, Step, Store
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import Profile, load_profile
from mixvocab.sources.source import Source, cache_root, data_directory
from mixvocab_book.store import records
from mixvocab_book.store.provenance import BANNER, hardware_line, provenance

T = TypeVar("T")

BANNER_HTML = Template(Path(__file__).with_name("banner.html").read_text(encoding="utf-8"), autoescape=True)


@dataclass
class Chapter:
    """One run of one chapter."""

    name: str
    profile: Profile
    seeds: list[int]  # of what is repeated; the first is the chapter's own
    data_dir: Path | None
    store: Store
    overrides: dict[str, Any]
    started: float = field(default_factory=time.perf_counter, repr=False)
    sources: dict[str, Ref[Any]] = field(default_factory=dict, repr=False)  # texts, teachers and tasks

    @property
    def seed(self) -> int:
        return self.seeds[0]

    @property
    def plan(self) -> Plan:
        return Plan(self.profile, self.data_dir, sources=self.sources)

    @property
    def text_and_teacher(self) -> list[Source]:
        """What the profile's students read and learn from; the words of their vocabulary where it is not that text."""
        read = self.plan.corpus(), self.plan.words(), self.plan.teacher
        return list(dict.fromkeys(ref.value.source for ref in read))

    def get(self, step: Step[T]) -> T:
        """What a step yields; it is made if the store has it not."""
        return self.store.get(step)

    def banner(self, *sources: Source) -> None:
        """Display what this run is and what it reads; the same facts travel in the notebook for later checks."""
        from IPython.display import display  # here, so that recording needs no IPython

        facts = {
            "chapter": self.name,
            "profile": self.profile.name,
            "seeds": self.seeds,
            "overrides": self.overrides,
            "data_dir": self.data_dir is not None,
            "sources": [source.as_record() for source in sources],
            **provenance(),
        }
        headline = _headline(facts)
        html = BANNER_HTML.render(facts, headline=headline)
        plain = [headline, *(f"{s.kind}: {s.name} ({'real' if s.real else 'synthetic'})" for s in sources)]
        display({"text/html": html, "text/plain": "\n  ".join(plain), BANNER: facts}, raw=True)

    def record(self, place: str, *, seed: int | None = None, seconds: float | None = None, **content: Any) -> Path:
        """`records.write` for this chapter: `seed` defaults to its first, `seconds` to those since it was opened."""
        return records.write(
            place,
            chapter=self.name,
            profile=self.profile.name,
            seed=self.seed if seed is None else seed,
            seconds=time.perf_counter() - self.started if seconds is None else seconds,
            **content,
        )


def open_chapter(
    name: str,
    *,
    profile: str = "laptop",
    seed: int = 0,
    seeds: int | None = None,
    data_dir: str | Path | None = None,
    **overrides: Any,
) -> Chapter:
    """Begin a chapter.

    Args:
        name: the notebook's name without ending.
        profile: smoke, laptop, evening, gpu or paper.
        seed: the first seed.
        seeds: how many seeds, counted up from the first; None: as many as the profile says.
        data_dir: the reader's data folder; None: MIXVOCAB_DATA, if set.
        overrides: settings of the profile to replace, e.g. `p_sv=0.3`; None leaves the profile's.

    Raises:
        UserError: for an unknown profile or setting, a value out of range, a data folder that is not there.
    """
    logging.disable_progress_bar()  # the libraries' own bars are widgets, which nobody moves in an executed notebook
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    changed = {key: value for key, value in overrides.items() if value is not None}
    settings = load_profile(profile, **changed)
    count = settings.seeds.count if seeds is None else seeds
    for what, value, least in (("seed", seed, 0), ("seeds", count, 1)):
        if type(value) is not int or value < least:
            raise UserError(f"{what}={value!r} should be a whole number of at least {least}")
    store = Store(cache_root() / "artefacts")
    return Chapter(name, settings, [*range(seed, seed + count)], data_directory(data_dir or None), store, changed)


def _headline(facts: Mapping[str, Any]) -> str:
    first, last = facts["seeds"][0], facts["seeds"][-1]
    seeds = f"seed {first}" if first == last else f"seeds {first} to {last}"
    changed = [f"{key} = {value}" for key, value in facts["overrides"].items()]
    torch = f"torch {facts['versions']['torch']}"
    return " · ".join([f"Profile {facts['profile']}", seeds, *changed, hardware_line(), torch])
