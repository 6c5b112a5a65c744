"""Bad input, case by case: one line that names what is wrong and a remedy, exit code 2, and nothing lost or left."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from mixvocab.cli import main
from mixvocab_book import cli as book

World = Path
SENTENCE = "the cat reads a small book in the city by the river number {}"


@pytest.fixture(scope="module")
def pristine(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """What commands read: text, a teacher, a vocabulary, a task of orders, GLUE's MRPC, an exported model."""
    world = tmp_path_factory.mktemp("pristine")
    (world / "text").mkdir()
    (world / "text" / "a.txt").write_text("\n\n".join(SENTENCE.format(i) for i in range(200)))
    shutil.copytree(tiny_teacher, world / "teacher")
    for split, rows in (("train", 40), ("valid", 8), ("test", 8)):
        folder = world / "orders" / split
        folder.mkdir(parents=True)
        (folder / "seq.in").write_text("play the small book\nread a house in city\n" * rows)
        (folder / "seq.out").write_text("O O B-size I-size\nO O B-place O B-city\n" * rows)
        (folder / "label").write_text("Play\nRead\n" * rows)
    mrpc = world / "glue" / "MRPC"
    mrpc.mkdir(parents=True)
    for split in ("train", "dev"):
        rows = [f"{i % 2}\t{i}\t{i}\tthe cat reads\tthe cat {'reads' if i % 2 else 'sat'}" for i in range(40)]
        (mrpc / f"{split}.tsv").write_text("\n".join(["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", *rows]) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["vocab", str(world / "text"), "--size", "160", "--out", str(world / "words")])
    assert not ended.value.code
    tune = [
        "finetune",
        str(world / "teacher"),
        "--task",
        "snips",
        "--data",
        str(world / "orders"),
        "--profile",
        "smoke",
    ]
    for command in (
        [*tune, "--out", str(world / "tuned")],
        ["export", str(world / "tuned"), "--out", str(world / "app")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert not ended.value.code
    return world


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    """A copy for one test."""
    return shutil.copytree(pristine, tmp_path / "world")


def put(name: str, content: str | bytes) -> Callable[[World], None]:
    """A change: the file has this content."""

    def change(world: World) -> None:
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def without(*names: str) -> Callable[[World], None]:
    """A change: these files are not there."""

    def change(world: World) -> None:
        for name in names:
            (world / name).unlink()

    return change


def cut_short(name: str) -> Callable[[World], None]:
    """A change: the file ends in its middle."""
    return lambda world: (world / name).write_bytes((world / name).read_bytes()[: (world / name).stat().st_size // 2])


def edited(name: str, old: str, new: str, count: int = -1) -> Callable[[World], None]:
    """A change: other text in a file."""

    def change(world: World) -> None:
        text = (world / name).read_text()
        assert old in text
        (world / name).write_text(text.replace(old, new, count))

    return change


def config(**values: object) -> Callable[[World], None]:
    """A change: other values in the teacher's config.json."""

    def change(world: World) -> None:
        path = world / "teacher" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def weights(drop: str) -> Callable[[World], None]:
    """A change: the teacher's file lacks the weights whose names hold `drop`."""

    def change(world: World) -> None:
        path = world / "teacher" / "model.safetensors"
        kept = {name: tensor for name, tensor in load_file(path).items() if drop not in name}
        save_file(kept, path, metadata={"format": "pt"})

    return change


def two_more_words(world: World) -> None:
    """A change: the teacher's tokenizer knows words that its table has no rows for."""
    path = world / "teacher" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_tokens(["zorblax", "quuxes"])
    tokenizer.save(str(path))


def custom_code(world: World) -> None:
    """A change: the teacher asks for classes in a file of Python beside it, which would leave a trace."""
    (world / "teacher" / "evil.py").write_text(f"open({str(world / 'teacher' / 'trace')!r}, 'w')\n")
    config(model_type="evil", auto_map={"AutoConfig": "evil.Config", "AutoModelForMaskedLM": "evil.Model"})(world)
    path = world / "teacher" / "tokenizer_config.json"
    asked = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Slow", "evil.Fast"]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | asked))


class Touch:
    """What leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def pickled(name: str) -> Callable[[World], None]:
    """A change: a model's weights are a pickle, which would leave a trace."""

    def change(world: World) -> None:
        (world / name / "model.safetensors").unlink()
        (world / name / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Touch(world / name / "trace")}))

    return change


def shards_elsewhere(world: World) -> None:
    """A change: the index of the teacher's weights names a file of another folder."""
    path = world / "teacher" / "model.safetensors"
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(path), "../tuned/model.safetensors")}
    path.rename(path.with_name("model-00001-of-00001.safetensors"))
    path.with_name("model.safetensors.index.json").write_text(json.dumps(index))


def nothing(world: World) -> None:
    """No change: the arguments are what is wrong."""


VOCAB = "mixvocab vocab {w}/text --size 160 --out {w}/out "
DISTIL = (
    "mixvocab distill --text {w}/text --teacher {w}/teacher --profile smoke --out {w}/out --set vocabulary.size=300 "
)
DISTIL += "--set mixing.length=16 "
ORDERS = "mixvocab finetune {w}/teacher --task snips --data {w}/orders --profile smoke --out {w}/out "
GLUE = "mixvocab finetune {w}/teacher --task MRPC --data {w}/glue/MRPC --profile smoke --out {w}/out "
CASES: list[tuple[str, Callable[[World], None], str]] = [
    # text
    ("mixvocab vocab {w}/none.txt --out {w}/out", nothing, "none.txt' is neither .* nor an existing path"),
    ("mixvocab vocab {w}/empty --out {w}/out", lambda w: (w / "empty").mkdir(), "is or has no text file"),
    (VOCAB, put("text/a.txt", " \n\n "), "holds no text; name a file with"),
    (VOCAB, put("text/a.txt", "café au lait ".encode("latin-1") * 9), "a.txt, line 1: not UTF-8 .* iconv"),
    (VOCAB, put("text/a.txt", "the cat".encode("utf-16")), "UTF-16"),
    (VOCAB, put("text/b.txt.gz", b"\x1f\x8b\x08 no archive"), "b.txt.gz: cannot be read, or is damaged"),
    (VOCAB, put("text/b.txt.xz", b"\xfd7zXZ no archive"), "b.txt.xz: cannot be read, or is damaged"),
    (VOCAB, put("text/b.txt.zst", b"no archive"), "b.txt.zst: cannot be read, or is damaged"),
    (VOCAB, put("out", "a file"), "--out .*/out is a file; name a folder"),
    (VOCAB + "--size 3", nothing, "vocabulary size 3: .* ask for"),
    (VOCAB + "--size 90000", nothing, "the text gives .* ask for"),
    (VOCAB + "--teacher {w}/none", nothing, "none' is neither"),
    (VOCAB + "--teacher {w}/text", nothing, "tokenizer"),
    (
        DISTIL + "--vocab {w}/words",
        put("text/a.txt", "the cat reads a small book by the river"),
        "none can be held out: give more text",
    ),
    # settings
    (DISTIL + "--profile enormous", nothing, "'enormous' .* smoke"),
    (DISTIL + "--method alchemy", nothing, "method 'alchemy' is unknown; choose from"),
    (DISTIL + "--set stage_two.stepz=3", nothing, "stage_two.stepz' is unknown .*stage_two.steps"),
    (DISTIL + "--set stage_two.steps=many", nothing, "stage_two.steps"),
    (DISTIL + "--set stage_two.steps=-1", nothing, "stage_two.steps"),
    (DISTIL + "--set stage_two.steps", nothing, "--set stage_two.steps"),
    (DISTIL + "--set mixing.p_sv=2", nothing, "mixing.p_sv"),
    (DISTIL + "--set student.hidden=7", nothing, "hidden"),
    (DISTIL + "--set stage_two.optimizer=sgdd", nothing, "stage_two.optimizer"),
    (DISTIL + "--set stage_one.batch_size=3 --set stage_one.accumulate=2", nothing, "batch_size=3 does not divide"),
    (DISTIL + "--vocab {w}/words --set vocabulary.kind=teacher", nothing, "exclude each other: leave one out"),
    (DISTIL + "--vocab {w}/words --method tinybert", nothing, "leave out --vocab"),
    (DISTIL + "--vocab {w}/text", nothing, "text.*mixvocab vocab"),
    (DISTIL + "--vocab {w}/words", put("words/tokenizer.json", "{"), "tokenizer.json"),
    (DISTIL + "--vocab {w}/few", put("few/vocab.txt", "[PAD]\n[UNK]\na\n"), "vocab.txt: .*no \\[CLS\\]"),
    (DISTIL + "--set mixing.length=500", nothing, "500.*127|127.*500|128"),
    (DISTIL + "--data-dir {w}/none", nothing, "none is not a directory"),
    # the output folder
    (DISTIL, put("out/notes.txt", "mine"), "the folder is not empty; name a new one"),
    (DISTIL, put("out", "a file"), "is a file; name a new folder"),
    (DISTIL, put("out/.work/settings.json", "{}"), "an unfinished run with other settings lies there"),
    (DISTIL, put("out/.work/settings.json", "{"), "settings.json"),
    # the teacher
    (DISTIL, without("teacher/config.json"), "config.json"),
    (DISTIL, put("teacher/config.json", "{"), "config.json"),
    (DISTIL, put("teacher/config.json", "[]"), "config.json"),
    (DISTIL, config(model_type="alchemy"), "alchemy"),
    (DISTIL, config(hidden_size=48), "teacher"),
    (DISTIL, config(vocab_size=99), "teacher|tokenizer"),
    (DISTIL, custom_code, "custom code"),
    (ORDERS, custom_code, "evil"),
    (
        "mixvocab vocab {w}/text --size 160 --out {w}/out --teacher {w}/teacher",
        custom_code,
        "no tokenizer can be loaded",
    ),
    (DISTIL, pickled("teacher"), "no \\*.safetensors; weights as pickle"),
    (ORDERS, pickled("teacher"), "does not load .*safetensors"),
    ("mixvocab export {w}/tuned --out {w}/out", pickled("tuned"), "does not load .*safetensors"),
    (DISTIL, shards_elsewhere, r"names '\.\./tuned/model\.safetensors', which is not in its folder"),
    (DISTIL + "--set stage_two.steps=!!python/name:os.system", nothing, "the value is no YAML"),
    (DISTIL, cut_short("teacher/model.safetensors"), "model.safetensors|does not load"),
    (DISTIL, put("teacher/model.safetensors", b""), "model.safetensors|does not load"),
    (DISTIL, weights("word_embeddings"), "word_embeddings"),
    (DISTIL, weights("embeddings.LayerNorm"), "LayerNorm"),
    (DISTIL, weights("layer.1.attention.self.query"), "query"),
    (DISTIL, put("teacher/tokenizer.json", "{"), "tokenizer"),
    (DISTIL, two_more_words, r"its tokenizer has \d+ pieces and its table \d+: give the tokenizer"),
    (ORDERS, two_more_words, r"its tokenizer has \d+ pieces and its table \d+: give the tokenizer"),
    (GLUE, two_more_words, r"its tokenizer has \d+ pieces and its table \d+: give the tokenizer"),
    (DISTIL, without("teacher/tokenizer.json", "teacher/vocab.txt", "teacher/tokenizer_config.json"), "tokenizer"),
    # orders
    (ORDERS, without("orders/train/seq.out"), "no file seq.out; a split is a folder with"),
    (ORDERS, put("orders/train/label", "Play\n"), "line 2: 5 words, 5 tags, no intent"),
    (ORDERS, edited("orders/train/seq.out", "O O B-size I-size", "O O B-size", 1), "line 1: 4 words, 3 tags"),
    (ORDERS, edited("orders/train/seq.out", "B-size", "X:size"), "line 1.*X:size"),
    (ORDERS, put("orders/valid/seq.in", b"caf\xe9\n"), "seq.in, line 1: not UTF-8"),
    (ORDERS, lambda w: shutil.rmtree(w / "orders"), "orders' is neither"),
    (ORDERS, lambda w: shutil.rmtree(w / "orders" / "train"), "train"),
    (ORDERS + "--set window=4000", nothing, "window"),
    (ORDERS + "--set epochz=3", nothing, "epochz"),
    (ORDERS + "--teacher {w}/tuned", nothing, "--teacher and --method go together"),
    (ORDERS + "--teacher {w}/teacher --method pkd", nothing, "finetune"),
    (ORDERS + "--teacher {w}/tuned --method mixed", nothing, "mixed.*choose from"),
    (ORDERS + "--augment-with {w}/teacher", nothing, "--set n_a=20 go together"),
    (ORDERS + "--glove {w}/none --augment-with {w}/teacher --set n_a=2", nothing, "none cannot be read"),
    ("mixvocab finetune {w}/none --task snips --out {w}/out", nothing, "none"),
    # GLUE
    ("mixvocab finetune {w}/teacher --task QQQ --out {w}/out", nothing, "glue: no task 'QQQ'; there are"),
    (GLUE, edited("glue/MRPC/train.tsv", "Quality", "Worth", 1), "train.tsv, line 1: no column 'Quality'"),
    (GLUE, edited("glue/MRPC/train.tsv", "\tthe cat sat", "", 1), "line 2: 4 columns where 5 are expected"),
    (GLUE, edited("glue/MRPC/dev.tsv", "1\t1\t1", "7\t1\t1", 1), "label '7' does not occur in the training set"),
    (GLUE, without("glue/MRPC/dev.tsv"), "no train.tsv, or no development set"),
    (GLUE, put("glue/MRPC/train.tsv", ""), "train.tsv"),
    # the device
    ("mixvocab export {w}/none --out {w}/out", nothing, "none"),
    ("mixvocab export {w}/text --out {w}/out", nothing, "config.json"),
    ("mixvocab export {w}/tuned --out {w}/text", nothing, "not empty; name a new one"),
    ("mixvocab export {w}/tuned --out {w}/out", put("tuned/task.json", "{"), "task.json"),
    ("mixvocab predict {w}/tuned hello", nothing, "model"),
    ("mixvocab predict {w}/app hello", put("app/task.json", "[]"), "task.json"),
    ("mixvocab predict {w}/app hello", cut_short("app/model.w8.onnx"), "export the model again"),
    ("mixvocab predict {w}/app hello", without("app/tokenizer.json"), "tokenizer.json"),
    ("mixvocab bench {w}/app --length 4000", nothing, "4000 tokens a query: the model's window is"),
    # the book
    ("mixbook run --only 77 --output {w}/out", nothing, "--only 77: no such chapter; there are"),
    ("mixbook run --profile enormous --output {w}/out", nothing, "'enormous' .* smoke"),
    ("mixbook run --data-dir {w}/none --output {w}/out", nothing, "none is not a directory"),
    ("mixbook sweep many", nothing, "many"),
    ("mixbook sweep --only nonsense", nothing, "nonsense"),
    ("mixbook sweep --set p_sv.p=1", nothing, "p_sv.p"),
]


def contents(world: World) -> dict[str, bytes]:
    """Every file of the world."""
    return {str(path.relative_to(world)): path.read_bytes() for path in sorted(world.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("command", "change", "said"), CASES, ids=[f"{i}-{case[2][:30]}" for i, case in enumerate(CASES)]
)
def test_bad_input(
    command: str,
    change: Callable[[World], None],
    said: str,
    world: World,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    change(world)
    before = contents(world)
    program, *arguments = (part.format(w=world) for part in command.split())
    with pytest.raises(SystemExit) as ended:
        {"mixvocab": main, "mixbook": book.main}[program](arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed
    last = printed.err.splitlines()[-1]
    assert re.search(said, last), last
    assert last.startswith(f"{program}: ")
    assert "Traceback" not in printed.err
    after = contents(world)
    assert before.items() <= after.items()
    # Where the text itself is what is wrong, the note of what was asked for stays.
    assert all(name.startswith("out/.work/") for name in after.keys() - before.keys())
