"""The parameter formulas against real modules and against the paper's tables."""

import pytest
import torch
from transformers import BertConfig, BertModel, MobileBertConfig, MobileBertModel

from mixvocab.models.parameters import STUDENT_SHAPES, BertShape, paper_models


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", STUDENT_SHAPES)
def test_formula_counts_what_the_module_holds(name: str) -> None:
    shape = STUDENT_SHAPES[name]
    config = BertConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
    )
    with torch.device("meta"):
        assert count(BertModel(config)) == shape.total_params


def test_every_row_follows_the_paper_but_those_that_say_why() -> None:
    rows = {row.name: row for row in paper_models()}
    off = {name for name, row in rows.items() if not row.follows}
    assert off == {"MobileBERT", "Mixed-vocab L-6 H-192"}
    assert all(rows[name].remark for name in off)


def test_mobilebert_formula_against_the_released_architecture() -> None:
    with torch.device("meta"):
        encoder = count(MobileBertModel(MobileBertConfig(), add_pooling_layer=False))
    row = next(row for row in paper_models() if row.name == "MobileBERT")
    heads = 2 * (512 * 512 + 512) + 2 * 512 + 30_522
    assert row.total_params == encoder + heads


def test_small_vocabulary_moves_the_share_of_embeddings() -> None:
    large = BertShape(6, 256, 30_522)
    small = BertShape(6, 256, 4_928)
    assert large.embedding_share > 0.5 > small.embedding_share


def test_flops_grow_with_tokens_and_with_the_vocabulary() -> None:
    shape = BertShape(6, 96, 5_000)
    assert shape.masked_lm_flops(2_000, 64) == pytest.approx(2 * shape.masked_lm_flops(1_000, 64))
    assert BertShape(6, 96, 30_522).masked_lm_flops(1_000, 64) > shape.masked_lm_flops(1_000, 64)
