"""What a build of the book is: where its parts are, and what its chapters are run with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import load_profile
from mixvocab.sources.source import data_directory
from mixvocab_book.store.provenance import project_root


@dataclass(frozen=True)
class Book:
    """One build: its folders, and what its chapters are run with."""

    root: Path  # the checkout: _config.yml, _toc.yml, book/, notebooks/
    executed: Path  # copies of the chapters with their outputs
    work: Path  # what the renderer reads and its intermediate files
    html: Path  # the pages
    profile: str
    seed: int  # the first
    data_dir: Path | None  # the reader's data folder; None: MIXVOCAB_DATA, if set

    @classmethod
    def find(cls, profile: str, seed: int = 0, data_dir: Path | None = None, output: Path | None = None) -> Book:
        """The build of a profile: in `book/`, or with its pages in `output` and the rest beside it.

        Raises UserError outside a checkout, for an unknown profile and for a data folder that is not there.
        """
        load_profile(profile)
        data_directory(data_dir)
        if (root := project_root()) is None:
            raise UserError("the book is built from a checkout of the project; clone it and run `make book` there")
        if output is None:
            book = root / "book"
            folders = (book / "chapters" / profile, book / "_build" / "work", book / "_build" / "html")
            return cls(root, *folders, profile, seed, data_dir)
        output = output.absolute()
        beside = output.with_name(f"{output.name}-work")
        return cls(root, beside / "chapters", beside / "render", output, profile, seed, data_dir)

    def chapters(self) -> list[str]:
        """Names of the chapters in the order of `_toc.yml`."""
        toc = (self.root / "_toc.yml").read_text(encoding="utf-8")
        return re.findall(r"^ *- file: notebooks/(\w+)$", toc, re.MULTILINE)

    def notebook(self, name: str) -> Path:  # as written
        return self.root / "notebooks" / f"{name}.ipynb"

    def copy(self, name: str) -> Path:  # as executed
        return self.executed / f"{name}.ipynb"


def select(chapters: Sequence[str], only: Sequence[str]) -> list[str]:
    """Those of `chapters` that `only` names, by number ("4", "04") or by the start of the name; empty: all."""
    selected: set[str] = set()
    for wanted in only:
        if not (matches := {name for name in chapters if name.startswith(wanted.zfill(2))}):
            raise UserError(f"--only {wanted}: no such chapter; there are {', '.join(chapters)}")
        selected |= matches
    return [name for name in chapters if name in selected or not only]
