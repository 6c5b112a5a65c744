"""Screenshots of every page of the rendered book: light, dark, and on a phone (`make shots`).

They are there to be looked at, one by one, after a change to a page, a figure or a style.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from browsing import HTML, ROOT, browser, names, opened, rendered, served

VIEWS = {"light": ("light", (1280, 900)), "dark": ("dark", (1280, 900)), "phone": ("light", (375, 800))}


def main() -> None:
    """Read the command line and take the screenshots."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", default=HTML, help="folder of the rendered book")
    options.add_argument("--out", default=ROOT / "book" / "_build" / "shots", type=Path, help="where pictures go")
    options.add_argument("--view", choices=VIEWS, action="append", help="only this view")
    options.add_argument("only", nargs="*", help="pages by a part of their path; none: all")
    asked = options.parse_args()
    html = rendered(asked.pages)
    wanted = [name for name in names(html) if not asked.only or any(part in name for part in asked.only)]
    if not asked.only:
        shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    with served(html) as base, browser() as chromium:
        for name in wanted:
            for view in asked.view or VIEWS:
                theme, size = VIEWS[view]
                with opened(chromium, base + name, theme, size) as page:
                    # The theme's sidebar slides when the window becomes as tall as the page: not to be caught half-way.
                    picture = asked.out / f"{file_name(name)}-{view}.png"
                    page.screenshot(path=picture, full_page=True, animations="disabled")
            print(name, flush=True)
    print(f"{len(wanted)} pages: {asked.out}")


def file_name(page: str) -> str:
    """`notebooks/07_ablations.html` -> `07_ablations`; pages of the reference keep their folder's name."""
    parts = Path(page).with_suffix("").parts
    return "-".join(parts[1:]) if len(parts) > 1 else parts[0]


if __name__ == "__main__":
    main()
