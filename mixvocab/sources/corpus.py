"""The corpus: where raw text comes from, as a stream of documents.

Format of a corpus in files: `.txt`, `.txt.gz`, `.txt.xz` or `.txt.zst`, UTF-8; one paragraph a line, a blank line
between documents, or, where no line is blank, a document a line. It is read with constant memory: a document of more
than `LONGEST` characters comes in parts. In a folder all such
files are text but hidden ones, those in hidden folders, and those called README, LICENSE, vocab or requirements.
"""

from __future__ import annotations

import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import distributions
from itertools import groupby, islice
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write, file_sha256, text_sha256
from mixvocab.sources import hub, installed
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import Source, cache_root, files_source, read_lines

SUFFIXES = (".txt", ".txt.gz", ".txt.xz", ".txt.zst")
HUB_MEGABYTES = 500  # of the hub's default text where no limit is set; all of it is some 20 GB
LONGEST = 10_000_000  # characters of a document, about; no book has as many
LONGEST_LINE = 100_000  # bytes of one; a file without line breaks comes in such parts
_NOT_TEXT = ("readme", "license", "licence", "vocab", "requirements")


@dataclass(frozen=True)
class Corpus:
    """Raw text with its provenance. `documents` may be called again; each call reads from the start."""

    source: Source
    documents: Callable[[], Iterator[str]] = field(repr=False)
    """Documents in a fixed order: paragraphs joined by a line break. Raises UserError, naming file and line, on damaged
    files and text that is not UTF-8."""


def resolve_corpus(spec: str = "auto", *, data_dir: Path | str | None = None, megabytes: float | None = None) -> Corpus:
    """Find raw text (`mixvocab.sources.lookup` has the order and the specifications).

    A corpus may also be `code`: the source code of Python's standard library. `megabytes` limits the text taken (10^6
    bytes of UTF-8, whole documents), evenly over the files; without it all is taken, but of the hub's default
    repository `HUB_MEGABYTES`, unless it is named by `hub:ID`. Raises UserError if a source named is missing or there
    is no text in it.
    """

    def read(path: Path, origin: str, root: Path) -> Corpus:
        files = text_files(path)
        if not files:
            raise UserError(f"corpus: {path} is or has no text file ({', '.join(SUFFIXES)})")
        names = textwrap.shorten(", ".join(file.name for file in files), 80, placeholder=" ...")
        # With a limit the short files come first, so that others can take what they leave.
        ordered = sorted(files, key=lambda file: (file.stat().st_size, file.name)) if megabytes else files
        source = files_source("corpus", names, origin, root, path, files)
        return Corpus(source, lambda: limited([read_documents(file) for file in ordered], megabytes))

    def on_hub(repository: str) -> Corpus:
        source, limit = hub.find("corpus", repository), megabytes
        if limit is None and spec != f"hub:{repository}":
            limit = HUB_MEGABYTES
            source = replace(source, sha256=text_sha256(source.sha256, str(limit)))  # or it would pass for the whole
        return Corpus(source, lambda: limited([hub.read_documents(repository)], limit))

    if spec == "code":
        return _embedded("code", megabytes)
    corpus = look_up(
        "corpus",
        spec,
        data_dir,
        place=lambda data: data / "corpus",
        read=read,
        embedded=lambda: _embedded("prose", megabytes),
        on_hub=on_hub,
        repository=hub.CORPUS,
    )
    if next(corpus.documents(), None) is None:
        raise UserError(f"corpus: {corpus.source.location} holds no text; name a file with at least one paragraph")
    if megabytes and corpus.source.origin != "embedded":
        # The digest tells texts apart: that of whole files stands for a part of them together with the limit.
        corpus = replace(
            corpus, source=replace(corpus.source, sha256=text_sha256(corpus.source.sha256, str(megabytes)))
        )
    return corpus


def text_files(path: Path) -> list[Path]:
    """The file itself if it is one of text, or those in a folder and below it, in order."""
    if path.is_file():
        return [path] if path.name.lower().endswith(SUFFIXES) else []
    files = []
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        beside = file.name.lower().partition(".")[0] in _NOT_TEXT
        if file.name.lower().endswith(SUFFIXES) and file.is_file() and not hidden and not beside:
            files.append(file)
    return files


def _embedded(kind: str, megabytes: float | None) -> Corpus:
    """Installed text, "prose" or "code", collected once into a file and kept until what is installed changes."""
    packages = sorted(f"{package.metadata['Name']} {package.version}" for package in distributions())
    version = text_sha256(sys.version, *packages, inspect.getsource(installed), installed.RULES)[:16]
    path = cache_root() / "sources" / f"{kind}-{version}-{megabytes or 'all'}.txt"
    if not path.is_file():
        documents = installed.prose() if kind == "prose" else installed.code()
        with atomic_write(path) as file:
            file.writelines(f"{document}\n\n" for document in limited([documents], megabytes))
    source = Source(kind="corpus", origin="embedded", sha256=file_sha256(path), real=True, **installed.ABOUT[kind])
    return Corpus(source, lambda: read_documents(path))


def read_documents(path: Path) -> Iterator[str]:
    """The documents of one file: paragraphs joined by a line break. Raises UserError as `read_lines` does."""

    def lines() -> Iterator[str]:
        return map(str.strip, read_lines(path, LONGEST_LINE))

    separated = sum(has_text for has_text, _ in islice(groupby(lines(), key=bool), 4)) == 2
    joined = (part for has_text, paragraphs in groupby(lines(), key=bool) if has_text for part in _joined(paragraphs))
    yield from joined if separated else filter(None, lines())


def _joined(paragraphs: Iterable[str]) -> Iterator[str]:
    """A document from its paragraphs, in parts where it is too long to be held whole."""
    part, size = [], 0
    for paragraph in paragraphs:
        part.append(paragraph)
        size += len(paragraph)
        if size >= LONGEST:
            yield "\n".join(part)
            part, size = [], 0
    if part:
        yield "\n".join(part)


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
