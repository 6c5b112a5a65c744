"""What is written: chapters open with an aim and close with findings, exercises have marks and solutions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BIBLIOGRAPHY = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
LEVEL = re.compile(r'<span class="mv-level" role="img" aria-label="difficulty (\d) of 3">([●○]{3})</span> \S')


def cells(path: Path) -> list[tuple[str, str]]:
    """(kind, text) of each cell."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def prose(path: Path) -> str:
    return "\n\n".join(text for kind, text in cells(path) if kind == "markdown")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_opens_with_an_aim_and_closes_with_computed_findings(path: Path) -> None:
    parts = cells(path)
    assert "After it you can " in parts[0][1]
    (place,) = [number for number, (_, text) in enumerate(parts) if text == "## What was found"]
    kind, code = parts[place + 1]
    assert kind == "code"
    assert "closing(" in code
    assert parts[place + 2][1].startswith("## Exercises")
    headings = re.findall(r"^#+ .*", prose(path), re.MULTILINE)
    assert len(headings) == len({*headings})


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_has_a_difficulty_and_a_solution(path: Path) -> None:
    (text,) = [text for _, text in cells(path) if text.startswith("## Exercises")]
    exercises = re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE)
    assert len(exercises) >= 2
    for number, line in exercises:
        mark = LEVEL.match(line)
        assert mark, line
        assert mark[2] == "●" * int(mark[1]) + "○" * (3 - int(mark[1]))
        assert text.count(f"<summary>Solution of exercise {number}</summary>") == 1
    assert text.count("<details") == text.count("</details>") == len(exercises)


def test_a_number_stands_directly_before_its_percent_sign() -> None:
    folders, ends = ("book", "notebooks", "mixvocab", "mixvocab_book", "benchmarks"), (".md", ".ipynb", ".py", ".yaml")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in ends]
    own = [path for path in files if not {"_build", "vendor", "chapters"} & {*path.relative_to(ROOT).parts}]
    apart = re.compile(r"[0-9}] %(?:[ .,;:)\"']|$)", re.MULTILINE)
    assert len(own) > 100
    assert {path.name: found for path in [*own, ROOT / "README.md"] if (found := apart.findall(path.read_text()))} == {}


def test_what_is_cited_is_in_the_bibliography_and_the_other_way_round() -> None:
    pages = [*map(prose, CHAPTERS), *(path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md"))]
    cited = {key for keys in re.findall(r"\{cite(?::[pt])?\}`([^`]*)`", "\n".join(pages)) for key in keys.split(",")}
    assert cited == set(re.findall(r"^@\w+\{(\w+),$", BIBLIOGRAPHY, re.MULTILINE))


@pytest.mark.parametrize("entry", BIBLIOGRAPHY.split("\n@"), ids=lambda entry: re.search(r"\w+(?=,)", entry)[0])
def test_an_entry_says_who_what_when_and_where_to_find_it(entry: str) -> None:
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, re.MULTILINE))
    assert fields.keys() >= {"title", "author", "year"}
    assert fields.keys() & {"booktitle", "journal", "howpublished"}
    assert re.fullmatch(r"10\.\d{4,}/\S+", fields.get("doi", "")) or fields["url"].startswith("https://arxiv.org/abs/")
    if preprint := re.match(r"arXiv:(.*)", fields.get("journal", "")):
        assert fields["url"].endswith(preprint[1])


def test_symbols_that_chapters_use_are_in_the_table() -> None:
    guide = (ROOT / "book" / "how-to-read.md").read_text(encoding="utf-8")
    table = "".join(line.split("|")[1] for line in guide.splitlines() if line.startswith("| $"))
    formulas = " ".join("".join(re.findall(r"\$\$?[^$]+\$\$?", prose(path))) for path in CHAPTERS[:4])
    used = [r"p_{SV}", "E_s", "E_t", r"\theta_s", r"\theta_t", r"\mathcal{M}", "n_s(w)", "n_t(w)", "c(w)"]
    assert [name for name in used if name not in formulas or name not in table] == []
    # What stood for these before.
    assert not re.search(r"\be_[st]\b|i \\in M\b|\b[st]\(w\)(?<!n_[st]\(w\))", formulas)
