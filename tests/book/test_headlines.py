"""No synthetic score stands in a headline: neither in the first page's figures nor beside the paper's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recorded import commit, scored, student

from mixvocab_book.show import budgets, entries, paper, scorecard
from mixvocab_book.show.entries import grouped

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def synthetic(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"sources": [source | {"real": False} for source in record["sources"]]}


@pytest.mark.parametrize("real", [False, True])
def test_the_figure_of_sizes_has_this_run_only_on_real_data(real: bool) -> None:
    """Chapter 6's own cells, on a run that is better than all that is recorded and has more seeds."""
    now = [scored("pca", seed, intent_accuracy=1.0, slot_f1=0.999) for seed in range(4)]
    drawn: list[Any] = []
    names: dict[str, Any] = {
        "entries": entries,
        "paper": paper,
        "data": SimpleNamespace(source=SimpleNamespace(real=real)),
        "now": grouped(now if real else [synthetic(record) for record in now]),
        "before": grouped([scored("nokd", 0, intent_accuracy=0.9, slot_f1=0.8)]),
        "show_chart": lambda chart, *_, **more: drawn.extend(more["records"]),
    }
    lines = []
    for cell in json.loads((NOTEBOOKS / "06_snips.ipynb").read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        lines += [line for line in text.splitlines() if line.startswith(("known = ", "mine = "))]
        if "headline" in cell["metadata"].get("tags", []):
            lines.append(text)
    exec("\n".join(lines), names)
    shown = {row.name for row in drawn}
    assert shown == ({"NoKD L-6 H-96", "PCA L-6 H-96"} if real else {"NoKD L-6 H-96"})
    assert all(source["real"] for row in drawn for record in row.records for source in record["sources"])


def test_budgets_and_scorecard_read_nothing_synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [synthetic(student(method, seed, 6.0)) for method in ("pca", "nokd") for seed in (0, 1, 2)]
    tuned = [synthetic(scored(method, seed, slot_f1=0.9)) for method in ("pca", "nokd") for seed in (0, 1, 2)]
    commit(monkeypatch, students=made, snips=tuned)
    assert budgets.recorded() == []
    assert scorecard.compared("pca", "nokd", "snips", "slot_f1") is None
