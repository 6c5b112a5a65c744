"""The Hugging Face hub: asked only when it answers within seconds, and never for code.

`datasets` and `huggingface_hub` are imported where they are used: neither costs anything to those who stay
offline.
"""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mixvocab.errors import UserError
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


def fetched(what: str, fetch: Callable[[], Any]) -> Any:
    """`fetch()`, whatever it raises turned into a UserError of one line."""
    try:
        return fetch()
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{what}: the hub needs the package {error.name}: pip install {error.name}") from None
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{what}: {type(error).__name__}: {reason[:200]}") from None


def split_id(repository: str) -> tuple[str, str | None]:
    """`owner/name:config` as repository and configuration (None if not given)."""
    name, _, config = repository.partition(":")
    return name, config or None


def load_dataset(repository: str, config: str | None = None, **options: Any) -> Any:
    """`datasets.load_dataset`, which runs no code of the repository; the seam that tests replace."""
    import datasets

    return datasets.load_dataset(repository, config, **options)


def about(repository: str, repo_type: str) -> tuple[str, str]:
    """The commit and the licence that the hub states for a repository; the seam that tests replace."""
    from huggingface_hub import HfApi

    info = HfApi().repo_info(repository, repo_type=repo_type, timeout=10)
    all_tags = getattr(info, "tags", None) or []
    tags = [tag.removeprefix("license:") for tag in all_tags if tag.startswith("license:")]
    return info.sha or "", ", ".join(tags) or "as stated on the hub"


def fingerprint(repository: str, config: str | None, commit: str) -> str:
    """What stands for the content's sha256: that of repository, configuration and commit, which fix it."""
    return text_sha256(repository, config or "", commit)


def corpus(repository: str | None, megabytes: float | None) -> tuple[Source, Callable[[], Iterator[str]]]:
    """A data set with a column `text`, streamed. WikiText's lines are joined into articles again."""
    name, config = split_id(repository or CORPUS)

    def describe() -> Source:
        commit, licence = about(name, "dataset")
        location = f"{name}{':' + config if config else ''}@{commit[:12]}"
        return Source("corpus", name, "hub", location, licence, fingerprint(name, config, commit), True)

    def read() -> Iterator[str]:
        rows = fetched(name, lambda: load_dataset(name, config, split="train", streaming=True))
        texts = _texts(rows, name)
        documents = _articles(texts) if name.endswith("/wikitext") else (t.strip() for t in texts if t.strip())
        return limited(documents, megabytes)

    return fetched(name, describe), read


def limited(documents: Iterable[str], megabytes: float | None) -> Iterator[str]:
    """Whole documents up to `megabytes` (10^6 bytes of UTF-8); the first one always comes."""
    left = None if megabytes is None else round(megabytes * 1e6)
    for number, document in enumerate(documents):
        if left is not None:
            left -= len(document.encode("utf-8")) + 2
            if left < 0 and number:
                return
        yield document


def _texts(rows: Any, name: str) -> Iterator[str]:
    stream = iter(rows)
    while True:
        row = fetched(name, lambda: next(stream, None))
        if row is None:
            return
        if "text" not in row:
            raise UserError(f"{name}: its columns are {', '.join(row)}; a corpus needs the column 'text'")
        yield row["text"]


def _articles(lines: Iterable[str]) -> Iterator[str]:
    """WikiText has a row a line; a line ` = Title = ` opens an article, ` = = Section = = ` does not."""
    held: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("= ") and line.endswith(" =") and not line.startswith("= =") and held:
            yield "\n".join(held)
            held = []
        if line:
            held.append(line)
    if held:
        yield "\n".join(held)


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


def named_rows(split: Any) -> list[dict[str, Any]]:
    """The rows of a `datasets.Dataset`, class numbers replaced by the names that its features give.

    A class number of -1 (a hidden label) becomes None; lists of class numbers (tags) become lists of names.
    """
    names: dict[str, list[str]] = {}
    for column, feature in split.features.items():
        inner = getattr(feature, "feature", feature)
        if getattr(inner, "names", None):
            names[column] = list(inner.names)

    def named(column: str, value: Any) -> Any:
        if column not in names or isinstance(value, str):
            return value
        if isinstance(value, list):
            return [names[column][number] for number in value]
        return None if value is None or value < 0 else names[column][value]

    return [{column: named(column, value) for column, value in row.items()} for row in split]
