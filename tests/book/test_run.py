"""Running chapters: once, again when something changed, and a failure in one line that leaves the good copy."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

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


WAIT_FOR_THE_OTHER = """
import os
import time
from pathlib import Path

Path({own!r}).write_text(str(os.getpid()))
end = time.monotonic() + 120
while not Path({other!r}).exists():
    assert time.monotonic() < end, "the other chapter does not run beside this one"
    time.sleep(0.1)
"""
FAIL = "raise KeyError('gone')"


def write_chapters(book, extras):
    """Give the book these chapters, each with a last cell of its own; the one that begins with 9 measures time."""
    toc = book.root / "_toc.yml"
    entry = "      - file: notebooks/01_sample\n"
    toc.write_text(toc.read_text().replace(entry, "".join(entry.replace("01_sample", name) for name in extras)))
    for name, extra in extras.items():
        banner = code(sample.CELLS[2][1].replace("01_sample", name))
        notebook = sample.notebook([*sample.CELLS[:2], banner, code(extra)])
        notebook["metadata"]["alone"] = name.startswith("9")
        book.notebook(name).write_text(json.dumps(notebook))


def test_two_chapters_run_at_a_time_and_one_that_measures_time_after_them(book, tmp_path, capfd):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    cores = f"import os\n\nassert os.environ.get('OMP_NUM_THREADS') == {os.environ.get('OMP_NUM_THREADS')!r}"
    first, second = WAIT_FOR_THE_OTHER.format(own=one, other=two), WAIT_FOR_THE_OTHER.format(own=two, other=one)
    write_chapters(book, {"9_clock": cores, "1_first": first, "2_second": second})
    run_chapters(book)
    assert all(is_current(book, name) for name in ("1_first", "2_second", "9_clock"))
    lines = capfd.readouterr().out.splitlines()
    assert {line.split(" in ")[0] for line in lines[:4]} == {
        f"[{number}/3] {name}: {what}"
        for number, name in ((2, "1_first"), (3, "2_second"))
        for what in ("running at smoke", "done")
    }
    assert [line.split(" in ")[0] for line in lines[4:]] == [
        f"[1/3] 9_clock: {what}" for what in ("running at smoke", "done")
    ]


def test_the_first_that_fails_is_named_and_what_runs_beside_it_is_stopped(book, tmp_path, capfd):
    one = tmp_path / "one"
    forever = WAIT_FOR_THE_OTHER.format(own=str(one), other=str(tmp_path / "never"))
    fail = WAIT_FOR_THE_OTHER.format(own=str(tmp_path / "two"), other=str(one)) + FAIL
    write_chapters(book, {"1_forever": forever, "2_fails": fail, "3_third": "1 + 1", "9_clock": "1 + 1"})
    with pytest.raises(UserError, match="2_fails: code cell 4 failed with KeyError: 'gone'"):
        run_chapters(book)
    assert not any(is_current(book, name) for name in ("1_forever", "2_fails", "3_third", "9_clock"))
    assert "9_clock" not in capfd.readouterr().out
    kernel, end = Path(f"/proc/{one.read_text()}"), time.monotonic() + 60
    while kernel.exists() and "Z" not in (kernel / "stat").read_text().split()[2]:
        assert time.monotonic() < end, "the other chapter's kernel goes on"
        time.sleep(0.1)


def test_two_processes_do_not_run_chapters_into_one_folder(book):
    with FileLock(book.executed / ".lock"), pytest.raises(UserError, match="another process is running the chapters"):
        run_chapters(book)
