"""The rendered book in a real browser, for tests, pictures and timings: a local server, a Chromium, live pages."""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "book" / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser itself must not talk to anyone either, so that every request seen is the page's own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
NOT_PAGES = {"index.html", "genindex.html", "py-modindex.html", "search.html"}
THEMES = ("light", "dark")
# How long a page must stand still: smooth scrolling and easing begin with frames in which nothing seems to move.
STILL = {"frames": 8, "milliseconds": 150}
# Waits until nothing is loading, mounting, being typeset or animated, and all boxes stay where they are.
SETTLE = """async ({ frames, milliseconds, patience }) => {
  const began = performance.now();
  // A window behind another one may get no frames: a timer then stands in for them.
  const frame = () => new Promise((done) => { requestAnimationFrame(done); setTimeout(done, 1000); });
  let formulas = false;
  const typeset = () => (globalThis.MathJax?.startup?.promise ?? Promise.resolve()).finally(() => (formulas = true));
  if (document.readyState === "complete") typeset();
  else addEventListener("load", typeset);
  const name = (element) => element.cloneNode().outerHTML.slice(0, 120);
  const endless = (animation) => animation.effect?.getComputedTiming().endTime === Infinity;

  /** What still has to happen, in words; "" when nothing has. */
  function busy() {
    if (document.readyState !== "complete") return "it is loading";
    if (!formulas) return "formulas are being typeset";
    if (document.fonts.status === "loading") return "fonts are being loaded";
    const picture = [...document.images].find((one) => !one.complete && one.loading !== "lazy");
    if (picture) return `being loaded: ${name(picture)}`;
    // Live elements mount or say why they cannot; without the loader none ever will.
    const waiting = globalThis.mixvocab && document.querySelector("[data-mv]:not([data-mv-state])");
    if (waiting) return `not yet live: ${name(waiting)}`;
    const moving = document.getAnimations().find((one) => one.playState === "running" && !endless(one));
    return moving ? `being animated: ${name(moving.effect?.target ?? document.body)}` : "";
  }

  /** The box of every element; drawings count as one. Boxes are the window's, so that scrolling moves them. */
  function layout() {
    const elements = [document.documentElement, ...document.querySelectorAll("body, body :not(svg *)")];
    const boxes = new Float64Array(4 * elements.length + 4);
    elements.forEach((element, n) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      boxes.set([x, y, width, height], 4 * n);
    });
    const { scrollWidth, scrollHeight } = document.documentElement;
    boxes.set([scrollWidth, scrollHeight, innerWidth, innerHeight], 4 * elements.length);
    return { elements, boxes };
  }

  /** What differs, in words; "" where two layouts are the same. */
  function moved(before, after) {
    const count = after.elements.length;
    if (before.elements.length !== count) return "elements come and go";
    const place = after.elements.findIndex((element, n) => element !== before.elements[n]);
    if (place >= 0) return `new: ${name(after.elements[place])}`;
    const at = after.boxes.findIndex((value, n) => value !== before.boxes[n]);
    if (at < 0) return "";
    return `moving: ${name(after.elements[Math.min(at >> 2, count - 1)])}`;
  }

  let [still, since, shown] = [0, began, layout()];
  while (still < frames || performance.now() - since < milliseconds) {
    await frame();
    const now = layout();
    const why = busy() || moved(shown, now);
    shown = now;
    if (!why) {
      still += 1;
      continue;
    }
    if (performance.now() - began > patience)
      throw new Error(`the page does not settle within ${patience / 1000} s: ${why}`);
    [still, since] = [0, performance.now()];
  }
}"""
# Pages load what is below the fold when it is about to be seen.
SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 600) {
    window.scrollTo(0, y);
    await new Promise((done) => setTimeout(done, 20));
  }
  window.scrollTo(0, 0);
}"""


def names(html: Path) -> list[str]:
    """All pages with text, by path."""
    found = (path.relative_to(html) for path in sorted(html.rglob("*.html")) if path.name not in NOT_PAGES)
    return [path.as_posix() for path in found if not path.parts[0].startswith("_")]


@contextmanager
def served(html: Path) -> Iterator[str]:
    """Address of the folder over http while the context lasts."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(html))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def program() -> str | None:
    """A Chromium on PATH."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; ends the program with one line if there is none."""
    from playwright.sync_api import sync_playwright

    found = program()
    if found is None:
        sys.exit(f"a browser is needed: none of {', '.join(BROWSERS)} is on PATH")
    with sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


def settle(page: Any, patience: float = 60) -> None:
    """Wait until the page stands still. Whoever changes window, theme, scroll or content does so before reading boxes.

    Raises Playwright's Error, which says what still moves, when that takes longer than `patience` seconds.
    """
    page.evaluate(SETTLE, {**STILL, "patience": 1000 * patience})


@contextmanager
def opened(chromium: Any, address: str, theme: str, size: tuple[int, int], scale: float = 1) -> Iterator[Any]:
    """The page at `address`, settled, in a window of its own; `size` is the window's, `scale` pixels a point."""
    window = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    page = window.new_page()
    # The theme's own choice outlives pages; a fresh window has none.
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    page.goto(address, wait_until="load")
    page.evaluate(SCROLL)
    page.wait_for_load_state("networkidle")
    settle(page)
    yield page
    window.close()


def rendered(folder: str) -> Path:
    """The folder, if it holds a rendered book; else ends the program with one line."""
    html = Path(folder)
    if not (html / "index.html").is_file():
        sys.exit(f"{html} holds no rendered book: run `make book` first, or name its folder with --pages")
    return html
