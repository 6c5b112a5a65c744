"""Screenshots of every page of the rendered book: light, dark, and on a phone (`make shots`).

They are there to be looked at, one by one, after a change to a page, a figure or a style.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from browsing import HTML, ROOT, browser, names, opened, rendered, served

VIEWS = {"light": ("light", (1280, 900)), "dark": ("dark", (1280, 900)), "phone": ("light", (375, 800))}
SHOTS = ROOT / "book" / "_build" / "shots"


def main() -> None:
    """Read the command line and take the screenshots."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", default=HTML, help="folder of the rendered book")
    options.add_argument("only", nargs="*", default=[""], help="pages by a part of their path; none: all")
    asked = options.parse_args()
    html = rendered(asked.pages)
    with served(html) as base, browser() as chromium:
        for name in (name for name in names(html) if any(part in name for part in asked.only)):
            for view, (theme, size) in VIEWS.items():
                with opened(chromium, base + name, theme, size) as page:
                    # The theme's sidebar slides when the window becomes as tall as the page: not to be caught half-way.
                    picture = SHOTS / f"{Path(name).with_suffix('').as_posix().replace('/', '-')}-{view}.png"
                    page.screenshot(path=picture, full_page=True, animations="disabled")
            print(f"{name}: {SHOTS}", flush=True)


if __name__ == "__main__":
    main()
