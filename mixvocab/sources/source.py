"""The provenance of an input; the folders that a reader names, and the lines of the files in them."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from mixvocab.common.errors import UserError, need
from mixvocab.common.files import file_sha256, text_sha256

DATA_VARIABLE = "MIXVOCAB_DATA"


@dataclass(frozen=True)
class Source:
    """The provenance of one input, as banners show it and records keep it."""

    kind: str  # corpus | words | teacher | snips | glue
    name: str  # for people: "books.txt.xz, wiki.txt.xz"
    origin: str  # data-dir | hub | embedded | path
    location: str  # of a file or folder, a repository or a package; never a path of this machine
    licence: str
    sha256: str  # of the content that was read; `hub.find` and a corpus' limit say what stands in for it
    real: bool  # False: written by a program, and the name says "synthetic"

    def as_record(self) -> dict[str, str | bool]:
        return asdict(self)


def files_source(kind: str, name: str, origin: str, root: Path, place: Path, files: Sequence[Path]) -> Source:
    """The provenance of `files`, which are `place` or lie in it; its location is told from the folder `root` on."""
    location = place.relative_to(root).as_posix() + ("/" if place.is_dir() else "")
    return Source(kind, name, origin, location, read_licence(root, location), files_sha256(files), real=True)


def read_licence(root: Path, location: str) -> str:
    """The licence of what lies at `location` in the folder `root`.

    README.md in `root` states it in a table's column "licence ...", in rows that begin with the location, a folder
    around it or what lies in it; else README.md at the location itself has a line "license: ...", as model cards do.
    """
    lines, here = _read_readme(root).splitlines(), PurePosixPath(location)
    table = [[cell.strip(" `") for cell in line.strip("| ").split("|")] for line in lines if "|" in line]
    columns = [i for row in table for i, cell in enumerate(row) if cell.lower().startswith(("licence", "license"))]
    rows = [(PurePosixPath(row[0]), row[columns[0]]) for row in table if columns and row[0] and len(row) > columns[0]]
    stated = {licence for place, licence in rows if place.is_relative_to(here) or here.is_relative_to(place)}
    if not stated:
        stated.update(re.findall(r"(?im)^licen[cs]e: *(\S.*)", _read_readme(root / location))[:1])
    return "; ".join(sorted(stated)) or "as stated by the owner of the files"


def _read_readme(folder: Path) -> str:
    readme = folder / "README.md"
    return readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""


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


def files_sha256(files: Sequence[Path]) -> str:
    """SHA-256 of one file's bytes; of several, the digest over their names and digests in order."""
    if len(files) == 1:
        return file_sha256(files[0])
    return text_sha256(*(part for path in files for part in (path.name, file_sha256(path))))


def read_lines(path: Path, longest: int | None = None) -> Iterator[str]:
    """The lines of a file, plain or compressed, broken at line feeds alone (str.splitlines also breaks inside text).

    A line of more than `longest` bytes comes in parts, broken between words, or between characters where no word ends.
    Raises UserError, naming the file, if it is damaged or missing, and the line if that is not UTF-8.
    """
    shown, number = f"{path.parent.name}/{path.name}", 0
    try:
        with _OPEN.get(path.suffix.lower(), open)(path, "rb") as file:
            for number, line in _numbered(file, longest):  # noqa: B007 (where it breaks off is told)
                yield line.decode("utf-8")
    except UnicodeDecodeError as error:
        marked = number == 1 and error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        guess, name = ("it is UTF-16", "UTF-16") if marked else ("if it is Latin-1", "LATIN1")
        raise UserError(
            f"{shown}, line {number}: not UTF-8 (byte 0x{error.object[error.start]:02x}); {guess}, convert the file: "
            f"iconv -f {name} -t UTF-8"
        ) from None
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error  # without the file's absolute path
        raise UserError(f"{shown}: cannot be read, or is damaged or cut short ({reason}); fetch it again") from None


def _numbered(file: BinaryIO, longest: int | None) -> Iterator[tuple[int, bytes]]:
    """Lines without a mark of the byte order, or parts of long lines, each with the number of its line."""
    number, mark, rest = 1, codecs.BOM_UTF8, b""
    while part := rest + file.readline(longest or -1):
        rest = b""
        if longest and len(part) >= longest and not part.endswith(b"\n"):
            end = part.rfind(b" ") + 1
            if not end:
                end = len(part) - 1
                while end > 1 and part[end] & 0xC0 == 0x80:  # inside a character
                    end -= 1
            part, rest = part[:end], part[end:]
        yield number, part.removeprefix(mark)
        mark = b""
        number += part.endswith(b"\n")


def _open_zst(path: Path, mode: str) -> io.BufferedReader:
    need("book", "pyarrow")
    import pyarrow

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))


_OPEN: dict[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zst}
