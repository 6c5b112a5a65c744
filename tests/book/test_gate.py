"""The gate: a copy that failed, stopped half-way or is another run's never reaches the page."""

import copy
import json

import pytest
import sample

from mixvocab_book.press import gate
from mixvocab_book.press.layout import Settings


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """An executed notebook as the gate wants it, and a function that says what it has against a changed one."""
    notebook = sample.notebook()
    for number, cell in enumerate(gate.code_cells(notebook), start=1):
        cell["execution_count"] = number
        cell["metadata"]["papermill"] = {"status": "completed"}
    facts = {"chapter": "01_sample", "profile": "smoke", "seeds": [3, 4], "data_dir": False}
    gate.code_cells(notebook)[1]["outputs"] = [{"output_type": "display_data", "data": {gate.BANNER: facts}}]
    notebook["metadata"]["papermill"] = {"exception": None}
    path = tmp_path / "copy.ipynb"
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)

    def problems(change=lambda notebook: None, chapter="01_sample", **settings):
        changed = copy.deepcopy(notebook)
        change(changed)
        path.write_text(json.dumps(changed))
        return gate.problems(path, chapter, Settings(**{"profile": "smoke", "seed": 3} | settings))

    return problems


def test_a_sound_copy_passes(executed):
    assert executed() == []


def test_each_fault_is_named(executed):
    def last(notebook):
        return gate.code_cells(notebook)[-1]

    def failed(notebook):
        last(notebook)["outputs"] = [{"output_type": "error", "ename": "KeyError", "evalue": "", "traceback": []}]

    assert executed(lambda n: n["metadata"]["papermill"].update(exception=True)) == ["it ended with an error"]
    assert executed(failed) == ["code cell 5 shows an error"]
    assert executed(lambda n: last(n).update(execution_count=None)) == ["code cell 5 was not executed"]
    assert executed(lambda n: last(n)["metadata"].clear()) == ["code cell 5 was not executed"]
    assert executed(lambda n: n["metadata"].pop("papermill")) == ["papermill did not execute it"]
    assert executed(lambda n: gate.code_cells(n)[1]["outputs"].clear()) == ["it shows no banner"]


@pytest.mark.parametrize(
    ("key", "value"), [("profile", "laptop"), ("seed", 0), ("chapter", "02_other"), ("data_dir", True)]
)
def test_another_run_is_refused(executed, tmp_path, key, value):
    (problem,) = executed(**{key: tmp_path if key == "data_dir" else value})
    assert f"{key} " in problem
    assert problem.endswith(f"instead of {value!r}")


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"cells": 3}'])
def test_missing_and_damaged_copies_are_refused(tmp_path, content):
    path = tmp_path / "copy.ipynb"
    if content is not None:
        path.write_text(content)
    assert gate.problems(path, "01_sample", Settings("smoke", 3)) == ["there is no readable executed copy"]
