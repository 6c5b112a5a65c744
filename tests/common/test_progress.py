"""Progress lines: few, whole, and true."""

from __future__ import annotations

import pytest

from mixvocab.common import progress as module
from mixvocab.common.progress import duration, progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4320, "1 h 12 min")],
)
def test_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_comes_only_after_the_interval_and_tells_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with progress("stage I", 1000, done=100) as bar:
        now = 14.9
        bar.advance(100)
        assert capsys.readouterr().err == ""
        now = 20.0
        bar.advance(100, note="loss 5.10")
        assert capsys.readouterr().err == "stage I: 300 of 1,000 (30%), 1 min 10 s left, loss 5.10\n"
        now = 65.0
        bar.advance(700, note="all well")
    assert capsys.readouterr().err == "stage I: 1,000 done in 1 min 05 s, all well\n"


def test_the_closing_line_is_spared_for_work_nobody_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("count", 3) as bar:
        bar.advance(3)
    assert capsys.readouterr().err == ""
