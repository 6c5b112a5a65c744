"""Teachers of other families than BERT: heads are read from the model, and the whole way works at a tiny scale."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForMaskedLM, MobileBertConfig, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.models.init import random_init
from mixvocab.models.pretrained import check_teacher, head_transform, load_teacher, masked_logits
from mixvocab.pipeline import Plan, distill

V_T, V_S, SMALL = 40, 25, 6
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": SIZES,
    "roberta": SIZES,
    "xlm-roberta": SIZES,
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 40},
    "electra": SIZES | {"embedding_size": 8},
    "albert": SIZES | {"embedding_size": 8},
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p"]},
    "mpnet": SIZES,
    "modernbert": SIZES | dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0)
    | dict.fromkeys(("cls_token_id", "sep_token_id"), 0),
}  # fmt: skip


def teacher_of(family: str, pieces: int = V_T) -> PreTrainedModel:
    config = CONFIG_MAPPING[family](vocab_size=pieces, **FAMILIES[family])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForMaskedLM.from_config(config)


def batch() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    ids = torch.randint(5, V_T, (4, 9), generator=draw)
    labels = torch.where(torch.rand(4, 9, generator=draw) < 0.4, ids, -100)
    return {"ids": ids, "student": torch.zeros(4, 9, dtype=torch.bool), "labels": labels}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_teachers_pieces_are_scored_as_the_model_scores_them(family: str) -> None:
    model, data = teacher_of(family).eval(), batch()
    where = data["labels"] != -100
    with torch.no_grad():
        logits = model(data["ids"]).logits
        scores = masked_logits(model, data["ids"], where, torch.ones_like(where))
        torch.testing.assert_close(scores, logits[where])
        width = model.get_input_embeddings().weight.shape[1]
        init = random_init(V_S, SMALL, width, generator=torch.Generator().manual_seed(1))
        loss = MixedTeacher(model, init).eval()(**data)["teacher"].total
    expected = torch.nn.functional.cross_entropy(logits[where], data["labels"][where], reduction="sum")
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(("family", "beyond"), [*((family, 0) for family in FAMILIES), ("bert", 13)])
def test_the_whole_way(
    family: str, beyond: int, planned: Callable[..., Plan], tiny_teacher: Path, tiny_pieces: list[str], tmp_path: Path
) -> None:
    """`beyond`: rows of the table that the tokenizer has no pieces for."""
    folder = shutil.copytree(tiny_teacher, tmp_path / "teacher")
    teacher_of(family, len(tiny_pieces) + beyond).save_pretrained(folder)
    settings = {"stage_one.steps": 20, "stage_one.evaluations": 1, "student.hidden": 8, "stage_one.learning_rate": 1e-3}
    plan = planned(**settings | {"teacher.source": str(folder)})
    out = distill(plan, tmp_path / "student")
    first, last = json.loads((out / "distillation.json").read_text())["stage_one"]["curve"]
    assert last["loss"] < first["loss"]
    assert AutoModelForMaskedLM.from_pretrained(out).config.hidden_size == 8


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_dropped(family: str, tmp_path: Path) -> None:
    teacher_of(family).save_pretrained(tmp_path)
    shares = {part.p for part in load_teacher(tmp_path).modules() if isinstance(part, torch.nn.Dropout)}
    assert shares == {0.0}


def test_a_head_of_another_kind_is_refused_in_one_line() -> None:
    config = MobileBertConfig(vocab_size=V_T, num_hidden_layers=1)
    with pytest.raises(UserError, match="teacher type 'mobilebert': its masked-LM head is no dense layer, activation"):
        head_transform(AutoModelForMaskedLM.from_config(config))


def test_what_would_fail_in_training_is_said_before_it(
    tiny_teacher: Path, tiny_pieces: list[str], planned: Callable[..., Plan], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_teacher, tmp_path / "teacher")
    teacher_of("roberta", len(tiny_pieces)).save_pretrained(folder)
    check_teacher(folder, 38)  # RoBERTa's first two of 40 positions are taken
    with pytest.raises(UserError, match=r"mixing\.length=39: teacher reads 38 tokens at most; set mixing\.length=38"):
        distill(planned(**{"teacher.source": str(folder), "mixing.length": 39}), tmp_path / "student")
    assert not (tmp_path / "student").exists()
    teacher_of("bert", len(tiny_pieces) - 2).save_pretrained(folder)
    with pytest.raises(
        UserError, match=f"tokenizer has {len(tiny_pieces)} pieces and its table {len(tiny_pieces) - 2}"
    ):
        distill(planned(**{"teacher.source": str(folder)}), tmp_path / "student")


def test_a_bias_that_is_missing_leaves_the_head_as_it_is(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    whole = teacher_of("bert")
    whole.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["cls.predictions.bias"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    head = head_transform(load_teacher(tmp_path))
    assert torch.equal(head.dense.weight, head_transform(whole).dense.weight)
    assert type(head.activation) is type(head_transform(whole).activation)
    assert AutoConfig.from_pretrained(tmp_path).model_type == "bert"
