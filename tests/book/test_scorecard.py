"""Verdicts on the papers' claims: each can be reached, by the rule and the whole interval; none without records."""

import math
import re
from typing import Any

import pytest
from answered import PCA, results
from recorded import commit, record, scored

from mixvocab.distill.methods import methods
from mixvocab_book.show import paper, scorecard
from mixvocab_book.show.scorecard import MEASURES, MISSING, NOT, OUT, REPRODUCED, Claim, Measured, claims
from mixvocab_book.store import records
from mixvocab_book.sweep.grid import load_grid
from mixvocab_book.sweep.results import Results, answers

CLAIMS = [claim for rows in claims().values() for claim in rows]


def claim(measure: dict[str, Any] | None = None, **rule: float) -> Claim:
    return Claim(claim="It is <b>small</b>.", source="table 1", measure=measure or {}, rule=rule, unit="{:.1f}")


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        ({"at_least": 5.0}, 5, 7, REPRODUCED),
        ({"at_least": 5.0}, 4.9, 7, NOT),  # the whole interval, not its middle
        ({"at_most": 5.0}, 4, 5, REPRODUCED),
        ({"at_most": 5.0}, 4, 5.1, NOT),
        ({"above": 0.0}, 0.1, 2, REPRODUCED),
        ({"above": 0.0}, 0, 2, NOT),
        ({"about": 5.0, "within": 1.0}, 4, 6, REPRODUCED),
        ({"about": 5.0, "within": 1.0}, 3.9, 5, NOT),
        ({"about": 5.0, "within": 1.0}, 5, 6.1, NOT),
        ({"above": 0.0}, math.nan, math.nan, MISSING),  # one seed
    ],
)
def test_the_rule_decides_over_the_whole_interval(rule: dict[str, float], low: float, high: float, verdict: str):
    assert claim(**rule).verdict(Measured(5.0, low, high)) == verdict


def test_without_a_number_there_is_no_verdict_and_without_means_none_will_be():
    assert claim(above=0.0).verdict(None) == MISSING
    assert Claim(claim="x", source="y", needs="a telephone").verdict(None) == OUT
    with pytest.raises(ValueError, match="no rule"):
        claim(near=3.0).verdict(Measured(1, 1, 1))


def test_every_claim_has_a_measure_and_one_rule_or_says_what_it_needs():
    for each in CLAIMS:
        if each.needs:
            assert (each.measure, each.rule, each.unit) == ({}, {}, ""), each.claim
        else:
            assert len(each.measure) == 1, each.claim
            assert set(each.measure) <= MEASURES.keys()
            assert set(each.rule) in ({"at_least"}, {"at_most"}, {"above"}, {"about", "within"}), each.claim
            assert each.unit.format(1.0) != each.unit


def test_claims_name_what_there_is():
    """Methods, cells and scores that no run will have would stay "not measured yet" for ever."""
    known = {*methods(), "stackprop", "bert-joint"}
    labels = {e.name: {cell.label for cell in e.cells} for e in load_grid("full", profile="evening").experiments}
    scores = {*paper.GLUE.ours.values(), *((task or "snips", name) for task, name in paper.SNIPS.ours.values())}
    for what in (what for each in CLAIMS for what in each.measure.values()):
        if "task" in what:
            task = what["task"].removeprefix("glue/").upper() if what["task"] != "snips" else "snips"
            assert (task, what["score"]) in scores
            assert {what["of"], what.get("over", what["of"])} <= known
        if "cell" in what:
            assert what["cell"] in labels[what["experiment"]]


def test_gains_are_paired_by_seed_and_by_text(monkeypatch: pytest.MonkeyPatch):
    found = [scored("pca", seed, slot_f1=0.9 + seed / 100) for seed in (0, 1, 2)]
    found += [scored("nokd", seed, slot_f1=0.88 + seed / 100) for seed in (0, 1)]
    longer = scored("nokd", 2, slot_f1=0.1)
    longer["params"]["stage_two"] = {"steps": 999, "batch_size": 10}
    teacher = [scored("bert-joint", seed, slot_f1=0.96) for seed in (0, 1)]
    commit(monkeypatch, snips=[*found, longer, *teacher])
    gain = scorecard.compared("pca", "nokd", "snips", "slot_f1")
    assert (round(gain.mean, 6), gain.how) == (2, "2 seeds, 0.1M tokens of text")
    assert gain.low == pytest.approx(2)
    assert len(gain.records) == 5  # of both, where they come from
    share = scorecard.compared("pca", "bert-joint", "snips", "slot_f1", percent=True)
    assert share.mean == pytest.approx(100 * 0.905 / 0.96)
    assert scorecard.compared("mixed", "nokd", "snips", "slot_f1") is None
    assert scorecard.score("pca", "L-6 H-96", "snips", "slot_f1").mean == pytest.approx(91)
    assert scorecard.score("pca", "L-12 H-96", "snips", "slot_f1") is None


@pytest.mark.parametrize("better", [0.0, 0.5])
def test_what_the_guess_knows_of_another_vocabulary_is_no_gain(monkeypatch: pytest.MonkeyPatch, better: float):
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    for seed in found.seeds:
        found.records[PCA.key, seed]["metrics"]["guess"]["word"] -= better
    monkeypatch.setattr(scorecard, "recorded_results", lambda grid: found)
    plain = next(row for row in answers(found)[0].rows if row.cell == PCA).comparison.estimate
    worse = scorecard.worse_cell("init", PCA.label)
    assert worse.mean == pytest.approx(plain.mean + better)
    assert worse.high - worse.low == pytest.approx(2 * plain.half_width)


def test_latencies_and_files_are_over_machines(monkeypatch: pytest.MonkeyPatch):
    def machine(quick: float) -> dict[str, Any]:
        rows = [{"name": "small", "p50": quick}, {"name": "large", "p50": 10.0}]
        latencies = [row | {"threads": 1, "length": 16} for row in rows]
        parts = {"model.onnx": {"layers": 3_000_000, "vocabulary": 1_000_000}}
        return record("mixed", 0) | {"metrics": {"latencies": latencies, "bytes_by_part": parts}}

    commit(monkeypatch, edge=[machine(1.0), machine(2.0)])
    ratio = scorecard.times_as_fast("small", "large", 16)
    assert (ratio.low, ratio.mean, ratio.high, len(ratio.records)) == (5, 7.5, 10, 2)
    assert scorecard.times_as_fast("small", "large", 128) is None
    assert scorecard.megabytes("model.onnx").high == 4


def test_without_records_only_arithmetic_is_decided(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(records, "committed", lambda place: [])
    monkeypatch.setattr(scorecard, "kept", lambda: None)
    monkeypatch.setattr(scorecard, "recorded_results", lambda grid: Results(grid, (0, 1, 2), {}))
    for each in CLAIMS:
        arithmetic = "parameters" in each.measure
        assert (each.verdict(each.measured()) in (REPRODUCED, NOT)) is arithmetic, each.claim


def test_the_page_counts_its_verdicts_and_links_each_record():
    html = scorecard.scorecard_html()
    shown = re.findall(r'<strong class="mv-badge mv-v\d">([^<]*)</strong>', html)
    assert len(shown) == len(CLAIMS)
    total = ", ".join(f"{shown.count(verdict)} {verdict}" for verdict in scorecard.VERDICTS)
    assert f"<li>All: {total}.</li></ul>" in html.partition("\n\n")[0]
    root = records.committed_folder()
    links = re.findall(r'href="\.\./records/([^"]*)"', html)
    assert links
    assert all((root / link).is_file() for link in links)
    assert "<b>" not in scorecard._item(claim(above=0.0), None)
