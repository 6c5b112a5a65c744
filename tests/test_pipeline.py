"""The whole way on a tiny teacher: files to student, resume, and a student that anything can load."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from mixvocab import pipeline
from mixvocab.book.profiles import Profile, load_profile
from mixvocab.errors import UserError
from mixvocab.sources import Corpus, TeacherSource, resolve_corpus, resolve_teacher

Inputs = tuple[Profile, Corpus, TeacherSource]


@pytest.fixture
def inputs(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Inputs:
    corpus = resolve_corpus(str(tiny_corpus))
    return load_profile("smoke", **tiny_settings), corpus, resolve_teacher(str(tiny_teacher))


def test_student_loads_with_plain_transformers_and_says_what_it_is(tmp_path: Path, inputs: Inputs) -> None:
    out = pipeline.distill(*inputs, tmp_path / "student")
    model = AutoModelForMaskedLM.from_pretrained(out).eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.config.vocab_size == len(tokenizer) == 300
    assert "[UNK]" not in tokenizer.tokenize("Anything at all, even zq#7!")
    assert (out / "distillation.json").is_file()
    assert not (out / ".work").exists()


def test_same_seed_same_bytes(tmp_path: Path, inputs: Inputs) -> None:
    one, two = (pipeline.distill(*inputs, tmp_path / name) / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def changed(profile: Profile, **stage_one: Any) -> Profile:
    return profile.model_copy(update={"stage_one": profile.stage_one.model_copy(update=stage_one)})


def test_without_stage_one_the_student_starts_from_the_copy(tmp_path: Path, inputs: Inputs) -> None:
    profile, *rest = inputs
    out = pipeline.distill(changed(profile, steps=0), *rest, tmp_path / "student")
    said = json.loads((out / "distillation.json").read_text(encoding="utf-8"))
    assert (said["stage_one"]["steps"], said["stage_one"]["curve"]) == (0, [])
    assert said["stage_two"]["steps"] == profile.stage_two.steps


def test_sharing_and_agreement_reach_stage_one(tmp_path: Path, inputs: Inputs) -> None:
    profile, *rest = inputs
    curves = []
    for number, more in enumerate(({}, {"shared": True}, {"agreement": 1.0})):
        out = pipeline.distill(changed(profile, **more), *rest, tmp_path / str(number))
        curves.append(json.loads((out / "distillation.json").read_text(encoding="utf-8"))["stage_one"]["curve"])
    plain, shared, asked = (curve[0] for curve in curves)
    assert shared["teacher"] != plain["teacher"]
    assert asked["loss"] == plain["loss"]
    assert "agreement" in asked
    assert "agreement" not in plain


def test_a_random_start_may_have_the_copys_spread(tmp_path: Path, inputs: Inputs) -> None:
    profile, corpus, teacher = inputs
    model, tokenizer = pipeline.load_teacher(teacher.folder), pipeline.load_tokenizer(teacher.folder)
    vocab = pipeline.learn_vocabulary(pipeline.count_words(corpus.documents()), 300)
    store = pipeline.WordStore.build(corpus.documents(), tmp_path / "store", teacher=tokenizer, heldout=0.2)

    def start(**more: Any) -> torch.Tensor:
        settings = changed(profile, **more).stage_one
        return pipeline.embedding_start(settings, model, vocab, tokenizer, store, 16, 0).embeddings

    warm, plain, wide = start(start="warm"), start(start="random"), start(start="random", start_std="pca")
    assert float(wide.std()) == pytest.approx(float(warm.std()), rel=0.05)
    assert float(plain.std()) == pytest.approx(0.02, rel=0.05)
    assert not torch.allclose(wide, warm)


def test_a_run_killed_in_stage_two_does_not_repeat_stage_one(
    tmp_path: Path, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.distill(*inputs, tmp_path / "whole")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "stage_two", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.distill(*inputs, tmp_path / "resumed")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "stage_one", killed)
        resumed = pipeline.distill(*inputs, tmp_path / "resumed")
    assert (whole / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()


def test_an_occupied_folder_is_left_alone(tmp_path: Path, inputs: Inputs) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        pipeline.distill(*inputs, out)
    assert (out / "thesis.tex").read_text() == "mine"


def test_an_unfinished_run_of_other_settings_is_not_continued(
    tmp_path: Path, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "stage_two", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        pipeline.distill(*inputs, tmp_path / "student")
    with pytest.raises(UserError, match="other settings"):
        pipeline.distill(*inputs, tmp_path / "student", seed=1)


def test_a_finished_students_logits_are_those_on_disk(tmp_path: Path, inputs: Inputs) -> None:
    out = pipeline.distill(*inputs, tmp_path / "student")
    ids = torch.tensor([[2, 30, 4, 40, 3]])
    first = AutoModelForMaskedLM.from_pretrained(out).eval()(ids).logits
    again = AutoModelForMaskedLM.from_pretrained(out).eval()(ids).logits
    torch.testing.assert_close(first, again, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["teacher", "shared"])
def test_the_vocabulary_can_come_from_the_teacher(
    kind: str, tmp_path: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]
) -> None:
    profile = load_profile("smoke", **tiny_settings | {"vocabulary.kind": kind, "mixing.unit": "piece"})
    source = resolve_teacher(str(tiny_teacher))
    out = pipeline.distill(profile, resolve_corpus(str(tiny_corpus)), source, tmp_path / "student")
    pieces = AutoTokenizer.from_pretrained(out).get_vocab()
    teacher = AutoTokenizer.from_pretrained(tiny_teacher).get_vocab()
    assert set(pieces) <= set(teacher)
    assert (pieces == teacher) == (kind == "teacher")
    assert AutoModelForMaskedLM.from_pretrained(out).config.vocab_size == len(pieces)


@pytest.mark.parametrize(
    ("setting", "vocabulary", "message"),
    [
        ({"vocabulary.source": "code"}, None, "mixvocab vocab"),
        ({"stage_one.corpus": "code"}, None, "stage_one.corpus=code is a setting of the book"),
        ({"vocabulary.kind": "shared"}, "given", "exclude each other"),
    ],
)
def test_settings_that_would_be_passed_over_are_refused(
    setting: dict[str, str], vocabulary: str | None, message: str, tmp_path: Path, inputs: Inputs
) -> None:
    _, corpus, teacher = inputs
    given = tmp_path / vocabulary if vocabulary else None
    with pytest.raises(UserError, match=message):
        pipeline.distill(load_profile("smoke", **setting), corpus, teacher, tmp_path / "student", vocabulary=given)
    assert not (tmp_path / "student").exists()


def test_the_unit_of_mixing_reaches_stage_one(
    tmp_path: Path, inputs: Inputs, tiny_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixers = []

    def stage_one(*args: Any, **_: Any) -> None:
        mixers.append(args[2])
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "stage_one", stage_one)
    profile = load_profile("smoke", **tiny_settings | {"mixing.unit": "sequence"})
    with pytest.raises(KeyboardInterrupt):
        pipeline.distill(profile, *inputs[1:], tmp_path / "student")
    student = mixers[0].unmasked(32, np.random.default_rng(0)).student
    assert (student == student[:, :1]).all()
    assert student.any()
    assert not student.all()
