"""MobileBERT's sizes: formulas against transformers' modules, what is printed, torch's counter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import MobileBertModel

from mixvocab.common.errors import UserError
from mixvocab.models.mobile import PUBLISHED, MobileShape, mobile_config, mobile_shapes, new_mobile
from mixvocab.models.parameters import BertShape

PRINTED = {"MobileBERT": 25.3e6, "MobileBERT-tiny": 15.1e6, "IB-BERT": 293e6}  # table 1
SCALED = dict(zip(("student", "teacher"), mobile_shapes(BertShape(6, 96, 5000)), strict=True))


def encoder(shape: MobileShape) -> MobileBertModel:
    with torch.device("meta"):
        return MobileBertModel(mobile_config(shape), add_pooling_layer=False)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", PUBLISHED | SCALED)
def test_formula_counts_what_the_module_holds(name: str) -> None:
    shape = (PUBLISHED | SCALED)[name]
    model = encoder(shape)
    assert count(model) == shape.total_params
    table = model.get_input_embeddings().weight
    assert shape.embedding_share == table.numel() / shape.total_params


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_printed_counts_are_those_of_the_printed_blocks(name: str) -> None:
    """Table 1's queries and keys read the wide states; positions and token types are not in its counts."""
    shape = PUBLISHED[name]
    model = encoder(shape)
    if shape.shared:
        for layer in model.encoder.layer:
            del layer.bottleneck.attention
            with torch.device("meta"):
                layer.attention.self.query, layer.attention.self.key = (
                    nn.Linear(shape.hidden, shape.inner) for _ in range(2)
                )
    tables = (model.embeddings.position_embeddings, model.embeddings.token_type_embeddings)
    assert count(model) - sum(map(count, tables)) == pytest.approx(PRINTED[name], rel=0.01)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("shared", [True, False])
def test_operations_are_those_that_torch_counts(name: str, shared: bool) -> None:
    shape = replace(SCALED[name], layers=2, vocab_size=50, hidden=32, inner=8, embedding=8, shared=shared)
    model = new_mobile(shape, seed=0)
    model.set_attn_implementation("eager")
    ids = torch.arange(2 * 20).reshape(2, 20)
    asked = torch.arange(20).expand(2, 20) % 5 == 0
    with FlopCounterMode(display=False) as counter:
        model.cls(model.mobilebert(ids).last_hidden_state[asked]).sum().backward()
    assert shape.masked_lm_flops(40, 20, masked=0.2) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_a_student_costs_what_a_bert_of_its_profile_costs() -> None:
    bert, student = BertShape(6, 96, 5000), SCALED["student"]
    assert student.total_params == pytest.approx(bert.total_params, rel=0.12)
    assert student.multiply_adds(64) == pytest.approx(bert.multiply_adds(64), rel=0.12)
    assert SCALED["teacher"].hidden == student.hidden


def test_one_seed_makes_one_model_and_moves_no_other_generator() -> None:
    shape = MobileShape(1, 16, 30, 2, inner=8, embedding=8, positions=32)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first, second, other = (new_mobile(shape, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["cls.predictions.dense.weight"], other["cls.predictions.dense.weight"])


def test_positions_begin_with_twice_the_spread_of_words() -> None:
    shape = MobileShape(1, 64, 500, inner=16, embedding=32)
    tables = new_mobile(shape, seed=0).mobilebert.embeddings
    words = tables.word_embeddings.weight[torch.arange(1, 499)]
    convolved = tables.embedding_transformation(torch.cat([words.roll(1, 0), words, words.roll(-1, 0)], dim=1))
    ratio = tables.position_embeddings.weight.std() / convolved.std()
    assert float(ratio.detach()) == pytest.approx(2.0, rel=0.1)


def test_heads_that_do_not_fit_a_narrow_block_are_refused() -> None:
    with pytest.raises(UserError, match=r"student\.heads=4 do not divide a MobileBERT block of width 50"):
        mobile_shapes(BertShape(6, 100, 5000, heads=4))
