"""The gate: a copy that is not there, shows no banner or is another run's never reaches the page."""

import json
from dataclasses import replace

import pytest
import sample

from mixvocab_book.press import gate
from mixvocab_book.press.book import Book
from mixvocab_book.store.provenance import BANNER

BOOK = Book.find("smoke", seed=3)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """An executed notebook as the gate wants it."""
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    notebook = sample.notebook()
    facts = {"chapter": "01_sample", "profile": "smoke", "seeds": [3, 4], "data_dir": False}
    notebook["cells"][2]["outputs"] = [{"output_type": "display_data", "data": {BANNER: facts}}]
    path = tmp_path / "copy.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def test_only_the_run_that_was_asked_for_passes(copy, tmp_path):
    assert gate.problem(BOOK, copy, "01_sample") == ""
    assert gate.problem(BOOK, copy, "02_other").endswith("'01_sample' instead of '02_other'")
    wrong = gate.problem(replace(BOOK, profile="laptop", seed=0, data_dir=tmp_path), copy, "01_sample")
    for difference in ("profile 'smoke' instead of 'laptop'", "seed 3 instead of 0", "data_dir False instead of True"):
        assert f"its banner says {difference}" in wrong


def test_a_copy_without_a_banner_is_refused(tmp_path):
    path = tmp_path / "copy.ipynb"
    path.write_text(json.dumps(sample.notebook()))
    assert gate.problem(BOOK, path, "01_sample") == "it shows no banner"


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"cells": 3}'])
def test_missing_and_damaged_copies_are_refused(tmp_path, content):
    path = tmp_path / "copy.ipynb"
    if content is not None:
        path.write_text(content)
    assert gate.problem(BOOK, path, "01_sample") == "there is no readable executed copy"
