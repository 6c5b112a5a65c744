"""The book in Firefox, where one is installed: quiet, asking nobody, and its model answers as in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bidi
import pytest
from visiting import open_page

LANDING, CHAPTER = "book/intro.html", "notebooks/02_mixing.html"
LIVE = """(async () => {
  const elements = [...document.querySelectorAll("[data-mv]")];
  for (const end = Date.now() + 50000; Date.now() < end; await new Promise((done) => setTimeout(done, 50)))
    if (elements.every((element) => element.dataset.mvState)) break;
  return JSON.stringify(elements.map((element) => [element.dataset.mv, element.dataset.mvState]));
})()"""
ANSWERS = """(async (texts) => {
  const pause = () => new Promise((done) => setTimeout(done, 50));
  while (!document.querySelector("[data-mv=demo][data-mv-state=live]")) await pause();
  const demo = document.querySelector("[data-mv=demo] .mv-demo");
  const input = demo.querySelector("input");
  demo.querySelector("button.mv-demo-load").click();
  while (input.disabled) await pause();
  const answers = [];
  for (const text of texts) {
    const told = new Promise((done) => addEventListener("mv-answer", (e) => e.detail.text === text && done(e.detail)));
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    const { ids, tags, intents } = await told;
    answers.push({ ids, tags, intent: intents[0].name, shown: demo.querySelector(".mv-demo-name").textContent });
  }
  return JSON.stringify(answers);
})(TEXTS)"""
TEXTS = ["play some jazz by miles davis", "book a table for two in boston", "<b>rate</b> this novel 5 of 6 stars"]


@pytest.fixture(scope="module")
def window() -> Iterator[bidi.Window]:
    pytest.importorskip("websocket", reason="needs the package websocket-client, which comes with JupyterLab")
    if bidi.program() is None:
        pytest.skip(f"needs a Firefox: none of {', '.join(bidi.PROGRAMS)} is on PATH")
    with bidi.firefox() as opened:
        yield opened


@pytest.mark.parametrize("name", [LANDING, CHAPTER])
def test_pages_are_quiet_alive_and_ask_nobody(window: bidi.Window, base: str, pages: Path, name: str) -> None:
    if not (pages / name).is_file():
        pytest.skip(f"these pages hold no {name}: name a whole book with MIXVOCAB_BOOK_HTML")
    window.open(base + name)
    elements = json.loads(window.evaluate(LIVE))
    assert {state for _, state in elements} <= {"live"}
    assert elements or name == LANDING  # the small book's has none
    assert window.wrong() == []
    assert [address for address in window.asked() if not address.startswith((base, "data:", "blob:"))] == []


def test_the_live_model_answers_as_in_chromium(context, window: bidi.Window, server: str, pages: Path) -> None:
    if 'data-mv="demo"' not in (pages / LANDING).read_text(encoding="utf-8"):
        pytest.skip("these pages hold no live model: name a whole book with MIXVOCAB_BOOK_HTML")
    script = ANSWERS.replace("TEXTS", json.dumps(TEXTS))
    page, _, _ = open_page(context, server, LANDING)
    expected = json.loads(page.evaluate(script))
    window.open(server + LANDING)
    answers = json.loads(window.evaluate(script))
    assert answers == expected
    assert len({answer["intent"] for answer in answers}) > 1
    assert window.wrong() == []
