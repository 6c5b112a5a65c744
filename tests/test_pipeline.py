"""The whole way on a tiny teacher: files to student, resume, and a student that anything can load."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

from mixvocab.cli import main
from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill import mixed_vocab
from mixvocab.pipeline import Plan, distill
from mixvocab.settings import profiles
from mixvocab.text.wordpiece import Vocabulary

Planner = Callable[..., Plan]
ACCELERATE = Path(profiles.__file__).with_name("accelerate.yaml")


@pytest.fixture
def plan(planned: Planner) -> Plan:
    return planned()


def test_student_loads_with_plain_transformers_and_says_what_it_is(tmp_path: Path, plan: Plan) -> None:
    out = distill(plan, tmp_path / "student")
    model = AutoModelForMaskedLM.from_pretrained(out).eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.config.vocab_size == len(tokenizer) == 300
    assert "[UNK]" not in tokenizer.tokenize("Anything at all, even zq#7!")
    assert (out / "distillation.json").is_file()
    assert not (out / ".work").exists()


def test_same_seed_same_bytes(tmp_path: Path, plan: Plan) -> None:
    one, two = (distill(plan, tmp_path / name) / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_without_stage_one_the_student_starts_from_the_copy(tmp_path: Path, planned: Planner) -> None:
    plan = planned(**{"stage_one.steps": 0})
    said = json.loads((distill(plan, tmp_path / "student") / "distillation.json").read_text(encoding="utf-8"))
    assert said["stage_one"] is None
    assert said["stage_two"]["steps"] == plan.profile.stage_two.steps


def test_another_method_is_asked_for_by_its_name(tmp_path: Path, plan: Plan, tiny_corpus: Path) -> None:
    mixed, nokd = (distill(plan, tmp_path / name, method=name) for name in ("mixed", "nokd"))
    assert (mixed / "model.safetensors").read_bytes() != (nokd / "model.safetensors").read_bytes()
    text = (nokd / "distillation.json").read_text(encoding="utf-8")
    assert json.loads(text)["method"] == "nokd"
    assert str(tiny_corpus) not in text  # a student travels: it says what it read, and not where that lay
    with pytest.raises(UserError, match="method 'nokt' is unknown; choose from nokd"):
        distill(plan, tmp_path / "third", method="nokt")


def test_a_run_killed_in_stage_two_does_not_repeat_stage_one(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = distill(plan, tmp_path / "whole")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mixed_vocab, "stage_two", killed)
        with pytest.raises(KeyboardInterrupt):
            distill(plan, tmp_path / "resumed")
    with monkeypatch.context() as patch:
        patch.setattr(mixed_vocab, "stage_one", killed)
        resumed = distill(plan, tmp_path / "resumed")
    assert (whole / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["teacher", "shared"])
def test_the_vocabulary_can_come_from_the_teacher(
    kind: str, tmp_path: Path, planned: Planner, tiny_teacher: Path
) -> None:
    out = distill(planned(**{"vocabulary.kind": kind}), tmp_path / "student")
    pieces = AutoTokenizer.from_pretrained(out).get_vocab()
    teacher = AutoTokenizer.from_pretrained(tiny_teacher).get_vocab()
    assert set(pieces) <= set(teacher)
    assert (pieces == teacher) == (kind == "teacher")
    assert AutoModelForMaskedLM.from_pretrained(out).config.vocab_size == len(pieces)


def test_a_given_vocabulary_is_the_students(tmp_path: Path, plan: Plan, tiny_corpus: Path) -> None:
    assert main_ends("vocab", tiny_corpus, "--size", "220", "--cased", "--out", tmp_path / "vocab") == 0
    vocabulary = replace(Vocabulary.load(tmp_path / "vocab"), max_word_characters=100)
    given = replace(plan, given=vocabulary)
    out = distill(given, tmp_path / "student", method="pca")
    assert (out / "vocab.txt").read_bytes() == (tmp_path / "vocab" / "vocab.txt").read_bytes()
    assert Vocabulary.load(out) == vocabulary
    assert not given.rows().lowercase  # the text is read as the vocabulary reads


def test_a_kill_while_the_finished_student_is_put_in_its_place_costs_no_training(
    tmp_path: Path, planned: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, replace_file = tmp_path / "student", os.replace

    def killed(source: Path, place: Path) -> None:
        if Path(place) == out / "model.safetensors":
            raise KeyboardInterrupt
        replace_file(source, place)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            distill(planned(), out)
    assert (out / "config.json").exists()
    assert not (out / "model.safetensors").exists()
    monkeypatch.setattr(mixed_vocab, "train", None)
    distill(planned(), out)
    assert AutoModelForMaskedLM.from_pretrained(out).config.vocab_size == 300
    assert not (out / ".work").exists()


def test_padding_is_where_the_vocabulary_has_it(tmp_path: Path, planned: Planner) -> None:
    learned = planned().vocabulary()
    pieces = Store(tmp_path / "store").get(learned).pieces
    plan = replace(planned(), given=Vocabulary((pieces[1], pieces[0], *pieces[2:]), lowercase=True))
    model = AutoModelForMaskedLM.from_pretrained(distill(plan, tmp_path / "student"))
    assert model.config.pad_token_id == model.get_input_embeddings().padding_idx == 1
    assert AutoTokenizer.from_pretrained(tmp_path / "student").pad_token_id == 1


def test_a_given_vocabulary_and_another_kind_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["distill", "--out", tmp_path / "s", "--vocab", tmp_path, "--set", "vocabulary.kind=shared"]
    assert main_ends(*arguments, "--profile", "smoke") == 2
    assert "exclude each other" in capsys.readouterr().err


def main_ends(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_two_processes_train_one_student(
    tmp_path: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]
) -> None:
    launched = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(ACCELERATE)]
    launched += ["--num_machines", "1", "--num_processes", "2", "--main_process_ip", "127.0.0.1"]
    launched += ["--main_process_port", "0", "-m"]
    given = [f"--set={name}={value}" for name, value in tiny_settings.items()]
    command = ["mixvocab.cli", "distill", "--text", str(tiny_corpus), "--teacher", str(tiny_teacher), *given]
    done = subprocess.run(
        [*launched, *command, "--profile", "smoke", "--out", str(tmp_path / "student")],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads((tmp_path / "student" / "distillation.json").read_text(encoding="utf-8"))
    settings = tiny_settings["stage_two.steps"], tiny_settings["mixing.length"]
    # Each process reads its half of a batch: together as many tokens as one process would.
    assert said["stage_two"]["steps"] == settings[0]
    batch = said["profile"]["stage_two"]["batch_size"]
    assert 0.5 * settings[0] * batch * settings[1] < said["stage_two"]["tokens"] <= settings[0] * batch * settings[1]
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "student").config.vocab_size == 300
