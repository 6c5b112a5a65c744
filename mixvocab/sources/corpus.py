"""The corpus: where raw text comes from, as a stream of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, installed
from mixvocab.sources.files import SUFFIXES, files_source, is_text, limited, listed, read_documents
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import Source


@dataclass(frozen=True)
class Corpus:
    """Raw text with its provenance. `documents` may be called again; each call reads from the start."""

    source: Source
    documents: Callable[[], Iterator[str]] = field(repr=False)
    """Documents in a fixed order: paragraphs joined by a line break. Constant memory. Raises UserError, naming file and
    line, on damaged files and text that is not UTF-8."""


def resolve_corpus(spec: str = "auto", *, data_dir: Path | str | None = None, megabytes: float | None = None) -> Corpus:
    """Find raw text (`mixvocab.sources.lookup` has the order and the specifications).

    A corpus may also be `code`: the source code of Python's standard library. A data directory's corpus is its
    folder `corpus/`, else the text files directly in it. `megabytes` limits the text taken (10^6 bytes of UTF-8,
    whole documents), evenly over the files. Raises UserError if a source named is missing or there is no text in it.
    """
    if megabytes is not None and megabytes <= 0:
        raise UserError(f"corpus: megabytes={megabytes} leaves no text; give a positive number or leave it out")

    def place(data: Path) -> Path | None:
        return next((folder for folder in (data / "corpus", data) if any(map(is_text, folder.glob("*")))), None)

    def read(path: Path, origin: str, root: Path) -> Corpus:
        root = root if root.is_dir() else root.parent
        below = path.glob("**/*" if origin == "path" else "*")
        visible = (file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts))
        files = [path] if is_text(path) else sorted(filter(is_text, visible))
        if not files:
            raise UserError(f"corpus: {path} is or has no text file ({', '.join(SUFFIXES)})")
        source = files_source("corpus", listed([file.name for file in files]), origin, root, files, files)
        # With a limit the short files come first, so that others can take what they leave.
        ordered = sorted(files, key=lambda file: (file.stat().st_size, file.name)) if megabytes else files
        return Corpus(source, lambda: limited([read_documents(file) for file in ordered], megabytes))

    def on_hub(repository: str) -> Corpus:
        source = hub.dataset_source("corpus", repository)
        return Corpus(source, lambda: limited([hub.read_documents(repository)], megabytes))

    def embedded(kind: str = "prose") -> Corpus:
        source, path = installed.kept_text(kind, megabytes)
        return Corpus(source, lambda: read_documents(path))

    if spec == "code":
        return embedded(spec)
    corpus = look_up(
        "corpus", spec, data_dir, place=place, read=read, embedded=embedded, on_hub=on_hub, repository=hub.CORPUS
    )
    if next(corpus.documents(), None) is None:
        raise UserError(f"corpus: {corpus.source.location} holds no text; name a file with at least one paragraph")
    return corpus
