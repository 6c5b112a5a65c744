"""The student is an ordinary BERT, and pruning takes rows out and changes nothing else."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher, masked_logits
from mixvocab.models.student import new_student, prune, student_of_layers, student_with
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.losses import average, mean_loss

SHAPE = BertShape(2, 16, 60)


def test_same_generator_same_weights_whatever_the_global_one() -> None:
    first = new_student(SHAPE, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    again = new_student(SHAPE, generator=torch.Generator().manual_seed(5))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("rows", [1, SHAPE.vocab_size - 1])
def test_embeddings_of_another_shape_are_one_line(rows: int) -> None:
    with pytest.raises(UserError, match=rf"embeddings of shape \({rows}, 16\) do not fit a student of \(60, 16\)"):
        student_with(torch.zeros(rows, 16), SHAPE, seed=0)


def test_scoring_masked_positions_alone_equals_the_full_head() -> None:
    student = new_student(SHAPE, generator=torch.Generator().manual_seed(0)).eval()
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 60, (3, 10), generator=draw)
    labels = torch.where(torch.rand(3, 10, generator=draw) < 0.3, ids, -100)
    attention = torch.ones(3, 10, dtype=torch.bool)
    attention[0, 7:] = False
    labels[0, 7:] = -100
    losses = StudentMLM(student)(ids=ids, labels=labels, attention=attention)
    logits = student(ids, attention_mask=attention).logits
    expected = F.cross_entropy(logits.reshape(-1, 60), labels.reshape(-1), ignore_index=-100)
    torch.testing.assert_close(mean_loss(losses), expected)
    assert int(losses["student"].positions) == int((labels != -100).sum())


def test_evaluation_takes_the_loss_apart_by_what_the_student_saw() -> None:
    mask, student = 4, new_student(SHAPE, generator=torch.Generator().manual_seed(0)).eval()
    ids = torch.tensor([[2, mask, 8, 9, mask, 3]])
    labels = torch.tensor([[-100, 7, 8, 10, 11, -100]])  # hidden, kept, replaced, hidden
    logits = student(ids).logits[0]
    each = F.cross_entropy(logits[1:5], labels[0, 1:5], reduction="none")
    with torch.no_grad():
        losses = StudentMLM(student, mask).eval()(ids=ids, labels=labels)
    expected = {"masked": each[[0, 3]], "kept": each[[1]], "replaced": each[[2]]}
    for name, wanted in expected.items():
        torch.testing.assert_close(losses[name].total, wanted.sum())
        assert int(losses[name].positions) == len(wanted)
        assert not losses[name].scored
    assert int(losses["right"].total) == int((logits[[1, 4]].argmax(1) == labels[0, [1, 4]]).sum())
    assert average([losses])["loss"] == pytest.approx(float(each.mean()))  # the parts are told, not scored
    assert set(StudentMLM(student, mask).train()(ids=ids, labels=labels)) == {"student"}


# ---- fewer pieces ----

OLD = Vocabulary(("a", *SPECIAL_PIECES, "b", "##c", "d", "##e", "f"))
NEW = Vocabulary((*SPECIAL_PIECES, "f", "a", "##c"))


@pytest.fixture
def student() -> BertForMaskedLM:
    model = new_student(BertShape(2, 16, len(OLD), 2), generator=torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        model.cls.predictions.bias.copy_(torch.arange(len(OLD)) / 10)
    return model


def test_kept_pieces_keep_their_rows_and_all_else_is_equal(student: BertForMaskedLM) -> None:
    pruned = prune(student, OLD, NEW)
    rows = [OLD.id(piece) for piece in NEW.pieces]
    assert rows != sorted(rows)  # the order differs, so taking the first rows would not do
    old, new = student.state_dict(), pruned.state_dict()
    resized = {name for name in old if old[name].shape != new[name].shape}
    assert resized == {
        "bert.embeddings.word_embeddings.weight",
        "cls.predictions.bias",
        "cls.predictions.decoder.weight",
        "cls.predictions.decoder.bias",
    }
    for name, value in new.items():
        assert torch.equal(value, old[name][rows] if name in resized else old[name]), name
    assert pruned.config.vocab_size == len(NEW)
    assert student.config.vocab_size == len(OLD)
    assert pruned.cls.predictions.decoder.weight is pruned.bert.embeddings.word_embeddings.weight


def test_logits_are_those_of_the_kept_pieces(student: BertForMaskedLM) -> None:
    pruned = prune(student, OLD, NEW)
    text = ["[CLS]", "f", "##c", "[MASK]", "a", "[SEP]"]
    before = student(torch.tensor([[OLD.id(piece) for piece in text]])).logits
    after = pruned(torch.tensor([[NEW.id(piece) for piece in text]])).logits
    torch.testing.assert_close(after, before[..., [OLD.id(piece) for piece in NEW.pieces]])


def test_pruning_draws_nothing_and_names_a_piece_that_the_student_lacks(student: BertForMaskedLM) -> None:
    before = torch.random.get_rng_state()
    assert not prune(student, OLD, NEW).training
    assert torch.equal(before, torch.random.get_rng_state())
    with pytest.raises(KeyError, match="g"):
        prune(student, OLD, Vocabulary((*SPECIAL_PIECES, "a", "g")))


def test_a_student_of_all_layers_says_what_its_teacher_says_though_that_has_no_activation_in_its_head(
    tiny_teacher: Path, tmp_path: Path
) -> None:
    load_teacher(tiny_teacher).base_model.save_pretrained(tmp_path)  # without its head
    teacher, ids = load_teacher(tmp_path), torch.arange(5, 15)[None]
    asked = torch.ones_like(ids, dtype=torch.bool)
    before = torch.random.get_rng_state()
    student = student_of_layers(teacher, [0, 1]).eval()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.testing.assert_close(student(ids).logits[0], masked_logits(teacher, ids, asked), rtol=1e-3, atol=1e-4)
    last = student_of_layers(teacher, [1]).eval()
    torch.testing.assert_close(last.bert.encoder.layer[0].state_dict(), teacher.bert.encoder.layer[1].state_dict())
