"""The student: an ordinary BERT, small, with a small vocabulary, and nothing that only we can load."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.models.init import sinusoidal_positions
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import FRESH_HEAD
from mixvocab.text.wordpiece import PAD, Vocabulary

# Added to a head's units before GELU. MiniLM's lie between -2 and 6: logits move by 1e-3 (8 would do in fp32, at twice
# the rounding in bf16).
LINEAR = 6.0


def config_sizes(shape: BertShape) -> dict[str, Any]:
    """A shape by the names of transformers' configurations, `vocab_size` and so on."""
    return {
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": shape.positions,
    }


def bert_config(shape: BertShape, dropout: float = 0.0) -> BertConfig:
    return BertConfig(**config_sizes(shape), hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)


def new_student(shape: BertShape, *, generator: torch.Generator, dropout: float = 0.0) -> BertForMaskedLM:
    """A student of the given shape with fresh weights, normal(0, 0.02) as in BERT.

    `dropout` is 0 by default: a model this small underfits any corpus worth the name, and without dropout it
    trains 1.8 times as fast on a CPU.
    """
    # transformers draws initial weights from torch's global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        return BertForMaskedLM(bert_config(shape, dropout))


def prune(student: BertForMaskedLM, old: Vocabulary, new: Vocabulary) -> BertForMaskedLM:
    """A student over the pieces of `new` alone, all of them in its vocabulary `old` (section 6).

    Of the embeddings, tied with the output, and of the output bias the rows of these pieces are taken; all other
    weights are equal. Raises KeyError for a piece that `old` lacks.
    """
    rows = torch.tensor([old.id(piece) for piece in new.pieces])
    config = deepcopy(student.config)
    config.vocab_size, config.pad_token_id = len(new), new.id(PAD)
    # The fresh weights are all replaced, but drawing them must not move torch's global generator.
    with torch.random.fork_rng(devices=[]):
        pruned = BertForMaskedLM(config)
    by_piece = ("word_embeddings.weight", "predictions.bias", "decoder.weight", "decoder.bias")
    pruned.load_state_dict(
        {name: value[rows] if name.endswith(by_piece) else value for name, value in student.state_dict().items()}
    )
    return pruned.eval()


def student_of_layers(teacher: Any, layers: Sequence[int], *, dropout: float = 0.0) -> BertForMaskedLM:
    """A student that begins as a part of its teacher, a BertForMaskedLM: embeddings, these layers, from 0 on, and head.

    A head that was trained without an activation (see `load_teacher`) says the same in the student, whose head has one.
    """
    config = deepcopy(teacher.config)
    config.num_hidden_layers = len(layers)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    with torch.random.fork_rng(devices=[]):  # as in `prune`
        student = BertForMaskedLM(config)
    student.bert.embeddings.load_state_dict(teacher.bert.embeddings.state_dict())
    for own, number in zip(student.bert.encoder.layer, layers, strict=True):
        own.load_state_dict(teacher.bert.encoder.layer[number].state_dict())
    student.cls.load_state_dict(teacher.cls.state_dict())
    if getattr(teacher, FRESH_HEAD, False):
        # So far to the right GELU is the identity, and the LayerNorm behind it takes out what all units have in common.
        with torch.no_grad():
            student.cls.predictions.transform.dense.bias += LINEAR
    return student


def student_with(
    embeddings: Tensor | None, shape: BertShape, *, seed: int, position_spread: float = 2.0, dropout: float = 0.0
) -> BertForMaskedLM:
    """An untrained student that starts from `embeddings` (V_s, d), or, given None, from fresh ones.

    Its positions begin as sinusoids with `position_spread` times the spread of its word embeddings and are learned
    from there, as the rest is; 0 leaves BERT's own normal(0, 0.02). Under one seed all other weights are the same.
    Raises `UserError` for embeddings of another shape.
    """
    student = new_student(shape, generator=torch.Generator().manual_seed(seed), dropout=dropout)
    tables = student.bert.embeddings
    expected = (shape.vocab_size, shape.hidden)
    if embeddings is not None and embeddings.shape != expected:
        raise UserError(
            f"embeddings of shape {tuple(embeddings.shape)} do not fit a student of {expected}: "
            "use the vocabulary and the hidden size that they were made for"
        )
    with torch.no_grad():
        if embeddings is not None:
            tables.word_embeddings.weight.copy_(embeddings)
        if position_spread:
            std = position_spread * float(tables.word_embeddings.weight.std())
            generator = torch.Generator().manual_seed(seed)
            waves = sinusoidal_positions(shape.positions, shape.hidden, std, generator=generator)
            tables.position_embeddings.weight.copy_(waves)
    return student
