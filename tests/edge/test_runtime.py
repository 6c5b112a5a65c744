import io
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from mixvocab.cli import main
from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.edge.runtime import GRAPHS, ROUNDED, Predictor, softmax
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.encoding import TASK
from mixvocab.tasks.joint import load_joint_bert

TEXTS = ["play some jazz by miles davis", "book a table for two in boston", "rate this novel five stars", "jazz"]


@pytest.mark.parametrize("numbers", GRAPHS)
def test_answers_do_not_depend_on_what_was_asked_before(exported, numbers):
    predictor = Predictor.load(exported("joint").folder, numbers=numbers)
    answers = [predictor.predict(text) for text in TEXTS]
    assert answers[::-1] == [predictor.predict(text) for text in TEXTS[::-1]]
    assert len({answer.tags for answer in answers}) > 1


def test_fp32_answers_are_those_of_torch(exported, make_folder):
    model = load_joint_bert(make_folder("joint"))
    texts = [*TEXTS, " ".join(TEXTS * 3), "zzzz 😀 play"]
    rows = [SnipsRow(tuple(text.split()), ("O",) * len(text.split()), "PlayMusic") for text in texts]
    expected = model.predict(rows)
    predictor = Predictor.load(exported("joint").folder, numbers="fp32")
    found = [predictor.predict(text) for text in texts]
    assert [(a.label, a.tags, a.complete) for a in found] == [(p.intent, p.slots, p.complete) for p in expected]
    assert not found[4].complete
    assert len(found[4].tags) == len(texts[4].split())


@pytest.mark.parametrize("numbers", GRAPHS)
def test_tags_are_iob2_where_the_likeliest_are_not(exported, numbers):
    predictor = Predictor.load(exported("joint").folder, numbers=numbers)
    words = " ".join(TEXTS).split()
    texts = [" ".join(words[i:j]) for i in range(len(words)) for j in (i + 1, i + 3, i + 6)]
    other = 0
    for text in texts:
        answer = predictor.predict(text)
        pairs = list(zip(("O", *answer.tags), answer.tags, strict=False))
        assert all(before in ("B-artist", "I-artist") for before, tag in pairs if tag == "I-artist")
        encoded = predictor.encoder.words(text.split())
        likeliest = predictor.logits(encoded)[1].argmax(-1)[encoded.first]
        other += [predictor.bundle.slots[tag] for tag in likeliest] != list(answer.tags)
    assert other


def test_kinds(exported):
    answer = Predictor.load(exported("classification", task="MNLI").folder).predict("play jazz", "rate this")
    assert answer.label == max(answer.probabilities, key=answer.probabilities.get)
    assert list(answer.probabilities) == ["contradiction", "entailment", "neutral"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    scored = Predictor.load(exported("regression", task="STS-B").folder).predict("play jazz", "rate this")
    assert scored.label is None
    assert isinstance(scored.score, float)
    with pytest.raises(UserError, match="has no task"):
        Predictor.load(exported("masked").folder).predict("play")
    with pytest.raises(UserError, match="pair of texts, but snips"):
        Predictor.load(exported("joint").folder).predict("play", "jazz")


def test_softmax_of_large_logits():
    assert softmax(np.array([1e4, 1e4], np.float32)).tolist() == [0.5, 0.5]


def test_predicting_needs_neither_torch_nor_transformers(exported):
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'onnx', 'accelerate', 'safetensors'): sys.modules[name] = None\n"
        "from mixvocab.cli import main\n"
        "main(['predict', sys.argv[1], 'play some jazz'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported("joint").folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[3] in ("PlayMusic", "BookRestaurant", "RateBook")


def test_command_output(exported, capsys, monkeypatch):
    folder = str(exported("joint").folder)
    for numbers in GRAPHS:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(TEXTS) + "\n"))
        with pytest.raises(SystemExit) as ended:
            main(["predict", folder, "--numbers", numbers])
        assert not ended.value.code
        said = capsys.readouterr().out
        for text in TEXTS:
            answer = Predictor.load(Path(folder), numbers=numbers).predict(text)
            lines = [
                text,
                f"  {answer.label} ({answer.probability:.1%})",
                *(f"  {s.name}: {s.text}" for s in answer.slots),
            ]
            assert "\n".join(lines) + "\n" in said
    pair = str(exported("classification", task="MNLI").folder)
    with pytest.raises(SystemExit):
        main(["predict", pair, "play jazz\trate this"])
    assert "%" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["bench", folder, "--length", "5", "--rounds", "1"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:5]] == list(GRAPHS)


def test_lines_that_are_no_texts_end_nothing(exported, tmp_path):
    folder = exported("joint").folder
    lines = [b"play jazz", b"", b"caf\xe9 music", b"a\ttab"]
    command = [sys.executable, "-m", "mixvocab.cli", "predict", str(folder), "--json"]
    said = [
        subprocess.run([*command, *more], input=given, capture_output=True, check=True).stdout.decode().splitlines()
        for more, given in ((lines, b""), ((), b"\n".join(lines)))
    ]
    assert said[0] == said[1]
    answers = [json.loads(line) for line in said[0]]
    assert [answer["label"] is None for answer in answers] == [False, True, False, False]
    assert answers[2] == json.loads(json.dumps(asdict(Predictor.load(folder).predict("caf\ufffd music"))))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / ROUNDED).write_bytes((f / ROUNDED).read_bytes()[:-9]), "its SHA-256 is not the one"),
        (lambda f: (f / ROUNDED).unlink(), "is missing, or its SHA-256"),
        (lambda f: (f / "task.json").write_text("{}"), "task.json is missing or damaged"),
        (lambda f: (f / "task.json").unlink(), "task.json is missing"),
        (lambda f: (f / "tokenizer.json").write_text("{"), "tokenizer.json cannot be read"),
        (lambda f: no_graph(f), f"{ROUNDED}: ONNX Runtime cannot load it"),
    ],
)
def test_damaged_folders_are_one_line(exported, copy_of, capsys, spoil, message):
    folder = copy_of(exported("joint").folder)
    spoil(folder)
    assert message in failure(["predict", str(folder), "play"], capsys)


def test_bad_arguments_are_one_line(exported, make_folder, tmp_path, capsys):
    folder = str(exported("joint").folder)
    pairs = str(exported("classification", task="MNLI").folder)
    assert "text 2: an empty text" in failure(["predict", pairs, "play\trate", "play\t"], capsys)
    assert "task.json is missing" in failure(["predict", str(tmp_path / "none"), "play"], capsys)
    fine_tuned = str(make_folder("joint"))
    assert "the folder is not empty" in failure(["export", fine_tuned, "--out", folder], capsys)
    assert "window is 24" in failure(["bench", folder, "--length", "128", "--rounds", "1"], capsys)


def no_graph(folder):
    """A graph that the runtime cannot read, as one of a later version is, with its digest in task.json."""
    task = json.loads((folder / TASK).read_text())
    (folder / ROUNDED).write_text("no graph")
    task["sha256"][ROUNDED] = file_sha256(folder / ROUNDED)
    (folder / TASK).write_text(json.dumps(task))


def failure(arguments, capsys):
    capsys.readouterr()  # what making the folder has printed
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]
