"""The paper's tables against its own arithmetic; ours beside them, never mixed, in lines and charts."""

import itertools

import pytest
from recorded import record, scored

from mixvocab.evaluate.stats import estimate
from mixvocab.models.parameters import paper_models
from mixvocab_book.show import paper
from mixvocab_book.show.entries import grouped
from mixvocab_book.show.paper import GLUE, SNIPS, PaperTable, Row
from mixvocab_book.show.tables import NONE

PUBLISHED = [*GLUE.published.values(), *SNIPS.published.values()]


@pytest.mark.parametrize("row", GLUE.published.values(), ids=lambda row: row.name)
def test_averages_are_of_the_printed_scores(row: Row) -> None:
    """The table says "F1/Acc": MRPC's F1, MNLI-m and SST-2 give every printed average."""
    parts = [row.scores[name].mean for name in GLUE.averaged if name in row.scores]
    if "average" in row.scores:
        assert sum(parts) / 3 == pytest.approx(row.scores["average"].mean, abs=0.0501)
    else:
        assert len(parts) < 3


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_printed_sizes_are_those_that_are_counted(row: Row) -> None:
    counted = {model.name: model.total_params for model in paper_models()}
    counted["Mixed-vocab L-6 H-192"] = 3.6e6  # the paper's own sizes give 3.8M
    counted["StackProp"] = 2.6e6  # its sizes do not fix its number
    shape = row.name.rstrip("*†").replace("NoKD", "Mixed-vocab")  # students of one shape
    assert row.parameters == pytest.approx(counted[shape], rel=0.015)  # BERT-large is rounded to tens of millions


def test_what_the_paper_says_of_its_tables() -> None:
    """Sections 4 and 5: "over 95% of BERT-base's slot F1", "retains 98%" of MobileBERT."""
    glue, snips = ({name: row.scores for name, row in table.published.items()} for table in (GLUE, SNIPS))
    assert snips["Mixed-vocab L-6 H-96"]["slot_f1"].mean / snips["BERT-base"]["slot_f1"].mean > 0.95
    share = glue["Mixed-vocab L-12 H-256"]["average"].mean / glue["MobileBERT"]["average"].mean
    assert (round(100 * share), len(glue)) == (98, 13)


def test_our_rows_and_what_they_stand_beside() -> None:
    found = [scored(method, 0, intent_accuracy=0.98, slot_f1=0.9) for method in ("nokd", "stackprop", "bert-joint")]
    found += [scored("mixed", seed, slot_f1=0.8 + seed / 10) for seed in (0, 1)]
    small = record("mixed", 0, size="L-2 H-32")
    small["metrics"]["test"] = {"slot_f1": 0.5}
    rows = paper.ours(SNIPS, grouped([*found, small]))
    assert {row.name: SNIPS.twin(row) for row in rows} == {
        "NoKD L-6 H-96": "",
        "mixed-vocab from PCA L-2 H-32": "",
        "mixed-vocab from PCA L-6 H-96": "Mixed-vocab L-6 H-96",
        "StackProp": "StackProp",
        "BERT-joint": "BERT-base",
    }
    (mixed,) = (row for row in rows if SNIPS.twin(row).startswith("Mixed"))
    assert mixed.scores["slot_f1"].mean == pytest.approx(85)
    assert [known["seed"] for known in mixed.records] == [0, 1]


def test_the_average_is_the_papers_and_needs_all_its_parts() -> None:
    found = []
    for seed, value in ((0, 0.8), (1, 0.9)):
        found.append(scored("mixed", seed, "MRPC", test_f1=value, test_accuracy=0.7))
        found.append(scored("mixed", seed, "SST-2", dev_accuracy=value + 0.05))
        found.append(scored("mixed", seed, "MNLI", **{"m_accuracy": 0.6, "mm-hard_accuracy": 0.3}))
    found.append(scored("nokd", 0, "SST-2", dev_accuracy=0.5))
    nokd, mixed = sorted(paper.ours(GLUE, grouped(found)), key=lambda row: row.name)
    # The hard half of the mismatched set is no mismatched set.
    assert {name: round(score.mean, 6) for name, score in mixed.scores.items()} == {
        "mrpc_f1": 85, "mrpc_acc": 70, "mnli_m": 60, "sst2": 90, "average": round((85 + 60 + 90) / 3, 6),
    }  # fmt: skip
    assert set(nokd.scores) == {"sst2"}


def test_lines_of_the_paper_hold_the_paper_and_ours_hold_ours() -> None:
    found = [scored("mixed", seed, slot_f1=value) for seed, value in enumerate((0.86, 0.85, 0.84))]
    rows = paper.ours(SNIPS, grouped([*found, scored("nokd", 0, slot_f1=0.8)]))
    headers, cells = paper.side_by_side(SNIPS, rows)
    assert headers == ["model", "parameters", "slot F1", "tokens read"]  # ours have no intents here
    places = {row[0]: place for place, row in enumerate(cells)}
    printed, own = places["Mixed-vocab L-6 H-96"], places["ours: mixed-vocab from PCA L-6 H-96"]
    assert own == printed + 1
    assert cells[printed][1:] == ["1.2M", "92.8", NONE]
    assert cells[own][1:3] == ["1.2M", "85.0 ± 2.5"]
    assert cells[-1][:3] == ["ours: NoKD L-6 H-96", "1.2M", "80.0"]
    assert len(cells) == len(SNIPS.rows) + 2
    assert paper.side_by_side(SNIPS, [])[0] == ["model", "parameters", *SNIPS.scores.values(), "tokens read"]


def test_a_mark_is_named_by_what_its_family_leaves_open() -> None:
    rows = paper.ours(SNIPS, grouped([scored("nokd-wide", 0, slot_f1=0.9), scored("pca", 0, slot_f1=0.9)]))
    named = {point.label for series in paper.size_chart(SNIPS, rows, "slot_f1").series for point in series.points}
    assert {"wider L-6 H-96", "L-6 H-96"} <= named


def ours(score: str, base: float) -> list[Row]:
    """Eight models as close together as real runs are."""
    rows = []
    for i, (method, size) in enumerate(itertools.product(("mixed", "nokd"), (96, 192, 256))):
        parameters = {96: 1_214_592, 192: 3_766_464, 256: 6_200_000}[size]
        family = {"mixed": "mixed-vocab", "nokd": "NoKD"}[method]
        known = grouped([record(method, 0, size=f"L-6 H-{size}")])
        values = [base + i, base + i + 1.2, base + i + 0.5]
        rows.append(Row(f"{family} L-6 H-{size}", parameters, {score: estimate(values)}, tuple(known)))
    for method, name, parameters, values in (
        ("stackprop", "StackProp", 4_127_983, [93.0, 92.0]),
        ("bert-joint", "BERT-joint", 22_700_000, [95.0]),
    ):
        rows.append(Row(name, parameters, {score: estimate(values)}, tuple(grouped([record(method, 0, size="")]))))
    return rows


CASES = [
    (GLUE, [], "average"),
    (GLUE, [], "mrpc_f1"),
    (GLUE, ours("average", 70), "average"),
    (GLUE, ours("average", 82), "average"),
    (SNIPS, ours("slot_f1", 84), "slot_f1"),
    (SNIPS, [], "slot_f1"),
]


@pytest.mark.parametrize(("table", "rows", "score"), CASES)
def test_every_model_is_in_the_chart(table: PaperTable, rows: list[Row], score: str) -> None:
    chart = paper.size_chart(table, rows, score)
    drawn = {(each.hollow, point.x, point.y) for each in chart.series for point in each.points}
    published = [row for row in table.published.values() if score in row.scores]
    assert drawn == {
        (hollow, row.parameters, row.scores[score].mean)
        for hollow, group in ((True, published), (False, rows))
        for row in group
    }
    assert all(point.low is None for each in chart.series if each.hollow for point in each.points)


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([], "Mixed-vocab L-6 H-256: 98% of BERT-base's slot F1 from 1/18 of its parameters"),
        (ours("slot_f1", 84), "Ours, mixed-vocab L-6 H-256: 89% of BERT-base's slot F1 from 1/18 of its parameters"),
    ],
)
def test_the_title_is_computed(rows: list[Row], title: str) -> None:
    assert paper.size_chart(SNIPS, rows, "slot_f1").title.split() == title.split()
