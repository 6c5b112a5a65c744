"""The provenance of an input, and what is said of it: digest and licence."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from mixvocab.common.errors import UserError

DATA_VARIABLE = "MIXVOCAB_DATA"
OWNER = "as stated by the owner of the files"


@dataclass(frozen=True)
class Source:
    """The provenance of one input, as banners show it and records keep it."""

    kind: str  # corpus | teacher | snips | glue
    name: str  # for people: "wiki.txt.xz and books.txt.xz"
    origin: str  # data-dir | hub | embedded | path
    location: str  # names of files, a repository or a package; never a path of this machine
    licence: str
    sha256: str  # of the content that was read; `hub.dataset_source` says what stands in for it on the hub
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
        option, data_dir = DATA_VARIABLE, os.environ.get(DATA_VARIABLE)
    if not data_dir:
        return None
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise UserError(f"{option}: {folder} is not a directory; name an existing one or leave it out")
    return folder


def text_sha256(*parts: str) -> str:
    """SHA-256 of the parts' UTF-8 bytes, each closed by a zero byte so that no two lists share a digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8") + b"\0")
    return digest.hexdigest()


def read_licence(folder: Path, name: str) -> str | None:
    """The licence that a README or LICENSE in `folder` states for the file or folder `name`, if one is evident.

    Evident means: a table row of `README.md` that names the file (or a folder above it) under a heading cell
    that says licence, a README line "licence: ...", or the first line of a LICENSE file.
    """
    for readme in ("README.md", "README.txt", "README"):
        if stated := _stated_licence(_lines(folder / readme), name):
            return stated
    for licence in ("LICENSE", "LICENSE.txt", "LICENCE", "LICENSE.md"):
        if lines := [line for line in _lines(folder / licence) if line]:
            return lines[0].strip("# ")
    return None


def _stated_licence(lines: list[str], name: str) -> str | None:
    column = -1  # of the table that is being read
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1:
            heading = [i for i, cell in enumerate(cells) if cell.lower().startswith(("licence", "license"))]
            if heading:
                column = heading[0]
            elif 0 <= column < len(cells) and cells[0].strip("`").startswith(name):
                return cells[column]
        else:
            key, _, value = line.strip("# *-").partition(":")
            if key.strip("* ").lower() in {"licence", "license"} and value.strip("* "):
                return value.strip("* ")
    return None


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
