"""Text that is on the reader's machine already: English prose and source code among the installed Python files.

Prose are the docstrings, other documentation strings and block comments of the standard library and of every installed
package but this one, and the packages' documentation files. Code is the standard library without its prose: text that
an English vocabulary fits badly, from which a vocabulary of low overlap is learned. What comes out depends on what is
installed, so its digest is part of every record that used it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from mixvocab.common.files import atomic_write, file_sha256
from mixvocab.common.progress import progress
from mixvocab.sources.files import limited
from mixvocab.sources.prose import paragraphs
from mixvocab.sources.python_text import code_lines, documentation
from mixvocab.sources.source import Source, cache_root, text_sha256

_LARGEST = 3_000_000  # bytes; larger sources are tables written by programs
_SKIPPED_FOLDERS = re.compile(
    r"^(tests?|testing|_?tests?_.*|.*_tests?|idle_test|__pycache__|node_modules|site-packages|dist-packages|mixvocab.*"
    r"|\..*)$"
)
_READ_FILES = re.compile(r".*\.(py|rst|md|txt)$|METADATA$")
_SKIPPED_FILES = re.compile(
    r"^(test_.*|.*_test|conftest)\.py$|licen[cs]e|copying|authors|notice|entry_points|top_level", re.IGNORECASE
)
_MANUAL = "pydoc_data"  # the manual of Python as string literals


@dataclass(frozen=True)
class Text:
    """A kind of text among the installed files: `collect` gives its documents, the other fields its provenance."""

    kind: str
    collect: Callable[[], Iterator[str]]
    name: str
    location: str
    licence: str


def kept_text(text: Text, megabytes: float | None) -> tuple[Source, Path]:
    """The text in a file that `mixvocab.sources.files` reads; collected once and kept until what is installed changes.

    With `megabytes` only the documents that come first are collected, up to that size.
    """
    path = cache_root() / "sources" / f"{text.kind}-{_fingerprint()[:16]}-{megabytes or 'all'}.txt"
    if not path.is_file():
        with atomic_write(path) as file:
            file.writelines(f"{document}\n\n" for document in limited([text.collect()], megabytes))
    return Source("corpus", text.name, "embedded", text.location, text.licence, file_sha256(path), True), path


def prose() -> Iterator[str]:
    """English documents, one a file; no paragraph occurs twice."""
    paths = _files("stdlib", "purelib", "platlib")
    seen: set[bytes] = set()
    with progress("reading the installed documentation, files", len(paths)) as bar:
        for path in paths:
            if document := "\n".join(_new(file_prose(path), seen)):
                yield document
            bar.advance()


def code() -> Iterator[str]:
    """Documents of code, one a file of the standard library: its lines without indentation, comments, long strings."""
    for path in _files("stdlib"):
        if path.suffix == ".py" and path.parent.name != _MANUAL and (lines := code_lines(_read(path))):
            yield "\n".join(lines)


PROSE = Text(
    "prose",
    prose,
    "documentation of the installed Python packages",
    "Python's standard library and site-packages",
    "various open-source licences of the installed packages",
)
CODE = Text(
    "code",
    code,
    f"source code of the standard library of Python {sys.version.split()[0]}",
    "Python's standard library",
    "PSF-2.0",
)


def file_prose(path: Path) -> list[str]:
    """The English paragraphs of one file: of Python's strings and comments, or of a documentation text."""
    text = _read(path)
    if path.suffix == ".py":
        return [paragraph for part in documentation(text) for paragraph in paragraphs(part)]
    return list(paragraphs(text.partition("\n\n")[2] if path.name == "METADATA" else text))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _files(*roots: str) -> list[Path]:
    """Files that hold prose or code, below folders of `sysconfig`.

    The order is that of the digests of their names in these folders: the same on every machine with the same packages,
    and any stretch of it is a fair sample of all packages.
    """
    paths: dict[str, Path] = {}
    for root in dict.fromkeys(sysconfig.get_paths()[name] for name in roots):
        for folder, folders_below, names in os.walk(root):
            folders_below[:] = [name for name in folders_below if not _SKIPPED_FOLDERS.match(name)]
            for name in names:
                path = Path(folder, name)
                wanted = _READ_FILES.match(name) and not _SKIPPED_FILES.search(name)
                if wanted and path.stat().st_size <= _LARGEST:
                    paths.setdefault(path.relative_to(root).as_posix(), path)
    return [paths[name] for name in sorted(paths, key=lambda name: hashlib.sha256(name.encode()).digest())]


def _new(texts: list[str], seen: set[bytes]) -> Iterator[str]:
    """The paragraphs not met before. Those that differ only in names, numbers and case count as one."""
    for paragraph in texts:
        words = [word for word in (paragraph[:1].lower() + paragraph[1:]).split() if word.isalpha()]
        common = [word for word in words if word.islower()]
        key = " ".join(common if len(common) > 4 else words)
        digest = hashlib.blake2b(key.encode(), digest_size=12).digest()
        if digest not in seen:
            seen.add(digest)
            yield paragraph


def _fingerprint() -> str:
    """Changes when a package or Python changes, or the code that reads their texts."""
    packages = sorted(f"{d.metadata['Name']} {d.version}" for d in distributions() if d.name != "mixvocab")
    code = [
        Path(__file__).with_name(name).read_text("utf-8") for name in ("installed.py", "prose.py", "python_text.py")
    ]
    return text_sha256(sys.version, *packages, *code)
