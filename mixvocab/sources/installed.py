"""Text that is on the reader's machine already: English prose and source code among the installed Python files.

Prose are the docstrings, other documentation strings and block comments of the standard library and of every installed
package but this one, and the packages' documentation files. Code is the standard library without its prose: text that
an English vocabulary fits badly, from which a vocabulary of low overlap is learned. What comes out depends on what is
installed, so its digest is part of every record that used it. Files are read as text, never imported.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from mixvocab.common.files import atomic_write, file_sha256
from mixvocab.common.progress import progress
from mixvocab.sources.files import limited
from mixvocab.sources.prose import paragraphs
from mixvocab.sources.source import Source, cache_root, text_sha256

_LARGEST = 3_000_000  # bytes; larger sources are tables written by programs
_SKIPPED_FOLDERS = re.compile(
    r"(tests?|testing|_?tests?_.*|.*_tests?|idle_test|__pycache__|node_modules|site-packages|dist-packages|mixvocab.*"
    r"|\..*)$"
)
_READ_FILES = re.compile(r".*\.(py|rst|md|txt)$|METADATA$")
_SKIPPED_FILES = re.compile(
    r"^(test_.*|.*_test|conftest)\.py$|licen[cs]e|copying|authors|notice|entry_points|top_level", re.IGNORECASE
)
# Comments and strings; one pattern is a hundred times faster than Python's own tokenizer and survives broken sources.
_LEXEMES = re.compile(
    r"""(?P<comments>\#[^\n]*(?:\n[ \t]*\#[^\n]*)*)
      |(?P<long>\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}|'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3})
      |"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'""",
    re.VERBOSE | re.DOTALL,
)
_NO_TEXT = re.compile(r"(?i)\b(r?[bft]|[bft]r)$")  # before a string: bytes, or text only known when it runs


def kept_text(kind: str, megabytes: float | None) -> tuple[Source, Path]:
    """Text of a kind, "prose" or "code", in a file that `mixvocab.sources.files` reads.

    It is collected once, of `megabytes` only what comes first, and kept until what is installed changes.
    """
    packages = sorted(f"{package.metadata['Name']} {package.version}" for package in distributions())
    readers = [Path(__file__).with_name(name).read_text("utf-8") for name in ("installed.py", "prose.py", "prose.yaml")]
    version = text_sha256(sys.version, *packages, *readers)[:16]
    path = cache_root() / "sources" / f"{kind}-{version}-{megabytes or 'all'}.txt"
    if not path.is_file():
        with atomic_write(path) as file:
            file.writelines(f"{document}\n\n" for document in limited([_COLLECT[kind]()], megabytes))
    return Source("corpus", *_ABOUT[kind], file_sha256(path), True), path


def prose() -> Iterator[str]:
    """English documents, one a file; no paragraph occurs twice, and names and numbers make no other paragraph of it."""
    paths = _files("stdlib", "purelib", "platlib")
    seen: set[str] = set()
    with progress("reading the installed documentation, files", len(paths)) as bar:
        for path in paths:
            kept = []
            for paragraph in file_prose(path):
                words = [word for word in paragraph.split()[1:] if word.isalpha() and word.islower()]
                if (key := " ".join(words)) not in seen:
                    seen.add(key)
                    kept.append(paragraph)
            if kept:
                yield "\n".join(kept)
            bar.advance()


def code() -> Iterator[str]:
    """Documents of code, one a file of the standard library: its lines without indentation, comments, long strings."""
    for path in _files("stdlib"):
        # pydoc_data is Python's manual as string literals.
        if path.suffix == ".py" and path.parent.name != "pydoc_data" and (lines := code_lines(_read(path))):
            yield "\n".join(lines)


def file_prose(path: Path) -> list[str]:
    """The English paragraphs of one file: of Python's strings and comments, or of a documentation text."""
    text = _read(path)
    if path.suffix == ".py":
        return [paragraph for part in _documentation(text) for paragraph in paragraphs(part)]
    return list(paragraphs(text.partition("\n\n")[2] if path.name == "METADATA" else text))


def code_lines(source: str) -> list[str]:
    """The lines of a Python source that hold code, without comments, long strings and the white space around them."""
    code = _LEXEMES.sub(lambda match: "" if match["comments"] or match["long"] else match[0], source)
    return [stripped for line in code.split("\n") if (stripped := line.strip())]


def _documentation(source: str) -> Iterator[str]:
    """Long string literals and blocks of comments that stand on lines of their own, in order."""
    for match in _LEXEMES.finditer(source):
        if match["comments"]:
            if not source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
                yield re.sub(r"(?m)^[ \t]*#[#:!]*", "", match["comments"])
        elif match["long"] and not _NO_TEXT.search(source, max(0, match.start() - 3), match.start()):
            yield match["long"][3:-3]


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
    for root in {sysconfig.get_paths()[name]: None for name in roots}:
        for folder, folders_below, names in os.walk(root):
            folders_below[:] = [name for name in folders_below if not _SKIPPED_FOLDERS.match(name)]
            for path in (Path(folder, name) for name in names):
                wanted = _READ_FILES.match(path.name) and not _SKIPPED_FILES.search(path.name)
                if wanted and path.stat().st_size <= _LARGEST:
                    paths.setdefault(path.relative_to(root).as_posix(), path)
    return [paths[name] for name in sorted(paths, key=lambda name: hashlib.sha256(name.encode()).digest())]


_COLLECT = {"prose": prose, "code": code}
# Name, origin, location and licence.
_ABOUT = {
    "prose": (
        "documentation of the installed Python packages",
        "embedded",
        "Python's standard library and site-packages",
        "various open-source licences of the installed packages",
    ),
    "code": (
        f"source code of the standard library of Python {sys.version.split()[0]}",
        "embedded",
        "Python's standard library",
        "PSF-2.0",
    ),
}
