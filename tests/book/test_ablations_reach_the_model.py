"""Every experiment of the book's own grid, at `smoke`: what it varies is what the model that trains is made of.

Nothing is trained: `train` is replaced by a note of what it was given. An experiment without a check fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertForMaskedLM

from mixvocab.distill import mixed_vocab, token_distillation, vanilla
from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.distill.pushed_labels import PushedLabelDistillation
from mixvocab.distill.state_taught import AttentionDistillation, StateDistillation
from mixvocab.distill.token_distillation import TokenDistiller
from mixvocab.text.masking import IGNORED
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.train.loop import Recipe, TrainResult, Turn
from mixvocab.train.optim import parameter_groups
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.steps.students import student_step
from mixvocab_book.sweep.grid import Cell, as_text, load_grid

TRAINED = ("stage-one", "stage-two", "vanilla", "pruned", "label-teacher", "pretrained-teacher")
TRAINED += ("token-distillation", "word-state-student", "pushed-labels")
SETTINGS = {
    "corpus.megabytes": 1.0,
    "corpus.heldout": 0.2,
    "vocabulary.size": 400,
    "student.layers": 1,
    "student.hidden": 16,
    "student.heads": 2,
    "mixing.length": 32,
    "stage_one.steps": 2,
    "stage_two.steps": 3,
}


@dataclass
class Call:
    """What `train` was asked to do."""

    module: Any
    recipe: Recipe
    draw: Callable[[Turn], Any]

    def batch(self, rows: int = 64) -> Any:
        """A batch of its training."""
        return self.draw(Turn(0, rows, np.random.default_rng(1)))

    @property
    def store(self) -> Path:
        """The text that it reads."""
        return self.draw.__closure__[0].cell_contents.store.folder  # type: ignore[index]

    @property
    def embeddings(self) -> Tensor:
        """The student's word embeddings as training finds them."""
        if isinstance(self.module, MixedTeacher):
            return self.module.student_embeddings.weight.detach()
        return self.module.model.bert.embeddings.word_embeddings.weight.detach()

    @property
    def positions(self) -> Tensor:
        """The student's position embeddings as training finds them."""
        return self.module.model.bert.embeddings.position_embeddings.weight.detach()


@dataclass
class Run:
    """A cell with what it trained, in order; the student comes last."""

    cell: Cell
    chapter: Chapter
    calls: list[Call]
    table: Tensor  # the finished student's word embeddings

    @property
    def vocabulary(self) -> Vocabulary:
        """That the profile asks for."""
        return self.chapter.get(self.chapter.plan.vocabulary())

    @property
    def mixed(self) -> Call:
        """Stage I."""
        (call,) = [call for call in self.calls if isinstance(call.module, MixedTeacher)]
        return call

    @property
    def student(self) -> Call:
        """Stage II."""
        return self.calls[-1]


Runs = dict[str, Run]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with text in `data`, and in `cache` what the experiments share: rows, vocabularies, inits."""
    return prose(tmp_path_factory.mktemp("experiments"))


@pytest.fixture
def run(tiny_teacher: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runs]:
    monkeypatch.setenv("MIXVOCAB_CACHE", str(world / "cache"))
    calls: list[Call] = []

    def note(module: Any, draw: Any, recipe: Recipe, **_: Any) -> TrainResult:
        calls.append(Call(module, recipe, draw))
        point = {"step": recipe.steps, "loss": 1.0, "teacher": 1.0, "student": 1.0}
        return TrainResult([point], [], recipe.steps, 1000, 1.0)

    for module in (mixed_vocab, token_distillation):
        monkeypatch.setattr(module, "train", note)
    settings = SETTINGS | {"teacher.source": str(tiny_teacher)}
    chapter = open_chapter("07_ablations", profile="smoke", data_dir=world / "data", **settings)

    def make(name: str, leave_out: tuple[str, ...] = ()) -> Runs:
        grid = load_grid("full", profile="smoke", overrides=chapter.overrides, only=[name])
        found = {}
        for cell in grid.experiments[0].cells:
            if cell.label in leave_out:
                continue
            for kind in TRAINED:  # what another cell trained is not to be found here
                shutil.rmtree(chapter.store.root / kind, ignore_errors=True)
            calls.clear()
            own = replace(chapter, profile=cell.profile)
            student = own.get(student_step(own.plan, cell.method, own.seed))
            table = student.model().get_input_embeddings().weight.detach()
            found[cell.label] = Run(cell, own, list(calls), table)
        return found

    return make


def prose(folder: Path) -> Path:
    """`folder`, with a data folder whose corpus are the standard library's help texts: prose that is always there."""
    from pydoc_data.topics import topics

    (folder / "data" / "corpus").mkdir(parents=True)
    text = "\n\n".join(topics[name] for name in sorted(topics))
    (folder / "data" / "corpus" / "help.txt").write_text(text[:400_000], encoding="utf-8")
    return folder


def by_value(runs: Runs) -> list[Run]:
    return sorted(runs.values(), key=lambda one: one.cell.value)


def switches(batch: Any) -> float:
    """How often the vocabulary changes between neighbouring tokens of the text, a row."""
    inner = batch.attention[:, 1:] & batch.attention[:, :-1]
    inner[:, 0] = False  # [CLS] draws for itself
    last = batch.attention.sum(axis=1) - 2
    inner[np.arange(len(inner)), last] = False  # and so does [SEP]
    return float(((batch.student[:, 1:] != batch.student[:, :-1]) & inner).sum(axis=1).mean())


def taught(runs: Runs, label: str) -> bool:
    return any(isinstance(call.module, MixedTeacher) for call in runs[label].calls)


def init(runs: Runs) -> None:
    chapter = runs["PCA"].chapter
    spread = float(chapter.get(chapter.plan.init(0, init_std=None)).embeddings.std())
    stds = {label: float(one.student.embeddings.std()) for label, one in runs.items()}
    assert stds["NoKD"] == pytest.approx(0.02, rel=0.05)
    for label in ("NoKD, wider", "PCA", "random + stage I"):
        assert stds[label] == pytest.approx(spread, rel=0.05)
    for label in ("PCA, tuned spread", "PCA by frequency"):
        assert stds[label] == pytest.approx(0.13, rel=1e-3)
    plain, tuned = (runs[label].student.embeddings for label in ("PCA", "PCA, tuned spread"))
    torch.testing.assert_close(plain / plain.std(), tuned / tuned.std(), rtol=1e-3, atol=1e-4)
    weighted = runs["PCA by frequency"].student.embeddings
    assert not torch.allclose(weighted, tuned, atol=0.02)
    assert {label for label in runs if taught(runs, label)} == {label for label in runs if "stage I" in label}
    for label in runs:
        if taught(runs, label):  # what stage I leaves is what stage II begins with
            assert torch.equal(runs[label].mixed.embeddings, runs[label].student.embeddings)


def bridges(runs: Runs) -> None:
    copy = runs["PCA"].student.embeddings
    first = {label: [type(call.module) for call in one.calls[:-1]] for label, one in runs.items()}
    assert first["stage I"] == first["stage I, projection alone"] == [MixedTeacher]
    assert first["token distillation"] == [TokenDistiller]
    states = {label for label in runs if isinstance(runs[label].student.module, StateDistillation)}
    assert states == {label for label in runs if "word states" in label}
    assert all(not first[label] and torch.equal(runs[label].student.embeddings, copy) for label in states)
    assert [runs[label].student.module.weight for label in ("word states", "word states, weight 3")] == [1, 3]
    assert isinstance(runs["word attention"].student.module, AttentionDistillation)
    assert isinstance(runs["labels pushed forward"].student.module, PushedLabelDistillation)
    late, early = (runs[label].student.batch().target for label in ("word states", "early word states"))
    assert late.shape == early.shape
    assert (late != early).any()
    turned, mixed = (runs[label].student.embeddings for label in ("PCA of states", "FOCUS"))
    assert not torch.allclose(turned, copy, atol=0.02)
    assert not torch.allclose(mixed, copy, atol=0.02)
    alone = runs["stage I, projection alone"].mixed
    parameter_groups(alone.module, 0.01, alone.recipe.multipliers)
    own = dict(alone.module.student_embeddings.named_parameters())
    assert {name for name, part in own.items() if part.requires_grad} == {"projection"}


def init_std(runs: Runs) -> None:
    for one in runs.values():
        assert float(one.student.embeddings.std()) == pytest.approx(one.cell.value, rel=0.03)
        assert not taught(runs, one.cell.label)


def position_spread(runs: Runs) -> None:
    for one in runs.values():
        words, positions = one.student.embeddings, one.student.positions
        wanted = one.cell.value * float(words.std()) or 0.02
        assert float(positions.square().mean().sqrt()) == pytest.approx(wanted, rel=0.03)


def stage_two_recipe(runs: Runs) -> None:
    plain, slow, hidden = (runs[label].student for label in ("as in the profile", "rate 1.0e-3", "masks 30%"))
    assert slow.recipe == replace(plain.recipe, learning_rate=1e-3)
    assert hidden.recipe == plain.recipe
    shares = [(one.batch(256).labels != IGNORED).sum() / one.batch(256).attention.sum() for one in (plain, hidden)]
    assert shares[1] > 1.7 * shares[0]


def pca_weighting(runs: Runs) -> None:
    none, half, full = (one.student.embeddings for one in by_value(runs))
    gaps = [float((a - b).abs().mean()) for a, b in ((none, half), (half, full), (none, full))]
    assert min(gaps) > 1e-3


def p_sv(runs: Runs) -> None:
    shares = [float(one.mixed.batch().student[one.mixed.batch().attention].mean()) for one in by_value(runs)]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert np.all(np.diff(shares) > 0.1)
    for one in runs.values():
        assert bool(one.student.batch().student.all())  # stage II has the student's pieces alone


def stage_one_length(runs: Runs) -> None:
    for label, one in runs.items():
        assert taught(runs, label) == (one.cell.value > 0)
        assert not one.cell.value or one.mixed.recipe.steps == one.cell.value
    spread = {one.cell.line: one.student.embeddings for one in runs.values() if not one.cell.value}
    assert not torch.allclose(spread["random start"], spread["PCA"])


def vocabulary_size(runs: Runs) -> None:
    for one in runs.values():
        assert len(one.student.embeddings) == one.cell.value == len(one.table)
        assert one.student.batch().ids.max() < one.cell.value


def from_scratch(runs: Runs) -> None:
    teacher = runs["5K learned"].chapter.plan.teacher_tokenizer
    assert len(runs["5K learned"].student.embeddings) == 400
    assert len(runs["the teacher's 30K"].student.embeddings) == len(teacher)
    assert runs["the teacher's 30K"].vocabulary.tokenizer().get_vocab() == teacher.get_vocab()


def teacher_labels(runs: Runs) -> None:
    labels, own = runs["labels, the teacher's 30K"], runs["labels of a 5K teacher"]
    teacher = labels.chapter.plan.teacher_tokenizer
    assert isinstance(labels.student.module, vanilla.LabelDistillation)
    assert labels.student.module._teacher[0].config.vocab_size == len(teacher)
    assert len(labels.student.embeddings) == len(teacher)
    assert isinstance(own.student.module._teacher[0], BertForMaskedLM)
    assert len(own.student.embeddings) == 400
    pretraining = own.calls[0].module.model.config  # of the teacher's shape, with the student's pieces
    assert (pretraining.hidden_size, pretraining.vocab_size) == (32, 400)
    assert isinstance(runs["mixed-vocabulary"].mixed.module, MixedTeacher)
    pruned = runs["labels, 30K pruned"]
    kept = set(pruned.vocabulary.pieces) & set(teacher.get_vocab())
    assert len(pruned.table) == len(kept) < len(teacher)
    shared = pruned.chapter.plan.with_settings(vocabulary={"kind": "shared"}).vocabulary()
    numbers = pruned.chapter.get(shared).tokenizer().get_vocab()
    assert set(numbers) == kept
    for piece, number in numbers.items():
        assert torch.equal(pruned.table[number], labels.table[teacher.get_vocab()[piece]])


def shared_rows(runs: Runs) -> None:
    free, tied = runs["two matrices"].mixed.module, runs["shared pieces tied"].mixed.module
    assert free.shared is None
    mine, theirs = tied.shared[0].tolist()
    with torch.no_grad():
        flags = torch.tensor([[False, True]])
        read = tied.embed(torch.tensor([[theirs, mine]]), flags)[0][0]
        assert torch.equal(read[0], read[1])
        apart = free.embed(torch.tensor([[theirs, mine]]), flags)[0][0]
    assert not torch.allclose(apart[0], apart[1])
    assert len(tied.shared) > 50


def mixing_unit(runs: Runs) -> None:
    found = {as_text(one.cell.value): switches(one.mixed.batch(256)) for one in runs.values()}
    assert found["sequence"] == 0
    assert 0 < found["span"] < 0.7 * found["word"]


def teacher_masks(runs: Runs) -> None:
    for one in by_value(runs):
        batch = one.mixed.batch(256)
        masked = ((batch.labels != IGNORED) & ~batch.student).sum(axis=1)
        assert masked.max() == min(one.cell.value, masked.max())
        assert one.cell.value > 2 or masked.max() == one.cell.value


def softmax(runs: Runs) -> None:
    assert runs["tied"].mixed.module.student_output is None
    untied = runs["untied"].mixed.module
    assert "student_output" in dict(untied.named_parameters())
    torch.testing.assert_close(untied.student_output, untied.up_projected())  # it begins as a copy


def stage_one_recipe(runs: Runs) -> None:
    frozen = {}
    for label in runs:
        if taught(runs, label):
            module = runs[label].mixed.module
            parameter_groups(module, 0.01, runs[label].mixed.recipe.multipliers)
            frozen[label] = {n.partition(".")[0] for n, p in module.named_parameters() if not p.requires_grad}
    assert {label: parts for label, parts in frozen.items() if parts} == {
        "embeddings only": {"encoder", "teacher_embeddings"}
    }
    rate = {label: runs[label].mixed.recipe.multipliers.get("encoder", 1.0) for label in frozen}
    assert rate["slow encoder"] == 0.1
    assert runs["the paper's rates"].mixed.recipe.multipliers == {}
    assert runs["embeddings first"].mixed.recipe.multipliers["student_embeddings"] == 10
    assert bool(runs["student pieces only"].mixed.batch().student.all())
    begin = {label: runs[label].student.embeddings for label in ("PCA by frequency alone", "frequency-first")}
    assert torch.equal(*begin.values())
    assert not torch.equal(begin["frequency-first"], runs["PCA alone"].student.embeddings)


def equal_compute(runs: Runs) -> None:
    for label, one in runs.items():
        done = one.mixed.recipe.steps if taught(runs, label) else 0, one.student.recipe.steps
        assert done == {0: (0, 30), 2: (2, 12)}[one.cell.value]


def stage_two_length(runs: Runs) -> None:
    for one in runs.values():
        assert one.student.recipe.steps == one.cell.value


def other_text(runs: Runs) -> None:
    own, code = runs["the student's text"], runs["source code"]
    assert own.mixed.store == own.student.store
    assert code.student.store == own.student.store
    assert code.mixed.store != own.mixed.store
    assert "def" in code.chapter.get(code.chapter.plan.rows("code")).types


def low_overlap(runs: Runs) -> None:
    prose, code = runs["PCA, none"], runs["PCA, code"]
    spelled = [one.vocabulary.pieces for one in (prose, code)]
    assert len(spelled[0]) == len(spelled[1]) == 400
    assert set(spelled[0]) != set(spelled[1])
    plan, store = prose.chapter.plan, prose.chapter.store
    counts = store.get(plan.rows()).counts
    tables = [plan.rows().student_table(one.chapter.plan.vocabulary(), store) for one in (prose, code)]
    cut = [float(table.lengths @ counts / counts.sum()) for table in tables]
    assert cut[1] > 1.05 * cut[0]  # it knows fewer of these words
    assert code.student.store == prose.student.store  # another vocabulary of the same text


_ALL = (init, init_std, pca_weighting, p_sv, stage_one_length, vocabulary_size, from_scratch, teacher_labels)
_ALL += (shared_rows, mixing_unit, teacher_masks, softmax, stage_one_recipe, equal_compute, stage_two_length)
_ALL += (other_text, low_overlap, position_spread, stage_two_recipe, bridges)
CHECKS = {check.__name__: check for check in _ALL}
LEFT_OUT = {"other_text": ("documentation",)}  # collecting it takes half a minute


def test_every_experiment_has_a_check() -> None:
    grid = load_grid("full", profile="smoke")
    assert {one.name for one in grid.experiments} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_varied_reaches_the_model(name: str, run: Callable[..., Runs]) -> None:
    CHECKS[name](run(name, LEFT_OUT.get(name, ())))
