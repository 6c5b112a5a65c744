"""CONTRIBUTING's two blocks are a new method: one file and one entry, and everything knows it by its name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
USE = """
import sys
from pathlib import Path

import yaml
from mixvocab.cli import main
from mixvocab_book.chapter import open_chapter
from mixvocab_book.show import entries, paper, plateau
from mixvocab_book.steps import students, tasks
from mixvocab_book.sweep.results import plain_table
from mixvocab_book.sweep.run import run_sweep

settings, data, out = yaml.safe_load(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
chapter = open_chapter("04_stage_two", profile="smoke", data_dir=data, **settings)
group = entries.live(students.record(chapter, method, 0) for method in ("nokd", "my-method"))
print("chart:", ", ".join(series.name for series in plateau.chart(group).series))
print(plain_table(run_sweep(chapter, "full", only=["my_experiment"], seeds=1)))
chapter = open_chapter("06_snips", profile="smoke", data_dir=data, **settings)
known = entries.live([tasks.record(chapter, "snips", "my-method", 0)])
print("table:", [row.name for row in paper.ours(paper.SNIPS, known)])
given = [f"--set={name}={value}" for name, value in settings.items() if not name.startswith(("snips", "teacher"))]
main(["distill", "--method", "my-method", "--text", str(data), "--teacher", settings["teacher.source"],
      "--profile", "smoke", "--out", str(out), *given])
"""


def test_a_method_is_one_file_and_one_block(
    tmp_path: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]
) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("## Add a distillation method") : text.index("## Add an experiment")]
    module, block = (re.search(rf"```{kind}\n(.*?)```", section, re.S) for kind in ("python", "yaml"))
    assert module and block  # noqa: PT018 (for the type checker)
    copy = tmp_path / "copy"
    for package in ("mixvocab", "mixvocab_book"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "js", "css"))
    (copy / "mixvocab" / "distill" / "my_method.py").write_text(module[1], encoding="utf-8")
    grid = copy / "mixvocab_book" / "sweep" / "ablations.yaml"
    grid.write_text(grid.read_text(encoding="utf-8").rstrip() + "\n\n" + block[1], encoding="utf-8")
    settings = tiny_settings | {"teacher.source": str(tiny_teacher), "snips.rows": 40, "snips.epochs": 1}
    done = subprocess.run(
        [sys.executable, "-c", USE, repr(settings), str(tiny_corpus), str(tmp_path / "student")],
        env={**os.environ, "PYTHONPATH": str(copy), "MIXVOCAB_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True, timeout=600, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "My method" in next(line for line in done.stdout.splitlines() if line.startswith("chart:"))
    assert "my_experiment: Is my method better than the copy alone?" in done.stdout
    assert "Missing: nothing" in done.stdout
    assert "table: ['My method L-1 H-16']" in done.stdout
    assert (tmp_path / "student" / "model.safetensors").is_file()
