"""The size-accuracy chart: every model in it, published and ours told apart, a title that the data bear out."""

import itertools

import pytest

from mixvocab.evaluate.stats import estimate
from mixvocab_book.show import tradeoff
from mixvocab_book.show.paper_tables import PUBLISHED_GLUE, PUBLISHED_SNIPS, Ours
from mixvocab_book.show.tradeoff import finding


def ours(score: str, base: float) -> list[Ours]:
    """Eight models as close together as real runs are."""
    made = []
    for i, (family, size) in enumerate(itertools.product(("Mixed-vocab", "NoKD"), (96, 192, 256))):
        name, params = f"{family} L-6 H-{size}", {96: 1_214_592, 192: 3_766_464, 256: 6_200_000}[size]
        beside = name if score == "slot_f1" and family == "Mixed-vocab" else ""
        made.append(Ours(name, params, {score: estimate([base + i, base + i + 1.2, base + i + 0.5])}, beside=beside))
    made.append(Ours("StackProp", 4_127_983, {score: estimate([93.0, 92.0])}))
    made.append(Ours("BERT-joint", 22_700_000, {score: estimate([95.0])}))
    return made


CASES = [
    (PUBLISHED_GLUE, [], "average"),
    (PUBLISHED_GLUE, [], "mrpc_f1"),
    (PUBLISHED_GLUE, ours("average", 70), "average"),
    (PUBLISHED_GLUE, ours("average", 82), "average"),
    (PUBLISHED_SNIPS, ours("slot_f1", 84), "slot_f1"),
    (PUBLISHED_SNIPS, [], "slot_f1"),
]


def test_the_title_is_computed() -> None:
    assert "98%" not in finding(PUBLISHED_SNIPS, [], "slot_f1")
    assert finding(PUBLISHED_SNIPS, [], "slot_f1").split() == (
        "Mixed-vocab L-6 H-96: 96% of BERT-base's slot F1 from 1/91 of its parameters".split()
    )
    twin = "Mixed-vocab L-6 H-96"
    below = Ours(twin, 1_214_592, {"slot_f1": estimate([85.0])}, beside=twin)
    assert "7.8 points below" in finding(PUBLISHED_SNIPS, [below], "slot_f1")
    above = Ours(twin, 1_214_592, {"slot_f1": estimate([93.8])}, beside=twin)
    assert "1.0 points above" in finding(PUBLISHED_SNIPS, [above], "slot_f1")


def test_alt_text_tells_every_mark() -> None:
    text = tradeoff.alt(PUBLISHED_GLUE, ours("average", 70), "average")
    for row in PUBLISHED_GLUE:
        assert (f"{row.label} " in text) == ("average" in row.scores)
    assert "BERT-of-Theseus-6† 66M 87.4" in text
    assert "StackProp 4.1M 92.5 ±" in text


@pytest.mark.parametrize(("published", "mine", "score"), CASES)
def test_every_model_is_in_the_chart(published, mine, score) -> None:
    chart = tradeoff.chart(published, mine, score)
    drawn = {(each.hollow, point.x, point.y) for each in chart.series for point in each.points}
    values = {(True, row.params, value) for row in published if (value := row.scores.get(score)) is not None}
    assert drawn == values | {(False, one.parameters, one.scores[score].mean) for one in mine}
    assert all(point.low is None for each in chart.series if each.hollow for point in each.points)
    assert chart.title == finding(published, mine, score)
