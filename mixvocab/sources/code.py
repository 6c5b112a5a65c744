"""Source code as a corpus: Python's standard library without its prose.

Text that an English vocabulary fits badly, there on every machine: what a vocabulary of low overlap is learned from.
Comments and long strings are left out, since they are English (and `mixvocab.sources.installed` is made of them).
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from mixvocab.files import atomic_write, file_sha256
from mixvocab.sources.cache import cache_root
from mixvocab.sources.files import read_documents
from mixvocab.sources.hub import limited
from mixvocab.sources.installed import LARGEST, LEXEMES, SKIPPED_FILES, SKIPPED_FOLDERS
from mixvocab.sources.source import Source, text_sha256

_PROSE = "pydoc_data"  # the manual as string literals


def corpus(megabytes: float | None) -> tuple[Source, Callable[[], Iterator[str]]]:
    """The code of the running Python's standard library; collected once and kept until Python changes.

    With `megabytes` only the files that come first are kept, in the order of `collect`.
    """
    key = text_sha256(platform.python_version(), Path(__file__).read_text(encoding="utf-8"))[:16]
    limit = "all" if megabytes is None else float(megabytes)
    path = cache_root() / "sources" / f"code-{key}-{limit}.txt"
    if not path.is_file():
        with atomic_write(path) as file:
            file.writelines(f"{document}\n\n" for document in limited(collect(), megabytes))
    source = Source(
        kind="corpus",
        name=f"source code of the standard library of Python {platform.python_version()}",
        origin="embedded",
        location="Python's standard library",
        licence="PSF-2.0",
        sha256=file_sha256(path),
        real=True,
    )
    return source, lambda: read_documents(path)


def collect() -> Iterator[str]:
    """Documents, one a source file: its lines of code without indentation, joined by line breaks.

    The order is that of the digests of the files' names, so any stretch is a fair sample. Tests are left out, as are
    files that are not UTF-8 or larger than 3 MB (tables written by programs).
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*.py") if _wanted(path, root)}
    for name in sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest()):
        try:
            text = found[name].read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if lines := code_lines(text):
            yield "\n".join(lines)


def code_lines(text: str) -> list[str]:
    """The lines of a Python source that hold code, without comments, long strings and the white space around them."""
    code = LEXEMES.sub(lambda found: "" if found["comment"] or found["long"] else found[0], text)
    return [stripped for line in code.split("\n") if (stripped := line.strip())]


def _wanted(path: Path, root: Path) -> bool:
    folders = path.relative_to(root).parts[:-1]
    return (
        not SKIPPED_FILES.search(path.name.lower())
        and not any(SKIPPED_FOLDERS.match(folder) or folder == _PROSE for folder in folders)
        and path.stat().st_size <= LARGEST
    )
