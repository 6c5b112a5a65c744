"""The rendered book's own models in a real browser, beside Python on the very bytes that the pages carry.

Weights are in 8 bits, products in floats: only last bits differ. Answers must be the same wherever Python's own choice
is not as close as that.
"""

from __future__ import annotations

import gzip
import json
import mimetypes
import os
from pathlib import Path

import browsing
import numpy as np
import pytest
from republished import unpublish
from visiting import open_page

from mixvocab.edge.runtime import Predictor, softmax
from mixvocab.sources.rows import Sizes
from mixvocab.sources.snips import resolve_snips
from mixvocab.tasks.encoding import spans, viterbi
from mixvocab.widgets.demo import MASK

TOLERANCE = 1e-3  # of a logit
UTTERANCES = 200
MODEL_LIMIT = 1.4e6  # bytes
VISIT_LIMIT = 1.5e6  # bytes, compressed, of the landing page before its model is asked for
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")  # by any usual server
LISTEN = "globalThis.answers = {}; addEventListener('mv-answer', (e) => (answers[e.detail.text] = e.detail));"
SHOWN = """() => ({
  intent: document.querySelector(".mv-demo-name").textContent,
  slots: [...document.querySelectorAll(".mv-demo-slot")].map((slot) => [...slot.children].map((c) => c.textContent)),
})"""


@pytest.fixture(scope="module")
def below(pages: Path):
    """Address of the pages on a server that has them below a path."""

    with browsing.served(pages.parent) as address:
        yield f"{address}{pages.name}/"


def published(pages: Path, name: str, folder: Path) -> Predictor:
    """The model of that name that the pages carry, in Python."""
    model, script = pages / "_static" / f"{name}.onnx", pages / "_static" / f"data-{name}.js"
    if not model.is_file():
        pytest.skip(f"these pages hold no model {name!r}: name a whole book with MIXVOCAB_BOOK_HTML")
    value = script.read_text(encoding="utf-8").split(",", 1)[1].rstrip().removesuffix(";").removesuffix(")")
    return unpublish(json.loads(value), model.read_bytes(), folder)


def live(context, pages: Path, names: list[str], below: str, task: str):
    """The first page that shows this model, with the model loaded by its button."""
    place = f'data-mv-config="{{&quot;task&quot;: &quot;{task}&quot;}}"'
    name = next(name for name in names if place in (pages / name).read_text(encoding="utf-8"))
    context.add_init_script(LISTEN)
    page, wrong, outside = open_page(context, below, name)
    demo = page.locator(f"[data-mv=demo][data-mv-config*={task}] .mv-demo")
    demo.locator("button.mv-demo-load").click()
    demo.locator("input:enabled").wait_for()
    return page, demo, wrong, outside


def ask(page, demo, text):
    demo.locator("input").fill(text)
    page.wait_for_function("text => answers[text]", arg=text)
    return page.evaluate("text => ({...answers[text], logits: undefined})", text), page.evaluate(
        "text => Object.fromEntries(Object.entries(answers[text].logits ?? {}).map(([k, v]) => [k, [...v]]))", text
    )


def margin(scores: np.ndarray) -> np.ndarray:
    """By how much the best score leads the second, (...,)."""
    best = np.sort(scores, axis=-1)
    return best[..., -1] - best[..., -2]


def test_two_hundred_utterances_get_the_answers_of_python(context, pages, names, below, tmp_path, capsys):
    predictor = published(pages, "snips", tmp_path / "device")
    where = "auto" if os.environ.get("MIXVOCAB_DATA") else "embedded"
    rows = resolve_snips(where, sizes=Sizes(train=1, valid=1, test=UTTERANCES)).splits["test"][:UTTERANCES]
    page, demo, wrong, outside = live(context, pages, names, below, "snips")
    gaps, close, other = [], 0, []
    for row in rows:
        text = " ".join(row.words)
        answer, logits = ask(page, demo, text)
        encoded = predictor.encoder.words(text.split())
        intent, slots = predictor.logits(encoded)
        mine = np.array(logits["intent"]), np.array(logits["slots"]).reshape(slots.shape)
        gaps.append(max(np.abs(mine[0] - intent).max(), np.abs(mine[1] - slots).max()))

        # Nothing of this hangs on a last bit: the pieces, and what follows from the logits that the page has.
        assert answer["ids"] == encoded.ids.tolist()
        labels, names_of_tags = predictor.bundle.labels, predictor.bundle.slots
        path = viterbi(mine[1][encoded.first], names_of_tags)
        tags = [names_of_tags[tag] for tag in path]
        tags += ["O"] * (len(row.words) - len(tags))
        assert answer["tags"] == tags
        assert answer["slots"] == [vars(slot) for slot in spans(tags, row.words)]
        chances = dict(zip(labels, softmax(mine[0]), strict=True))
        assert [i["name"] for i in answer["intents"]] == sorted(labels, key=lambda name: -chances[name])
        assert page.evaluate(SHOWN) == {
            "intent": answer["intents"][0]["name"],
            "slots": [[slot["text"], slot["name"].replace("_", " ")] for slot in answer["slots"]],
        }

        # By how much Python prefers its own intent to the page's, and its own tags, by the sum of their logits.
        words, scores = np.arange(len(path)), slots[encoded.first]
        surer = intent.max() - intent[mine[0].argmax()]
        surer_of_tags = scores[words, viterbi(scores, names_of_tags)].sum() - scores[words, path].sum()
        sure = surer > 2 * TOLERANCE or surer_of_tags > 2 * TOLERANCE * len(words)
        assert not sure, f"{text!r} is understood otherwise, and Python was sure"
        if max(surer, surer_of_tags) > 0:
            other.append(text)
        close += sum(margin(one) <= TOLERANCE for one in (intent, *scores))
    with capsys.disabled():
        print(
            f"\n{len(rows)} utterances of {where} data: {len(set(other))} understood otherwise; logits differ by "
            f"{max(gaps):.2g} at most, by {np.median(gaps):.2g} in the median; Python's lead was within {TOLERANCE} in "
            f"{close} decisions"
        )
    assert max(gaps) < TOLERANCE
    assert not wrong
    assert not outside


def test_masked_words_get_the_guesses_of_python(context, pages, names, below, tmp_path):
    predictor = published(pages, "masked", tmp_path / "device")
    page, demo, wrong, outside = live(context, pages, names, below, "masked")
    sentences = ["he was born in [MASK] 1950 .", "the [MASK] of the house was [MASK] .", "[MASK]", "it 's un[MASK]able"]
    for text in sentences:
        answer, _ = ask(page, demo, text)
        encoded = predictor.encoder.texts(text)
        tokenizer = predictor.encoder.tokenizer
        assert answer["ids"] == encoded.ids.tolist()
        rows = predictor.logits(encoded)[0][encoded.ids == tokenizer.token_to_id(MASK)]
        assert len(rows) == len(answer["masks"]) > 0
        for scores, guesses in zip(rows, answer["masks"], strict=True):
            chances = softmax(scores)
            ids = [tokenizer.token_to_id(guess["piece"]) for guess in guesses]
            for number, guess in zip(ids, guesses, strict=True):
                assert abs(np.log(guess["probability"] / chances[number])) < TOLERANCE
            assert scores[ids].min() >= np.sort(scores)[-5] - TOLERANCE
    assert not wrong
    assert not outside


def test_models_are_as_small_as_promised(pages, tmp_path):
    for name in ("snips", "masked"):
        published(pages, name, tmp_path / name)
        assert (pages / "_static" / f"{name}.onnx").stat().st_size <= MODEL_LIMIT


def test_a_first_visit_of_the_landing_page_is_light(context, pages, below, tmp_path):
    published(pages, "snips", tmp_path / "device")
    page = context.new_page()
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{below}book/intro.html", wait_until="load")
    page.wait_for_selector("button.mv-demo-load")
    page.wait_for_load_state("networkidle")
    sizes = {}
    for answer in answers:
        body = answer.body()
        kind = mimetypes.guess_type(answer.url.partition("?")[0])[0] or "text/html"
        kind = kind.replace("text/javascript", "application/javascript")
        sizes[answer.url] = len(gzip.compress(body, mtime=0) if kind.startswith(COMPRESSED) else body)
    largest = sorted(((size, url.rpartition("/")[2]) for url, size in sizes.items()), reverse=True)
    assert sum(sizes.values()) <= VISIT_LIMIT, largest[:8]
