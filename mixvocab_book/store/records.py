"""Records: one JSON a run, with all that a headline figure needs and all that explains where it came from.

A record is `<place>/<profile>-s<seed>.json`, and places read like a table of contents: `students/l6h96-10m/pca`,
`glue/sst-2/l6h96-10m/pca`, `ablations/p_sv/0.25`, `edge`. Committed ones lie in `records/`, those of the reader's own
runs in `records/live/` (which git ignores), or below MIXVOCAB_CACHE when that is set.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import getitem
from pathlib import Path
from statistics import fmean
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab.sources.source import Source, cache_root
from mixvocab_book.store.provenance import project_root, provenance

SCHEMA = 1
REQUIRED = ("schema", "name", "profile", "seed", "params", "metrics", "curves", "sources")

Record = dict[str, Any]


@dataclass(frozen=True)
class OverSeeds:
    """The records of one thing that was run with several seeds."""

    records: tuple[Record, ...]  # by seed

    @property
    def seeds(self) -> list[int]:
        return [record["seed"] for record in self.records]

    @property
    def metrics(self) -> dict[str, Any]:
        """Of the first seed: what does not depend on the seed, such as parameters."""
        return self.records[0]["metrics"]

    def values(self, *path: str) -> list[float]:
        """A number among the metrics, one a seed: `values("test", "slot_f1")`."""
        return [reduce(getitem, path, record["metrics"]) for record in self.records]

    def mean(self, *path: str, factor: float = 1.0) -> Estimate:
        """Its mean over seeds, of which there must be one, times `factor`."""
        return estimate([factor * value for value in self.values(*path)])

    def spent(self, what: str, *stages: str) -> float:
        """What a student's stages (none named: all, a teacher's training too) cost, mean over seeds; nan without any.

        `what`: "tokens_read", "flops", "seconds" or "steps".
        """
        costs = [record["metrics"]["spent"] for record in self.records]
        totals = [sum(cost[what] for stage, cost in seed.items() if not stages or stage in stages) for seed in costs]
        return fmean(totals) if totals else math.nan


def live_folder() -> Path:
    """Where records of this reader's runs go."""
    root = project_root()
    return cache_root() / "records" if root is None or os.environ.get("MIXVOCAB_CACHE") else root / "records" / "live"


def committed_folder() -> Path | None:
    """Where the committed records are; None outside a checkout."""
    root = project_root()
    return root / "records" if root else None


def file_of(place: str, profile: str, seed: int) -> Path:
    """A record's file below the folder of records."""
    return Path(place, f"{profile}-s{seed}.json")


def write(
    place: str,
    *,
    chapter: str,
    profile: str,
    seed: int,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    curves: Mapping[str, Any] | None = None,
    sources: Sequence[Source] = (),
    seconds: float | None = None,
) -> Path:
    """Write one run's record and return its path; a repeated run replaces its record.

    `params` has every setting, `metrics` the results by name, `curves` lists for figures, `sources` what was read;
    `seconds` is wall clock.
    """
    path = live_folder() / file_of(place, profile, seed)
    record = {
        "schema": SCHEMA,
        "name": place,
        "chapter": chapter,
        "profile": profile,
        "seed": seed,
        "params": params,
        "metrics": metrics,
        "curves": curves or {},
        "sources": [source.as_record() for source in sources],
        "seconds": None if seconds is None else round(seconds, 2),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance(),
    }
    write_json(path, record)
    return path


def committed(place: str) -> list[Record]:
    """The committed records at a place and below it, by file. Raises UserError naming a damaged one."""
    folder = committed_folder()
    return [read(path) for path in sorted((folder / place).rglob("*.json"))] if folder else []


def read(path: Path) -> Record:
    """One record, with "live": whether it is of this reader's own run.

    Raises UserError if the file is no complete record of a schema that this version knows.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA:
            raise UserError(f"record {path} has schema {record['schema']}; this version reads {SCHEMA}")
        return {name: record[name] for name in REQUIRED} | record | {"live": path.is_relative_to(live_folder())}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"record {path} is damaged ({error!r}): remove it or run its chapter again") from None


def tokens_asked(settings: Mapping[str, Any]) -> int:
    """Tokens of stage II that a profile's settings, as records keep them, ask for; 0 where they say nothing of it."""
    second = settings.get("stage_two", {})
    length = settings.get("mixing", {}).get("length", 1)
    return second.get("steps", 0) * second.get("batch_size", 0) * length
