"""Tables with headings for every row and column; numbers and verdicts that claim no more than the data."""

import math
import re

import pytest

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab_book.show import tables


def test_table(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(tables, "display", lambda html: shown.append(html.data))
    tables.table(["model", "parameters"], [["<L6>", 1_200_000], ["b", 0.12345]], caption="Two")
    (html,) = shown
    assert '<th scope="row" style="text-align:left">&lt;L6&gt;</th>' in html
    assert "1,200,000" in html
    assert "0.123" in html
    assert "<caption>Two</caption>" in html


def test_sentences_are_paragraphs_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(tables, "display", lambda html: shown.append(html.data))
    tables.prose("One <b>", "", "Two")
    assert shown == ["<p>One &lt;b&gt;</p><p>Two</p>"]


def test_short_names_and_numbers_with_their_interval_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is copied is what was written."""
    shown: list[str] = []
    monkeypatch.setattr(tables, "display", lambda html: shown.append(html.data))
    tables.table(
        ["system", "SST-2"], [["mixed-vocab as in the paper L-12 H-256", "+94.2 ± 0.4: better"], ["a-" * 9, -3]]
    )
    (html,) = shown
    assert re.findall('<span class="mv-whole">(.*?)</span>', html) == [
        "SST-2",
        "mixed-vocab",
        "L-12 H-256",
        "+94.2 ± 0.4:",
    ]
    assert "mixed-vocab as in the paper L-12 H-256" in re.sub("<.*?>", "", html)


def test_a_mean_has_its_interval_where_it_has_one() -> None:
    assert tables.plus_minus(estimate([86.0, 85.0, 84.0])) == "85.0 ± 2.5"
    assert tables.plus_minus(Estimate(5.0, math.nan, 1), sign="+") == "+5.0"
    assert tables.plus_minus(Estimate(-0.001, math.nan, 1), sign="+") == "+0.0"
    assert tables.plus_minus(None) == tables.NONE


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], "+5.0 points with one seed"),
        ([5.0, 5.0], "+5.0 ± 0.0 points over 2 seeds: better"),
        ([-5.0, -5.1, -4.9], "-5.0 ± 0.2 points over 3 seeds: worse"),
        ([1.0, -1.0], "+0.0 ± 12.7 points over 2 seeds: no difference found at this scale"),
    ],
)
def test_no_claim_without_an_interval_that_allows_it(values: list[float], expected: str) -> None:
    assert tables.verdict(estimate(values)) == expected


def test_utterances_with_their_slots_in_brackets() -> None:
    words = "play a bit of jazz now".split()
    tags = ["O", "B-size", "I-size", "O", "B-genre", "O"]
    assert tables.bracketed(words, tags) == "play [size: a bit] of [genre: jazz] now"
    assert tables.bracketed(words, ["O"] * 6) == "play a bit of jazz now"
