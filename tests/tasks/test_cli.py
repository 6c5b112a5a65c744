"""`mixvocab finetune`: from a folder of files to a model; every kind of bad input is one line and exit code 2."""

import json
from pathlib import Path

import pytest

from mixvocab import verbs
from mixvocab.cli import main
from mixvocab.sources.rows import SnipsData, SnipsRow

RECIPE = ["--profile", "smoke", "--set", "epochs=4", "--set", "learning_rate=0.003", "--set", "window=16"]


def write_snips(data: SnipsData, folder: Path) -> Path:
    for split, rows in data.splits.items():
        place = folder / split
        place.mkdir(parents=True)
        for name, line in (
            ("seq.in", lambda r: r.words),
            ("seq.out", lambda r: r.slots),
            ("label", lambda r: [r.intent]),
        ):
            (place / name).write_text("".join(" ".join(line(row)) + " \n" for row in rows))
    return folder


@pytest.fixture
def folder(command_data: SnipsData, tmp_path: Path) -> Path:
    return write_snips(command_data, tmp_path / "commands")


def tune(model: Path, data: Path, out: Path, *more: str, task: str = "snips") -> None:
    main(["finetune", str(model), "--task", task, "--data", str(data), "--out", str(out), *RECIPE, *more])


def fails(capsys: pytest.CaptureFixture[str], *arguments, **more) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as ended:
        tune(*arguments, **more)
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("mixvocab:")]
    assert len(lines) == 1
    return lines[0]


def test_joint(tiny_teacher: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    with pytest.raises(SystemExit) as ended:
        tune(tiny_teacher, folder, out)
    assert ended.value.code == 0
    told, said = capsys.readouterr()
    assert "training on 160 of 160 rows; chosen on valid, reported on test" in said
    assert "choosing rows: intent_accuracy" in told
    assert "test: intent_accuracy" in told
    assert {"config.json", "model.safetensors", "tokenizer.json", "task.json"} <= {file.name for file in out.iterdir()}
    assert not (out / ".work").exists()
    assert json.loads((out / "config.json").read_text())["slot_labels"] == ["O", "B-book", "B-place", "I-place"]
    assert "not empty" in fails(capsys, tiny_teacher, folder, out)


def test_a_killed_run_leaves_no_model_and_goes_on(
    tiny_teacher: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from mixvocab.tasks.joint import JointTask

    def dies(*_, **__):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    out = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(JointTask, "save", dies)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            tune(tiny_teacher, folder, out)
    assert [file.name for file in out.iterdir()] == [".work"]
    assert "unfinished run with other settings" in fails(capsys, tiny_teacher, folder, out, "--seed", "1")
    with pytest.raises(SystemExit) as ended:
        tune(tiny_teacher, folder, out)
    assert ended.value.code == 0
    assert (out / "task.json").exists()


def test_a_label_that_training_never_saw_is_told(
    tiny_teacher: Path, command_data: SnipsData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = SnipsRow(("the", "cat"), ("O", "B-animal"), "ReadBook")
    rows = command_data.splits | {"test": [*command_data.splits["test"], odd]}
    folder = write_snips(SnipsData(command_data.source, rows), tmp_path / "odd")
    with pytest.raises(SystemExit) as ended:
        tune(tiny_teacher, folder, tmp_path / "model")
    assert ended.value.code == 0
    assert "never in train, so each counts as an error: B-animal" in capsys.readouterr().err


def test_copies_of_rows_train_as_well(
    tiny_teacher: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--rows", "20", "--set", "n_a=2", "--set", "k=5"]
    assert "go together" in fails(capsys, tiny_teacher, folder, tmp_path / "model", *more)
    assert not (tmp_path / "model").exists()
    with pytest.raises(SystemExit) as ended:
        tune(tiny_teacher, folder, tmp_path / "model", *more, "--augment-with", str(tiny_teacher))
    assert ended.value.code == 0
    said = capsys.readouterr().err
    assert "training on 20 of 160 rows; chosen on valid, reported on test\ntraining on copies" in said
    assert "copies of rows as well, 60 in all" in said


def test_bad_files(tiny_teacher: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train/seq.out").write_text("O O\nO B-book\n")
    assert "train, line 1: " in fails(capsys, tiny_teacher, folder, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_bad_options(tiny_teacher: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    assert "loss became" in fails(capsys, tiny_teacher, folder, out, "--set", "learning_rate=1e30", "--set", "clip=0")
    assert "no model in it" in fails(capsys, tmp_path, folder, tmp_path / "two")
    assert "no task 'snap'" in fails(capsys, tiny_teacher, folder, tmp_path / "two", task="snap")
    assert "write name=value, for example epochs=20" in fails(
        capsys, tiny_teacher, folder, tmp_path / "two", "--set", "epochs"
    )
    for unread in ("epoch", "rows", "stage_two.steps"):
        told = fails(capsys, tiny_teacher, folder, tmp_path / "two", "--set", f"{unread}=3")
        assert f"--set {unread}: this task does not read it; it reads accumulate, batch_size" in told
    told = fails(capsys, tiny_teacher, folder, tmp_path / "two", "--set", "piece_dropout=0.1", task="RTE")
    assert "--set piece_dropout: this task does not read it" in told


def test_the_example_in_its_help_is_a_setting_that_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["finetune", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "recipe: epochs=20; repeatable" in told
    assert "stage_two" not in told
    assert verbs.recipe("smoke", {"epochs": 20}, "glue").epochs == 20


def write_reviews(folder: Path) -> Path:
    """SST-2's layout: "cat" is kind, "dog" is not."""
    folder.mkdir()
    for name, count in (("train", 120), ("dev", 40)):
        rows = [f"the {'cat' if i % 2 else 'dog'} {'was' * (i % 3 > 0)} house\t{i % 2}" for i in range(count)]
        (folder / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n")
    return folder


def test_a_glue_task_from_its_files_to_answers_on_the_device(
    tiny_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews, model, device = write_reviews(tmp_path / "SST-2"), tmp_path / "model", tmp_path / "device"
    finetune = ["finetune", str(tiny_teacher), "--task", "sst2", "--data", str(reviews), *RECIPE]
    for command in (
        [*finetune, "--out", str(tmp_path / "few"), "--rows", "96"],
        [*finetune, "--out", str(model)],
        ["export", str(model), "--out", str(device)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0, capsys.readouterr().err
    told, said = capsys.readouterr()
    assert "training on 96 of 114 rows; chosen on 6 held-out training rows" in said
    assert "training on 114 of 114 rows; chosen" in said
    assert "dev: accuracy 100.00" in told
    assert json.loads((model / "config.json").read_text())["id2label"] == {"0": "0", "1": "1"}
    with pytest.raises(SystemExit):
        main(["predict", str(device), "--json", "the cat was house", "the dog was house"])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["label"] for answer in answers] == ["1", "0"]


def test_a_development_label_that_training_never_saw_is_an_error(
    tiny_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews = write_reviews(tmp_path / "SST-2")
    with (reviews / "dev.tsv").open("a") as file:
        file.write("the cat\tperhaps\n")
    told = fails(capsys, tiny_teacher, reviews, tmp_path / "model", task="SST-2")
    assert "SST-2/dev.tsv, line 42" in told
    assert "'perhaps'" in told
    assert not (tmp_path / "model").exists()
