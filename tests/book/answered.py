"""Answers to test with: an experiment of four cells, and records of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixvocab.settings.profiles import load_profile
from mixvocab_book.sweep.grid import Cell, Experiment, Grid
from mixvocab_book.sweep.results import Results

ROWS = 64


def cell(label: str, line: str = "", value: Any = None, **settings: Any) -> Cell:
    return Cell(label, line, value, "mixed", settings, load_profile("smoke", **settings))


def record(nats: float, seed: int, *, slope: float = 1.0) -> dict[str, Any]:
    """A student of that mean, on rows that are equally hard for all of its kind."""
    rows = 4 * (nats + seed / 10 + slope * np.linspace(-1, 1, ROWS))
    spent = {"stage one": {"flops": 1e15, "seconds": 5.5}, "stage two": {"flops": 2e15 + seed * 1e15, "seconds": 9.9}}
    return {
        "seed": seed,
        "metrics": {
            "heldout_word_nats": nats + seed / 10,
            "heldout": {"loss": nats - 1, "masked": nats - 0.5, "right": 0.05},
            "parameters": 1_234_567,
            "pieces": 400,
            "guess": {"word": 6.05, "masked": 5.55},
            "left_plateau_tokens": 1e6 if nats < 5.5 else None,
            "spent": spent,
        },
        "curves": {"word_nats": rows.tolist(), "word_counts": [4] * ROWS},
    }


FRESH, PCA, BOTH, LOST = (
    cell(name, **{"stage_two.steps": i + 1}) for i, name in enumerate("fresh PCA both lost".split())
)
EXPERIMENT = Experiment("init", "Which init?", None, None, "", "fresh", (FRESH, PCA, BOTH, LOST))


def results(seeds: int = 3, **nats: float) -> Results:
    """Results of the experiment, for the means given; a little of each seed's own."""
    known = {one.label: one for one in EXPERIMENT.cells}
    own = {"PCA": [0.0, 0.002, -0.002], "both": [0.0, 0.03, -0.03], "fresh": [0.0] * 3}
    found = {
        (known[name].key, seed): record(mean + own[name][seed], seed)
        for name, mean in nats.items()
        for seed in range(seeds)
    }
    return Results(Grid(seeds, (EXPERIMENT,)), tuple(range(seeds)), found)
