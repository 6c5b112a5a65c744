"""Fine-tuning beside a teacher: who fits whom, what is trained, and that a killed run ends in the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, BertConfig, BertForMaskedLM, BertTokenizer

from mixvocab.cli import main
from mixvocab.common.errors import UserError
from mixvocab.distill.task_transfer import TaskTransfer
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import student_of_layers
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueData, GlueRow, SnipsData
from mixvocab.sources.source import Source
from mixvocab.tasks import finetune as finetuning
from mixvocab.tasks.finetune import collate, finetune
from mixvocab.tasks.glue import GlueTask, load_classifier, new_classifier
from mixvocab.tasks.joint import JointTask, new_joint_bert
from mixvocab.tasks.scores import Roles, glue_roles, snips_roles
from mixvocab.tasks.transfer import new_transfer
from mixvocab.train.loop import Recipe, to_tensors

TUNING = TuningSettings(epochs=2, batch_size=8, learning_rate=3e-3, dropout=0.1, window=16, evaluations=3)
SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)
TRANSFERS = ("pkd", "pkd-last", "theseus", "tinybert")
Saved = Callable[[Any, str], Path]


def sentences(*labels: str, task: str = "SST-2") -> GlueData:
    rows = [GlueRow(f"the cat {'was ' * (i % 3)}house", None, labels[i % 2]) for i in range(40)]
    return GlueData(SOURCE, task, {"train": rows, "dev": rows[:8], "test": rows[:8]})


@pytest.fixture
def student(tiny_teacher: Path, tmp_path: Path) -> Path:
    """The teacher's first layer with the teacher's pieces."""
    folder = tmp_path / "student"
    student_of_layers(load_teacher(tiny_teacher), [0]).save_pretrained(folder)
    BertTokenizer.from_pretrained(tiny_teacher).save_pretrained(folder)
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes a task's model as `finetune` does."""

    def save(model: Any, name: str) -> Path:
        with torch.no_grad():  # not all of fresh weights: so that its answers differ from row to row
            for head in [part for part in model.model.children() if isinstance(part, torch.nn.Linear)]:
                head.weight.mul_(50)
        model.save(tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("method", TRANSFERS)
@pytest.mark.parametrize("task", ["glue", "snips"])
def test_a_student_learns_beside_its_teacher_alone_and_saves_a_plain_model(
    method: str, task: str, tiny_teacher: Path, student: Path, command_data: SnipsData, saved: Saved, tmp_path: Path
) -> None:
    roles: Roles
    if task == "glue":
        data = sentences("bad", "good")
        roles, pupil = glue_roles(data), new_classifier(student, data, TUNING, 0)
        folder = saved(new_classifier(tiny_teacher, data, TUNING, 1), "teacher")
    else:
        roles = snips_roles(command_data, 40)
        pupil = new_joint_bert(student, command_data, roles, TUNING, 0)
        folder = saved(new_joint_bert(tiny_teacher, command_data, roles, TUNING, 1), "teacher")
    transfer = new_transfer(method, pupil, folder)
    raising = {"raising_embeddings", "raising_states"} if method == "tinybert" else set()
    assert {name.removeprefix("student.") for name, _ in transfer.named_parameters()} == raising | dict(
        pupil.named_parameters()
    ).keys()
    before = {name: weight.clone() for name, weight in transfer._teacher[0].state_dict().items()}
    tuned = finetune(pupil, roles, TUNING, tmp_path / "run", seed=3, transfer=transfer)
    assert all(torch.equal(weight, before[name]) for name, weight in transfer._teacher[0].state_dict().items())
    assert not transfer._teacher[0].training
    kept = load_file(tmp_path / "run/model/model.safetensors")
    assert {name.removeprefix("model.") for name in pupil.state_dict()} == kept.keys()
    assert not any(".layer.1." in name for name in kept)
    assert tuned.result.tokens > 0
    if task == "glue":
        plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run/model")
        ids = torch.arange(5, 15)[None]
        types = torch.zeros_like(ids)
        torch.testing.assert_close(
            plain(ids).logits, load_classifier(tmp_path / "run/model").logits(ids, types), rtol=0, atol=0
        )


@pytest.fixture
def letters(student: Path, tiny_pieces: list[str], tmp_path: Path) -> Path:
    """A student whose pieces are letters."""
    kept = [piece for piece in tiny_pieces if len(piece.removeprefix("##")) == 1 or piece.startswith("[")]
    config = json.loads((student / "config.json").read_text()) | {"vocab_size": len(kept), "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        BertForMaskedLM(BertConfig(**config)).save_pretrained(tmp_path / "letters")
    BertTokenizer(vocab={piece: i for i, piece in enumerate(kept)}).save_pretrained(tmp_path / "letters")
    return tmp_path / "letters"


@pytest.mark.parametrize("task", ["glue", "snips"])
def test_a_student_of_other_pieces_learns_by_words(
    task: str, tiny_teacher: Path, letters: Path, command_data: SnipsData, saved: Saved, tmp_path: Path
) -> None:
    data, roles = sentences("bad", "good"), snips_roles(command_data, 40)
    if task == "glue":
        roles, pupil = glue_roles(data), new_classifier(letters, data, TUNING, 0)
        folder = saved(new_classifier(tiny_teacher, data, TUNING, 1), "teacher")
    else:
        pupil = new_joint_bert(letters, command_data, roles, TUNING, 0)
        folder = saved(new_joint_bert(tiny_teacher, command_data, roles, TUNING, 1), "teacher")
    with pytest.raises(UserError, match=r"tinybert: student and teacher have other pieces.* --method mixed-tinybert"):
        new_transfer("tinybert", pupil, folder)
    transfer = new_transfer("mixed-tinybert", pupil, folder)
    tuned = finetune(pupil, roles, TUNING, tmp_path / "run", seed=3, transfer=transfer)
    names = set().union(*tuned.result.train_curve)
    assert {"embeddings", "states", "attention", "prediction"} < names
    assert (tmp_path / "run/model/model.safetensors").exists()
    other = json.loads((folder / "tokenizer.json").read_text()) | {"pre_tokenizer": {"type": "Whitespace"}}
    (folder / "tokenizer.json").write_text(json.dumps(other))
    with pytest.raises(UserError, match=r"mixed-tinybert compares words and one of the two .* than BERT does"):
        new_transfer("mixed-tinybert", pupil, folder)


def test_a_student_that_no_label_teaches_learns_the_task(
    tiny_teacher: Path, student: Path, command_data: SnipsData, tmp_path: Path
) -> None:
    """TinyBERT's two phases in one run: layers, in which nothing is answered yet, then predictions."""
    roles, tuning = snips_roles(command_data), TUNING.model_copy(update={"epochs": 12.0, "dropout": 0.0})
    taught = new_joint_bert(tiny_teacher, command_data, roles, tuning, 1)
    finetune(taught, roles, tuning, tmp_path / "teacher", seed=0)
    pupil = new_joint_bert(student, command_data, roles, tuning, 0)
    transfer = new_transfer("tinybert", pupil, tmp_path / "teacher/model")
    tuned = finetune(pupil, roles, tuning, tmp_path / "run", seed=0, transfer=transfer)
    assert max(point["frame_accuracy"] for point in tuned.curve[:-1]) < 0.5
    assert tuned.reported["test"]["frame_accuracy"] > 0.9


class Killed(BaseException):
    pass


class SavingOften(Recipe):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"checkpoint_minutes": 0.0})


@pytest.mark.parametrize("method", TRANSFERS)
def test_a_killed_run_goes_on_to_the_same_bytes(
    method: str, tiny_teacher: Path, student: Path, saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sentences("bad", "good")
    folder = saved(new_classifier(tiny_teacher, data, TUNING, 1), "teacher")
    monkeypatch.setattr(finetuning, "Recipe", SavingOften)

    def run(name: str, dies_at: float = 2.0) -> bytes:
        pupil = new_classifier(student, data, TUNING, 0)
        transfer = new_transfer(method, pupil, folder)
        forward = transfer.transferred

        def transferred(inputs: Any, targets: Any, done: float) -> Any:
            seen.append(done)
            if done >= dies_at:
                raise Killed
            return forward(inputs, targets, done)

        monkeypatch.setattr(transfer, "transferred", transferred)
        finetune(pupil, glue_roles(data), TUNING, tmp_path / name, seed=3, transfer=transfer)
        return (tmp_path / name / "model/model.safetensors").read_bytes()

    seen: list[float] = []
    whole = run("whole")
    assert seen == pytest.approx([i / 10 for i in range(10)])
    with pytest.raises(Killed):
        run("killed", dies_at=0.65)
    assert list((tmp_path / "killed/run").glob("checkpoint-*"))
    seen.clear()
    assert run("killed") == whole
    assert seen[0] > 0


def test_teachers_that_do_not_fit(
    tiny_teacher: Path, student: Path, command_data: SnipsData, saved: Saved, tiny_pieces: list[str]
) -> None:
    data = sentences("bad", "good")
    pupil = new_classifier(student, data, TUNING, 0)
    for other, says in (
        (sentences("bad", "fair"), "bad, fair"),
        (sentences("bad", "good", task="CoLA"), "CoLA, bad, good"),
    ):
        teacher = saved(new_classifier(tiny_teacher, other, TUNING, 1), says)
        with pytest.raises(UserError, match=f"{says}.* and this task's labels are SST-2, bad, good: .* same order"):
            new_transfer("pkd", pupil, teacher)
    swapped = saved(new_classifier(tiny_teacher, data, TUNING, 1), "swapped")
    config = json.loads((swapped / "config.json").read_text())
    config |= {"id2label": {"0": "good", "1": "bad"}, "label2id": {"good": 0, "bad": 1}}
    (swapped / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"answers SST-2, good, bad and .* SST-2, bad, good: .* in the same order"):
        new_transfer("pkd", pupil, swapped)
    joint = saved(new_joint_bert(tiny_teacher, command_data, snips_roles(command_data), TUNING, 1), "joint")
    with pytest.raises(UserError, match="answers GoHome, ReadBook, O"):
        new_transfer("pkd", pupil, joint)
    with pytest.raises(UserError, match=r"task\.json is missing"):
        new_transfer("pkd", pupil, tiny_teacher)
    fitting = saved(new_classifier(tiny_teacher, data, TUNING, 1), "fitting")
    with pytest.raises(
        UserError, match=r"method mixed fine-tunes its students alone: .* choose from .*pkd, pkd-last, theseus"
    ):
        new_transfer("mixed", pupil, fitting)
    with pytest.raises(UserError, match="method 'pkt' is unknown"):
        new_transfer("pkt", pupil, fitting)
    turned = [*tiny_pieces[:-2], tiny_pieces[-1], tiny_pieces[-2]]
    (student / "tokenizer.json").unlink()
    BertTokenizer(vocab={piece: i for i, piece in enumerate(turned)}).save_pretrained(student)
    with pytest.raises(UserError, match=r"pkd: student and teacher have other pieces.* or leave out --teacher"):
        new_transfer("pkd", new_classifier(student, data, TUNING, 0), fitting)


class Looks(TaskTransfer):
    """Keeps what it sees."""

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Any], done: float) -> Any:
        self.seen = self.student.encoded(**inputs, output_hidden_states=True)
        logits = self.student.heads(self.seen)
        self.asked = self.student.asked(logits, **targets)
        return self.student.losses(logits, **targets)


def test_one_pass_gives_states_and_the_logits_of_predictions(
    tiny_teacher: Path, command_data: SnipsData, saved: Saved
) -> None:
    data = sentences("bad", "good")
    classifier = new_classifier(tiny_teacher, data, TUNING, 1).eval()
    joint = new_joint_bert(tiny_teacher, command_data, snips_roles(command_data), TUNING, 1).eval()
    pairs: list[tuple[GlueTask | JointTask, list[Any]]] = [
        (classifier, data.splits["train"][:5]),
        (joint, command_data.splits["train"][:5]),
    ]
    for task, rows in pairs:
        batch = to_tensors(collate(task.examples(rows)), "cpu")
        looks = Looks(task, task)
        losses, alone = looks(done=torch.tensor(0.0), **batch), task(**batch)
        assert losses.keys() == alone.keys()
        assert all(torch.equal(losses[name].total, alone[name].total) for name in losses)
        assert len(looks.seen.hidden_states) == 3
        assert torch.equal(looks.seen.hidden_states[-1], looks.seen.last_hidden_state)
        assert [len(logits) for logits in looks.asked] == [int(part.positions) for part in alone.values()]


def test_the_command_takes_a_teacher(
    tiny_teacher: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews = tmp_path / "SST-2"
    reviews.mkdir()
    for name, count in (("train", 60), ("dev", 20)):
        rows = [f"the {'cat' if i % 2 else 'dog'} house\t{i % 2}" for i in range(count)]
        (reviews / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n")

    def tuned(model: Path, out: str, *more: str) -> int:
        recipe = ["--profile", "smoke", "--set", "epochs=1", "--set", "window=16", *more]
        with pytest.raises(SystemExit) as ended:
            main(["finetune", str(model), "--task", "sst2", "--data", str(reviews), "--out", out, *recipe])
        return int(ended.value.code or 0)

    teacher, out = str(tmp_path / "taught"), tmp_path / "out"
    assert tuned(tiny_teacher, teacher) == 0
    for more, told in (
        (["--teacher", teacher], "--teacher and --method go together"),
        (["--method", "pkd"], "--teacher and --method go together"),
        (["--method", "nokd", "--teacher", teacher], "method nokd fine-tunes its students alone"),
        (["--method", "pkd", "--teacher", str(tiny_teacher)], "task.json is missing"),
    ):
        assert tuned(student, str(out), *more) == 2
        assert told in capsys.readouterr().err
        assert not out.exists()
    assert tuned(student, str(out), "--method", "pkd", "--teacher", teacher) == 0
    assert (out / "task.json").exists()
