"""The Hugging Face hub: asked only when it answers within seconds, and never for code.

`datasets` and `huggingface_hub` are imported where they are used: neither costs anything to those who stay offline.
"""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.sources.source import Source, text_sha256

PROBE_SECONDS = 3.0
CORPUS = "Salesforce/wikitext:wikitext-103-raw-v1"
TEACHER = "sentence-transformers/all-MiniLM-L6-v2"  # the files that the embedded teacher carries
GLUE = "nyu-mll/glue"


def reachable() -> bool:
    """Whether the hub answers; asked once a process, in at most about three seconds.

    HF_HUB_OFFLINE and HF_DATASETS_OFFLINE say no without asking.
    """
    offline = (os.environ.get(name, "").upper() for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
    if any(value in {"1", "ON", "YES", "TRUE"} for value in offline):
        return False
    return _answers(os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"))


@cache
def _answers(endpoint: str) -> bool:
    # A thread, because name resolution has no timeout of its own; a stuck one is left behind as a daemon.
    answer: list[bool] = []
    thread = threading.Thread(target=lambda: answer.append(_ask(endpoint)), daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answer and answer[0])


def _ask(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/api/models?limit=1", timeout=PROBE_SECONDS) as reply:
            # A login page of a hotel or an office also answers 200, but not with JSON.
            return reply.status == 200 and "json" in reply.headers.get("content-type", "")
    except (OSError, ValueError):
        return False


@contextmanager
def user_errors(repository: str) -> Iterator[None]:
    """Whatever the block raises becomes a UserError of one line."""
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{repository}: the hub needs the package {error.name}: pip install {error.name}") from None
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{repository}: {type(error).__name__}: {reason[:200]}") from None


def load_dataset(repository: str, **options: Any) -> Any:
    """`datasets.load_dataset` of `owner/name` or `owner/name:configuration`; it runs no code of the repository."""
    import datasets

    name, _, config = repository.partition(":")
    return datasets.load_dataset(name, config or None, **options)


def about(repository: str, repo_type: str) -> tuple[str, str]:
    """The commit and the licence that the hub states for a repository; `repo_type` is "dataset" or "model"."""
    from huggingface_hub import HfApi

    info = HfApi().repo_info(repository, repo_type=repo_type, timeout=10)
    tags = [tag.removeprefix("license:") for tag in getattr(info, "tags", None) or [] if tag.startswith("license:")]
    return info.sha or "", ", ".join(tags) or "as stated on the hub"


def snapshot(repository: str) -> Path:
    """Download a model's weights (safetensors), configuration and tokenizer files: no code, no pickle."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            repository,
            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model"],
            ignore_patterns=["*/*"],  # exports for other runtimes lie in sub-folders
        )
    )


def dataset_source(kind: str, repository: str) -> Source:
    """The provenance of a data set, `owner/name` or `owner/name:configuration`.

    Its digest is that of repository, configuration and commit, which fix the content. Raises UserError if the hub does
    not know the repository.
    """
    name, _, config = repository.partition(":")
    with user_errors(name):
        commit, licence = about(name, "dataset")
    return Source(kind, name, "hub", f"{repository}@{commit[:12]}", licence, text_sha256(name, config, commit), True)


def read_splits(repository: str) -> dict[str, list[dict[str, Any]]]:
    """All splits of a data set as rows, class numbers replaced by the names that its features give.

    A class number of -1 (a hidden label) becomes None; lists of class numbers (tags) become lists of names. Raises
    UserError.
    """
    with user_errors(repository):
        return {name: _named_rows(split) for name, split in load_dataset(repository).items()}


def _named_rows(split: Any) -> list[dict[str, Any]]:
    features = {column: getattr(feature, "feature", feature) for column, feature in split.features.items()}
    names = {column: feature.names for column, feature in features.items() if getattr(feature, "names", None)}

    def named(column: str, value: Any) -> Any:
        if column not in names or value is None or isinstance(value, str):
            return value
        if isinstance(value, list):
            return [named(column, number) for number in value]
        return None if value < 0 else names[column][value]

    return [{column: named(column, value) for column, value in row.items()} for row in split]


def read_documents(repository: str) -> Iterator[str]:
    """The documents of a data set with a column `text`, streamed; WikiText's lines are joined into articles again.

    Raises UserError, also in the midst of the stream.
    """
    name = repository.partition(":")[0]
    with user_errors(name):
        texts = (_text(row, name) for row in load_dataset(repository, split="train", streaming=True))
        yield from _articles(texts) if name.endswith("/wikitext") else filter(None, map(str.strip, texts))


def _text(row: dict[str, Any], name: str) -> str:
    if "text" not in row:
        raise UserError(f"{name}: its columns are {', '.join(row)}; a corpus needs the column 'text'")
    return row["text"]


def _articles(lines: Iterable[str]) -> Iterator[str]:
    """WikiText has a row a line; a line ` = Title = ` opens an article, ` = = Section = = ` does not."""
    article: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("= ") and line.endswith(" =") and not line.startswith("= =") and article:
            yield "\n".join(article)
            article = []
        if line:
            article.append(line)
    if article:
        yield "\n".join(article)
