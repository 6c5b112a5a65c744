"""The pictures that are committed: a card for shared links, an icon, README's own (`make pictures`).

The card and the icon are drawn from the style module alone; the other two show the rendered book, alive.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from browsing import HTML, ROOT, browser, opened, rendered, served
from PIL import Image

from mixvocab.widgets import style

THEME = ROOT / "book" / "theme"
README = ROOT / "book" / "pictures"
DRAWN = {"card": (1200, 630), "icon": (180, 180)}
DRAWING = """<div class="{kind}">
<div class="sign"><i></i>
<b style="flex: 64"></b><b style="flex: 40"></b><b style="flex: 70"></b><b style="flex: 32"></b></div>
<h1>Extremely small BERT models</h1>
<p>The method, a library to read in an evening, what it measured, and the model itself, alive in the page.</p></div>"""
SENTENCE = "Knowledge distillation compresses pretrained models for on-device use."
# Both ends of the widget at once: what lies between them stays out of the picture.
ONLY_TYPING_AND_MIXING = """
.mv-overlap { padding: 1rem !important; background: var(--mv-page); }
.mv-overlap > :is(.mv-columns, .mv-copy, .mv-about, .mv-summary), .mv-overlap .mv-chips { display: none !important; }
"""


def main() -> None:
    """Read the command line and make the pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", default=HTML, help="folder of the rendered book")
    pages = rendered(options.parse_args().pages)
    with browser() as chromium, served(pages) as base:
        for kind, (width, height) in DRAWN.items():
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            sheet = style.CSS + Path(__file__).with_name("drawn.css").read_text(encoding="utf-8")
            page.set_content(f"<style>{sheet}</style>{DRAWING.format(kind=kind)}")
            save(page.screenshot(), THEME / f"{kind}.png")
        with opened(chromium, f"{base}book/intro.html", "light", (1280, 1040)) as page:
            save(page.screenshot(), README / "screenshot.png")
        with opened(chromium, f"{base}notebooks/02_mixing.html", "light", (1000, 900)) as page:
            animate(page, README / "overlap.webp")


def save(picture: bytes, path: Path) -> None:
    """Write a PNG with a palette: pages have few colours, and the file is a quarter of the size."""
    image(picture).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def image(picture: bytes) -> Image.Image:
    """The pixels of a screenshot."""
    return Image.open(io.BytesIO(picture)).convert("RGB")


def animate(page: Any, path: Path) -> None:
    """The overlap widget: a sentence is typed, then p_SV moves from the teacher's end to the student's."""
    page.add_style_tag(content=ONLY_TYPING_AND_MIXING)
    widget = page.locator(".mv-overlap").first
    text, slider = widget.locator("textarea.mv-text"), widget.locator("input[type=range]")
    moves = [(text, SENTENCE[:end], 90) for end in range(0, len(SENTENCE) + 1, 2)]
    moves += [(slider, str(tenth / 10), 350) for tenth in range(11)]
    slider.fill("0")
    frames = []
    for field, value, _ in moves:
        field.fill(value)
        page.wait_for_timeout(60)  # what changes is drawn once the script has nothing else to do
        frames.append(image(widget.screenshot()))
    size = tuple(max(frame.size[axis] for frame in frames) for axis in range(2))
    canvases = [Image.new("RGB", size, style.LIGHT.page) for _ in frames]
    for canvas, frame in zip(canvases, frames, strict=True):
        canvas.paste(frame)
    durations = [milliseconds for _, _, milliseconds in moves[:-1]] + [2500]
    canvases[0].save(path, save_all=True, append_images=canvases[1:], duration=durations, loop=0, quality=60, method=6)


if __name__ == "__main__":
    main()
