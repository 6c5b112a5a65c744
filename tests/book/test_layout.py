"""Pages are light, and numbered as their files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

MEGABYTE = 1_000_000
NUMBERS = re.compile(r"chapters? (\d+)(?:(?:, (\d+))* and (\d+))?", re.IGNORECASE)


@pytest.fixture(scope="module")
def chapters(names: list[str]) -> list[str]:
    """Pages of chapters."""
    return [name for name in names if name.startswith("notebooks/")]


def test_no_page_is_heavy(pages: Path, names: list[str]):
    """Of the laptop's book, on which 45 MB are asked, chapter 7 had 0.27 MB, and all files together 39.5."""
    sizes = {name: (pages / name).stat().st_size / MEGABYTE for name in names}
    assert {name: size for name, size in sizes.items() if size > 1.5} == {}
    assert sum(path.stat().st_size for path in pages.rglob("*") if path.is_file()) / MEGABYTE <= 45


def test_the_first_visit_is_light(context, server: str, pages: Path):
    """Compressed as a server sends it: the start page and all that it loads before anything is asked for."""
    page, asked = context.new_page(), set()
    page.on("request", lambda request: asked.add(request.url.removeprefix(server).partition("?")[0]))
    page.goto(server, wait_until="load")
    page.wait_for_url("**/book/intro.html")
    page.wait_for_load_state("networkidle")
    files = [pages / (name or "index.html") for name in asked if not name.startswith("data:")]
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in files if file.is_file()}
    assert {"intro.html", "mixvocab.js"} <= {*sizes}
    assert sum(sizes.values()) <= MEGABYTE, sorted(sizes.items(), key=lambda item: -item[1])[:5]


def test_a_chapters_number_is_its_files(pages: Path, names: list[str], chapters: list[str]):
    """In its title, in every table of contents, and where another page speaks of it."""
    numbers = {int(Path(name).name[:2]): Path(name).name for name in chapters}
    for number, name in numbers.items():
        text = (pages / "notebooks" / name).read_text(encoding="utf-8")
        assert re.search(r'<h1>(?:<span class="section-number">)?(\d+)\. ', text)[1] == str(number)
    for page in names:
        text = (pages / page).read_text(encoding="utf-8")
        for name, number in re.findall(r'<a class="[^"]*internal" href="[^"#]*?(\d\d_\w+\.html)">(\d+)\. ', text):
            assert numbers[int(number)] == name, page
        article = text.partition("<article")[2].partition("</article>")[0]
        for name, number in re.findall(r'href="[^"#]*?(\d\d_\w+\.html)[^"]*">(?:<[^>]*>)*[Cc]hapter (\d+)\b', article):
            assert numbers[int(number)] == name, page
        if len(numbers) > 1:  # of the small book's one chapter nobody speaks
            told = {
                int(number) for each in NUMBERS.findall(re.sub("<[^>]*>", "", article)) for number in each if number
            }
            assert told <= {*numbers}, page
