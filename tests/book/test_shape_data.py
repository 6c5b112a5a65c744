"""What the choice of a shape shows is what records hold: times, bytes, shapes that were trained."""

from __future__ import annotations

from html import unescape

import pytest

from mixvocab.models.parameters import BertShape
from mixvocab_book.show import live_elements, shape_data
from mixvocab_book.store import records


@pytest.fixture(scope="module")
def known():
    return shape_data.recorded()


def test_times_are_the_fastest_queries_of_one_thread(known) -> None:
    record = records.committed("edge")[0]
    recorded = {(one["name"], one["threads"], one["length"]): one["fastest"] for one in record["metrics"]["latencies"]}
    times = {(time["layers"], time["hidden"], time["numbers"]): time["ms"] for time in known.value["times"]}
    assert times[6, 96, "int8"] == [recorded["L-6 H-96, int8", 1, length] for length in known.value["lengths"]]
    assert times[12, 768, "fp32"] == [recorded["BERT-base, fp32", 1, length] for length in known.value["lengths"]]
    assert (24, 512, "fp32") not in times  # MobileBERT's blocks are no BERT's
    assert {(time["layers"], time["hidden"]) for time in known.value["checks"]} == {(4, 312)}


def test_recorded_bytes_are_those_of_the_formula(known) -> None:
    for record in records.committed("edge"):
        sizes = record["params"]["student"]
        shape = BertShape(sizes["layers"], sizes["hidden"], record["params"]["vocabulary"]["size"])
        for file, parts in record["metrics"]["bytes_by_part"].items():
            bits = 32 if file == "model.onnx" else 8
            stored = shape.stored_bytes(bits, window=known.value["window"], outputs=known.value["outputs"])
            assert stored == {part: parts[part] for part in stored}


def test_scores_are_of_the_shape_that_was_trained_and_every_record_is_cited(known, monkeypatch) -> None:
    assert "L-6 H-96, 5000" in known.value["trained"]
    assert [chart["name"] for chart in known.value["charts"]] == ["SNIPS", "SST-2"]
    shown, provided = [], {}
    monkeypatch.setattr(live_elements, "display", shown.append)
    monkeypatch.setattr(live_elements, "provide", provided.__setitem__)
    live_elements.shape()
    assert provided == {"shape": known.value}
    cited = unescape(shown[-1].data)
    for place in ("edge/laptop-s0.json", "snips/l6h96-", "glue/sst-2/l6h96-"):
        assert place in cited


def test_without_records_nothing_is_shown(monkeypatch) -> None:
    monkeypatch.setattr(records, "committed_folder", lambda: None)
    monkeypatch.setattr(live_elements, "display", lambda _: pytest.fail("nothing is known"))
    assert shape_data.recorded() is None
    live_elements.shape()
