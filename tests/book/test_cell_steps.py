"""The methods of a cell on a tiny teacher: that each makes the student it says, from what it says, at what cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mixvocab.book import cell_steps, label_teachers, steps
from mixvocab.book.cell_steps import METHODS, with_vocabulary
from mixvocab.book.chapter import Chapter, open_chapter
from mixvocab.compute import Spent
from mixvocab.distill.vanilla import StudentVocabularyTeacher
from mixvocab.models.student import new_student
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

Opener = Callable[..., Chapter]


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens the chapter on the tiny world, as often as a test likes, over one artefact store."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return lambda **more: open_chapter("07_ablations", profile="smoke", data_dir=tiny_corpus, **settings | more)


def table(outcome: cell_steps.Outcome) -> Tensor:
    """The student's word embeddings."""
    return outcome.student.model().bert.embeddings.word_embeddings.weight.detach()


STILL = {"stage_two.learning_rate": 1e-30, "stage_two.weight_decay": 0.0}  # stage II leaves the start as it was


def test_where_each_methods_embeddings_begin(opened: Opener) -> None:
    def begin(method: str, **more: Any) -> Tensor:
        return table(METHODS[method](opened(**STILL | more)))

    shape = steps.shape(opened())
    fresh = new_student(shape, generator=torch.Generator().manual_seed(0)).get_input_embeddings().weight
    torch.testing.assert_close(begin("nokd"), fresh.detach())
    spread = steps.pca_spread(opened())
    wide, warm = begin("wide"), begin("mixed", **{"stage_one.steps": 0, "stage_one.start": "warm"})
    assert float(wide.std()) == pytest.approx(spread, rel=0.05)
    torch.testing.assert_close(warm, steps.start(opened(), "warm", 0).embeddings)
    # A random start with the spread "pca" is that of the wide one, found again rather than made.
    random = {"stage_one.steps": 0, "stage_one.start": "random", "stage_one.start_std": "pca"}
    assert torch.equal(begin("mixed", **random), wide)
    trained = begin("mixed", **{"stage_one.start": "warm"})
    assert not torch.allclose(trained, warm)


def test_stage_ones_settings_reach_it(opened: Opener) -> None:
    plain = steps.stage_one(opened(), 0)
    shared = steps.stage_one(opened(**{"stage_one.shared": True}), 0)
    asked = steps.stage_one(opened(**{"stage_one.agreement": 1.0}), 0)
    assert plain.result and shared.result and asked.result  # noqa: PT018 (for the type checker)
    # Tied, the teacher reads and predicts a low-rank copy of its own embeddings before anything is trained.
    assert shared.result.curve[0]["teacher"] != plain.result.curve[0]["teacher"]
    assert asked.result.curve[0]["loss"] == plain.result.curve[0]["loss"]
    assert "agreement" in asked.result.curve[0]
    assert len({one.artefact.key for one in (plain, shared, asked)}) == 3


def test_mixed_counts_both_stages(opened: Opener) -> None:
    one = METHODS["mixed"](opened())
    assert set(one.spent) == {"stage one", "stage two"}
    assert one.spent["stage one"].steps == 2
    assert one.spent["stage two"].steps == 3
    first = steps.stage_one(opened(), 0)
    assert one.spent["stage one"] == first.spent
    assert one.spent["stage two"].flops == steps.shape(opened()).masked_lm_flops(one.student.result.tokens, 16)
    assert {"aligned_before", "aligned_after", "guess"} == set(one.notes)


def test_vanilla_has_the_teachers_pieces_and_its_teachers_labels(opened: Opener, tiny_pieces: list[str]) -> None:
    one = METHODS["vanilla"](opened())
    assert one.pieces == len(tiny_pieces) == len(table(one))
    assert Vocabulary.load(one.student.folder).pieces == tuple(tiny_pieces)
    assert set(one.spent) == {"teacher", "stage two"}
    assert one.spent["teacher"].steps == 2
    alone = METHODS["mixed"](with_vocabulary(opened(**{"stage_one.steps": 0}), "teacher"))
    assert one.student.result.curve[0]["loss"] == alone.student.result.curve[0]["loss"]  # one start, one held-out set
    assert not torch.equal(table(one), table(alone))
    unlabelled = METHODS["vanilla"](opened(**{"stage_two.soft": 0.0}))
    assert torch.equal(table(unlabelled), table(alone))
    assert one.spent["stage two"].flops > alone.spent["stage two"].flops


def test_the_warmed_teacher_is_the_one_that_was_trained(opened: Opener, tiny_teacher: Path) -> None:
    made = label_teachers.warmed(opened())
    taken = label_teachers.warmed(opened(**{"stage_one.steps": 0}))
    assert (taken.spent, taken.loss) == (Spent(), None)
    ids = torch.arange(5, 15)[None]
    masked = torch.ones_like(ids, dtype=torch.bool)
    before, after = taken.load().logits(ids, None, masked), made.load().logits(ids, None, masked)
    assert before.shape == after.shape == (10, made.shape.vocab_size)
    assert not torch.allclose(before, after)
    assert torch.equal(after, label_teachers.warmed(opened()).load().logits(ids, None, masked))


def test_vanilla_own_has_a_teacher_of_the_teachers_shape_on_the_students_pieces(
    opened: Opener, tiny_teacher: Path
) -> None:
    chapter = opened()
    one, teacher = METHODS["vanilla-own"](chapter), label_teachers.pretrained(chapter)
    labels = teacher.load()
    assert isinstance(labels, StudentVocabularyTeacher)
    found, config = labels.model.config, steps.teacher_shape(tiny_teacher)
    assert (found.num_hidden_layers, found.hidden_size, found.intermediate_size) == (2, 32, config.intermediate)
    assert found.vocab_size == one.pieces == len(steps.vocabulary(chapter)[1])
    assert one.notes["teacher_loss"] == teacher.loss
    assert teacher.artefact in chapter.store.used
    nothing = METHODS["nokd"](opened())
    assert nothing.pieces == one.pieces
    assert not torch.equal(table(one), table(nothing))


def test_pruned_keeps_the_rows_of_the_shared_pieces(opened: Opener) -> None:
    chapter = opened()
    whole, cut = METHODS["vanilla"](chapter), METHODS["pruned"](chapter)
    old, new = (Vocabulary.load(one.student.folder) for one in (whole, cut))
    learned = steps.vocabulary(chapter)[1]
    assert set(new.pieces) == set(learned.pieces) & set(old.pieces)
    assert set(SPECIAL_PIECES) <= set(new.pieces)
    assert cut.pieces == len(new) < len(old)
    assert torch.equal(table(cut), table(whole)[[old.id(piece) for piece in new.pieces]])
    assert whole.parameters - cut.parameters == (len(old) - len(new)) * 16
    assert cut.spent == whole.spent
    assert cut.notes["loss_before"] == whole.heldout["loss"]


def test_all_are_scored_on_the_same_words(opened: Opener) -> None:
    found = {name: METHODS[name](opened()) for name in ("nokd", "vanilla", "pruned")}
    counts = [one.words[:, 1].tolist() for one in found.values()]
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) > 0
    sums = {float(one.words[:, 0].sum()) for one in found.values()}
    assert len(sums) == 3


@pytest.mark.parametrize("method", METHODS)
def test_what_is_there_is_not_made_again(opened: Opener, method: str) -> None:
    first = METHODS[method](opened())
    later = opened()
    second = METHODS[method](later)
    assert not any(artefact.made for artefact in later.store.used)
    assert (second.heldout, second.spent, second.notes) == (first.heldout, first.spent, first.notes)
    assert second.words.tolist() == first.words.tolist()
    other = opened()
    other.seeds[0] = 5
    assert METHODS[method](other).heldout != first.heldout
