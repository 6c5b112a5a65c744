"""`mixbook sweep`: what its options say wrongly is one line and exit code 2."""

from __future__ import annotations

import pytest

from mixvocab_book.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["half"], "sweep 'half' is unknown; ablations.yaml has reduced, section6, full"),
        (["full", "--only", "pvs"], "--only: 'pvs' is neither an experiment nor a cell of one; known are init, "),
        (["full", "--only", "p_sv=2"], "--only: 'p_sv=2' is neither an experiment nor a cell of one"),
        (["full", "--set", "p_vs=2"], "setting 'p_vs' is unknown"),
        (["full", "--profile", "desk"], "profile 'desk' is unknown"),
        (["full", "--data-dir", "nowhere"], "--data-dir: nowhere is not a directory"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--profile", "smoke", *arguments])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("mixbook: ")
    assert message in told
    assert told.count("\n") == 1
