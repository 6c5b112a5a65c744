"""The provenance of an input, and the folders that a reader names."""

from __future__ import annotations

import hashlib
import os
import re
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
    option, named = ("--data-dir", data_dir) if data_dir else (DATA_VARIABLE, os.environ.get(DATA_VARIABLE))
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UserError(f"{option}: {folder} is not a directory; name an existing one or leave it out")
    return folder


def cache_root() -> Path:
    """MIXVOCAB_CACHE if set, else `.cache` in the checkout around the working directory, else the user's cache."""
    if named := os.environ.get("MIXVOCAB_CACHE"):
        return Path(named).expanduser()
    for folder in (Path.cwd(), *Path.cwd().parents):
        project = folder / "pyproject.toml"
        if project.is_file() and '\nname = "mixvocab"\n' in project.read_text(encoding="utf-8"):
            return folder / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mixvocab"


def text_sha256(*parts: str) -> str:
    """SHA-256 of the parts' UTF-8 bytes, each closed by a zero byte so that no two lists share a digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8") + b"\0")
    return digest.hexdigest()


def read_licence(folder: Path, name: str) -> str | None:
    """The licence that README.md in `folder` states for the file or folder `name` in it, if one is evident.

    Evident means: a table row that begins with the name, under a heading "licence ..."; else a line "license: ...".
    """
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    table = [[cell.strip(" `") for cell in line.strip("| ").split("|")] for line in text.splitlines() if "|" in line]
    columns = [i for row in table for i, cell in enumerate(row) if re.match("licen[cs]e", cell, re.IGNORECASE)]
    stated = [row[columns[0]] for row in table if columns and row[0].startswith(name) and len(row) > columns[0]]
    return next(iter(stated + re.findall(r"(?im)^licen[cs]e: *(.+)", text)), None)
