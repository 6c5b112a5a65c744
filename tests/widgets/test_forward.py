"""The forward pass as the widget tells it is the way that tokens take in `MixedTeacher`."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
import torch

from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.models.init import random_init
from mixvocab.models.pretrained import load_teacher, load_tokenizer
from mixvocab.text.masking import IGNORED
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets import live
from mixvocab.widgets.forward import ForwardWidget
from mixvocab.widgets.vocabularies import published

TEXT = "the teacher reads <b>one</b> book of machine learning and another one"
WIDTH = 8


@pytest.fixture
def widget(tiny_teacher, tiny_pieces, monkeypatch, tmp_path):
    """With a small teacher's vocabulary and a smaller student's; the bundled scripts are stand-ins."""
    for file in (tmp_path / "lab" / "forward.js", tmp_path / "pages" / "forward.css"):
        file.parent.mkdir()
        file.write_text("/* here */")
    monkeypatch.setattr(live, "scripts", lambda: tmp_path)
    student = Vocabulary(tuple(tiny_pieces[:110]))
    packs = published(load_tokenizer(tiny_teacher), {110: student}, default=110, about="a test")
    return ForwardWidget(packs, text=TEXT, layers=2, wide=32, narrow=WIDTH)


def rows(widget):
    """The table's cells as text."""
    html = widget.table_html()
    found = re.findall("<tr>(.*?)</tr>", html)[1:]
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in found]


def test_each_token_is_embedded_and_scored_as_the_mixed_teacher_does_it(widget, tiny_teacher) -> None:
    init = random_init(110, WIDTH, 32, generator=torch.Generator().manual_seed(1))
    mixed = MixedTeacher(load_teacher(tiny_teacher), init).eval()
    e_t, e_s = mixed.teacher_embeddings.weight, mixed.student_embeddings.weight
    weight, bias = mixed.up_projection.weight, mixed.up_projection.bias
    known = {name: value.detach().double().numpy() for name, value in {"E_t": e_t, "E_s": e_s, "W": weight.T}.items()}
    seen = set()
    for seed in range(8):
        widget.seed = seed
        line, told = widget.mixed, rows(widget)
        ids, own, labels = (torch.tensor([values]) for values in (line.inputs, line.student, line.labels))
        embedded = mixed.embed(ids, own)[0][0].detach().double()
        for vector, (read, by, formula, scored), token in zip(
            embedded, told, zip(line.shown, line.student, line.labels, line.pieces, strict=True), strict=True
        ):
            shown, student, label, piece = token
            assert (read, by) == (shown, "student" if student else "teacher")
            matrix, row = re.fullmatch(r"(?:W )?(E_[ts])\[(\d+)\](?: \+ b)?", formula).groups()
            value = known[matrix][int(row)]
            wanted = value @ known["W"] + bias.detach().double().numpy() if formula.startswith("W") else value
            assert torch.allclose(vector, torch.from_numpy(wanted), atol=1e-6)
            table = "W E_s + b" if student else "E_t"
            size = len(mixed.output_tables(e_t)[student])
            assert scored == ("" if label == IGNORED else f"softmax of {size} against {table}, to give {piece}")
            seen.add((student, label != IGNORED))
        losses = mixed(ids, own, labels)
        asked = {"teacher": 0, "student": 0}
        for _, by, _, scored in told:
            asked[by] += bool(scored)
        assert {name: int(part.positions) for name, part in losses.items() if part.scored} == asked
    assert len(seen) == 4  # both vocabularies, asked for and not


def test_a_separate_output_matrix_is_called_so(widget) -> None:
    widget.p, widget.tied = 1.0, False
    assert "softmax of 110 against a table of its own" in widget.table_html()
    assert "E_t" not in widget.table_html()


def test_both_forms_go_into_one_output(widget) -> None:
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    (config,) = re.findall(r'data-mv="forward" data-mv-config="([^"]*)"', data["text/html"])
    sizes = {"size": 110, "layers": 2, "wide": 32, "narrow": WIDTH, "tied": True}
    assert json.loads(unescape(config)) == {"text": TEXT, "p": 0.5, "seed": 0} | sizes
