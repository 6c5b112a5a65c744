"""What a build of the book is: where its parts are, and what the chapters are run with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mixvocab.common.errors import UserError
from mixvocab_book.store.provenance import project_root


@dataclass(frozen=True)
class Settings:
    """What the chapters are run with."""

    profile: str = "laptop"
    seed: int = 0  # the first
    data_dir: Path | None = None  # the reader's data folder; None: MIXVOCAB_DATA, if set
    force: bool = False  # run also what is up to date


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
        """Names of the chapters in the order of `_toc.yml`. Raises UserError if one has no notebook."""
        path = self.root / "_toc.yml"
        try:
            toc = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise UserError(f"_toc.yml cannot be read: {' '.join(str(error).split())}") from None
        names = [Path(file).name for file in _files(toc) if file.startswith("notebooks/")]
        for name in names:
            if not self.notebook(name).is_file():
                raise UserError(f"_toc.yml lists notebooks/{name}, but there is no notebooks/{name}.ipynb")
        return names

    def notebook(self, name: str) -> Path:
        """The chapter as written."""
        return self.root / "notebooks" / f"{name}.ipynb"

    def copy(self, name: str) -> Path:
        """The chapter as executed, checked."""
        return self.executed / f"{name}.ipynb"


def select(chapters: list[str], only: list[str]) -> list[str]:
    """Those of `chapters` that `only` names, by number ("4", "04") or by the start of the name; empty: all."""
    for wanted in only:
        if not any(_matches(name, wanted) for name in chapters):
            raise UserError(f"--only {wanted}: no such chapter; there are {', '.join(chapters)}")
    return [name for name in chapters if not only or any(_matches(name, wanted) for wanted in only)]


def _matches(name: str, wanted: str) -> bool:
    wanted = Path(wanted).stem
    number = name.partition("_")[0]
    return number.lstrip("0") == wanted.lstrip("0") if wanted.isdigit() else name.startswith(wanted)


def _files(node: Any) -> Iterator[str]:
    """All `file:` and `root:` entries of a table of contents, in order."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("root", "file"):
                yield str(value)
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for item in node:
            yield from _files(item)
