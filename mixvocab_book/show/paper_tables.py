"""The figures of the paper's tables 1 and 2 as printed, and rows that put ours beside them without mixing the two.

What the paper measured stands under "paper", what was measured here under "ours". The paper's students come from
BERT-large on Wikipedia and BooksCorpus after 800,000 steps of 2,048 sequences: the gap between the columns is not a
verdict on either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixvocab.evaluate.stats import Estimate
from mixvocab.models.parameters import PaperModel, paper_models
from mixvocab_book.show.tables import NONE, millions, plus_minus

GLUE_SCORES = {
    "mrpc_f1": "MRPC F1",
    "mrpc_acc": "MRPC accuracy",
    "mnli_m": "MNLI-m accuracy",
    "mnli_mm": "MNLI-mm accuracy",
    "sst2": "SST-2 accuracy",
    "average": "average",  # of MRPC's F1, MNLI-m and SST-2
}
SNIPS_SCORES = {"intent": "intent accuracy", "slot_f1": "slot F1"}
"""Columns by field name, as headings of tables and axes."""


@dataclass(frozen=True)
class Published:
    """One row of the paper's tables.

    Args:
        name: as printed, without its footnote mark.
        params: the printed figure in parameters.
        scores: percentages by field of `GLUE_SCORES` or `SNIPS_SCORES`; without those for which a dash is printed.
        mark: the row's footnote: "*" for development sets, "†" for task-specific distillation.
        latency_ms: milliseconds on a phone.
    """

    name: str
    params: float
    scores: dict[str, float]
    mark: str = ""
    latency_ms: float | None = None

    @property
    def label(self) -> str:
        """The name with its footnote mark."""
        return self.name + self.mark


def _glue(name: str, params: float, *printed: float | None, mark: str = "") -> Published:
    """A row of table 1, in the order of its columns; None is a dash."""
    scores = {field: score for field, score in zip(GLUE_SCORES, printed, strict=True) if score is not None}
    return Published(name, params, scores, mark)


def _snips(name: str, params: float, latency_ms: float, intent: float, slot_f1: float) -> Published:
    """A row of table 2; slot F1 is not strict."""
    return Published(name, params, {"intent": intent, "slot_f1": slot_f1}, latency_ms=latency_ms)


PUBLISHED_GLUE = (
    _glue("BERT-base", 109e6, 88.9, None, 84.6, 83.4, 93.5, 89.0),
    _glue("BERT-large", 340e6, 89.3, None, 86.7, 85.9, 94.9, 90.3),
    _glue("PKD-6", 67.0e6, 85.0, 79.9, 81.5, 81.0, 92.0, 86.2),
    _glue("PKD-3", 45.7e6, 80.7, 72.5, 76.7, 76.3, 87.5, 81.6),
    _glue("DistilBERT-4", 52.2e6, 82.4, None, 78.9, 78.0, 91.4, 84.2),
    _glue("MobileBERT", 25.3e6, 88.8, 84.5, 83.3, 82.6, 92.8, 88.3),
    _glue("TinyBERT-4", 14.5e6, 82.0, None, 76.6, 77.2, None, None, mark="*"),
    _glue("TinyBERT-4", 14.5e6, 86.4, None, 82.5, 81.8, 92.6, 87.2, mark="†"),
    _glue("BERT-of-Theseus-6", 66e6, 87.6, 83.2, 82.4, 82.1, 92.2, 87.4, mark="†"),
    _glue("NoKD L-6 H-256", 6.2e6, 81.2, 74.1, 76.9, 76.1, 87.0, 81.7),
    _glue("Mixed-vocab L-6 H-256", 6.2e6, 84.9, 79.3, 79.0, 78.6, 89.1, 84.3),
    _glue("NoKD L-12 H-256", 10.9e6, 85.1, 79.8, 79.1, 79.0, 89.4, 84.5),
    _glue("Mixed-vocab L-12 H-256", 10.9e6, 87.2, 82.6, 80.7, 80.5, 90.6, 86.2),
)
"""Table 1 in the paper's order."""

PUBLISHED_SNIPS = (
    _snips("BERT-base", 109e6, 340, 98.6, 97.0),
    _snips("StackProp", 2.6e6, 70, 98.0, 94.2),
    _snips("Mixed-vocab L-6 H-96", 1.2e6, 6, 98.9, 92.8),
    _snips("Mixed-vocab L-6 H-192", 3.6e6, 14, 98.8, 94.6),
    _snips("Mixed-vocab L-6 H-256", 6.2e6, 20, 98.7, 95.0),
)
"""Table 2 in the paper's order."""


def count_of(row: Published) -> PaperModel | None:
    """Our own count of a published row's parameters; None where the sizes do not fix it."""
    shape = row.name.replace("NoKD", "Mixed-vocab")  # students of one shape
    return next((model for model in paper_models() if model.name == shape), None)


@dataclass(frozen=True)
class Ours:
    """One of our models beside the paper's.

    Args:
        name: as in tables and figures.
        parameters: counted in the module.
        bytes: of the files that a device needs; None where nothing was exported.
        scores: percentages over seeds, by field as for `Published`.
        teacher: the teacher used, or what there was instead of one.
        tokens: read in pretraining, both stages.
        beside: `label` of the published row with the same architecture, or "".
    """

    name: str
    parameters: int
    scores: dict[str, Estimate]
    bytes: int | None = None
    teacher: str = NONE
    tokens: int | None = None
    beside: str = ""

    @property
    def seeds(self) -> int:
        """Seeds behind the scores; of several scores the fewest."""
        return min((score.n for score in self.scores.values()), default=0)


def side_by_side(
    published: Sequence[Published], ours: Sequence[Ours], scores: dict[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of a table with a "paper" and an "ours" column for the parameters and for every score.

    Published rows come first, ours stands in the row it belongs `beside`; what has no such row, or shares it with
    one of ours before, follows in rows of its own.

    Args:
        published: rows of table 1 or 2.
        ours: what was measured here.
        scores: the scores to show: field name to heading (parts of `GLUE_SCORES`, `SNIPS_SCORES`).

    Raises:
        ValueError: if one of `ours` stands beside a row that is not among `published`.
    """
    if strangers := {one.beside for one in ours if one.beside} - {row.label for row in published}:
        raise ValueError(f"no published row {', '.join(sorted(strangers))}")
    pairs: list[tuple[Published | None, Ours | None]] = []
    left = list(ours)
    for row in published:
        mine = next((one for one in left if one.beside == row.label), None)
        if mine:
            left.remove(mine)
        pairs.append((row, mine))
    pairs += [(None, one) for one in left]
    headers = ["model", "parameters: paper", "parameters: ours"]
    headers += [f"{title}: {whose}" for title in scores.values() for whose in ("paper", "ours")]
    headers += ["ours: on disk", "ours: teacher", "ours: tokens seen", "ours: seeds"]
    return headers, [_row(row, mine, list(scores)) for row, mine in pairs]


def _row(row: Published | None, mine: Ours | None, fields: list[str]) -> list[str]:
    name = row.label if row else mine.name if mine else ""
    if row and mine and mine.name != row.label:
        name = f"{row.label} (ours: {mine.name})"
    cells = [name, printed_size(row) if row else NONE, millions(mine.parameters) if mine else NONE]
    for field in fields:
        printed = row.scores.get(field) if row else None
        cells += [NONE if printed is None else f"{printed:.1f}", plus_minus(mine.scores.get(field)) if mine else NONE]
    if mine is None:
        return [*cells, NONE, NONE, NONE, NONE]
    disk = NONE if mine.bytes is None else f"{mine.bytes / 1e6:.2f} MB"
    tokens = NONE if mine.tokens is None else millions(mine.tokens)
    return [*cells, disk, mine.teacher, tokens, str(mine.seeds)]


def printed_size(row: Published) -> str:
    """The paper's #Params, with as many decimals as it prints."""
    model = count_of(row)
    return f"{row.params / 1e6:.{max(0, model.decimals) if model else 1}f}M"
