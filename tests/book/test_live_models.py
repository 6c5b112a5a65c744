"""Live models in chapters."""

from __future__ import annotations

import base64

from mixvocab.book import live_models
from mixvocab.book.publish import published_files
from mixvocab.widgets.demo import Demo


def test_a_model_is_published_and_has_its_place(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append({"data": data}))
    monkeypatch.setattr(live_models, "display", lambda shown: outputs.append({"data": {"text/html": shown.data}}))
    answer = {"intents": [{"name": "<Play>", "probability": 1.0}], "slots": []}
    made = Demo("snips", {"examples": [{"text": "play", "answer": answer}]}, b"onnx")
    live_models.show_live(made)
    files = published_files([{"cells": [{"outputs": outputs}]}])
    assert files["snips.onnx"] == b"onnx"
    assert b'"text":"play"' in files["data-snips.js"]
    html = outputs[-1]["data"]["text/html"]
    assert 'data-mv="demo"' in html
    assert "&lt;Play&gt;" in html
    assert base64.b64encode(b"onnx").decode() not in html
