"""Output folders: theirs are not touched, half a run shows no result, a finished one leaves nothing else behind."""

from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.workfolder import claim, publish


def test_results_appear_when_all_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = claim(out, {"seed": 1})
    (work / "model").mkdir()
    (work / "model" / "weights").write_text("w")
    assert [path.name for path in out.iterdir()] == [work.name]
    publish(work / "model", out)
    assert [path.name for path in out.iterdir()] == ["weights"]


def test_the_same_run_goes_on_and_another_does_not(tmp_path: Path) -> None:
    work = claim(tmp_path / "out", {"seed": 1, "names": ("a",)})
    (work / "half").write_text("")
    assert claim(tmp_path / "out", {"seed": 1, "names": ("a",)}) == work
    assert (work / "half").exists()
    with pytest.raises(UserError, match="unfinished run with other settings"):
        claim(tmp_path / "out", {"seed": 2, "names": ("a",)})


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        claim(tmp_path, {})
    with pytest.raises(UserError, match="is a file"):
        claim(tmp_path / "file", {})
    assert (tmp_path / "file").read_text() == "mine"
