"""What a piece of input is and where it came from, and the one order in which every kind is looked for.

A specification says where to look:

    auto            the data directory, then the Hugging Face hub when it can be reached, then what is embedded
    data-dir        the data directory alone (`--data-dir` or the environment variable MIXVOCAB_DATA)
    hub, hub:ID     the hub alone: the default repository of this kind, or the one named
    embedded        what needs no network: installed prose, the packaged teacher, the synthetic tasks
    code            for a corpus: source code of Python's standard library
    anything else   a path

Only `auto` moves on to the next place. A source asked for by name that is not there is a UserError.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from mixvocab.errors import UserError

T = TypeVar("T")

DATA_VARIABLE = "MIXVOCAB_DATA"


@dataclass(frozen=True)
class Source:
    """The provenance of one input, as banners show it and records keep it."""

    kind: str  # corpus | teacher | snips | glue
    name: str  # for people: "wiki.txt.xz and books.txt.xz"
    origin: str  # data-dir | hub | embedded | path
    location: str  # names of files, a repository or a package; never a path of this machine
    licence: str
    sha256: str  # of the content that was read; `hub_fingerprint` says what stands in for it on the hub
    real: bool  # False: written by a program, and the name says "synthetic"

    def as_record(self) -> dict[str, str | bool]:
        """The fields as a JSON-ready dictionary."""
        return asdict(self)


def data_directory(data_dir: Path | str | None = None) -> Path | None:
    """The data directory given, else the one in MIXVOCAB_DATA, else None.

    Raises UserError if one is named and is not a directory.
    """
    option = "--data-dir"
    if data_dir is None:
        data_dir = os.environ.get(DATA_VARIABLE) or None
        option = DATA_VARIABLE
    if data_dir is None:
        return None
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise UserError(f"{option}: {folder} is not a directory; name an existing one or leave it out")
    return folder


def resolve(
    what: str,
    spec: str,
    data_dir: Path | str | None,
    *,
    in_folder: Callable[[Path], T | None],
    on_hub: Callable[[str | None], T | None],
    embedded: Callable[[], T],
    at_path: Callable[[Path], T],
    reachable: Callable[[], bool],
) -> T:
    """Look for `what` (its name in messages) in the order of the module's docstring.

    `in_folder` returns None when the data directory has none of this kind; `on_hub` gets the repository named
    (None: the default one) and returns None when there is no default.
    """
    folder = data_directory(data_dir)
    if spec == "auto":
        if folder is not None and (found := in_folder(folder)) is not None:
            return found
        if reachable():
            try:
                if (found := on_hub(None)) is not None:
                    return found
            except UserError:
                # The hub answered but this repository did not: `auto` goes on to what needs no network.
                pass
        return embedded()
    if spec == "data-dir":
        if folder is None:
            raise UserError(f"{what}: data-dir asked for, but none is named; pass --data-dir or set {DATA_VARIABLE}")
        if (found := in_folder(folder)) is None:
            raise UserError(f"{what}: none in {folder}; see the layouts in the README or choose another source")
        return found
    if spec == "hub" or spec.startswith("hub:"):
        repository = spec[4:] or None
        if spec == "hub:":
            raise UserError(f"{what}: 'hub:' names no repository; write hub:<owner>/<name>")
        if not reachable():
            raise UserError(f"{what}: the Hugging Face hub cannot be reached (or HF_HUB_OFFLINE is set); use auto")
        if (found := on_hub(repository)) is None:
            raise UserError(f"{what}: the hub has no default for it; name one as hub:<owner>/<name>")
        return found
    if spec == "embedded":
        return embedded()
    path = Path(spec).expanduser()
    if not path.exists():
        raise UserError(f"{what}: {spec!r} is neither auto, data-dir, hub, hub:<id>, embedded nor an existing path")
    return at_path(path)


def text_sha256(*parts: str) -> str:
    """SHA-256 of the parts' UTF-8 bytes, each closed by a zero byte so that no two lists share a digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8"))
        digest.update(b"\0")
    return digest.hexdigest()


def read_licence(folder: Path, name: str) -> str | None:
    """The licence that a README or LICENSE beside the data states for `name`, if one is evident.

    Evident means: a table row of `README.md` that names the file (or a folder above it) under a heading cell
    that says licence, a README line "licence: ...", or the first line of a LICENSE file.
    """
    for readme in ("README.md", "README.txt", "README"):
        if (folder / readme).is_file():
            lines = (folder / readme).read_text(encoding="utf-8", errors="replace").splitlines()
            if stated := _licence_in(lines, name):
                return stated
    for licence in ("LICENSE", "LICENSE.txt", "LICENCE", "LICENSE.md"):
        if (folder / licence).is_file():
            lines = (folder / licence).read_text(encoding="utf-8", errors="replace").splitlines()
            return next((line.strip("# ").strip() for line in lines if line.strip()), None)
    return None


def _licence_in(lines: list[str], name: str) -> str | None:
    column = -1
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) > 1:
            heading = [i for i, cell in enumerate(cells) if cell.lower().startswith(("licence", "license"))]
            if heading:
                column = heading[0]
            elif 0 <= column < len(cells) and cells[0].strip("`").startswith(name):
                return cells[column]
        else:
            key, _, value = line.strip("# *-").partition(":")
            if key.strip("* ").lower() in {"licence", "license"} and value.strip():
                return value.strip().strip("*").strip()
    return None
