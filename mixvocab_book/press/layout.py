"""What a build of the book is: where its parts are, and what the chapters are run with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab_book.store.provenance import project_root


@dataclass(frozen=True)
class Settings:
    """What the chapters are run with."""

    profile: str = "laptop"
    seed: int = 0  # the first
    data_dir: Path | None = None  # the reader's data folder; None: MIXVOCAB_DATA, if set


@dataclass(frozen=True)
class Layout:
    """Folders of one build."""

    root: Path  # the checkout: _config.yml, _toc.yml, book/, notebooks/
    executed: Path  # copies of the chapters with their outputs
    work: Path  # what the renderer reads and its intermediate files
    html: Path  # the pages

    @classmethod
    def find(cls, profile: str, output: Path | None = None, root: Path | None = None) -> Layout:
        """The layout of a profile's build: in `book/`, or with its pages in `output` and the rest beside it.

        Raises UserError outside a checkout.
        """
        root = root or project_root()
        if root is None:
            raise UserError("the book is built from a checkout of the project; clone it and run `make book` there")
        if output is None:
            book = root / "book"
            return cls(root, book / "chapters" / profile, book / "_build" / "work", book / "_build" / "html")
        output = output.absolute()
        beside = output.with_name(f"{output.name}-work")
        return cls(root, beside / "chapters", beside / "render", output)

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
