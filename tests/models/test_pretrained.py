"""The teacher that reads and predicts two vocabularies: equation 1 against a slow reading of it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from mixvocab.common.errors import UserError
from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.models.init import random_init
from mixvocab.models.pretrained import load_teacher, load_tokenizer, masked_logits
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.train.optim import parameter_groups

V_T, V_S, D, SMALL = 40, 25, 16, 6


def seeded(build, config):  # type: ignore[no-untyped-def]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(config)


def bert(build=BertForMaskedLM):  # type: ignore[no-untyped-def]
    config = BertConfig(
        vocab_size=V_T, hidden_size=D, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return seeded(build, config)


def mixed(tied: bool = True) -> MixedTeacher:
    init = random_init(V_S, SMALL, D, generator=torch.Generator().manual_seed(1))
    return MixedTeacher(bert(), init, tied=tied).eval()


def batch() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    student = torch.rand(4, 9, generator=draw) < 0.5
    ids = torch.where(
        student, torch.randint(5, V_S, (4, 9), generator=draw), torch.randint(5, V_T, (4, 9), generator=draw)
    )
    labels = torch.where(torch.rand(4, 9, generator=draw) < 0.4, ids, -100)
    return {"ids": ids, "student": student, "labels": labels}


def test_a_table_that_is_read_and_scored_against_gets_both_gradients() -> None:
    model, data = mixed(), batch()
    table = model.teacher_embeddings.weight
    sum(part.total for part in model(**data).values()).backward()
    found = table.grad.clone()

    class Plain(MixedTeacher):
        """The same, with the library's own look-up and the table itself."""

        def embed(self, ids, student):  # type: ignore[no-untyped-def]
            own = self.teacher_embeddings(ids.masked_fill(student, 0))
            guest = self.up_projection(self.student_embeddings(ids.masked_fill(~student, 0)))
            return torch.where(student.unsqueeze(-1), guest, own), self.teacher_embeddings.weight

    model.zero_grad()
    model.__class__ = Plain
    sum(part.total for part in model(**data).values()).backward()
    torch.testing.assert_close(found, table.grad)


def test_equation_one_position_by_position() -> None:
    model, data = mixed(), batch()
    raised = model.up_projected()
    words = torch.stack([
        torch.stack([
            raised[i] if s else model.teacher_embeddings.weight[i] for i, s in zip(row, flags, strict=True)
        ])
        for row, flags in zip(data["ids"].tolist(), data["student"].tolist(), strict=True)
    ])  # fmt: skip
    states = model.transform(model.encoder(inputs_embeds=words).last_hidden_state)
    expected = {"teacher": 0.0, "student": 0.0}
    counts = {"teacher": 0, "student": 0}
    for b, t in torch.nonzero(data["labels"] != -100).tolist():
        if data["student"][b, t]:
            name, scores = "student", states[b, t] @ raised.T + model.student_bias
        else:
            name, scores = "teacher", states[b, t] @ model.teacher_embeddings.weight.T + model.teacher_bias
        expected[name] -= float(scores.detach().log_softmax(dim=0)[data["labels"][b, t]])
        counts[name] += 1
    losses = model(**data)
    for name in expected:
        assert float(losses[name].total) == pytest.approx(expected[name], rel=1e-4)
        assert int(losses[name].positions) == counts[name]


def test_teacher_words_alone_are_the_plain_teacher() -> None:
    model, data = mixed(), batch()
    data["student"] = torch.zeros_like(data["student"])
    plain = bert().eval()
    logits = plain(data["ids"]).logits
    expected = torch.nn.functional.cross_entropy(logits.reshape(-1, V_T), data["labels"].reshape(-1), reduction="sum")
    torch.testing.assert_close(model(**data)["teacher"].total, expected)
    assert int(model(**data)["student"].positions) == 0


def test_everything_trains_and_each_matrix_only_from_its_own_tokens() -> None:
    model, data = mixed(), batch()
    losses = model(**data)
    (losses["teacher"].total + losses["student"].total).backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert missing == []
    inputs_of = {True: set(data["ids"][data["student"]].tolist()), False: set(data["ids"][~data["student"]].tolist())}
    # The softmax pushes every row a little; a piece that was read has a gradient through the encoder too.
    only_student = data | {"labels": torch.where(data["student"], -100, data["labels"])}
    model.zero_grad()
    model(**only_student)["teacher"].total.backward()
    touched = set(torch.nonzero(model.student_embeddings.weight.grad.abs().sum(dim=1)).flatten().tolist())
    assert touched == inputs_of[True]


def test_untied_output_starts_from_the_raised_embeddings() -> None:
    tied, untied, data = mixed(), mixed(tied=False), batch()
    torch.testing.assert_close(tied(**data)["student"].total, untied(**data)["student"].total)
    untied(**data)["student"].total.backward()
    assert untied.student_output is not None
    assert untied.student_output.grad is not None


def test_an_encoder_without_a_head_starts_from_its_pretrained_states(tmp_path: Path) -> None:
    bert(BertModel).save_pretrained(tmp_path)
    model = load_teacher(tmp_path)
    states = torch.randn(5, D, generator=torch.Generator().manual_seed(0))
    init = random_init(V_S, 4, D, generator=torch.Generator().manual_seed(1))
    transform = MixedTeacher(model, init).transform
    ids, everywhere = torch.arange(6)[None], torch.ones(1, 6, dtype=torch.bool)
    expected = transform(model.bert(ids).last_hidden_state[0]) @ model.get_input_embeddings().weight.T
    torch.testing.assert_close(masked_logits(model, ids, everywhere), expected)
    torch.testing.assert_close(transform(states), torch.nn.functional.layer_norm(states, (D,), eps=1e-12))
    assert torch.equal(model.get_input_embeddings().weight, bert(BertModel).get_input_embeddings().weight)


def test_weights_in_half_precision_are_loaded_as_fp32(tiny_teacher: Path, tmp_path: Path) -> None:
    whole = load_teacher(tiny_teacher)
    whole.half().save_pretrained(tmp_path)
    loaded = load_teacher(tmp_path)
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.get_input_embeddings().weight, whole.get_input_embeddings().weight.float())  # type: ignore[arg-type]


def test_a_head_in_the_checkpoint_is_kept(tmp_path: Path) -> None:
    bert().save_pretrained(tmp_path)
    saved, loaded = bert().cls.predictions.transform.dense.weight, load_teacher(tmp_path).cls.predictions.transform
    assert torch.equal(saved, loaded.dense.weight)


@pytest.mark.parametrize(
    ("load", "message"), [(load_teacher, "does not load"), (load_tokenizer, r"no tokenizer\.json or vocab\.txt")]
)
def test_a_folder_without_weights_or_tokenizer_is_one_clear_line(load, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bert().config.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_a_vocab_txt_alone_is_read_with_capitals_where_it_has_some(tiny_pieces: list[str], tmp_path: Path) -> None:
    for pieces, expected in ((tiny_pieces, ["l", "##o", "##n"]), ([*tiny_pieces, "London", "Lon"], ["Lon"])):
        (tmp_path / "vocab.txt").write_text("\ufeff" + "\n".join(pieces) + "\n", encoding="utf-8")
        assert load_tokenizer(tmp_path).tokenize("Lon") == expected
        assert Vocabulary.load(tmp_path).pieces == tuple(pieces)


def test_a_tokenizer_of_the_slow_kind_is_one_clear_line(tiny_teacher: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_teacher / "vocab.txt", tmp_path)
    bert().config.save_pretrained(tmp_path)
    slow = {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "basic"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(slow))
    with pytest.raises(UserError, match=r"has a slow tokenizer \(BertJapaneseTokenizer\): name") as error:
        load_tokenizer(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "part", ["encoder", "transform", "teacher_embeddings", "student_embeddings", "up_projection", "student_bias"]
)
def test_each_part_is_frozen_by_its_name_and_no_other_is(part: str) -> None:
    model = mixed()
    parameter_groups(model, 0.01, {part: 0.0})
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen
    assert all(name.startswith(part) for name in frozen)
    assert model.teacher_embeddings.weight.requires_grad == (part != "teacher_embeddings")


def test_loading_leaves_progress_bars_as_they_were(tiny_teacher: Path) -> None:
    from transformers.utils import logging

    for wanted in (False, True):
        (logging.enable_progress_bar if wanted else logging.disable_progress_bar)()
        load_teacher(tiny_teacher)
        assert logging.is_progress_bar_enabled() == wanted
