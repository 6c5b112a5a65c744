"""Tables of chapter 07: the cells of a sweep from their records, and each against its experiment's baseline."""

from __future__ import annotations

from collections.abc import Sequence

from mixvocab.book.cell_records import Results
from mixvocab.stats import estimate

METRICS = {"heldout_word_nats": "nats a word", "heldout_piece_nats": "nats a piece"}


def plain_table(results: Results) -> str:
    """Every cell of every experiment as text; what has no record is named as missing. It holds no times."""
    parts = []
    for one in results.grid.experiments:
        rows = [["cell", "seeds", *METRICS.values(), "parameters"]]
        for cell in one.cells:
            found = results.of(cell)
            lacking = [seed for seed in results.seeds if seed not in found]
            told = f"{len(found)}" + (f", missing {', '.join(map(str, lacking))}" if found and lacking else "")
            values = [str(estimate([r["metrics"][name] for r in found.values()])) for name in METRICS] if found else []
            sizes = {r["metrics"]["parameters"] for r in found.values()}
            rows.append([cell.label, told, *values, f"{sizes.pop():,}"] if found else [cell.label, "missing"])
        parts.append("\n".join([f"{one.name}: {one.question}", *_aligned(rows)]))
    missing = results.missing()
    told = f"{len(missing)} of its cells are missing" if missing else "no cell is missing"
    return "\n\n".join([*parts, f"sweep {results.grid.sweep}: {told}"])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text with columns below each other."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    return [
        "  " + "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=False)).rstrip() for row in rows
    ]
