"""The live model's panel in a real browser: on a page of its own with small models, served from below a path."""

from __future__ import annotations

import http.server
import json
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from browsing import settle
from visiting import PHONE, expect

from mixvocab.edge.runtime import Predictor
from mixvocab.widgets.demo import guessed, understood

HEAVY = ("demo-worker.js", "ort-wasm-simd-threaded.wasm", "snips.onnx")
LISTEN = "globalThis.answers = {}; addEventListener('mv-answer', (e) => (answers[e.detail.text] = e.detail));"
HEAD = (
    '<!doctype html><html lang="en" data-content_root="./"><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width"><title>Live</title>'
    '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
    '<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Live</h1>'
)


@dataclass
class Site:
    """A server whose files can be missing, damaged or slow."""

    folder: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    slow: dict[str, threading.Event] = field(default_factory=dict)  # sends one half, waits, sends the other

    def serve(self) -> http.server.ThreadingHTTPServer:
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                site.asked.append(name)
                file = site.folder.parent / self.path.lstrip("/")
                if name in site.missing or not file.is_file():
                    self.send_error(404)
                    return
                content = file.read_bytes()
                if name in site.damaged:
                    content = content[:-1] + bytes([content[-1] ^ 1])
                self.send_response(200)
                self.send_header("Content-Type", self.guess_type(self.path))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = len(content) // 2
                self.wfile.write(content[:half])
                if name in site.slow:
                    self.wfile.flush()
                    site.slow[name].wait(30)
                self.wfile.write(content[half:])

        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scripts, make_demo) -> Path:
    """Two pages, snips.html and masked.html, with all that lies beside pages."""
    pages = scripts / "pages"
    root = tmp_path_factory.mktemp("site") / "below"
    static = root / "_static"
    static.mkdir(parents=True)
    for name in ("mixvocab.js", "style.css", "demo.js", "demo.css", *HEAVY[:2]):
        (static / name).write_bytes((pages / name).read_bytes())
    for made in (make_demo("joint"), make_demo("masked")):
        (static / f"data-{made.name}.js").write_text(
            f"mixvocab.provide({json.dumps(made.name)},{json.dumps(made.value)})"
        )
        (static / f"{made.name}.onnx").write_bytes(made.model)
        (root / f"{made.name}.html").write_text(f"{HEAD}{made.html()}</main>")
    return root


@pytest.fixture
def site(folder):
    found = Site(folder)
    with found.serve() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.address = f"http://127.0.0.1:{server.server_port}/below/"
        yield found
        for event in found.slow.values():
            event.set()
        server.shutdown()


@pytest.fixture
def page(context):
    """A page that keeps what goes wrong in `page.wrong` and the answers to texts in the page's own `answers`."""
    page = context.new_page()
    page.wrong = []
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.add_init_script(
        "globalThis.answers = {}; addEventListener('mv-answer', (e) => (answers[e.detail.text] = e.detail))"
    )
    return page


def open_demo(page, address):
    page.goto(address)
    page.wait_for_selector("[data-mv-state=live]")
    return page.locator(".mv-demo")


def load(demo):
    demo.locator("button.mv-demo-load").click()
    demo.locator("input:enabled").wait_for()


def ask(page, demo, text):
    demo.locator("input").fill(text)
    page.wait_for_function("(text) => answers[text]", arg=text)
    return page.evaluate("(text) => answers[text]", text)


def shown(demo):
    """Intent and slots as the reader sees them."""
    slots = [
        (s.locator(".mv-demo-label").inner_text(), s.locator(".mv-demo-words").inner_text())
        for s in demo.locator(".mv-demo-slot").all()
    ]
    return demo.locator(".mv-demo-name").first.inner_text(), slots


def expected(answer):
    """The same of an answer of Python."""
    return answer["intents"][0]["name"], [(slot["name"].replace("_", " "), slot["text"]) for slot in answer["slots"]]


TEXTS = [
    "play some jazz by miles davis",
    "Rate this  novel five stars!",
    "book\u3000a table, for TWO in boston",
    "\u00e9 the xyz",
    "play [SEP] jazz [MASK]x",
    "the " * 40,
]


def test_it_answers_what_python_answers(page, site, device):
    predictor = Predictor.load(device("joint"))
    demo = open_demo(page, site.address + "snips.html")
    assert shown(demo) == expected(understood(predictor, "play some jazz by miles davis"))
    load(demo)
    decoded = 0
    for text in TEXTS:
        answer = ask(page, demo, text)
        theirs = understood(predictor, text)
        encoded = predictor.encoder.words(text.split())
        likeliest = predictor.logits(encoded)[1][encoded.first].argmax(-1)
        decoded += [predictor.bundle.slots[tag] for tag in likeliest] != answer["tags"][: len(likeliest)]
        assert answer["ids"] == predictor.encoder.words(text.split()).ids.tolist()
        assert {key: answer[key] for key in ("words", "tags", "slots", "complete")} == {
            key: theirs[key] for key in ("words", "tags", "slots", "complete")
        }
        assert shown(demo) == expected(theirs)
    assert decoded  # the likeliest tags of some text are not IOB2
    assert "no further than its window" in demo.inner_text()
    assert not page.wrong


def test_it_guesses_what_python_guesses(page, site, device):
    predictor = Predictor.load(device("masked"))
    demo = open_demo(page, site.address + "masked.html")
    load(demo)
    for text in ("play some [MASK] .", "[MASK] a table for [MASK]s", "rate[MASK]novel " + "the " * 40):
        answer, theirs = ask(page, demo, text), guessed(predictor, text)
        assert answer["ids"] == predictor.encoder.texts(text).ids.tolist()
        assert answer["complete"] == theirs["complete"]
        for mine, other in zip(answer["masks"], theirs["masks"], strict=True):
            assert [guess["piece"] for guess in mine] == [guess["piece"] for guess in other]
            for one, two in zip(mine, other, strict=True):
                assert one["probability"] == pytest.approx(two["probability"], rel=0.05)
    assert demo.locator(".mv-demo-name").all_inner_texts() == [g["piece"] for mask in theirs["masks"] for g in mask]
    assert not page.wrong


def test_a_mask_is_put_where_the_caret_is(page, site):
    demo = open_demo(page, site.address + "masked.html")
    expect(demo.get_by_text("Insert [MASK]")).to_be_disabled()
    load(demo)
    demo.locator("input").fill("play jazz")
    expect(demo.locator(".mv-demo-answer")).to_contain_text("Put [MASK]", use_inner_text=True)
    demo.locator("input").evaluate("input => input.setSelectionRange(5, 9)")
    demo.get_by_text("Insert [MASK]").click()
    expect(demo.locator("input")).to_have_value("play [MASK]")
    page.wait_for_function("answers['play [MASK]']")


def test_nothing_heavy_is_loaded_before_the_reader_asks(page, site):
    demo = open_demo(page, site.address + "snips.html")
    page.wait_for_load_state("networkidle")
    assert sorted(site.asked) == ["data-snips.js", "demo.css", "demo.js", "mixvocab.js", "snips.html", "style.css"]
    load(demo)
    assert sorted(site.asked[6:]) == sorted(HEAVY)


def test_the_button_says_what_will_be_loaded(page, site, folder):
    demo = open_demo(page, site.address + "snips.html")
    size = (folder / "_static" / "snips.onnx").stat().st_size / 1e6
    runtime = (folder / "_static" / "ort-wasm-simd-threaded.wasm").stat().st_size / 1e6
    text = demo.locator("button.mv-demo-load").inner_text()
    assert text == f"Load the model, {size:.2f} MB, and its runtime, {runtime:.0f} MB"


def test_progress_is_told(page, site, folder):
    name = "ort-wasm-simd-threaded.wasm"
    site.slow[name] = threading.Event()
    demo = open_demo(page, site.address + "snips.html")
    demo.locator("button.mv-demo-load").click()
    demo.get_by_text("runtime 7.12 MB of 14.2 MB").wait_for()
    assert 0.45 < demo.locator("progress").evaluate("bar => bar.value / bar.max") < 0.55
    assert "model 0.0" in demo.locator(".mv-demo-start").inner_text()
    site.slow[name].set()
    demo.locator("input:enabled").wait_for()
    expect(demo.locator("progress")).to_have_count(0)
    figures = demo.locator(".mv-demo-figures")
    figures.get_by_text("Transferred").wait_for()
    size = (folder / "_static" / name).stat().st_size / 1e6
    assert f"runtime {size:.1f} MB, model 0.0" in figures.inner_text()
    assert "median of 1 queries" in figures.inner_text()
    assert not page.wrong


def test_it_needs_no_server_once_it_is_loaded(page, site, context):
    demo = open_demo(page, site.address + "snips.html")
    load(demo)
    context.set_offline(True)
    assert ask(page, demo, "rate this novel five stars")["words"] == ["rate", "this", "novel", "five", "stars"]
    assert not page.wrong


def test_from_disk_one_line_says_what_to_do(page, folder):
    demo = open_demo(page, (folder / "snips.html").as_uri())
    told = demo.locator(".mv-demo-start").inner_text()
    assert f'python -m http.server --directory "{folder}/"' in told
    assert "http://localhost:8000/snips.html" in told
    assert demo.locator("button.mv-demo-load").count() == 0
    demo.get_by_role("button", name="book a table for two in boston").click()  # answered by Python long ago
    expect(demo.locator(".mv-demo-utterance")).to_have_text(re.compile("^book"), use_inner_text=True)
    assert not page.wrong


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"missing": {"snips.onnx"}}, "snips.onnx is missing: the server answers 404"),
        ({"missing": {"ort-wasm-simd-threaded.wasm"}}, "ort-wasm-simd-threaded.wasm is missing"),
        ({"missing": {"demo-worker.js"}}, "its worker does not run"),
        ({"damaged": {"snips.onnx"}}, "snips.onnx is damaged"),
    ],
    ids=["model", "runtime", "worker", "damaged"],
)
def test_what_cannot_be_loaded_is_said_in_a_line_and_tried_again(page, site, broken, says):
    for what, names in broken.items():
        getattr(site, what).update(names)
    demo = open_demo(page, site.address + "snips.html")
    demo.locator("button.mv-demo-load").click()
    line = demo.get_by_role("alert")
    line.wait_for()
    assert says in line.inner_text()
    assert "\n" not in line.inner_text()
    expect(demo.locator("input")).to_be_disabled()
    site.missing.clear(), site.damaged.clear()
    demo.get_by_role("button", name="Try again").click()
    demo.locator("input:enabled").wait_for()
    assert ask(page, demo, "play the jazz")["tags"]


def test_without_webassembly_it_says_so(page, site, folder):
    worker = (folder / "_static" / "demo-worker.js").read_text(encoding="utf-8")
    page.route("**/demo-worker.js", lambda route: route.fulfill(body=f"delete self.WebAssembly;{worker}"))
    demo = open_demo(page, site.address + "snips.html")
    demo.locator("button.mv-demo-load").click()
    demo.get_by_role("alert").wait_for()
    assert "WebAssembly, which it needs, is switched off" in demo.get_by_role("alert").inner_text()
    assert not page.wrong


def test_the_keyboard_is_enough_and_answers_are_read_out(page, site):
    demo = open_demo(page, site.address + "snips.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "mv-demo-load"
    page.keyboard.press("Enter")
    demo.locator("input:focus").wait_for()
    page.keyboard.press("Control+A")
    page.keyboard.type("rate this novel five stars")
    page.wait_for_function("answers['rate this novel five stars']")
    intent, slots = shown(demo)
    # What was typed so far may be read out as well, before the whole of it.
    told = [f"{name}: {text}" for name, text in slots]
    page.wait_for_function(
        "([intent, told]) => { const said = document.querySelector('[aria-live]').textContent;"
        "return said.startsWith(intent) && told.every((each) => said.includes(each)); }",
        arg=[intent, told],
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(demo.locator("input")).to_have_value("play some jazz by miles davis")


def test_what_is_typed_is_text(page, site):
    demo = open_demo(page, site.address + "snips.html")
    load(demo)
    text = "<img/src=x/onerror=throw(1)> <b>play</b> __proto__ constructor"
    assert ask(page, demo, text)["words"] == text.split()
    assert demo.locator("img, b").count() == 0
    assert not page.wrong


@pytest.mark.parametrize("name", ["snips", "masked"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_use_it(page, site, scripts, name, theme):
    demo = open_demo(page, site.address + f"{name}.html")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.set_viewport_size(PHONE)
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))

    def serious():
        settle(page)
        found = page.evaluate("axe.run()")["violations"]
        return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]

    assert serious() == []
    load(demo)
    demo.get_by_text("Answered in this browser").wait_for()
    assert serious() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
