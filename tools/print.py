"""The rendered book as one document for paper: its pages, but for the reference, in order (`make print`)."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from urllib.parse import urljoin

from browsing import HTML, ROOT, browser, rendered, served, settle

# Links to pages that stand here now would name this machine; pictures far below would not come in time.
PREPARE = """() => {
  document.querySelectorAll("article a:not([href^='http'])").forEach((link) => link.removeAttribute("href"));
  const pictures = [...document.querySelectorAll("article img")];
  return Promise.all(pictures.map((picture) => { picture.loading = "eager"; return picture.decode(); }));
}"""
START = "book/intro.html"
PAGE = "book/print.html"
PDF = ROOT / "book" / "_build" / "book.pdf"
ARTICLE = re.compile(r'<article class="bd-article">.*?</article>', re.DOTALL)
LEFT_OUT = ("/api/", "/status.html")


def names(html: Path) -> list[str]:
    """The pages in the order of the table of contents."""
    start = (html / START).read_text(encoding="utf-8")
    found = re.findall(r'<li class="toctree-l1[^>]*><a class="[^"]*internal" href="([^"#]+)"', start)
    places = [START, *(urljoin(START, link) for link in found)]
    return [name for name in dict.fromkeys(places) if not any(part in f"/{name}" for part in LEFT_OUT)]


def together(html: Path, pages: list[str]) -> str:
    """One page: the articles of all, in the frame of one with formulas.

    All lie one folder deep, so that their pictures are found. What would be alive shows the picture in its place.
    """
    texts = [(html / name).read_text(encoding="utf-8") for name in pages]
    frame = next((text for text in texts if 'class="math' in text), texts[0])
    articles = "".join(found[0] for text in texts if (found := ARTICLE.search(text))).replace(
        " data-mv=", " data-still="
    )
    return ARTICLE.sub(lambda _: articles, frame, count=1)


def main() -> None:
    """Read the command line and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", default=HTML, help="folder of the rendered book")
    options.add_argument("--output", type=Path, default=PDF, help="the document")
    asked = options.parse_args()
    html = rendered(asked.pages)
    with served(html) as base, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        whole = together(html, names(html))
        page.route(f"**/{PAGE}", lambda route: route.fulfill(body=whole, content_type="text/html; charset=utf-8"))
        page.goto(base + PAGE, wait_until="load")
        settle(page)
        page.wait_for_function("!globalThis.MathJax || document.querySelector('mjx-container')")
        page.evaluate(PREPARE)
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        page.pdf(path=asked.output, prefer_css_page_size=True)
    print(asked.output)


if __name__ == "__main__":
    main()
