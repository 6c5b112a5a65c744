"""A chapter's last lines: one form for each thing that an interval can say, text as text, records below."""

import math
from typing import Any

import pytest
from recorded import record, scored

from mixvocab_book.show import findings
from mixvocab_book.show.entries import grouped
from mixvocab_book.show.scorecard import Measured


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (Measured(2, 1, 3, "3 seeds"), "A is 2.0 points better than B (+1.0 to +3.0, 3 seeds)."),
        (Measured(-2, -3, -1, "3 seeds"), "A is 2.0 points worse than B (-3.0 to -1.0, 3 seeds)."),
        (Measured(1, -1, 3, "3 seeds"), "A and B are not told apart: +1.0 points (-1.0 to +3.0, 3 seeds)."),
        (Measured(1, math.nan, math.nan, "1 seed"), "A against B: +1.0 points with one seed, which is no finding."),
        (None, "A against B: not recorded yet."),
    ],
)
def test_a_gain_says_what_its_interval_allows(gain: Measured | None, told: str) -> None:
    assert findings.told("A", "B", gain) == told


def test_lines_are_text_with_their_records_below(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(findings, "display", lambda html: shown.append(html.data))
    findings.closing(["1 < 2"], records=[record("pca", 0)])
    assert shown[0].startswith('<ul class="mv-found"><li>1 &lt; 2</li></ul>')
    assert 'href="../records/runs/pca/evening-s0.json"' in shown[0]


def test_of_each_task_the_best_of_those_with_most_seeds_is_named() -> None:
    found = [scored("pca", seed, "SST-2", dev_accuracy=0.82 + seed / 5000 + 0.001) for seed in (0, 1)]
    found += [scored("nokd", seed, "SST-2", dev_accuracy=0.70 + seed / 1000) for seed in (0, 1)]
    found += [scored("paper", 0, "SST-2", dev_accuracy=0.99), scored("bert-joint", 0, "SST-2", dev_accuracy=0.99)]
    lines, best = findings.best_over_the_words(grouped(found))
    assert [entry.model.method for entry in best] == ["pca"]
    (line,) = lines
    assert line.startswith("SST-2, dev accuracy, the best student, PCA L-6 H-96, against a bag of words: +2.1 ± ")
    assert line.endswith(" points over 2 seeds: better.")
