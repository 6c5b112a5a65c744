"""The table of contents gives the chapters; --only picks among them."""

import pytest
import sample

from mixvocab.common.errors import UserError
from mixvocab_book.press.layout import Layout, select

CHAPTERS = ["01_vocabulary", "02_mixing", "03_stage_one", "04_stage_two"]


def test_the_books_chapters_are_in_order_and_there():
    assert Layout.find("laptop").chapters()[:4] == CHAPTERS


def test_output_keeps_everything_beside_itself(tmp_path):
    layout = Layout.find("smoke", tmp_path / "pages")
    assert layout.html == tmp_path / "pages"
    assert layout.executed.parent == layout.work.parent == tmp_path / "pages-work"


def test_missing_notebook_is_named(tmp_path):
    root = sample.write_book(tmp_path / "book")
    (root / "notebooks" / "01_sample.ipynb").unlink()
    with pytest.raises(UserError, match="notebooks/01_sample"):
        Layout.find("smoke", root=root).chapters()


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], CHAPTERS),
        (["4"], CHAPTERS[3:]),
        (["04", "01"], [CHAPTERS[0], CHAPTERS[3]]),
        (["02_mix"], [CHAPTERS[1]]),
        (["notebooks/03_stage_one.ipynb"], [CHAPTERS[2]]),
    ],
)
def test_select(only, expected):
    assert select(CHAPTERS, only) == expected


def test_select_names_what_is_not_there():
    with pytest.raises(UserError, match=r"--only 7: no such chapter; there are 01_vocabulary"):
        select(CHAPTERS, ["7"])
