"""Text in files: a corpus in `.txt`, `.txt.gz`, `.txt.xz`, `.txt.zst`, read with constant memory; lines of tasks.

Format of a corpus: UTF-8; one paragraph a line, a blank line between documents.
"""

from __future__ import annotations

import gzip
import io
import lzma
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.sources.source import OWNER, Source, read_licence, text_sha256

SUFFIXES = (".txt", ".txt.gz", ".txt.xz", ".txt.zst")
# Text files that lie beside a corpus without being part of it.
_NOT_TEXT = ("readme", "license", "licence", "vocab.", "requirements", "sha256sums")


def is_text(path: Path) -> bool:
    """Whether the file's name says that it holds corpus text."""
    name = path.name.lower()
    return path.is_file() and name.endswith(SUFFIXES) and not name.startswith(_NOT_TEXT)


def files_source(
    kind: str, name: str, origin: str, root: Path, places: Sequence[Path], files: Sequence[Path]
) -> Source:
    """The provenance of `files`; its location is that of `places` in `root`: the files, or the folder of them."""
    shown = [f"{p.relative_to(root).as_posix() if p != root else p.name}{'/' if p.is_dir() else ''}" for p in places]
    licences = {licence for place in shown if (licence := read_licence(root, place))}
    return Source(kind, name, origin, listed(shown), "; ".join(sorted(licences)) or OWNER, files_sha256(files), True)


def listed(names: Sequence[str]) -> str:
    """Up to four of the names, and how many there are besides."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more files" if len(names) > 4 else "")


def files_sha256(files: Sequence[Path]) -> str:
    """SHA-256 of one file's bytes; of several, the digest over their names and digests in order."""
    if len(files) == 1:
        return file_sha256(files[0])
    return text_sha256(*(part for path in files for part in (path.name, file_sha256(path))))


def read_documents(path: Path) -> Iterator[str]:
    """The documents of one file: paragraphs joined by a line break.

    Raises UserError, naming file and line, on bytes that are not UTF-8 and on damaged compression.
    """
    paragraphs: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        if paragraph := _decoded(line, path.name, number).strip():
            paragraphs.append(paragraph)
        elif paragraphs:
            yield "\n".join(paragraphs)
            paragraphs = []
    if paragraphs:
        yield "\n".join(paragraphs)


def read_lines(path: Path) -> list[str]:
    """The lines of a task's file, broken at line feeds alone (str.splitlines also breaks inside text).

    Blank lines at the end are left out. Raises UserError, naming file and line, on bytes that are not UTF-8.
    """
    shown = f"{path.parent.name}/{path.name}"
    lines = [_decoded(line, shown, number) for number, line in enumerate(path.read_bytes().split(b"\n"), 1)]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def limited(streams: Sequence[Iterable[str]], megabytes: float | None) -> Iterator[str]:
    """The documents of all streams; with `megabytes` (10^6 bytes of UTF-8), about as much from the start of each.

    What a short stream leaves over goes to those after it. Nothing behind the first document that is too long for what
    is left is read. Documents are whole, and the first one always comes.
    """
    left = math.inf if megabytes is None else round(megabytes * 1e6)
    first = True
    for number, documents in enumerate(streams):
        share = left / (len(streams) - number)
        for document in documents:
            size = len(document.encode("utf-8")) + 2  # the line end and the blank line behind it
            if size > share and not first:
                break
            first = False
            share -= size
            left -= size
            yield document


def _decoded(line: bytes, shown: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{shown}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x}); if it is Latin-1, convert the file: "
            "iconv -f LATIN1 -t UTF-8"
        ) from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _OPEN.get(path.suffix, open)(path, "rb") as file:
            yield from file
    except ImportError as error:
        raise UserError(f"{path.name}: {error.name} is needed to read it: pip install {error.name}") from None
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name}: damaged or cut short ({error}); fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path.name}: cannot be read ({error.strerror or error})") from None


def _open_zst(path: Path, mode: str) -> io.BufferedReader:
    import pyarrow

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))


_OPEN: dict[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zst}
