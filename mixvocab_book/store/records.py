"""Records: one JSON a run, with all that a headline figure needs and all that explains where it came from.

Committed records lie in `records/`, those of the reader's own runs in `records/live/` (which git ignores), or
below MIXVOCAB_CACHE when that is set.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.sources.source import Source, cache_root
from mixvocab_book.store.provenance import project_root, provenance

SCHEMA = 1
REQUIRED = ("schema", "name", "profile", "seed", "params", "metrics", "curves", "sources")


def live_folder() -> Path:
    """Where records of this reader's runs go."""
    root = project_root()
    return cache_root() / "records" if root is None or os.environ.get("MIXVOCAB_CACHE") else root / "records" / "live"


def committed_folder() -> Path | None:
    """Where the committed records are; None outside a checkout."""
    root = project_root()
    return root / "records" if root else None


def write(
    name: str,
    *,
    chapter: str,
    profile: str,
    seed: int,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    curves: Mapping[str, Any] | None = None,
    sources: Sequence[Source] = (),
    seconds: float | None = None,
    folder: Path | None = None,
) -> Path:
    """Write one run's record as `<name>-<profile>-s<seed>.json` and return its path.

    Args:
        name: what was run, in lower-case letters, digits, "." "-" and "_"; a repeated run replaces its record.
        params: every setting of the run.
        metrics: its results, by name with unit or meaning.
        curves: lists by name, for figures.
        sources: what was read.
        seconds: wall clock of the run.
    """
    if not re.fullmatch(r"[a-z0-9._-]+", name):
        raise ValueError(f"record name {name!r}: use lower-case letters, digits, '.', '-' and '_'")
    record = {
        "schema": SCHEMA,
        "name": name,
        "chapter": chapter,
        "profile": profile,
        "seed": seed,
        "params": dict(params),
        "metrics": dict(metrics),
        "curves": dict(curves or {}),
        "sources": [source.as_record() for source in sources],
        "seconds": None if seconds is None else round(seconds, 2),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance(),
    }
    path = (folder or live_folder()) / f"{name}-{profile}-s{seed}.json"
    write_json(path, record)
    return path


def load(pattern: str = "*", *, profile: str | None = None) -> list[dict[str, Any]]:
    """Records whose name matches the shell-style pattern: committed ones first, then live ones, each by file name.

    Each record gets "live": whether it is of this reader's own run. Raises UserError naming a damaged file.
    """
    found = []
    for folder, live in ((committed_folder(), False), (live_folder(), True)):
        for path in sorted(folder.glob("*.json")) if folder and folder.is_dir() else ():
            record = read(path)
            if fnmatch(record["name"], pattern) and profile in (None, record["profile"]):
                found.append(record | {"live": live})
    return found


def read(path: Path) -> dict[str, Any]:
    """One record. Raises UserError if the file is no complete record of a schema that this version knows."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"record {path.name} cannot be read ({error}): remove it or run its chapter again") from None
    missing = [key for key in REQUIRED if not isinstance(record, dict) or key not in record]
    if missing:
        raise UserError(f"record {path.name} lacks {', '.join(missing)}: remove it or run its chapter again")
    if record["schema"] != SCHEMA:
        raise UserError(f"record {path.name} has schema {record['schema']}; this version reads {SCHEMA}")
    return record


def tokens_asked(settings: Mapping[str, Any]) -> int:
    """Tokens of stage II that a profile's settings, as records keep them, ask for; 0 where they say nothing of it."""
    second = settings.get("stage_two", {})
    length = settings.get("mixing", {}).get("length", 1)
    return second.get("steps", 0) * second.get("batch_size", 0) * length


def without_clock(value: Any) -> Any:
    """A record, or a part of one, without what the clock wrote: the rest of two runs of one commit is the same."""
    if isinstance(value, dict):
        return {name: without_clock(part) for name, part in value.items() if name not in ("created", "seconds")}
    return [without_clock(part) for part in value] if isinstance(value, list) else value
