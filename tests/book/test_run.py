"""Running chapters: once, again when something changed, and a failure in one line that leaves the good copy."""

import json
import shutil
from dataclasses import replace

import pytest
import sample
from filelock import FileLock

from mixvocab.common.errors import UserError
from mixvocab_book.press.build import build, run_chapters
from mixvocab_book.press.gate import chapter_key, is_current


def code(text):
    return ("code", text, [])


@pytest.fixture
def book(executed_book, tmp_path, monkeypatch):
    """A private copy of the executed small book."""
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    root = shutil.copytree(executed_book.root, tmp_path / "root")
    executed = shutil.copytree(executed_book.executed, tmp_path / "chapters")
    return replace(executed_book, root=root, executed=executed, html=tmp_path / "html")


def rewrite(book, cells):
    book.notebook("01_sample").write_text(json.dumps(sample.notebook(cells)))


def test_nothing_runs_twice_and_the_copy_names_no_path_of_this_machine(book, capsys):
    before = book.copy("01_sample").stat().st_mtime_ns
    run_chapters(book)
    assert book.copy("01_sample").stat().st_mtime_ns == before
    assert capsys.readouterr().out == ""
    text = book.copy("01_sample").read_text()
    assert str(book.root) not in text
    assert str(sample.ROOT) not in text


def test_key_follows_notebook_profile_seed_and_data(book, tmp_path):
    key = chapter_key(book, "01_sample")
    data = tmp_path / "data"
    data.mkdir()
    others = [
        chapter_key(replace(book, seed=4), "01_sample"),
        chapter_key(replace(book, profile="laptop"), "01_sample"),
    ]
    (data / "a.txt").write_text("one")
    others.append(chapter_key(replace(book, data_dir=data), "01_sample"))
    (data / "a.txt").write_text("another")
    others.append(chapter_key(replace(book, data_dir=data), "01_sample"))
    rewrite(book, [*sample.CELLS, code("1 + 1")])
    others.append(chapter_key(book, "01_sample"))
    assert len({key, *others}) == 6


def test_outputs_and_counts_in_the_source_do_not_count(book):
    key = chapter_key(book, "01_sample")
    notebook = sample.notebook()
    notebook["cells"][1]["execution_count"] = 9
    book.notebook("01_sample").write_text(json.dumps(notebook))
    assert chapter_key(book, "01_sample") == key


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([code("from mixvocab.common.errors import UserError\nraise UserError('no\\ntext')")], "^01_sample: no text$"),
        ([code("{}['missing']")], "01_sample: code cell 3 failed with KeyError: 'missing'; the half-run copy is"),
        ([code("1 + 1")], "01_sample: it shows no banner"),
    ],
)
def test_a_chapter_that_fails_is_one_line_and_not_rendered_and_the_good_copy_stays(book, cells, message):
    good = book.copy("01_sample").read_bytes()
    rewrite(book, [*sample.CELLS[:2], *cells])
    with pytest.raises(UserError, match=message):
        build(book)
    assert book.copy("01_sample").read_bytes() == good
    assert not is_current(book, "01_sample")
    assert not book.html.exists()


def test_what_a_chapter_says_to_whoever_waits_is_passed_on(first_run):
    _, printed, said = first_run
    assert "stage I: 20 of 400 (5%), 8 s left, loss 3.1" in said
    assert "printed for readers" not in said
    first, last = printed.splitlines()
    assert first == "[1/1] 01_sample: running at smoke"
    assert last.startswith("[1/1] 01_sample: done in ")


def test_two_processes_do_not_run_chapters_into_one_folder(book):
    with FileLock(book.executed / ".lock"), pytest.raises(UserError, match="another process is running the chapters"):
        run_chapters(book)
