"""The embedded corpus: the English prose that is already installed on the reader's machine.

Docstrings, other documentation strings and block comments of the standard library and of every installed
package but this one, and the packages' documentation files. Files are read as text, never imported. What comes
out depends on what is installed, so its digest is part of every record that used it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import IO

from mixvocab.errors import UserError
from mixvocab.files import atomic_write, file_sha256
from mixvocab.progress import progress
from mixvocab.sources.cache import cache_root
from mixvocab.sources.files import read_documents
from mixvocab.sources.hub import limited
from mixvocab.sources.prose import paragraphs
from mixvocab.sources.source import Source, text_sha256

LARGEST = 3_000_000  # bytes; larger sources are tables written by programs
SKIPPED_FOLDERS = re.compile(
    r"^(tests?|testing|_?tests?_.*|.*_tests?|idle_test|__pycache__|node_modules|site-packages|dist-packages|mixvocab.*)$"
)
SKIPPED_FILES = re.compile(r"^(test_.*|.*_test|conftest)\.py$|licen[cs]e|copying|authors|notice|entry_points|top_level")
LEXEMES = re.compile(
    r"""(?P<comment>\#[^\n]*)
      |(?P<long>\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}|'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3})
      |"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'""",
    re.VERBOSE | re.DOTALL,
)


def corpus(megabytes: float | None) -> tuple[Source, Callable[[], Iterator[str]]]:
    """The prose of everything installed; collected once and kept until an installed package changes.

    With `megabytes` no more files are read than give that much.
    """
    folder, key = cache_root() / "sources", _fingerprint()[:16]
    path = folder / f"prose-{key}-{'all' if megabytes is None else float(megabytes)}.txt"
    if not path.is_file():
        larger = [kept for kept in folder.glob(f"prose-{key}-*.txt") if _holds(kept, megabytes)]
        documents = read_documents(larger[0]) if larger else collect()
        with atomic_write(path) as file:
            file.writelines(f"{document}\n\n" for document in limited(documents, megabytes))
    source = Source(
        kind="corpus",
        name="documentation of the installed Python packages",
        origin="embedded",
        location="Python's standard library and site-packages",
        licence="various open-source licences of the installed packages",
        sha256=file_sha256(path),
        real=True,
    )
    return source, lambda: read_documents(path)


def _holds(kept: Path, megabytes: float | None) -> bool:
    """Whether a kept text begins with all that a limit of `megabytes` leaves: limits only cut the end off."""
    limit = kept.stem.rpartition("-")[2]
    return limit == "all" or (megabytes is not None and float(limit) >= megabytes)


def collect(packages: Collection[str] | None = None, *, processes: int | None = None) -> Iterator[str]:
    """Documents, one a source file with prose in it; no paragraph occurs twice.

    `packages` restricts the search to these top-level names (of modules or of folders); None means all. The
    order is that of the digests of the files' names: fixed for one installation, and any stretch of it is a
    fair sample of all packages. The result does not depend on `processes` (default: up to 4 of the cores).
    """
    found = _files(packages)
    names = sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest())
    count = processes or min(4, os.cpu_count() or 1)
    seen: set[bytes] = set()
    with progress("reading the installed documentation, files", len(names)) as bar:
        for prose in _in_parallel([str(found[name]) for name in names], count):
            if document := "\n".join(_new(prose, seen)):
                yield document
            bar.advance()
        bar.finish()


def file_prose(path: Path) -> list[str]:
    """The English paragraphs of one file: of Python's strings and comments, or of a documentation text."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    if path.suffix == ".py":
        texts = _python_texts(text)
    elif path.name == "METADATA":
        texts = iter([text.partition("\n\n")[2]])
    else:
        texts = iter([text])
    return [paragraph for part in texts for paragraph in paragraphs(part)]


def _python_texts(source: str) -> Iterator[str]:
    """Long string literals and comments that stand on lines of their own, in order."""
    block: list[str] = []
    block_end = -1
    for match in LEXEMES.finditer(source):
        start, end = match.span()
        if match["comment"]:
            line_start = source.rfind("\n", 0, start) + 1
            if source[line_start:start].strip():
                continue
            if block and source[block_end:start].strip(" \t") != "\n":
                yield "\n".join(block)
                block = []
            block.append(match["comment"].lstrip("#:!"))
            block_end = end
        elif match["long"] and end - start > 60:
            prefix = re.search(r"[a-zA-Z]*$", source[max(0, start - 2) : start])
            letters = prefix[0].lower() if prefix else ""
            if not set(letters) & set("bft"):
                if block:
                    yield "\n".join(block)
                    block = []
                yield _value(match["long"], raw="r" in letters)
    if block:
        yield "\n".join(block)


def _value(literal: str, *, raw: bool) -> str:
    if raw or "\\" not in literal:
        return literal[3:-3]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's docstrings
            return str(ast.literal_eval(literal))
    except (SyntaxError, ValueError):
        return literal[3:-3]


def _files(packages: Collection[str] | None) -> dict[str, Path]:
    """Files to read, by a name that is the same on every machine with the same packages."""
    found: dict[str, Path] = {}
    for root in _roots():
        for folder, below, files in os.walk(root):
            inside = Path(folder).relative_to(root)
            top = inside.parts[0] if inside.parts else None
            if top and packages is not None and top.partition(".")[0] not in packages:
                below.clear()
                continue
            below[:] = [name for name in below if not SKIPPED_FOLDERS.match(name) and not name.startswith(".")]
            for name in files:
                path = Path(folder) / name
                if not _is_documented(name) or not (top or packages is None or path.stem in packages):
                    continue
                if path.stat().st_size <= LARGEST:
                    found.setdefault((inside / name).as_posix(), path)
    return found


def _roots() -> list[Path]:
    paths = sysconfig.get_paths()
    return [Path(place) for place in dict.fromkeys(paths[key] for key in ("stdlib", "purelib", "platlib"))]


def _is_documented(name: str) -> bool:
    return (name.endswith((".py", ".rst", ".md", ".txt")) or name == "METADATA") and not SKIPPED_FILES.search(
        name.lower()
    )


def _new(held: list[str], seen: set[bytes]) -> Iterator[str]:
    """The paragraphs not met before. Those that differ only in names, numbers and case count as one."""
    for paragraph in held:
        words = [word for word in re.findall(r"\S+", paragraph[:1].lower() + paragraph[1:]) if word.isalpha()]
        key = [word for word in words if word.islower()]
        digest = hashlib.blake2b(" ".join(key if len(key) > 4 else words).encode(), digest_size=12).digest()
        if digest not in seen:
            seen.add(digest)
            yield paragraph


def _in_parallel(paths: list[str], processes: int) -> Iterator[list[str]]:
    """`file_prose` of every path, in order, the paths dealt out to fresh interpreters.

    Plain subprocesses rather than multiprocessing: they never import the caller's main module, so a script
    without a main guard, or one read from standard input, can call this too.
    """
    if processes <= 1 or len(paths) < 200:
        yield from (file_prose(Path(path)) for path in paths)
        return
    here = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    workers = [_start_worker(paths[first::processes], environment) for first in range(processes)]
    try:
        for number in range(len(paths)):
            if not (line := _stdout(workers[number % processes]).readline()):
                raise UserError("corpus: a process that reads the installed documentation was ended; try again")
            yield json.loads(line)
    finally:  # also when the caller has enough before the end
        for worker in workers:
            worker.kill()
            worker.wait()
            _stdout(worker).close()


def _start_worker(paths: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from mixvocab.sources.installed import _worker; _worker()"]
    pipe = subprocess.PIPE
    worker = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, encoding="utf-8")
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(paths))
    worker.stdin.close()
    return worker


def _stdout(worker: subprocess.Popen[str]) -> IO[str]:
    assert worker.stdout is not None
    return worker.stdout


def _worker() -> None:
    for path in json.loads(sys.stdin.read()):
        print(json.dumps(file_prose(Path(path))))


def _fingerprint() -> str:
    """Changes when a package or Python changes, or the code that cleans their texts."""
    installed = sorted(f"{d.metadata['Name']} {d.version}" for d in distributions() if d.name != "mixvocab")
    here = Path(__file__).parent
    code = [(here / name).read_text(encoding="utf-8") for name in ("installed.py", "prose.py")]
    return text_sha256(sys.version, *installed, *code)
