"""What papers claim, and what this repository's records and arithmetic say of it: the page "Scorecard".

A verdict is computed: a measure gives a number with its interval, and the claim's rule in `scorecard.yaml` says where
the whole interval has to lie. What has one seed has no interval and is not measured yet.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab.models.parameters import paper_models
from mixvocab.models.pretrained import load_tokenizer
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.tasks.encoding import TOKENIZER
from mixvocab.text.wordpiece import SPECIAL_PIECES
from mixvocab_book.show import entries
from mixvocab_book.show.cited import cited
from mixvocab_book.show.entries import Entry
from mixvocab_book.show.tables import millions
from mixvocab_book.store import records
from mixvocab_book.store.records import Record
from mixvocab_book.sweep.grid import load_grid
from mixvocab_book.sweep.kept import kept
from mixvocab_book.sweep.results import answers
from mixvocab_book.sweep.run import recorded_results

REPRODUCED, NOT, MISSING, OUT = VERDICTS = (
    "reproduced", "not reproduced at our scale", "not measured yet", "out of reach here",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A number of ours; what is counted, not sampled, is its own interval."""

    mean: float
    low: float
    high: float
    how: str = ""  # seeds and text, or what the interval is over
    records: tuple[Record, ...] = ()


class Claim(BaseModel):
    """A claim as `scorecard.yaml` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    source: str
    printed: str = ""
    measure: dict[str, dict[str, Any]] = {}
    rule: dict[str, float] = {}
    unit: str = ""
    needs: str = ""
    note: str = ""

    def measured(self) -> Measured | None:
        """Ours; None without records."""
        return next((MEASURES[name](**what) for name, what in self.measure.items()), None)

    def verdict(self, found: Measured | None) -> str:
        """Of `VERDICTS`, what the rule says of the whole interval."""
        if self.needs:
            return OUT
        if found is None or not found.low <= found.high:  # nan, of one seed
            return MISSING
        match self.rule:
            case {"at_least": least}:
                holds = found.low >= least
            case {"at_most": most}:
                holds = found.high <= most
            case {"above": bound}:
                holds = found.low > bound
            case {"about": value, "within": margin}:
                holds = value - margin <= found.low and found.high <= value + margin
            case rule:
                raise ValueError(f"{self.claim} has no rule that is known: {rule}")
        return REPRODUCED if holds else NOT


def claims() -> dict[str, list[Claim]]:
    """The claims by paper."""
    papers = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {paper: [Claim(**row) for row in rows] for paper, rows in papers.items()}


def _over_machines(found: Sequence[tuple[float, Record]]) -> Measured | None:
    if not found:
        return None
    values, behind = zip(*found, strict=True)
    how = f"recorded on {len(found)} machine{'s' * (len(found) > 1)}"
    return Measured(fmean(values), min(values), max(values), how, behind)


def _over_seeds(value: Estimate, *behind: Entry) -> Measured:
    text = f", {millions(behind[0].model.read)} tokens of text" if behind[0].model.read else ""
    told = f"{value.n} seed{'s' * (value.n > 1)}{text}"
    return Measured(value.mean, value.low, value.high, told, tuple(r for entry in behind for r in entry.records))


def parameters(of: str, over: str) -> Measured:
    """The parameters of one model of the papers over those of another, as counted from their sizes."""
    counted = {model.name: model.total_params for model in paper_models()}
    ratio = counted[of] / counted[over]
    return Measured(ratio, ratio, ratio)


def overlap() -> Measured | None:
    """Percent of the recorded students' pieces that BERT's vocabulary has, special pieces left out."""
    if (model := kept()) is None:
        return None
    pieces = set(json.loads((model.folder / TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"])
    pieces -= set(SPECIAL_PIECES)
    theirs = load_tokenizer(resolve_teacher("embedded").folder).get_vocab()
    share = 100 * len(pieces & theirs.keys()) / len(pieces)
    return Measured(share, share, share, f"{len(pieces):,} pieces", (model.record,))


def megabytes(file: str) -> Measured | None:
    """Of a student's exported file with its vocabulary and labels, over the machines where that was recorded."""
    found = records.committed("edge")
    return _over_machines([(sum(one["metrics"]["bytes_by_part"][file].values()) / 1e6, one) for one in found])


def times_as_fast(of: str, than: str, length: int) -> Measured | None:
    """Ratio of median latencies of queries of so many tokens on one thread, over machines."""
    ratios = []
    for one in records.committed("edge"):
        rows = one["metrics"]["latencies"]
        medians = {row["name"]: row["p50"] for row in rows if (row["threads"], row["length"]) == (1, length)}
        if medians.keys() >= {of, than}:
            ratios.append((medians[than] / medians[of], one))
    return _over_machines(ratios)


def score(of: str, size: str, task: str, score: str) -> Measured | None:
    """A student's test score in percent: of those with most seeds, that which has read most."""
    found = [entry for entry in entries.recorded(task) if (entry.model.method, entry.model.size) == (of, size)]
    best = max(found, key=lambda entry: (len(entry.seeds), entry.model.read), default=None)
    return _over_seeds(best.mean("test", score, factor=100), best) if best else None


def compared(of: str, over: str, task: str, score: str, percent: bool = False) -> Measured | None:
    """Points by which a method's test score is above another's, or the percent that it has of it, seed by seed.

    Both have read the same (who is no student has no text); pairs of one size come first, then most seeds, most text.
    """
    found = [(entry, replace(entry.model.budget, size="")) for entry in entries.recorded(task)]
    own, others = ([one for one in found if one[0].model.method == method] for method in (of, over))
    pairs = [(a, b) for (a, text), (b, its) in product(own, others) if text == its or not b.model.size]
    shared = [(sorted({*a.seeds} & {*b.seeds}), a, b) for a, b in pairs]
    best = max(shared, key=lambda p: (p[1].model.size == p[2].model.size, len(p[0]), p[1].model.read), default=None)
    if not best or not best[0]:
        return None
    seeds, *two = best
    mine, theirs = (dict(zip(one.seeds, one.values("test", score), strict=True)) for one in two)
    values = [100 * (mine[s] / theirs[s] if percent else mine[s] - theirs[s]) for s in seeds]
    return _over_seeds(estimate(values), *two)


def worse_cell(experiment: str, cell: str) -> Measured | None:
    """Nats a hidden word by which a cell of chapter 7 is worse than its baseline, corrected for its family.

    Between two vocabularies that is what each is above its own guess by frequency, of which whole words know more.
    """
    grid = load_grid("full", profile="evening", only=[experiment])
    rows = [row for answer in answers(recorded_results(grid)) for row in answer.rows]
    row = next((row for row in rows if row.cell.label == cell), None)
    if not row or not row.comparison:
        return None
    baseline = next(other for other in rows if other.cell == row.baseline)
    guessed = row.metrics["guess"]["word"] - baseline.metrics["guess"]["word"]
    one = row.comparison.estimate
    seeds = f"{one.n} seed{'s' * (one.n > 1)}"
    return Measured(one.mean - guessed, one.low - guessed, one.high - guessed, seeds, row.records)


MEASURES: Mapping[str, Callable[..., Measured | None]] = {
    each.__name__: each for each in (parameters, overlap, megabytes, times_as_fast, score, compared, worse_cell)
}


def scorecard_html() -> str:
    """How many claims of each paper hold, then every claim with its numbers, its verdict and the records behind it.

    MyST: headings, and HTML without an empty line between them.
    """
    told = {paper: [(claim, claim.measured()) for claim in rows] for paper, rows in claims().items()}
    counts = {paper: Counter(claim.verdict(found) for claim, found in rows) for paper, rows in told.items()}
    counts["All"] = sum(counts.values(), Counter[str]())
    lines = {paper: ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS) for paper, count in counts.items()}
    parts = [f"<ul>{''.join(f'<li>{paper}: {line}.</li>' for paper, line in lines.items())}</ul>"]
    for paper, rows in told.items():
        items = "".join(f"<li>{_item(claim, found)}</li>" for claim, found in rows)
        parts.append(f'## {paper}\n\n<ul class="mv-score">{items}</ul>')
    return "\n\n".join(parts)


def _item(claim: Claim, found: Measured | None) -> str:
    verdict = claim.verdict(found)
    number = ""
    if found:
        mean, low, high = map(claim.unit.format, (found.mean, found.low, found.high))
        number = f"Here: {mean}{f' ({low} to {high})' * (low != high)}{f', {found.how}' * bool(found.how)}."
    printed, needs = f"Printed: {claim.printed}." * bool(claim.printed), f"It needs {claim.needs}." * bool(claim.needs)
    said = " ".join(filter(None, [printed, number, needs, claim.note]))
    return (
        f'<strong class="mv-badge mv-v{VERDICTS.index(verdict)}">{verdict}</strong><div><p>{escape(claim.claim)} '
        f"<em>{escape(claim.source)}</em></p><p>{escape(said)}</p>{cited(found.records if found else ())}</div>"
    )
