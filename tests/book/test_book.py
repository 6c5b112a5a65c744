"""The table of contents gives the chapters; --only picks among them."""

import ast
import json

import papermill
import pytest

from mixvocab.common.errors import UserError
from mixvocab_book.press.book import Book, select

CHAPTERS = ["01_vocabulary", "02_mixing", "03_stage_one", "04_stage_two"]


def test_the_books_chapters_are_in_order_and_there():
    book = Book.find("laptop")
    assert book.chapters()[:4] == CHAPTERS
    assert all(book.notebook(name).is_file() for name in book.chapters())


@pytest.mark.parametrize("chapter", Book.find("laptop").chapters())
def test_papermill_knows_every_parameter_of_a_chapter(chapter):
    file = Book.find("laptop").notebook(chapter)
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    assert {line.target.id for line in ast.parse(source).body} == set(papermill.inspect_notebook(file))


@pytest.mark.parametrize("chapter", Book.find("laptop").chapters())
def test_a_chapters_code_fits_its_page_and_begins_folded(chapter):
    cells = json.loads(Book.find("laptop").notebook(chapter).read_text(encoding="utf-8"))["cells"]
    code = [
        ("".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in cells if cell["cell_type"] == "code"
    ]
    too_long = [line for source, _ in code for line in source.splitlines() if len(line) > 78]
    assert not too_long
    assert code[0][1] == ["parameters", "hide-input"]
    set_up = [tags for source, tags in code if "open_chapter(" in source or "chapter.banner(" in source]
    assert set_up == [["hide-input"]]
    assert code[1][0].count("open_chapter(") == 1
    # What stands open is an idea, not a screen of drawing.
    assert all(tags or len(source.splitlines()) <= 25 for source, tags in code)


def test_output_keeps_everything_beside_itself(tmp_path):
    book = Book.find("smoke", output=tmp_path / "pages")
    assert book.html == tmp_path / "pages"
    assert book.executed.parent == book.work.parent == tmp_path / "pages-work"


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], CHAPTERS),
        (["4"], CHAPTERS[3:]),
        (["04", "01"], [CHAPTERS[0], CHAPTERS[3]]),
        (["02_mix"], [CHAPTERS[1]]),
    ],
)
def test_select(only, expected):
    assert select(CHAPTERS, only) == expected


def test_select_names_what_is_not_there():
    with pytest.raises(UserError, match=r"--only 7: no such chapter; there are 01_vocabulary"):
        select(CHAPTERS, ["7"])
