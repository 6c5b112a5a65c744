"""TinyBERT's task stage by words: two cuts of one row, averages in plain loops, the aligned loss where cuts are one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from mixvocab.distill.methods import find_method
from mixvocab.distill.tinybert import LAYERS_FIRST, TinyBertTask
from mixvocab.distill.tinybert_by_words import TinyBertByWords, at_words, shared_words
from mixvocab.models.pretrained import attention_scores
from mixvocab.sources.rows import GlueRow, SnipsRow
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import collate
from mixvocab.tasks.glue import GlueTask
from mixvocab.tasks.joint import JointBert, JointTask
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import mean_loss

LABELS = ["bad", "fair", "good"]
COMMANDS = [
    SnipsRow(("read", "the", "books", "at", "nights"), ("O", "O", "B-x", "O", "O"), "Read"),
    SnipsRow(("houses",), ("B-y",), "Go"),
]
REVIEWS = [GlueRow("the old houses by nights", "it was read", "bad"), GlueRow("cat", "dogs", "good")]
WHOLE = [GlueRow("the cat was the house", "dog", "bad"), GlueRow("night", "the river", "good")]  # a piece a word
Maker = Callable[..., Any]


def drawn(kind: Any, config: BertConfig, seed: int) -> Any:
    """A model with weights that are far from small, so that layers and answers differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        for weight in model.parameters():
            weight.data.add_(torch.randn_like(weight), alpha=0.1)
    return model.eval()


@pytest.fixture
def few_pieces(tiny_pieces: list[str], tmp_path: Path) -> Path:
    """A tokenizer that cuts most of the tiny teacher's words."""
    folder = tmp_path / "few"
    kept = [piece for piece in tiny_pieces if len(piece.removeprefix("##")) == 1 or piece in ("the", "cat")]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    BertTokenizer(vocab={piece: i for i, piece in enumerate([*specials, *kept])}).save_pretrained(folder)
    return folder


def review_task(folder: Path, seed: int, window: int = 32, **sizes: int) -> GlueTask:
    pieces = Encoder.load(folder, 8).tokenizer.get_vocab_size()
    config = BertConfig(vocab_size=pieces, num_labels=3, id2label=dict(enumerate(LABELS)), **shape(**sizes))
    return GlueTask(drawn(BertForSequenceClassification, config, seed), folder, "MNLI", window)


def command_task(folder: Path, seed: int, window: int = 32, **sizes: int) -> JointTask:
    pieces = Encoder.load(folder, 8).tokenizer.get_vocab_size()
    names = {"intent_labels": ["Go", "Read"], "slot_labels": ["O", "B-x", "B-y"]}
    config = BertConfig(vocab_size=pieces, **names, **shape(**sizes))
    return JointTask(drawn(JointBert, config, seed), folder, window)


def shape(layers: int = 2, hidden: int = 16, heads: int = 2) -> dict[str, Any]:
    sizes = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": 8}
    return sizes | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def batch(transfer: TinyBertTask, rows: list[Any]) -> dict[str, Tensor]:
    return to_tensors(collate(transfer.examples(rows)), "cpu")


def losses_of(transfer: TinyBertTask, rows: list[Any], done: float) -> Any:
    return transfer(done=torch.tensor(done), **batch(transfer, rows))


def groups(encoder: Encoder, texts: list[list[str]]) -> list[list[int]]:
    """Positions of each word's pieces: [CLS], each text's words and a [SEP] after it."""
    found, at = [[0]], 1
    for words in texts:
        for word in words:
            count = len(encoder.tokenizer.encode(word, add_special_tokens=False).ids)
            found.append(list(range(at, at + count)))
            at += count
        found.append([at])
        at += 1
    return found


def texts_of(row: Any) -> list[list[str]]:
    return [list(row.words)] if isinstance(row, SnipsRow) else [row.text_a.split(), row.text_b.split()]


@pytest.mark.parametrize(("make", "rows"), [(review_task, REVIEWS), (command_task, COMMANDS)])
@pytest.mark.parametrize("heads", [2, 4])
def test_layers_are_compared_at_words_as_in_plain_loops(
    make: Maker, rows: list[Any], heads: int, few_pieces: Path, tiny_teacher: Path
) -> None:
    """Row by row, states at means over pieces, scores at means over pairs; of other numbers of heads at their means."""
    student, teacher = make(few_pieces, 0, hidden=8, heads=heads), make(tiny_teacher, 1, layers=4)
    module = TinyBertByWords(student, teacher).train()
    embeddings, states, attention, words, pairs = 0.0, 0.0, 0.0, 0, 0
    for row in rows:
        read = []
        for task in (student, teacher):
            inputs = {name: torch.from_numpy(values)[None] for name, values in task.inputs(task.encode(row)).items()}
            read.append(task.encoded(**inputs, output_hidden_states=True).hidden_states)
        own, theirs = (groups(task.encoder, texts_of(row)) for task in (student, teacher))
        assert len(own) == len(theirs)
        assert [len(group) for group in own] != [len(group) for group in theirs]
        mine, said = ([states.detach()[0].double() for states in each] for each in read)
        words, pairs = words + len(own), pairs + len(own) ** 2

        def gap(matrix: Tensor, m: int, n: int, mine=mine, said=said, own=own, theirs=theirs) -> float:  # type: ignore[no-untyped-def]
            total = 0.0
            for group, other in zip(own, theirs, strict=True):
                raised = matrix.detach().double() @ (sum(mine[m][i] for i in group) / len(group))
                total += float((raised - sum(said[n][i] for i in other) / len(other)).square().mean())
            return total

        embeddings += gap(module.raising_embeddings, 0, 0)
        for m, n in ((1, 2), (2, 4)):
            states += gap(module.raising_states, m, n)
            scores, wanted = (
                attention_scores(task.model.bert, number, hidden[number])[0].detach().double()
                for task, number, hidden in ((student, m - 1, read[0]), (teacher, n - 1, read[1]))
            )
            if heads != 2:
                scores, wanted = scores.mean(dim=0, keepdim=True), wanted.mean(dim=0, keepdim=True)
            for v, w in np.ndindex(len(own), len(own)):
                for head in range(len(scores)):
                    a, b = (
                        sum(float(table[head, i, j]) for i in each[v] for j in each[w]) / (len(each[v]) * len(each[w]))
                        for table, each in ((scores, own), (wanted, theirs))
                    )
                    attention += (a - b) ** 2 / len(scores)
    losses = losses_of(module, rows, 0.0)
    for name, expected, count in (
        ("embeddings", embeddings, words),
        ("states", states, words),
        ("attention", attention, pairs),
    ):
        assert float(losses[name].total.detach()) == pytest.approx(expected, rel=1e-5)
        assert int(losses[name].positions) == count
    expected = (embeddings + states) / words + attention / pairs
    assert float(mean_loss(losses).detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("done", [0.0, LAYERS_FIRST + 0.01])
def test_where_every_word_is_one_piece_it_is_the_aligned_loss(done: float, tiny_teacher: Path) -> None:
    for make, rows in ((review_task, WHOLE), (command_task, [SnipsRow(("read", "it"), ("O", "B-x"), "Read")])):
        student, teacher = make(tiny_teacher, 0, hidden=8), make(tiny_teacher, 1, layers=4)
        found, expected = (losses_of(kind(student, teacher), rows, done) for kind in (TinyBertByWords, TinyBertTask))
        assert found.keys() == expected.keys()
        for name, part in expected.items():
            assert int(found[name].positions) == int(part.positions)
            torch.testing.assert_close(found[name].total, part.total)
        torch.testing.assert_close(mean_loss(found), mean_loss(expected))


def test_a_copied_teacher_has_nothing_to_learn_from_it(few_pieces: Path) -> None:
    task = command_task(few_pieces, 0)
    module = TinyBertByWords(task, deepcopy(task)).train()
    for matrix in (module.raising_embeddings, module.raising_states):
        torch.nn.init.eye_(matrix)
    losses = losses_of(module, COMMANDS, 0.0)
    for name in ("embeddings", "states", "attention"):
        assert float(losses[name].total.detach()) == pytest.approx(0, abs=1e-8)
    mean_loss(losses_of(module, COMMANDS, 1.0)).backward()
    assert all(float(weight.grad.abs().max()) < 1e-6 for weight in task.parameters() if weight.grad is not None)


def test_slots_are_predicted_where_words_begin_in_either_cut(few_pieces: Path, tiny_teacher: Path) -> None:
    """A student whose window ends after three words is asked of these alone; the labels that it is scored on stay."""
    student, teacher = command_task(few_pieces, 0, window=14), command_task(tiny_teacher, 1)
    (row, _), module = COMMANDS, TinyBertByWords(student, teacher).train()
    begun = student.encode(row).first
    assert 1 < len(begun) < len(row.words)
    own, theirs = (task.logits(torch.from_numpy(task.encode(row).ids)[None]) for task in (student, teacher))
    places = teacher.encode(row).first[: len(begun)]
    expected = 0.0
    for mine, said in ((own[0], theirs[0]), (own[1][0, begun], theirs[1][0, places])):
        for a, b in zip(mine.detach().double(), said.detach().double(), strict=True):
            expected -= float((b.softmax(0) * a.log_softmax(0)).sum())
    losses = losses_of(module, [row], 1.0)
    assert float(losses["prediction"].total.detach()) == pytest.approx(expected, rel=1e-5)
    assert int(losses["slots"].positions) == len(begun)


def test_words_have_the_same_number_in_both_cuts() -> None:
    own, theirs = np.array([0, 3, 3, 4, 1]), np.array([0, 3, 5, 5, 1, 4])
    assert [numbers.tolist() for numbers in shared_words(own, theirs)] == [[1, 3, 3, 4, 2], [1, 3, 0, 0, 2, 4]]


def test_keys_say_text_and_word(few_pieces: Path) -> None:
    encoder = Encoder.load(few_pieces, 32)
    assert encoder.word_keys_of_texts("the It", "cat.").tolist() == [0, 3, 5, 5, 1, 4, 6, 2]
    assert encoder.word_keys_of_words(["the", "it", "\x01"]).tolist() == [0, 3, 5, 5, 7, 1]
    short = Encoder.load(few_pieces, 8)
    assert short.word_keys_of_words(["the", "night", "cat", "cat"]).tolist() == [0, 3, 5, 5, 5, 5, 5, 1]
    assert len(short.word_keys_of_texts("the night", "it was")) == len(short.texts("the night", "it was").ids) == 8


def test_means_over_words_entry_by_entry() -> None:
    states = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    words = torch.tensor([[1, 2, 2, 0], [2, 0, 1, 2]])
    found = at_words(states, words, 3)
    torch.testing.assert_close(found[0, 1], (states[0, 1] + states[0, 2]) / 2)
    torch.testing.assert_close(found[1, 1], (states[1, 0] + states[1, 3]) / 2)
    torch.testing.assert_close(found[:, 0], torch.stack([states[0, 0], states[1, 2]]))
    assert not found[:, 2].any()


def test_the_method_says_that_it_compares_words() -> None:
    known = find_method("mixed-tinybert")
    assert (known.transfer, known.by_words) == (TinyBertByWords, True)
    assert not find_method("tinybert").by_words
