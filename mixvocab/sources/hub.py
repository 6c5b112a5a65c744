"""The Hugging Face hub: asked only when it answers within seconds, and never for code.

`datasets` and `huggingface_hub` are imported where they are used: neither costs anything to those who stay offline.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import text_sha256
from mixvocab.sources.source import Source

CORPUS = "wikimedia/wikipedia:20231101.en"
TEACHER = "sentence-transformers/all-MiniLM-L6-v2"  # the files that the embedded teacher carries
GLUE = "nyu-mll/glue"


@cache
def reachable() -> bool:
    """Whether the hub answers within three seconds; asked once a process, and not at all if HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        with urllib.request.urlopen(f"{constants.ENDPOINT}/api/models?limit=1", timeout=3):
            return True
    except (OSError, ValueError, HTTPException):  # the last where something else answers in its place
        return False


@contextmanager
def user_errors(repository: str) -> Iterator[None]:
    """Whatever the block raises becomes a UserError of one line."""
    try:
        yield
    except ImportError as error:
        raise UserError(f"{repository}: the hub needs the package {error.name}: pip install {error.name}") from None
    except Exception as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise UserError(f"{repository}: {type(error).__name__}: {reason[:200]}") from None


def load_dataset(repository: str, **options: Any) -> Any:
    """`datasets.load_dataset` of `owner/name` or `owner/name:configuration`; it runs no code of the repository."""
    import datasets

    name, _, config = repository.partition(":")
    return datasets.load_dataset(name, config or None, **options)


def snapshot(repository: str) -> Path:
    """Download a model's weights (safetensors), configuration and tokenizer files: no code, no pickle."""
    from huggingface_hub import snapshot_download

    read = ["*.safetensors", "*.json", "*.txt", "*.model"]
    return Path(snapshot_download(repository, allow_patterns=read, ignore_patterns=["*/*"]))  # none in sub-folders


def find(kind: str, repository: str, repo_type: str = "dataset") -> Source:
    """The provenance of a "dataset", `owner/name` or `owner/name:configuration`, or of a "model", `owner/name`.

    Its digest is that of repository, configuration and commit, which fix the content. Raises UserError if the hub does
    not know the repository.
    """
    name, _, config = repository.partition(":")
    with user_errors(name):
        from huggingface_hub import HfApi

        info = HfApi().repo_info(name, repo_type=repo_type, timeout=10)
    commit = info.sha or ""
    tags = [tag.removeprefix("license:") for tag in getattr(info, "tags", None) or [] if tag.startswith("license:")]
    licence = ", ".join(tags) or "as stated on the hub"
    return Source(kind, name, "hub", f"{repository}@{commit[:12]}", licence, text_sha256(name, config, commit), True)


def read_documents(repository: str) -> Iterator[str]:
    """The documents of a data set with a column `text`, streamed. Raises UserError, also in the midst of the stream."""
    with user_errors(repository):
        rows = load_dataset(repository, split="train", streaming=True)
        yield from filter(None, (row["text"].strip() for row in rows))
