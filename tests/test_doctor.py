"""`mixvocab doctor` says what is there, what is not, and what mends it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from mixvocab import doctor
from mixvocab.cli import main
from mixvocab.train import precision


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "probe", lambda *_: {"fp32": 0.1, "bf16": 0.05})
    monkeypatch.setattr(doctor, "ROOM", 0.0)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_a_machine_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys)
    assert code == 0, said
    assert f"torch {metadata.version('torch')}" in said
    assert "tokens/s at most" in said
    assert "missing" not in said


def test_what_is_missing_and_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "export", ("onnx-of-tomorrow",))
    monkeypatch.setenv("MIXVOCAB_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(doctor, "ROOM", 1e9)
    code, said = run(capsys)
    assert code == 1
    remedies = [
        said.splitlines()[number + 1].strip() for number, line in enumerate(said.splitlines()) if "missing " in line
    ]
    assert remedies == [
        "pip install 'mixvocab[export]'",
        "make room, or name another folder in MIXVOCAB_CACHE",
        "name an existing folder in MIXVOCAB_DATA, or unset it",
    ]


def test_a_folder_of_data_without_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus").mkdir()
    monkeypatch.setenv("MIXVOCAB_DATA", str(tmp_path))
    code, said = run(capsys)
    assert (code, "is or has no text file" in said) == (1, True)


def test_a_library_without_torch_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "BASE", ("tokenizers", "torch-of-tomorrow"))
    code, said = run(capsys)
    assert code == 1
    assert "pip install torch-of-tomorrow" in said
    assert "tokens/s" not in said
