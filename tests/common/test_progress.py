"""Progress lines in places that are no terminal: few, whole, and true."""

from __future__ import annotations

import pytest

from mixvocab.common import progress as module
from mixvocab.common.progress import duration, progress


class Clock:
    """A clock that the test turns by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4320, "1 h 12 min")],
)
def test_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_comes_only_after_the_interval_and_tells_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    bar = module.Progress("stage I", 1000, every=10.0, started=0.0, _shown=0.0)
    clock.now = 9.0
    bar.advance(100)
    assert lines_of(capsys) == []
    clock.now = 20.0
    bar.advance(100, note="loss 5.10")
    (line,) = lines_of(capsys)
    assert line.startswith("stage I: 200 of 1,000 (20%)")
    assert "1 min 20 s left" in line
    assert line.endswith("loss 5.10")


def test_the_closing_line_is_spared_for_work_nobody_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    bar = module.Progress("count", 3, started=0.0, _shown=0.0)
    bar.advance(3)
    bar.finish()
    assert lines_of(capsys) == []
    clock.now = 65.0
    bar.finish("all well")
    assert lines_of(capsys) == ["count: 3 done in 1 min 05 s, all well"]


def test_outside_a_terminal_there_are_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("words", 10, every=0.0) as bar:
        bar.advance(4)
        bar.advance(6)
    out = capsys.readouterr().err
    assert bar.done == 10
    assert out.count("\n") == 1, "one line on the way, none for the end: that is what finish() prints"
    assert not set(out) & {"\r", "\x1b"}
