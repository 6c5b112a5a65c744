"""What every chapter begins with: its profile, its seeds, the store of what was computed, and a banner saying so."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from mixvocab.common.errors import UserError
from mixvocab.common.store import Step, Store
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import Profile, load_profile
from mixvocab.sources.source import Source, cache_root, data_directory
from mixvocab_book.press.gate import BANNER
from mixvocab_book.store import records
from mixvocab_book.store.provenance import hardware_line, provenance

T = TypeVar("T")


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
    sources: dict[str, Any] = field(default_factory=dict, repr=False)  # texts, teachers and tasks that were found

    @property
    def seed(self) -> int:
        """The first of the seeds."""
        return self.seeds[0]

    @property
    def plan(self) -> Plan:
        """The steps that the profile asks for."""
        return Plan(self.profile, self.data_dir, sources=self.sources)

    @property
    def text_and_teacher(self) -> list[Source]:
        """What the profile's students read and learn from."""
        return [self.plan.corpus().value.source, self.plan.teacher.value.source]

    def get(self, step: Step[T]) -> T:
        """What a step yields; it is made if the store has it not."""
        return self.store.get(step)

    def banner(self, *sources: Source) -> None:
        """Display what this run is and what it reads; the same facts travel in the notebook for later checks."""
        facts = {
            "chapter": self.name,
            "profile": self.profile.name,
            "seeds": self.seeds,
            "overrides": self.overrides,
            "data_dir": self.data_dir is not None,
            "sources": [source.as_record() for source in sources],
            **provenance(),
        }
        from IPython.display import display  # here, so that recording needs no IPython

        display({"text/html": _banner_html(facts), "text/plain": _banner_text(facts), BANNER: facts}, raw=True)

    def record(
        self,
        name: str,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, Any],
        curves: Mapping[str, Any] | None = None,
        sources: Sequence[Source] = (),
        seed: int | None = None,
        seconds: float | None = None,
    ) -> Path:
        """Write the record of one run (`mixvocab_book.store.records.write`); `seed` defaults to the chapter's."""
        return records.write(
            name,
            chapter=self.name,
            profile=self.profile.name,
            seed=self.seed if seed is None else seed,
            params=params,
            metrics=metrics,
            curves=curves,
            sources=sources,
            seconds=seconds if seconds is not None else time.perf_counter() - self.started,
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
    show_user_errors_plainly()
    _no_bars()
    for what, value, least in (("seed", seed, 0), ("seeds", seeds, 1)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise UserError(f"{what}={value!r} should be a whole number of at least {least}")
    chosen = {key: value for key, value in overrides.items() if value is not None}
    settings = load_profile(profile, **chosen)
    folder = data_directory(data_dir or None)
    count = seeds if seeds is not None else settings.seeds.count
    return Chapter(name, settings, list(range(seed, seed + count)), folder, Store(cache_root() / "artefacts"), chosen)


def _no_bars() -> None:
    """Switch off the libraries' own progress bars: in an executed notebook they are widgets that nobody moves."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # the hub's bars as well
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


def show_user_errors_plainly() -> None:
    """In a notebook, let a `UserError` end its cell with one line instead of a traceback. Elsewhere: nothing."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def handle(shell: Any, kind: type[BaseException], error: BaseException, *_: Any, **__: Any) -> list[str]:
        line = f"{kind.__name__}: {' '.join(str(error).split())}"
        shell._showtraceback(kind, error, [line])
        return [line]

    shell.set_custom_exc((UserError,), handle)


def _banner_html(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(source['kind'])}</th>"
        f"<td style='text-align:left'>{_badge(source['real'])} {escape(source['name'])}</td>"
        f"<td style='text-align:left'>{escape(source['origin'])}: {escape(source['location'])}</td>"
        f"<td style='text-align:left'>{escape(source['licence'])}</td></tr>"
        for source in facts["sources"]
    )
    table = (
        "<table class='table'><thead><tr>"
        + "".join(f"<th scope='col' style='text-align:left'>{name}</th>" for name in ("", "what", "from", "licence"))
        + f"</tr></thead><tbody>{rows}</tbody></table>"
    )
    return (
        "<div class='mv-banner' role='note' aria-label='What this run used' style='overflow-x:auto'>"
        f"<p>{escape(_headline(facts))}</p>{table if rows else ''}{_caution(facts)}</div>"
    )


def _badge(real: bool) -> str:
    word = "real" if real else "synthetic"
    return f"<span class='mv-badge mv-{word}'>{word}</span>"


def _caution(facts: Mapping[str, Any]) -> str:
    """A sentence for readers of a trial run."""
    trial = facts["profile"] == "smoke"
    return (
        "<p><strong>A trial run: it shows that everything works; its numbers mean nothing.</strong></p>"
        if trial
        else ""
    )


def _banner_text(facts: Mapping[str, Any]) -> str:
    lines = [
        f"  {source['kind']}: {source['name']} ({'real' if source['real'] else 'synthetic'}; "
        f"{source['origin']}: {source['location']}; {source['licence']})"
        for source in facts["sources"]
    ]
    return "\n".join([_headline(facts), *lines])


def _headline(facts: Mapping[str, Any]) -> str:
    seeds = facts["seeds"]
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    changed = "".join(f" · {key} = {value}" for key, value in facts["overrides"].items())
    torch = facts["versions"].get("torch", "not installed")
    return f"Profile {facts['profile']} · {drawn}{changed} · {hardware_line()} · torch {torch}"
