"""Text in files: a corpus in `.txt`, `.txt.gz`, `.txt.xz`, `.txt.zst`, read with constant memory; lines of tasks.

Format of a corpus: UTF-8; one paragraph a line, a blank line between documents.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.sources.source import text_sha256

SUFFIXES = (".txt", ".txt.gz", ".txt.xz", ".txt.zst")
# Text files that lie beside a corpus without being part of it.
_NOT_TEXT = ("readme", "license", "licence", "vocab.", "requirements", "sha256sums")
_OPEN: dict[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".xz": lzma.open}


def is_text(path: Path) -> bool:
    """Whether the file's name says that it holds corpus text."""
    name = path.name.lower()
    return path.is_file() and name.endswith(SUFFIXES) and not name.startswith((".", *_NOT_TEXT))


def text_files(folder: Path, pattern: str = "*") -> list[Path]:
    """The corpus files in `folder` that match, sorted by path; those in hidden folders are left out."""
    visible = (
        path for path in folder.glob(pattern) if not any(part[0] == "." for part in path.relative_to(folder).parts)
    )
    return sorted(path for path in visible if is_text(path))


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


def _decoded(line: bytes, shown: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{shown}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x}); if it is Latin-1, convert the file: "
            "iconv -f LATIN1 -t UTF-8"
        ) from None


def limited(documents: Iterable[str], megabytes: float | None) -> Iterator[str]:
    """Whole documents up to `megabytes` (10^6 bytes of UTF-8); the first one always comes."""
    left = None if megabytes is None else round(megabytes * 1e6)
    for number, document in enumerate(documents):
        if left is not None:
            left -= _size(document)
            if left < 0 and number:
                return
        yield document


def read_evenly(files: Sequence[Path], megabytes: float | None) -> Iterator[str]:
    """Documents of all files; with `megabytes` (10^6 bytes of UTF-8), about as much from the start of each.

    What a short file leaves over goes to the files after it, and files come from small to large (on disk)
    when there is a limit, so the sum is met whenever the files hold that much. Nothing behind the last
    document taken is read or decompressed. A document is taken whole or not at all, except that the first
    one always comes.
    """
    if megabytes is None:
        for path in files:
            yield from read_documents(path)
        return
    left = round(megabytes * 1e6)
    first = True
    ordered = sorted(files, key=lambda path: (path.stat().st_size, path.name))
    for position, path in enumerate(ordered):
        share = left // (len(ordered) - position)
        for document in read_documents(path):
            size = _size(document)
            if size > share and not first:
                break
            first = False
            share -= size
            left -= size
            yield document


def _size(document: str) -> int:
    return len(document.encode("utf-8")) + 2  # the line end and the blank line behind it


def _lines(path: Path) -> Iterator[bytes]:
    try:
        if path.suffix == ".zst":
            yield from _zst_lines(path)
        else:
            with _OPEN.get(path.suffix, open)(path, "rb") as file:
                yield from file
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name}: damaged or cut short ({error}); fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path.name}: cannot be read ({error.strerror or error})") from None


def _zst_lines(path: Path) -> Iterator[bytes]:
    """Lines of a Zstandard file. Its own stream reader takes a file cut short for a complete one."""
    try:
        import zstandard
    except ImportError:
        raise UserError(f"{path.name}: .zst needs the package zstandard: pip install zstandard") from None
    rest = b""
    frame = zstandard.ZstdDecompressor().decompressobj()
    with open(path, "rb") as file:
        while block := file.read(1 << 17):
            while block:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                try:
                    rest += frame.decompress(block)
                except zstandard.ZstdError as error:
                    raise EOFError(str(error)) from None
                block = frame.unused_data if frame.eof else b""
                *lines, rest = rest.split(b"\n")
                yield from lines
    if not frame.eof:
        raise EOFError("the last frame is incomplete")
    if rest:
        yield rest
