"""The command line: quick help, one line for bad input, a vocabulary at the end."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mixvocab.cli import main
from mixvocab.common.errors import refused_by_disk
from mixvocab.text.tally import tables
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

TEXT = "the cat reads a small book in the city by the river, and the other cat reads at night\n\n" * 50


def run(*arguments: str) -> int:
    """The exit code of the command, run in this process."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, mixvocab.cli\n"
        "try: mixvocab.cli.main(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'transformers', 'numpy', 'papermill', 'matplotlib', 'sphinx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"vocab", "distill"} <= set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments", [["vocab"], ["vocab", "a.txt", "--out", "b", "--size", "many"], ["nonsense"], ["vocab", "--sise", "3"]]
)
def test_wrong_usage_ends_with_2_and_says_why(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Error:" in capsys.readouterr().err


def test_vocab_writes_a_vocabulary_and_compares_it(
    text: Path, tiny_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "vocabulary"
    main_arguments = ["vocab", str(text), "--size", "160", "--out", str(out), "--teacher", str(tiny_teacher)]
    assert run(*main_arguments) == 0
    pieces = (out / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert len(pieces) == 160
    assert "cat" in pieces
    report = capsys.readouterr().out
    for promised in ("160", "overlap", "pieces per word"):
        assert promised in report


def test_a_teacher_with_capitals_reads_the_text_and_not_the_students_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text(TEXT.title())
    words = sorted({*TEXT.title().replace(",", " ,").split()})
    Vocabulary((*SPECIAL_PIECES, *words), lowercase=False).save(tmp_path / "cased")
    arguments = ["vocab", str(tmp_path / "text.txt"), "--size", "150", "--teacher", str(tmp_path / "cased")]
    assert run(*arguments, "--out", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out.splitlines()
    assert next(line for line in said if line.startswith("pieces per word")).split()[-1] == "1.000"


def test_of_a_teacher_to_compare_with_the_tokenizer_is_enough(text: Path, tiny_teacher: Path, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    shutil.copy(tiny_teacher / "tokenizer.json", tmp_path / "words")
    out = str(tmp_path / "out")
    assert run("vocab", str(text), "--size", "160", "--out", out, "--teacher", str(tmp_path / "words")) == 0


def test_vocab_takes_several_texts_as_one(text: Path, tmp_path: Path) -> None:
    half = tmp_path / "halves"
    half.mkdir()
    for name in ("a.txt", "b.txt"):
        (half / name).write_text(TEXT[: len(TEXT) // 2], encoding="utf-8")
    assert run("vocab", str(text), "--size", "170", "--out", str(tmp_path / "one")) == 0
    assert run("vocab", *map(str, sorted(half.iterdir())), "--size", "170", "--out", str(tmp_path / "two")) == 0
    one, two = ((tmp_path / name / "vocab.txt").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("case", ["missing", "empty", "latin-1", "size", "out", "teacher"])
def test_bad_input_is_one_line_and_nothing_is_written(
    case: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = {"text": str(text), "--size": "160", "--out": str(out)}
    if case == "missing":
        options["text"] = str(tmp_path / "no-such-file.txt")
    elif case == "empty":
        text.write_text("\n \n")
    elif case == "latin-1":
        text.write_bytes("café au lait\n".encode("latin-1"))
    elif case == "size":
        options["--size"] = "3"
    elif case == "out":
        out.write_text("a file")
    elif case == "teacher":
        options["--teacher"] = str(tmp_path / "no-teacher")
    arguments = [options.pop("text"), *(word for pair in options.items() for word in pair)]
    assert run("vocab", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("mixvocab: ")
    assert captured.err.count("\n") == 1
    assert not (out / "vocab.txt").exists()


@pytest.mark.parametrize(
    ("limit", "arguments"),
    [
        (3_000, ["vocab", "{text}", "--size", "160", "--out", "{out}"]),
        (200_000, ["distill", "--text", "{text}", "--teacher", "{teacher}", "--profile", "smoke", "--out", "{out}"]),
    ],
)
def test_a_full_disk_is_one_line_and_the_same_call_goes_on(
    limit: int, arguments: list[str], text: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    text.write_text("\n\n".join(f"{TEXT[:90]} number{i} {i:b}" for i in range(900)), encoding="utf-8")
    places = {"text": str(text), "teacher": str(tiny_teacher), "out": str(tmp_path / "out")}
    command = [part.format(**places) for part in arguments]
    if command[0] == "distill":
        command += ["--set", "vocabulary.size=300", "--set", "mixing.length=16"]
    code = (  # files may have so many bytes, as if no room were left
        "import resource, sys; from mixvocab.cli import main\n"
        "most = int(sys.argv.pop(1)); resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "main(sys.argv[1:])"
    )
    environment = os.environ | {"MIXVOCAB_DATA": ""}
    done = subprocess.run(
        [sys.executable, "-c", code, str(limit), *command], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2, done.stderr
    assert re.search("no room is left; make room and call the same again, which goes on", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert run(*command) == 0


def test_no_room_for_what_counting_puts_aside_is_one_line() -> None:
    with closing(tables()) as made:
        made.execute("pragma max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as ended:
            made.execute("create table full as select zeroblob(100000)")
    assert "(TMPDIR): no room is left" in (refused_by_disk(ended.value) or "")
