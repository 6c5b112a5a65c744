"""`mixbook`: three commands, errors in one line."""

import pytest
import sample

from mixvocab_book import cli
from mixvocab_book.press import book


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The command line works on the small book instead of this checkout."""
    root = sample.write_book(tmp_path / "root")
    monkeypatch.setattr(book, "project_root", lambda: root)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([*map(str, arguments)])
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "smoek"], "did you mean 'smoke'"),
        (["build", "--profile", "smoke", "--only", "8"], "--only 8: no such chapter"),
        (["run", "--profile", "smoke", "--data-dir", "no-such-folder"], "no-such-folder is not a directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(small, capsys, arguments, message):
    assert run(*arguments, "--output", small / "html") == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_status_of_a_book_that_never_ran(small, capsys):
    assert run("status", "--profile", "smoke", "--output", small / "html") in (0, None)
    assert capsys.readouterr().out == "01_sample: there is no readable executed copy\n"


def test_status_of_an_executed_book(executed_book, capsys, monkeypatch):
    monkeypatch.setattr(book, "project_root", lambda: executed_book.root)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    run("status", "--profile", "smoke", "--seed", "3", "--output", executed_book.html)
    assert capsys.readouterr().out == "01_sample: up to date\n"
    run("status", "--profile", "smoke", "--seed", "4", "--output", executed_book.html)
    assert capsys.readouterr().out == "01_sample: its banner says seed 3 instead of 4\n"
