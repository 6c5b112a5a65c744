"""The parameter formulas and the paper's tables against real modules; operations against sums written out."""

import pytest
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, MobileBertConfig, MobileBertModel

from mixvocab.models.parameters import STUDENT_PIECES, STUDENT_SHAPES, BertShape, paper_models, stage_one_flops
from mixvocab.models.student import bert_config

ROWS = {row.name: row for row in paper_models()}


def bert(layers: int, hidden: int = 768, heads: int = 12, intermediate: int = 3072, pooler: bool = True) -> BertModel:
    config = BertConfig(
        num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, intermediate_size=intermediate
    )
    return BertModel(config, add_pooling_layer=pooler)


BUILT = {
    "BERT-base": lambda: bert(12),
    "BERT-large": lambda: bert(24, 1024, 16, 4096),
    "PKD-6": lambda: bert(6),
    "PKD-3": lambda: bert(3),
    "DistilBERT-4": lambda: DistilBertModel(DistilBertConfig(n_layers=4)),
    "MobileBERT": lambda: MobileBertModel(MobileBertConfig(), add_pooling_layer=False),
    "TinyBERT-4": lambda: bert(4, 312, 12, 1200, pooler=False),
    "BERT-of-Theseus-6": lambda: bert(6, pooler=False),
} | {
    f"Mixed-vocab {name}": lambda name=name: BertModel(bert_config(STUDENT_SHAPES[name]))
    for name in ("L-6 H-256", "L-12 H-256", "L-6 H-96", "L-6 H-192")
}
# Pooler, transform and output bias of pretraining; a projection to the teacher's width.
BESIDE = {"MobileBERT": 2 * (512 * 512 + 512) + 2 * 512 + 30_522, "TinyBERT-4": 312 * 768 + 768}


@pytest.mark.parametrize("name", ROWS)
def test_the_papers_rows_are_what_their_modules_hold(name: str) -> None:
    with torch.device("meta"):
        model = BUILT[name]()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert ROWS[name].total_params == count + BESIDE.get(name, 0)
    assert ROWS[name].embedding_params == model.get_input_embeddings().weight.numel()


@pytest.mark.parametrize("name", STUDENT_SHAPES)
def test_formula_counts_what_the_module_holds(name: str) -> None:
    with torch.device("meta"):
        model = BertModel(bert_config(STUDENT_SHAPES[name]))
    assert sum(parameter.numel() for parameter in model.parameters()) == STUDENT_SHAPES[name].total_params


TEACHER = BertShape(2, 8, 100, heads=2, intermediate=32)
STUDENT = BertShape(1, 4, 50, heads=2)
TOKENS, LENGTH, STEPS = 1000, 10, 5
MASKS = (0.1, 0.05)


def stage_one(**more: object) -> float:
    settings: dict[str, object] = {"masks": MASKS, "p_sv": 0.5} | more
    return stage_one_flops(TEACHER, STUDENT, TOKENS, LENGTH, STEPS, **settings)  # type: ignore[arg-type]


def test_stage_one_term_by_term() -> None:
    layers = TOKENS * 2 * (4 * 8 * 8 + 2 * 8 * 32 + 2 * 10 * 8)
    heads = 100 * (8 * 8 + 100 * 8) + 50 * (8 * 8 + 50 * 8)
    raising = (STEPS * 50 + 500) * 4 * 8
    assert stage_one() == pytest.approx(6 * (layers + heads + raising))


def test_with_no_student_it_is_masked_language_modelling() -> None:
    alone = stage_one_flops(TEACHER, BertShape(1, 4, 0, heads=2), TOKENS, LENGTH, STEPS, masks=(0.15, 0.0), p_sv=0.0)
    assert alone == pytest.approx(TEACHER.masked_lm_flops(TOKENS, LENGTH, 0.15))


def test_a_projection_multiplies_the_teachers_vectors_twice_a_step() -> None:
    forwards = STEPS * 2 * 50 * 4 * 8
    assert stage_one(projection=True) - stage_one() == pytest.approx((2 + 2) * forwards)


def test_a_frozen_part_saves_the_gradients_of_its_weights_alone() -> None:
    layers = TOKENS * 2 * (4 * 8 * 8 + 2 * 8 * 32 + 2 * 10 * 8)
    assert stage_one() - stage_one(frozen=["encoder"]) == pytest.approx(2 * layers)
    assert stage_one() - stage_one(frozen=["transform"]) == pytest.approx(2 * 150 * 8 * 8)


def test_a_head_that_learns_alone_has_layers_that_run_once() -> None:
    layers = TOKENS * 2 * (4 * 8 * 8 + 2 * 8 * 32 + 2 * 10 * 8)
    transform, table = 150 * 8 * 8, 150 * 100 * 8
    # Forward each; the transform's weights have a gradient; so have the states scored against a table that is frozen.
    expected = 2 * layers + (2 + 2) * transform + (2 + 2) * table
    assert TEACHER.masked_lm_flops(TOKENS, LENGTH, head_alone=True) == pytest.approx(expected)


def test_the_first_versions_abstract_against_our_formulas() -> None:
    """More than 60 times smaller than BERT-base, below 7 MB (arXiv:1909.11687v1): which of its shapes is that?

    By all parameters of the encoder at 4 bytes each, L-12 H-96 comes nearest and has neither: 58 times, 7.5 MB or
    7.1 MiB. Word embeddings and layers alone, without positions, token types and pooler, have both, in MiB.
    """
    base = BertShape(12, 768, 30_522, heads=12).total_params
    students = {hidden: BertShape(12, hidden, STUDENT_PIECES) for hidden in (48, 96, 192)}
    sizes = {h: (round(base / s.total_params, 1), round(4e-6 * s.total_params, 2)) for h, s in students.items()}
    assert sizes == {48: (181.6, 2.41), 96: (58.4, 7.5), 192: (17.1, 25.68)}
    assert 4 * students[96].total_params / 2**20 == pytest.approx(7.15, abs=0.01)
    counted = STUDENT_PIECES * 96 + 12 * students[96].layer_params
    assert base / counted > 60
    assert 4 * counted / 2**20 < 7 < 4e-6 * counted
