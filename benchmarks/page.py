"""Milliseconds a query takes in the page, by WebAssembly, beside the same query in ONNX Runtime on this machine.

    python benchmarks/page.py [--data-dir DIR] [--queries 200] [--device FOLDER]

A headless Chromium opens a page with the live model, loads it by its button and is given utterances. Each is answered
in the page and then by Python on one thread, so that other work on the machine meets both. "In the worker" is from
text to answer, as Python's times are; "round trip" is from the event of typing to the answer in the page. Weights are
random, of the laptop student's shape, unless `--device` names an exported folder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from transformers import BertConfig

from mixvocab.common.files import write_json
from mixvocab.edge.export import export
from mixvocab.edge.runtime import Predictor
from mixvocab.models.loading import quietly
from mixvocab.sources import Sizes, SnipsData, resolve_corpus, resolve_snips
from mixvocab.tasks.joint_bert import JointBert
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.widgets import assets
from mixvocab.widgets.demo import Demo, Examples, demo

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

from browsing import browser, served  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "page.json"
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=None, help="default: MIXVOCAB_DATA")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--device", type=Path, default=None, help="an exported folder with intents and slots")
    chosen = parser.parse_args()

    sizes = Sizes(train=chosen.queries, valid=1, test=chosen.queries)
    data = resolve_snips(data_dir=chosen.data_dir, sizes=sizes)
    texts = [" ".join(row.words) for row in data.splits["test"][: chosen.queries]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        device = chosen.device or random_student(data, chosen.data_dir, folder)
        made = demo(device, Examples(texts[:1], data.source.name), parameters=0, profile="", sources=[], scores={})
        transferred = write_site(made, folder / "site")
        load, times = measure(folder / "site", texts, Predictor.load(device))
    found = {what: summary(values) for what, values in times.items()}
    show(load, transferred, found)
    write_json(
        RESULT,
        {
            "what": f"{len(texts)} queries from {data.source.name}, one by one; milliseconds from text to answer",
            "real": data.source.real,
            "weights": "random" if chosen.device is None else "trained",
            "seconds_to_load": load,
            "bytes": transferred,
            "milliseconds": found,
            "times_as_long_as_native": found["page, in the worker"]["p50"] / found["native, one thread"]["p50"],
            "load_average": os.getloadavg()[0],
            "machine": {"cores": os.cpu_count(), "system": platform.system(), "architecture": platform.machine()},
            "versions": {name: version(name) for name in ("onnxruntime", "tokenizers", "playwright")}
            | {"onnxruntime-web": web_version(), "python": platform.python_version()},
        },
    )


def random_student(data: SnipsData, data_dir: Path | None, folder: Path) -> Path:
    """An exported student of the laptop's shape, L-6 H-96 with 5,000 pieces, for these intents and slots."""
    vocabulary = learn_vocabulary(count_words(resolve_corpus("auto", data_dir=data_dir, megabytes=4).documents()), 5000)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=96, num_hidden_layers=6, num_attention_heads=4, intermediate_size=384
    )
    config.intent_labels, config.slot_labels = list(data.intents), list(data.slots)
    model = folder / "model"
    with quietly():
        JointBert(config).save_pretrained(model)
    vocabulary.save(model)
    write_json(model / "task.json", {"task": "snips", "kind": "joint", "window": 64, "scores": {}})
    return export(model, folder / "device").folder


def write_site(made: Demo, site: Path) -> dict[str, dict[str, int]]:
    """A page with the live model; returns the bytes of each file that it needs, plain and compressed."""
    pages = assets.scripts() / "pages"
    site.mkdir()
    for name in FILES:
        shutil.copyfile(pages / name, site / name)
    (site / "page.html").write_text(PAGE + made.html(), encoding="utf-8")
    (site / "data-snips.js").write_text(f'mixvocab.provide("snips",{json.dumps(made.value)});', encoding="utf-8")
    (site / "snips.onnx").write_bytes(made.model)
    contents = {file.name: file.read_bytes() for file in sorted(site.iterdir())}
    return {name: {"plain": len(content), "gzip": len(gzip.compress(content))} for name, content in contents.items()}


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
            round_trip, worker = page.evaluate(ASK, text)
            started = time.perf_counter()
            native.predict(text)
            took = 1000 * (time.perf_counter() - started)
            for values, value in zip(times.values(), (round_trip, worker, took), strict=True):
                values.append(value)
    return load, times


def summary(values: Sequence[float]) -> dict[str, float]:
    return {"p50": float(np.median(values)), "p95": float(np.quantile(values, 0.95)), "fastest": min(values)}


def show(load: float, transferred: dict[str, dict[str, int]], found: dict[str, dict[str, float]]) -> None:
    for name, sizes in transferred.items():
        print(f"{name:32}{sizes['plain']:12,} bytes{sizes['gzip']:12,} gzipped")
    print(f"loaded in {load:.2f} s; load average {os.getloadavg()[0]:.1f}")
    print(f"{'milliseconds a query':32}{'p50':>9}{'p95':>9}{'fastest':>9}")
    for what, one in found.items():
        print(f"{what:32}{one['p50']:9.2f}{one['p95']:9.2f}{one['fastest']:9.2f}")


def web_version() -> str:
    """Of onnxruntime-web, as it is locked."""
    lock = json.loads((assets.HERE / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"]["node_modules/onnxruntime-web"]["version"])


if __name__ == "__main__":
    main()
