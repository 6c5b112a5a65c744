"""Milliseconds a query takes in the page, by WebAssembly, beside the same query in ONNX Runtime on this machine.

    python benchmarks/page.py [--data-dir DIR] [--queries 200]

A headless Chromium opens a page with the live model, loads it by its button and is given utterances. Each is answered
in the page and then by Python on one thread, so that other work on the machine meets both. "In the worker" is from
text to answer, as Python's times are; "round trip" is from the event of typing to the answer in the page. Weights are
random, of the laptop student's shape.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import options, write
from transformers import BertConfig

from mixvocab.common.files import write_json
from mixvocab.edge.export import export
from mixvocab.edge.runtime import Predictor
from mixvocab.models.pretrained import quietly
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.rows import Sizes, SnipsData
from mixvocab.sources.snips import resolve_snips
from mixvocab.tasks.joint import JointBert
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.widgets import assets
from mixvocab.widgets.demo import Demo, demo

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))

from browsing import browser, served

FILES = ("mixvocab.js", "demo.js", "demo.css", "demo-worker.js", "ort-wasm-simd-threaded.wasm")
PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script defer src="mixvocab.js"></script>'
ASK = """async (text) => {
  const answered = new Promise((done) => addEventListener("mv-answer", (e) => done(e.detail), { once: true }));
  const input = document.querySelector(".mv-demo input");
  const started = performance.now();
  input.value = text;
  input.dispatchEvent(new Event("input"));
  const { milliseconds } = await answered;
  return [performance.now() - started, milliseconds];
}"""


def main() -> None:
    chosen = options(__doc__, queries=200)
    data = resolve_snips(data_dir=chosen.data_dir, sizes=Sizes(train=chosen.queries, valid=1, test=chosen.queries))
    texts = [" ".join(row.words) for row in data.splits["test"][: chosen.queries]]
    with tempfile.TemporaryDirectory() as name:
        device = random_student(data, chosen.data_dir, Path(name))
        about = {"origin": data.source.name, "parameters": 0, "profile": "", "sources": [], "scores": {}}
        live = demo(device, texts[:1], **about)
        transferred = write_site(live, Path(name) / "site")
        load, times = measure(Path(name) / "site", texts, Predictor.load(device))
    milliseconds = {
        side: {"p50": float(np.median(values)), "p95": float(np.quantile(values, 0.95)), "fastest": min(values)}
        for side, values in times.items()
    }
    for side, values in {"bytes": transferred, **milliseconds}.items():
        print(side, values)
    what = f"{len(texts)} queries from {data.source.name}, one by one; milliseconds from text to answer"
    write(__file__, what=what, seconds_to_load=load, bytes=transferred, milliseconds=milliseconds)


def random_student(data: SnipsData, data_dir: Path | None, folder: Path) -> Path:
    """An exported student of the laptop's shape, L-6 H-96 with 5,000 pieces, for these intents and slots."""
    vocabulary = learn_vocabulary(count_words(resolve_corpus(data_dir=data_dir, megabytes=4).documents()), 5000)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=96, num_hidden_layers=6, num_attention_heads=4, intermediate_size=384
    )
    config.intent_labels, config.slot_labels = list(data.intents), list(data.slots)
    model = folder / "model"
    with quietly():
        JointBert(config).save_pretrained(model)
    vocabulary.save(model)
    write_json(model / "task.json", {"task": "snips", "kind": "joint", "window": 64, "scores": {}})
    export(model, folder / "device")
    return folder / "device"


def write_site(live: Demo, site: Path) -> dict[str, int]:
    """A page with the live model; returns the compressed bytes of each file that it needs."""
    site.mkdir()
    for name in FILES:
        shutil.copyfile(assets.scripts() / "pages" / name, site / name)
    (site / "page.html").write_text(PAGE + live.html(), encoding="utf-8")
    (site / "data-snips.js").write_text(f'mixvocab.provide("snips",{json.dumps(live.value)});', encoding="utf-8")
    (site / "snips.onnx").write_bytes(live.model)
    return {file.name: len(gzip.compress(file.read_bytes())) for file in sorted(site.iterdir())}


def measure(site: Path, texts: Sequence[str], native: Predictor) -> tuple[float, dict[str, list[float]]]:
    """Seconds from the button to the model's readiness; milliseconds of every query, in turns."""
    times: dict[str, list[float]] = {"page, round trip": [], "page, in the worker": [], "native, one thread": []}
    with served(site) as address, browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}page.html")
        button = page.locator("button.mv-demo-load")
        button.wait_for()
        started = time.perf_counter()
        button.click()
        page.locator(".mv-demo input:enabled").wait_for()
        load = time.perf_counter() - started
        for text in texts[:20]:  # both have compiled and cached what they will by then
            page.evaluate(ASK, text)
            native.predict(text)
        for text in texts:
            answers = page.evaluate(ASK, text)
            started = time.perf_counter()
            native.predict(text)
            answers.append(1000 * (time.perf_counter() - started))
            for values, milliseconds in zip(times.values(), answers, strict=True):
                values.append(milliseconds)
    return load, times


if __name__ == "__main__":
    main()
