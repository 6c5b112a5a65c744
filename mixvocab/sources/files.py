"""Raw text in files: `.txt`, `.txt.gz`, `.txt.xz`, `.txt.zst`, read line by line with constant memory.

Format: UTF-8; one paragraph a line, a blank line between documents.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from mixvocab.errors import UserError
from mixvocab.files import file_sha256
from mixvocab.sources.source import text_sha256

SUFFIXES = (".txt", ".txt.gz", ".txt.xz", ".txt.zst")
# Text files that lie beside a corpus without being part of it.
_NOT_TEXT = ("readme", "license", "licence", "vocab.", "requirements", "sha256sums")


def is_text(path: Path) -> bool:
    """Whether the file's name says that it holds corpus text."""
    name = path.name.lower()
    return path.is_file() and name.endswith(SUFFIXES) and not name.startswith((".", *_NOT_TEXT))


def text_files(folder: Path) -> list[Path]:
    """The corpus files directly in `folder`, sorted by name."""
    return sorted(path for path in folder.iterdir() if is_text(path))


def all_text_files(folder: Path) -> list[Path]:
    """The corpus files in `folder` and below it, sorted by path, hidden folders left out."""
    found = (path for path in folder.rglob("*") if is_text(path))
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def files_sha256(files: Sequence[Path]) -> str:
    """SHA-256 of one file's bytes; of several, the digest over their names and digests in order."""
    if len(files) == 1:
        return file_sha256(files[0])
    return text_sha256(*(part for path in files for part in (path.name, file_sha256(path))))


def read_documents(path: Path) -> Iterator[str]:
    """The documents of one file: paragraphs joined by a line break.

    Raises UserError, naming file and line, on bytes that are not UTF-8 and on damaged compression.
    """
    lines: list[str] = []
    for number, raw in _lines(path):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path.name}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02x}); if it is Latin-1, convert "
                f"it: iconv -f LATIN1 -t UTF-8 {_plain(path.name)} > utf8.txt"
            ) from None
        if line:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


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
            size = len(document.encode("utf-8")) + 2  # the line end and the blank line behind it
            if size > share and not first:
                break
            first = False
            share -= size
            left -= size
            yield document


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        if path.suffix == ".zst":
            yield from enumerate(_zst_lines(path), 1)
        else:
            with _open(path) as file:
                yield from enumerate(file, 1)
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name}: damaged or cut short ({error}); fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path.name}: cannot be read ({error.strerror or error})") from None


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    return open(path, "rb")


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


def _plain(name: str) -> str:
    for suffix in (".gz", ".xz", ".zst"):
        name = name.removesuffix(suffix)
    return name
