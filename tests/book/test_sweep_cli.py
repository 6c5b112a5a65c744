"""`mixbook sweep`: what its options say wrongly is one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
import sweeping

from mixvocab_book.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["half"], "sweep 'half' is unknown; grid.yaml has full, reduced"),
        (["full", "--only", "pvs"], "--only: sweep full has no experiment 'pvs'; known are start, p_sv"),
        (["full", "--only", "p_sv=2"], "--only: experiment p_sv has no cell '2'; known are 0.25, 0.5"),
        (["full", "--set", "p_vs=2"], "setting 'p_vs' is unknown"),
        (["full", "--profile", "desk"], "profile 'desk' is unknown"),
        (["full", "--data-dir", "nowhere"], "--data-dir: nowhere is not a directory"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(sweeping.GRID, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--grid", str(file), "--profile", "smoke", *arguments])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("mixbook: ")
    assert message in told
    assert told.count("\n") == 1
