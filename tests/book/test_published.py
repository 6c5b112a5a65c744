"""The paper's tables as data: against the paper's own arithmetic, our counts, and columns that never mix."""

import pytest

from mixvocab.evaluate.stats import estimate
from mixvocab_book.show.paper_tables import (
    GLUE_SCORES,
    PUBLISHED_GLUE,
    PUBLISHED_SNIPS,
    SNIPS_SCORES,
    Ours,
    count_of,
    printed_size,
    side_by_side,
)
from mixvocab_book.show.tables import NONE


@pytest.mark.parametrize("row", PUBLISHED_GLUE, ids=lambda row: row.label)
def test_averages_are_of_the_printed_scores(row) -> None:
    """The table says "F1/Acc": MRPC's F1, MNLI-m and SST-2 give every printed average."""
    scores = [row.scores.get(field) for field in ("mrpc_f1", "mnli_m", "sst2")]
    if "average" in row.scores:
        assert sum(scores) / 3 == pytest.approx(row.scores["average"], abs=0.0501)
    else:
        assert None in scores


@pytest.mark.parametrize("row", [*PUBLISHED_GLUE, *PUBLISHED_SNIPS], ids=lambda row: row.label)
def test_counts_belong_to_their_rows(row) -> None:
    model = count_of(row)
    if row.name == "StackProp":
        assert model is None
    else:
        assert model is not None
        assert model.printed == row.params
        assert model.name in (row.name, row.name.replace("NoKD", "Mixed-vocab"))


def test_sizes_as_printed() -> None:
    sizes = {row.label: printed_size(row) for row in [*PUBLISHED_GLUE, *PUBLISHED_SNIPS]}
    expected = {"BERT-large": "340M", "PKD-6": "67.0M", "BERT-of-Theseus-6†": "66M", "StackProp": "2.6M"}
    assert sizes.items() >= expected.items()


def test_what_the_paper_says_of_its_tables() -> None:
    """Sections 5 and 4: "over 95% of BERT-base's slot F1", "57x faster", "retains 98%" of MobileBERT."""
    snips = {row.name: row for row in PUBLISHED_SNIPS}
    base, smallest = snips["BERT-base"], snips["Mixed-vocab L-6 H-96"]
    assert smallest.scores["slot_f1"] / base.scores["slot_f1"] > 0.95
    assert round(base.latency_ms / smallest.latency_ms) == 57
    glue = {row.label: row for row in PUBLISHED_GLUE}
    assert round(100 * glue["Mixed-vocab L-12 H-256"].scores["average"] / glue["MobileBERT"].scores["average"]) == 98
    assert len(glue) == 13


def test_columns_of_the_paper_hold_the_paper_and_ours_hold_ours() -> None:
    ours = [
        Ours(
            "Mixed-vocab L-6 H-96",
            1_214_592,
            {"slot_f1": estimate([86.0, 85.0, 84.0])},
            1_340_000,
            "MiniLM",
            9_000_000,
            "Mixed-vocab L-6 H-96",
        ),
        Ours("NoKD L-6 H-96", 1_214_592, {"slot_f1": estimate([80.0])}),
    ]
    headers, rows = side_by_side(PUBLISHED_SNIPS, ours, SNIPS_SCORES)
    table = {row[0]: dict(zip(headers, row, strict=True)) for row in rows}
    both, alone, published = table["Mixed-vocab L-6 H-96"], table["NoKD L-6 H-96"], table["BERT-base"]
    assert (both["slot F1: paper"], both["slot F1: ours"]) == ("92.8", "85.0 ± 2.5")
    assert (both["intent accuracy: paper"], both["intent accuracy: ours"]) == ("98.9", NONE)
    assert (both["parameters: paper"], both["parameters: ours"]) == ("1.2M", "1.2M")
    assert (both["ours: on disk"], both["ours: teacher"]) == ("1.34 MB", "MiniLM")
    assert (both["ours: tokens seen"], both["ours: seeds"]) == ("9.0M", "3")
    assert (alone["slot F1: paper"], alone["slot F1: ours"], alone["parameters: paper"]) == (NONE, "80.0", NONE)
    assert all(value == NONE for name, value in published.items() if "ours" in name)
    assert [row[0] for row in rows[: len(PUBLISHED_SNIPS)]] == [row.label for row in PUBLISHED_SNIPS]


def test_two_of_ours_never_share_a_row_and_none_is_lost() -> None:
    ours = [Ours(f"try {i}", 10, {"average": estimate([50.0])}, beside="PKD-3") for i in range(2)]
    headers, rows = side_by_side(PUBLISHED_GLUE, ours, GLUE_SCORES)
    names = [row[0] for row in rows]
    assert "PKD-3 (ours: try 0)" in names
    assert names[-1] == "try 1"
    assert len(rows) == len(PUBLISHED_GLUE) + 1
    assert len({len(row) for row in rows} | {len(headers)}) == 1
    with pytest.raises(ValueError, match="no published row GPT"):
        side_by_side(PUBLISHED_GLUE, [Ours("x", 1, {}, beside="GPT")], GLUE_SCORES)
