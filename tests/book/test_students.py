"""Every method on a tiny teacher: that it makes the student it says, from what it says, at what cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from mixvocab.common.store import Store
from mixvocab.distill import mixed_vocab
from mixvocab.distill.methods import methods
from mixvocab.distill.scores import FrequencyGuess, WordScores
from mixvocab.distill.steps import StageOne, Student, StudentStep
from mixvocab.distill.teacher_head import TeacherHead
from mixvocab.distill.vanilla import Labelled, StudentVocabularyMLM
from mixvocab.models.init import BERT_STD, EmbeddingInit
from mixvocab.models.parameters import Spent
from mixvocab.models.student import new_student
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.loop import Recipe
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.steps import students
from mixvocab_book.steps.tasks import tuning_step
from mixvocab_book.store import records

Opener = Callable[..., Chapter]


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens the chapter on the tiny world, as often as a test likes, over one store."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return lambda **more: open_chapter("07_ablations", profile="smoke", data_dir=tiny_corpus, **settings | more)


class Done(NamedTuple):
    """A student with what it cost and how well it does."""

    step: StudentStep
    student: Student
    costs: dict[str, Spent]
    words: np.ndarray


def run(chapter: Chapter, method: str, seed: int = 0) -> Done:
    step = students.student_step(chapter.plan, method, seed)
    return Done(step, chapter.get(step), step.costs(chapter.store), chapter.get(WordScores(step)))


def table(done: Done) -> Tensor:
    """The student's word embeddings."""
    return done.student.model().bert.embeddings.word_embeddings.weight.detach()


def flops_of(done: Done) -> float:
    return sum(cost.flops for cost in done.costs.values())


STILL = {"stage_two.learning_rate": 1e-30, "stage_two.weight_decay": 0.0}  # stage II leaves the init as it was


def test_where_each_methods_embeddings_begin(opened: Opener) -> None:
    chapter = opened(**STILL)
    names = ("nokd", "nokd-wide", "pca", "pca-frequency", "mixed", "nokd-matched")
    begin = {name: table(run(chapter, name)) for name in names}
    shape = run(chapter, "nokd").student.shape
    fresh = new_student(shape, generator=torch.Generator().manual_seed(0)).get_input_embeddings().weight
    torch.testing.assert_close(begin["nokd"], fresh.detach())
    spread = float(begin["pca"].std())
    torch.testing.assert_close(begin["pca"], chapter.get(chapter.plan.init(0, init="pca")).embeddings)
    for name in ("nokd-wide", "pca-frequency"):
        assert float(begin[name].std()) == pytest.approx(spread, rel=0.05)
    assert not torch.allclose(begin["pca-frequency"], begin["pca"])
    assert torch.equal(begin["nokd-matched"], begin["nokd-wide"])
    trained = chapter.get(chapter.plan.stage_one(0))
    torch.testing.assert_close(begin["mixed"], trained.embeddings)
    assert not torch.allclose(begin["mixed"], begin["pca"])
    # A random init with PCA's spread is that of the wide one, found again rather than made.
    random = {"stage_one.steps": 0, "stage_one.init": "random", "stage_one.init_std": "pca"}
    assert torch.equal(table(run(opened(**STILL | random), "mixed")), begin["nokd-wide"])


def test_an_init_by_pca_draws_nothing_and_a_random_one_all(opened: Opener) -> None:
    plan, get = opened().plan, opened().get
    assert plan.init(5, init="pca").key == plan.init(0, init="pca").key
    random = [get(plan.init(seed, init="random")).embeddings for seed in (0, 5)]
    assert not torch.equal(*random)


def test_stage_ones_settings_reach_it(opened: Opener) -> None:
    steps = [opened(**more).plan.stage_one(0) for more in ({}, {"stage_one.shared": True})]
    plain, shared = (opened().get(step).result for step in steps)
    assert plain
    assert shared
    # Tied, the teacher reads and predicts a low-rank copy of its own embeddings before anything is trained.
    assert shared.curve[0]["teacher"] != plain.curve[0]["teacher"]
    assert steps[0].key != steps[1].key


def test_the_papers_stage_one_has_its_spread_and_one_rate_for_all(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, Recipe]] = []
    train = mixed_vocab.stage_one

    def spy(teacher: Any, init: EmbeddingInit, mixer: Any, recipe: Recipe, **more: Any) -> Any:
        asked.append((float(init.embeddings.std()), recipe))
        return train(teacher, init, mixer, recipe, **more)

    monkeypatch.setattr(mixed_vocab, "stage_one", spy)
    chapter = opened()
    run(chapter, "paper")
    ((spread, recipe),) = asked
    assert spread == pytest.approx(BERT_STD, rel=0.05)
    assert recipe.multipliers == {}
    assert chapter.profile.stage_one.preset != "paper"  # the profile's own recipe is another


def test_costs_are_those_of_the_stages(opened: Opener) -> None:
    chapter = opened()
    done = {name: run(chapter, name) for name in ("nokd", "nokd-wide", "mixed", "nokd-matched")}
    assert set(done["mixed"].costs) == {"stage one", "stage two"}
    assert set(done["nokd"].costs) == set(done["nokd-wide"].costs) == {"stage two"}
    assert done["mixed"].costs["stage one"].steps == 2
    assert done["mixed"].costs["stage one"].tokens_read > 0
    flops = done["mixed"].student.shape.masked_lm_flops(done["mixed"].student.result.tokens, 16)
    assert done["mixed"].costs["stage two"].flops == flops
    # Equal compute: stage I and stage II of the one, longer stage II of the other, to within a step.
    matched = done["nokd-matched"]
    assert matched.student.result.steps > done["nokd"].student.result.steps
    step = flops_of(matched) / matched.student.result.steps
    assert flops_of(matched) == pytest.approx(flops_of(done["mixed"]), abs=1.5 * step)


def test_vanilla_has_the_teachers_pieces_and_its_teachers_labels(opened: Opener, tiny_pieces: list[str]) -> None:
    labelled = run(opened(), "vanilla")
    assert labelled.student.shape.vocab_size == len(tiny_pieces) == len(table(labelled))
    assert Vocabulary.load(labelled.student.folder).pieces == tuple(tiny_pieces)
    assert set(labelled.costs) == {"teacher", "stage two"}
    assert labelled.costs["teacher"].steps == 3 + 1  # its head, then all of it
    alone = run(opened(**{"stage_one.steps": 0, "vocabulary.kind": "teacher"}), "mixed")
    # One init, one held-out set.
    assert labelled.student.result.curve[0]["loss"] == alone.student.result.curve[0]["loss"]
    assert not torch.equal(table(labelled), table(alone))
    assert torch.equal(table(run(opened(**{"stage_two.kd_weight": 0.0}), "vanilla")), table(alone))
    assert labelled.costs["stage two"].flops > alone.costs["stage two"].flops


def test_the_teacher_that_labels_is_the_one_that_was_trained(opened: Opener) -> None:
    def head(**more: Any) -> TeacherHead:
        step = methods()["vanilla"].student(opened(**more).plan, 0)
        assert isinstance(step, Labelled)
        assert isinstance(step.teacher, TeacherHead)
        return step.teacher

    store, trained, taken = opened().store, head(), head(**{"teacher.head_steps": 0, "teacher.whole_steps": 0})
    assert store.get(taken).spent.steps == store.get(taken).spent.flops == 0
    ids = torch.arange(5, 15)[None]
    before, after = (store.get(step).model()(ids).logits for step in (taken, trained))
    assert before.shape == after.shape == (1, 10, store.get(trained).shape.vocab_size)
    assert not torch.allclose(before, after)
    assert torch.equal(after, opened().store.get(trained).model()(ids).logits)


def test_vanilla_own_has_a_teacher_of_the_teachers_shape_on_the_students_pieces(opened: Opener) -> None:
    chapter = opened()
    done = run(chapter, "vanilla-own")
    assert isinstance(done.step, Labelled)
    assert isinstance(done.step.teacher, StudentVocabularyMLM)
    config = chapter.get(done.step.teacher).model().config
    assert (config.num_hidden_layers, config.hidden_size) == (2, 32)
    assert config.vocab_size == done.student.shape.vocab_size == len(chapter.get(chapter.plan.vocabulary()))
    assert not torch.equal(table(done), table(run(opened(), "nokd")))


def test_pruned_keeps_the_rows_of_the_shared_pieces(opened: Opener) -> None:
    chapter = opened()
    whole, cut = run(chapter, "vanilla"), run(chapter, "pruned")
    old, new = (Vocabulary.load(done.student.folder) for done in (whole, cut))
    learned = chapter.get(chapter.plan.vocabulary())
    assert set(new.pieces) == set(learned.pieces) & set(old.pieces)
    assert set(SPECIAL_PIECES) <= set(new.pieces)
    assert cut.student.shape.vocab_size == len(new) < len(old)
    assert torch.equal(table(cut), table(whole)[[old.id(piece) for piece in new.pieces]])
    assert whole.student.shape.total_params - cut.student.shape.total_params == (len(old) - len(new)) * 16
    assert cut.costs == whole.costs


def test_all_are_scored_on_the_same_words(opened: Opener) -> None:
    words = [run(opened(), name).words for name in ("nokd", "vanilla", "pruned")]
    counts = [each[:, 1].tolist() for each in words]
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) > 0
    assert len({float(each[:, 0].sum()) for each in words}) == 3


@pytest.mark.parametrize("method", methods())
def test_what_is_there_is_not_made_again(opened: Opener, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    first, later = run(opened(), method), opened()
    with monkeypatch.context() as context:
        context.setattr(Store, "_make", None)
        second = run(later, method)
    assert (second.student.scores, second.costs) == (first.student.scores, first.costs)
    assert second.words.tolist() == first.words.tolist()
    if first.student.spent.tokens_read:  # what is cut from the teacher draws nothing
        assert run(opened(), method, seed=5).student.scores != first.student.scores


def test_a_truncated_student_is_made_again(opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    weights = run(opened(), "nokd").student.folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    run(opened(), "nokd")
    assert "model.safetensors is missing or damaged" in capsys.readouterr().err
    assert weights.read_bytes() == whole


def test_a_record_has_what_tables_need(opened: Opener) -> None:
    chapter = opened()
    done = run(chapter, "mixed")
    path = students.record(chapter, "mixed", 0)
    assert path.relative_to(records.live_folder()).as_posix() == "students/l1h16-0k/mixed/smoke-s0.json"
    kept = records.read(path)
    assert kept["metrics"]["heldout"]["masked"] == done.student.scores["masked"]
    assert kept["metrics"]["heldout_word_nats"] == done.words[:, 0].sum() / done.words[:, 1].sum()
    guess = FrequencyGuess(done.step.vocabulary, done.step.rows, done.step.mixing, done.step.heldout_batches)
    assert kept["metrics"]["guess"]["masked"] == chapter.get(guess).masked
    assert kept["metrics"]["spent"]["stage one"]["tokens_read"] == done.costs["stage one"].tokens_read
    assert kept["curves"]["stage_two"][-1]["right"] == done.student.scores["right"]
    assert kept["params"]["identity"] == done.step.asked
    assert [source["kind"] for source in kept["sources"]] == ["corpus", "teacher"]


def test_held_out_rows_are_recorded_in_sums_of_eight(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(40.0).reshape(20, 2)
    monkeypatch.setattr(WordScores, "load", lambda *_: rows)
    curves = records.read(students.record(opened(), "nokd", 0))["curves"]
    summed = list(zip(curves["word_nats"], curves["word_counts"], strict=True))
    assert summed == [tuple(rows[first : first + 8].sum(axis=0)) for first in (0, 8, 16)]


def test_stage_one_is_a_step_of_its_own(opened: Opener) -> None:
    assert isinstance(opened().plan.stage_one(0), StageOne)
    assert opened(**{"stage_one.steps": 0}).plan.stage_one(0) == opened().plan.init(0)


def test_a_student_of_its_own_size_is_recorded_and_fine_tuned_as_that(opened: Opener) -> None:
    chapter = opened(**{"glue.rate_width": 16})
    path = students.record(chapter, "distilbert", 0)
    assert path.parent.name == "distilbert"
    assert path.parent.parent.name.startswith("half-teacher-")
    record = records.read(path)
    assert record["params"]["size"] == "L-1 H-32"
    assert record["metrics"]["parameters"] == run(chapter, "distilbert").student.shape.total_params
    rates = [tuning_step(chapter.plan, "SST-2", name, 0).tuning.learning_rate for name in ("pca", "distilbert")]
    assert rates[0] / rates[1] == pytest.approx(2**1.5)
