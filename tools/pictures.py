"""The pictures that are committed: a card for shared links, an icon, README's own (`make pictures`).

The card and the icon are drawn from the style module alone; the other two show the rendered book, alive.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from browsing import HTML, ROOT, browser, opened, rendered, served
from PIL import Image

from mixvocab.widgets import style
from mixvocab_book.press.head import CARD_SIZE

THEME = ROOT / "book" / "theme"
README = ROOT / "book" / "pictures"
TITLE = "Extremely small BERT models"
ABOUT = "The method, a library to read in an evening, what it measured, and the model itself, alive in the page."
# One word whole, the same in pieces: the book's sign, as wide as its box.
SIGN = """<div class="sign"><i></i><b style="flex: 64"></b><b style="flex: 40"></b><b style="flex: 70"></b>
<b style="flex: 32"></b></div>"""
SHEET = """
body { margin: 0; background: var(--mv-page); color: var(--mv-ink); font-family: var(--mv-font); }
.sign { display: flex; flex-wrap: wrap; gap: 0.35em; }
.sign i { flex: 0 0 100%; height: 1em; border-radius: 0.2em; background: var(--mv-c0); }
.sign b { height: 1em; border-radius: 0.2em; background: var(--mv-c1); }
.card { box-sizing: border-box; height: 630px; padding: 80px; font-size: 34px; line-height: 1.4; }
.card .sign { width: 560px; margin-bottom: 64px; font-size: 46px; }
.card h1 { margin: 0 0 28px; font-size: 74px; line-height: 1.12; letter-spacing: -0.02em; text-wrap: balance; }
.card p { margin: 0; text-wrap: balance; color: var(--mv-muted); }
.icon { display: grid; height: 180px; place-content: center; }
.icon .sign { width: 132px; font-size: 44px; }
.icon b:nth-of-type(n + 3) { display: none; }
"""
SENTENCE = "Knowledge distillation compresses pretrained models for on-device use."
# Both ends of the widget at once: what lies between them stays out of the picture.
ONLY_TYPING_AND_MIXING = """
.mv-overlap { padding: 1rem !important; background: var(--mv-page); }
.mv-overlap > :is(.mv-columns, .mv-copy, .mv-about, .mv-summary), .mv-overlap .mv-chips { display: none !important; }
"""
COLOURS = 128
"""Of a picture with a palette: pages have few, and the file is a quarter of the size."""


def main() -> None:
    """Read the command line and make the pictures asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", default=HTML, help="folder of the rendered book")
    options.add_argument("only", nargs="*", choices=[[], *PICTURES], help="some of them; none: all")
    asked = options.parse_args()
    with browser() as chromium:
        for name in asked.only or PICTURES:
            path = PICTURES[name](chromium, asked.pages)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes", flush=True)


def card(chromium: Any, _: str) -> Path:
    """The picture that goes with a shared address."""
    body = f'<div class="card">{SIGN}<h1>{TITLE}</h1><p>{ABOUT}</p></div>'
    return _save(THEME / "card.png", _drawn(chromium, body, CARD_SIZE))


def icon(chromium: Any, _: str) -> Path:
    """The icon for systems that do not take favicon.svg."""
    return _save(THEME / "icon.png", _drawn(chromium, f'<div class="icon">{SIGN}</div>', (180, 180)))


def screenshot(chromium: Any, pages: str) -> Path:
    """The top of the first page: what the book is, and its headline figure."""
    with served(rendered(pages)) as base, opened(chromium, f"{base}book/intro.html", "light", (1280, 1040)) as page:
        return _save(README / "screenshot.png", page.screenshot())


def animation(chromium: Any, pages: str) -> Path:
    """The overlap widget: a sentence is typed, then p_SV moves from the teacher's end to the student's."""
    address = "notebooks/02_mixing.html"
    with served(rendered(pages)) as base, opened(chromium, base + address, "light", (1000, 900)) as page:
        page.add_style_tag(content=ONLY_TYPING_AND_MIXING)
        widget = page.locator(".mv-overlap").first
        text, slider = widget.locator("textarea.mv-text"), widget.locator("input[type=range]")
        slider.fill("0")
        frames = []
        for end in range(0, len(SENTENCE) + 1, 2):
            text.fill(SENTENCE[:end])
            frames.append((_frame(widget), 90))
        for twentieth in range(0, 21, 2):
            slider.fill(str(twentieth / 20))
            frames.append((_frame(widget), 350))
        frames[-1] = (frames[-1][0], 2500)
    return _animated(README / "overlap.webp", frames)


def _frame(widget: Any) -> Image.Image:
    widget.page.wait_for_timeout(60)  # what changes is drawn once the script has nothing else to do
    return Image.open(io.BytesIO(widget.screenshot())).convert("RGB")


def _animated(path: Path, frames: Sequence[tuple[Image.Image, int]]) -> Path:
    """Frames with milliseconds, all put on a ground of the largest one's size."""
    size = tuple(max(frame.size[axis] for frame, _ in frames) for axis in range(2))
    canvases = []
    for frame, _ in frames:
        canvas = Image.new("RGB", size, style.LIGHT.page)
        canvas.paste(frame)
        canvases.append(canvas)
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = canvases
    first.save(path, save_all=True, append_images=rest, duration=[t for _, t in frames], loop=0, quality=60, method=6)
    return path


def _drawn(chromium: Any, body: str, size: tuple[int, int]) -> bytes:
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="light")
    page.set_content(f"<style>{style.css()}{SHEET}</style>{body}")
    picture: bytes = page.screenshot()
    page.close()
    return picture


def _save(path: Path, picture: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


PICTURES: dict[str, Callable[[Any, str], Path]] = {
    "card": card,
    "icon": icon,
    "screenshot": screenshot,
    "animation": animation,
}

if __name__ == "__main__":
    main()
