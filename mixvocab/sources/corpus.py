"""The corpus: where raw text comes from, as a stream of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, installed
from mixvocab.sources.files import (
    SUFFIXES,
    files_sha256,
    is_text,
    limited,
    read_documents,
    read_evenly,
    text_files,
)
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import OWNER, Source, read_licence


@dataclass(frozen=True)
class Corpus:
    """Raw text with its provenance. `documents` may be called again; each call reads from the start."""

    source: Source
    read: Callable[[], Iterator[str]] = field(repr=False)

    def documents(self) -> Iterator[str]:
        """Documents in a fixed order: paragraphs joined by a line break. Constant memory.

        Raises UserError, naming file and line, on damaged files and text that is not UTF-8.
        """
        return self.read()


def resolve_corpus(spec: str = "auto", *, data_dir: Path | str | None = None, megabytes: float | None = None) -> Corpus:
    """Find raw text (`mixvocab.sources.lookup` has the order and the specifications).

    A corpus may also be `code`: the source code of Python's standard library. A data directory's corpus is its
    folder `corpus/`, else the text files directly in it. `megabytes` limits the text taken (10^6 bytes of UTF-8,
    whole documents), evenly over the files. Raises UserError if a source named is missing or there is no text in it.
    """
    if megabytes is not None and megabytes <= 0:
        raise UserError(f"corpus: megabytes={megabytes} leaves no text; give a positive number or leave it out")

    def in_folder(folder: Path) -> Corpus | None:
        for place in (folder / "corpus", folder):
            if place.is_dir() and (files := text_files(place)):
                return _from_files(files, "data-dir", folder, megabytes)
        return None

    def on_hub(repository: str) -> Corpus:
        source = hub.dataset_source("corpus", repository)
        return _non_empty(Corpus(source, lambda: limited(hub.read_documents(repository), megabytes)))

    def embedded(text: installed.Text) -> Corpus:
        source, path = installed.kept_text(text, megabytes)
        return _non_empty(Corpus(source, lambda: read_documents(path)))

    if spec == "code":
        return embedded(installed.CODE)
    return look_up(
        "corpus",
        spec,
        data_dir,
        in_folder=in_folder,
        on_hub=on_hub,
        embedded=lambda: embedded(installed.PROSE),
        at_path=lambda path: _at_path(path, megabytes),
        repository=hub.CORPUS,
    )


def _at_path(path: Path, megabytes: float | None) -> Corpus:
    if path.is_dir():
        if not (files := text_files(path, "**/*")):
            raise UserError(f"corpus: no {', '.join(SUFFIXES)} file in {path}")
        return _from_files(files, "path", path, megabytes)
    if not is_text(path):
        raise UserError(f"corpus: {path} is not a text file ({', '.join(SUFFIXES)})")
    return _from_files([path], "path", path.parent, megabytes)


def _from_files(files: list[Path], origin: str, folder: Path, megabytes: float | None) -> Corpus:
    names = [path.relative_to(folder).as_posix() for path in files]
    stated = {licence for name in names if (licence := read_licence(folder, name))}
    source = Source(
        kind="corpus",
        name=_listed([path.name for path in files]),
        origin=origin,
        location=_listed(names),
        licence="; ".join(sorted(stated)) or OWNER,
        sha256=files_sha256(files),
        real=True,
    )
    return _non_empty(Corpus(source, lambda: read_evenly(files, megabytes)))


def _non_empty(corpus: Corpus) -> Corpus:
    if next(corpus.documents(), None) is None:
        raise UserError(f"corpus: {corpus.source.location} holds no text; name a file with at least one paragraph")
    return corpus


def _listed(names: list[str], most: int = 4) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more files"
