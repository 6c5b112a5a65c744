"""Pruning takes rows out and changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.models.parameters import BertShape
from mixvocab.models.pruning import prune
from mixvocab.models.student import new_student
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

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


def test_a_pruned_student_is_saved_and_loaded_plainly(student: BertForMaskedLM, tmp_path: Path) -> None:
    pruned = prune(student, OLD, NEW)
    pruned.save_pretrained(tmp_path)
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path, local_files_only=True).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in pruned.state_dict().items())


def test_pruning_leaves_the_global_generator_and_the_mode(student: BertForMaskedLM) -> None:
    before = torch.random.get_rng_state()
    assert not prune(student, OLD, NEW).training
    assert prune(student.train(), OLD, NEW).training
    assert torch.equal(before, torch.random.get_rng_state())


def test_pieces_that_the_student_lacks_are_named(student: BertForMaskedLM) -> None:
    with pytest.raises(UserError, match="no piece 'g'"):
        prune(student, OLD, Vocabulary((*SPECIAL_PIECES, "a", "g")))
    with pytest.raises(UserError, match="has 11 pieces"):
        prune(student, NEW, NEW)
