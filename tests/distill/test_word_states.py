"""Teacher states by word: what is kept is what the teacher says, for any vocabulary; and what students make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill import word_states
from mixvocab.distill.methods import find_method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.state_starts import ContextualInit, FocusInit, piece_means
from mixvocab.distill.state_taught import AttentionDistillation, StateDistillation, StateTaught, draw_words
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.word_states import (
    Reduction,
    WordStates,
    between_words,
    word_means,
    word_numbers,
)
from mixvocab.models.init import sparsemax, teacher_pieces
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import last_attention, load_teacher, load_tokenizer
from mixvocab.models.student import new_student
from mixvocab.pipeline import Plan
from mixvocab.text.mixing import Mixer
from mixvocab.train import precision
from mixvocab.train.loop import Turn, to_tensors
from mixvocab.train.losses import mean_loss
from mixvocab.train.stopping import STOP, Stopped

Planner = Callable[..., Plan]


@pytest.fixture
def step(planned: Planner) -> WordStates:
    taught = find_method("word-attention").student(planned(), 0)
    assert isinstance(taught, StateTaught)
    assert taught.kept.attention
    return taught.kept


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_words_state_is_the_mean_over_its_pieces() -> None:
    hidden = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    words = torch.tensor([[-1, 0, 0, 1], [-1, 2, -1, -1]])
    expected = torch.stack([hidden[0, 1:3].mean(dim=0), hidden[0, 3], hidden[1, 1]])
    torch.testing.assert_close(word_means(hidden, words, 3), expected)


def test_what_is_kept_is_what_the_teacher_says_of_the_text(
    step: WordStates, store: Store, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_states, "half", lambda: "fp32")
    kept, words = store.get(step), store.get(step.rows)
    teacher, tokenizer = load_teacher(tiny_teacher), load_tokenizer(tiny_teacher)
    teacher.set_attn_implementation("eager")
    errors = []
    for stretch in (0, 17, 199):
        count = kept.offsets[stretch + 1] - kept.offsets[stretch]
        types = words.words("train")[kept.starts[stretch] :][:count]
        encoded = tokenizer(" ".join(words.types[number] for number in types), return_tensors="pt")
        made = teacher.base_model(**encoded, output_attentions=True)
        states, attention = made.last_hidden_state[0].detach(), made.attentions[-1][0].mean(dim=0).detach()
        owner = [-1 if word is None else word for word in encoded.word_ids()]
        assert max(owner) == count - 1
        means = torch.stack(
            [states[[i for i, word in enumerate(owner) if word == n]].mean(dim=0) for n in range(count)]
        )
        assert kept.attention is not None
        between = torch.from_numpy(kept.attention[kept.offsets[stretch] : kept.offsets[stretch + 1]].copy())
        roots = 255 * between_by_hand(attention.double(), owner).sqrt()
        assert ((between[:, :count] - roots).abs() <= 0.51).all()
        assert not between[:, count:].any()
        back = torch.from_numpy(kept.states[kept.offsets[stretch] : kept.offsets[stretch + 1]]) * kept.reduction.step
        errors.append(back - kept.reduction.reduce(means))
    assert (torch.cat(errors).abs() <= 0.51 * kept.reduction.step + 1e-6).all()  # half a unit of rounding
    assert kept.spent.flops > 0


def between_by_hand(attention: torch.Tensor, owner: list[int]) -> torch.Tensor:
    """Attention between the words of one row, (n, n), from that between its tokens (T, T), token by token."""
    count = max(owner) + 1
    sums = torch.zeros(count, count, dtype=torch.float64)
    for query, v in enumerate(owner):
        for key, w in enumerate(owner):
            if v >= 0 and w >= 0:
                sums[v, w] += attention[query, key] / owner.count(v)
    return sums / sums.sum(dim=1, keepdim=True)


def test_attention_between_words_is_summed_over_keys_and_averaged_over_queries() -> None:
    attention = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)).softmax(dim=2)
    places = np.array([[-1, 0, 0, 1, 2, 2, 2, -1], [-1, 0, 1, 1, -1, -1, -1, -1]])
    words = torch.from_numpy(word_numbers(places, np.array([3, 2])))
    found = between_words(attention, words, 5)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(5))
    for row, first, count in ((0, 0, 3), (1, 3, 2)):
        expected = between_by_hand(attention[row].double(), places[row].tolist())
        torch.testing.assert_close(found[first : first + count, :count].double(), expected, rtol=1e-5, atol=1e-6)
        assert not found[first : first + count, count:].any()


def test_the_last_attention_is_the_models_own(tiny_teacher: Path) -> None:
    teacher = load_teacher(tiny_teacher)
    teacher.set_attn_implementation("eager")
    ids = torch.randint(5, 100, (2, 9), generator=torch.Generator().manual_seed(0))
    real = torch.arange(9) < torch.tensor([[9], [6]])
    for mask in (None, real):
        made = teacher.base_model(ids, attention_mask=mask, output_attentions=True, output_hidden_states=True)
        own = last_attention(teacher, made.hidden_states[-2], mask)
        torch.testing.assert_close(own, made.attentions[-1].mean(dim=1), rtol=1e-5, atol=1e-5)


def test_all_components_give_back_the_state() -> None:
    states = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)) @ torch.diag(torch.arange(1.0, 7.0))
    reduction = Reduction.fit(states, 6)
    torch.testing.assert_close(reduction.reduce(states) @ reduction.directions + reduction.mean, states)
    assert (reduction.deviations.diff() < 0).all()


def test_more_components_than_the_teacher_has_are_refused_before_it_reads(
    step: WordStates, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_states, "load_teacher", lambda folder: pytest.fail("the teacher was loaded"))
    with pytest.raises(UserError, match=r"word_states\.width=33 is more than the teacher's 32"):
        store.get(replace(step, width=33))


def test_a_stopped_teacher_goes_on_and_keeps_the_same(
    step: WordStates, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = store.get(step)
    second, plain = Store(tmp_path / "second"), word_states.read_words
    calls = 0

    def interrupted(*arguments: Any, **more: Any) -> list[torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == 6:  # four for the components, then the second of four parts
            STOP.set()
        return plain(*arguments, **more)

    monkeypatch.setattr(word_states, "read_words", interrupted)
    monkeypatch.setattr(word_states.time, "perf_counter", lambda: float(calls))  # a second a reading
    try:
        with pytest.raises(Stopped):
            second.get(step)
    finally:
        STOP.clear()
    assert (second.get(step).states == undisturbed.states).all()
    assert (second.get(step).attention == undisturbed.attention).all()
    assert calls == 6 + 4 + 2  # the components again, and what was left
    assert second.get(step).spent.seconds == calls  # both parts'


def test_a_word_has_one_state_whichever_vocabulary_cuts_it(step: WordStates, store: Store, planned: Planner) -> None:
    kept, text = store.get(step), store.get(step.rows)
    tables = (step.rows.teacher_table(store), step.rows.student_table(planned().vocabulary(), store))
    for table in tables:
        mixer = Mixer(text, table, None, planned().profile.mixing)
        rows = draw_words(kept, mixer, Turn(0, 8, np.random.default_rng(1)))
        between = draw_words(kept, mixer, Turn(0, 8, np.random.default_rng(1)), attention=True).target
        assert kept.attention is not None
        chosen = np.random.default_rng(1).integers(len(kept.starts), size=8)
        held = 0
        for row, stretch in enumerate(chosen):
            for number in range(rows.words[row].max() - held + 1):
                word = text.words("train")[kept.starts[stretch] + number]
                labels, ids = (part[row, rows.words[row] == held + number] for part in (rows.labels, rows.ids))
                assert np.where(labels >= 0, labels, ids).tolist() == table.segment(word[None]).tolist()
                assert (rows.target[held + number] == kept.states[kept.offsets[stretch] + number]).all()
                assert (between[held + number] == kept.attention[kept.offsets[stretch] + number]).all()
            held = rows.words[row].max() + 1
        assert held == len(rows.target)


def test_the_loss_by_hand() -> None:
    student = new_student(BertShape(1, 8, 30, heads=2), generator=torch.Generator().manual_seed(0))
    reduction = Reduction(torch.zeros(5), torch.eye(5)[:3], torch.tensor([2.0, 1.0, 0.5]))
    module = StateDistillation(student, reduction, weight=0.7, mask=4).train()
    draw = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(module.readout.weight, generator=draw)
    ids = torch.randint(5, 30, (2, 6), generator=draw)
    labels = torch.full((2, 6), -100)
    labels[0, 2] = labels[1, 1] = labels[1, 3] = 7
    words = torch.tensor([[-1, 0, 0, 1, -1, -1], [-1, 2, 3, 3, 4, -1]])
    states = torch.randint(-127, 128, (5, 3), generator=draw).to(torch.int8)
    losses = module(ids, labels, words=words, target=states)
    hidden, missed = student.bert(ids).last_hidden_state, 0.0
    for word in range(5):
        target = states[word].float() * 8 * reduction.deviations / 127
        missed += float(((module.readout(hidden[words == word].mean(dim=0)) - target) ** 2).sum()) / 5.25
    alone = StudentMLM(student)(ids, labels)
    assert float(losses["states"].total) == pytest.approx(missed, rel=1e-5)
    assert float(mean_loss(losses)) == pytest.approx(float(mean_loss(alone)) + 0.7 * missed / 5, rel=1e-5)
    assert module.eval()(ids, labels).keys() == StudentMLM(student, 4).eval()(ids, labels).keys()


def test_the_loss_of_attention_by_hand() -> None:
    student = new_student(BertShape(2, 8, 30, heads=2), generator=torch.Generator().manual_seed(0))
    module = AttentionDistillation(student, weight=0.7, mask=4).train()
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 30, (2, 6), generator=draw)
    labels = torch.full((2, 6), -100)
    labels[0, 2] = labels[1, 1] = 7
    words = torch.tensor([[-1, 0, 0, 1, -1, -1], [-1, 2, 3, 3, 4, -1]])
    target = torch.randint(20, 255, (5, 4), generator=draw).to(torch.uint8)  # more words than the rows hold
    losses = module(ids, labels, words=words, target=target)
    student.set_attn_implementation("eager")
    attention = student.bert(ids, output_attentions=True).attentions[-1].mean(dim=1).double()
    divergence = 0.0
    for row, first, count in ((0, 0, 2), (1, 2, 3)):
        own = between_by_hand(attention[row], [number - first if number >= 0 else -1 for number in words[row].tolist()])
        taught = target[first : first + count, :count].double() ** 2
        taught /= taught.sum(dim=1, keepdim=True)
        divergence += float((taught * (taught / own).log()).sum())
    assert float(losses["attention"].total) == pytest.approx(divergence, rel=1e-4)
    alone = StudentMLM(student)(ids, labels)
    assert float(mean_loss(losses)) == pytest.approx(float(mean_loss(alone)) + 0.7 * divergence / 5, rel=1e-4)
    assert module.eval()(ids, labels).keys() == StudentMLM(student, 4).eval()(ids, labels).keys()


def test_who_is_the_teacher_attends_as_the_teacher_does(
    step: WordStates, store: Store, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_states, "half", lambda: "fp32")
    rows = draw_words(store.get(step), step.reader(store), Turn(0, 8, np.random.default_rng(0)), attention=True)
    losses = {}
    for name, model in (("teacher", load_teacher(tiny_teacher)), ("turned", load_teacher(tiny_teacher))):
        if name == "turned":
            key = model.base_model.encoder.layer[-1].attention.self.key
            torch.nn.init.normal_(key.weight, std=2.0, generator=torch.Generator().manual_seed(0))
        part = AttentionDistillation(model, weight=1.0)(**to_tensors(rows, "cpu"))["attention"]
        losses[name] = float(part.total.detach() / part.positions)
    assert abs(losses["teacher"]) < 1e-4 < 1e-2 < losses["turned"]


def test_a_pieces_mean_is_over_the_words_that_it_is_in(step: WordStates, store: Store, planned: Planner) -> None:
    kept, text = store.get(step), store.get(step.rows)
    table = step.rows.student_table(planned().vocabulary(), store)
    means, counts = piece_means(kept, text, table, 300)
    sums, seen = np.zeros((300, step.width)), np.zeros(300)
    for stretch, start in enumerate(kept.starts):
        first, last = kept.offsets[stretch : stretch + 2]
        for number in range(last - first):
            for piece in table.segment(text.words("train")[start + number][None]):
                sums[piece] += kept.states[first + number] * kept.reduction.step.numpy()
                seen[piece] += 1
    assert (counts.numpy() == seen).all()
    np.testing.assert_allclose(means.numpy(), sums / np.maximum(seen, 1)[:, None], rtol=1e-3, atol=1e-4)


def test_a_start_from_states_keeps_the_lengths_and_what_has_no_state(planned: Planner, store: Store) -> None:
    student = find_method("pca-contextual").student(planned(), 0)
    assert isinstance(student, StageTwo)
    start = student.init
    assert isinstance(start, ContextualInit)
    begin, made = store.get(start.init).embeddings, store.get(start).embeddings
    torch.testing.assert_close(made.norm(dim=1), begin.norm(dim=1))
    moved = (made != begin).any(dim=1)
    assert moved.any()
    assert not moved.all()  # special pieces occur in no word
    wide = replace(start, kept=replace(start.kept, width=8))
    with pytest.raises(UserError, match="width=8 is less than hidden=16"):
        store.get(wide)


def test_focus_mixes_what_the_teacher_lacks_from_similar_pieces(
    planned: Planner, store: Store, tiny_teacher: Path
) -> None:
    student = find_method("focus").student(planned(), 0)
    assert isinstance(student, StageTwo)
    start = student.init
    assert isinstance(start, FocusInit)
    own, teacher = store.get(start.vocabulary), load_tokenizer(tiny_teacher)
    table, text = start.table(), store.get(start.kept.rows)
    means, counts = piece_means(
        store.get(start.kept), text, start.kept.rows.student_table(start.vocabulary, store), len(own)
    )
    vectors, known = start.copied(table, store), teacher.get_vocab()
    common = [number for number, piece in enumerate(own.pieces) if piece in known and counts[number]]
    mixed = 0
    for number, piece in enumerate(own.pieces):
        if piece in known:
            expected = table[known[piece]]
        elif not counts[number]:
            expected = table[teacher_pieces(own.tokenizer(), teacher)[number]].mean(dim=0)
        else:
            scores = torch.stack([torch.cosine_similarity(means[number], means[other], dim=0) for other in common])
            weights, mixed = sparsemax(scores[None])[0], mixed + 1
            expected = weights @ torch.stack([table[known[own.pieces[other]]] for other in common])
        torch.testing.assert_close(vectors[number], expected, rtol=1e-4, atol=1e-5)
    assert mixed
    assert store.get(start).spent.flops == store.get(start.kept).spent.flops


@pytest.mark.parametrize("method", ["word-states", "word-states-early", "word-attention", "pca-contextual", "focus"])
def test_the_methods_make_students(method: str, planned: Planner, store: Store) -> None:
    step = find_method(method).student(planned(), 0)
    student, costs = store.get(step), step.costs(store)
    assert student.result.steps == 3
    assert sum(cost.flops for name, cost in costs.items() if name != "stage two") > 0
    if isinstance(step, StateTaught):
        second = "attention" if method == "word-attention" else "states"
        assert second in student.result.train_curve[-1]
        module = step.objective(store)(student.model(), mask=4)
        mixer = step.rows.mixer(step.vocabulary, step.mixing, store, mixed=False)
        rows = step.drawing(mixer, store)(Turn(0, 4, np.random.default_rng(0)))
        assert float(module(**to_tensors(rows, "cpu"))[second].total) > 0


@pytest.mark.parametrize("method", ["word-states", "word-attention", "token-distillation", "pushed-labels"])
def test_precision_can_be_probed_on_batches_of_any_form(
    method: str, planned: Planner, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "SMALL", 0)
    monkeypatch.setattr(precision, "half", lambda: "bf16")
    monkeypatch.setattr(precision, "PROBE_WORK", 0)  # four rows, and so fewer than a batch
    monkeypatch.setattr(precision, "_chosen", {})
    plan = planned(**{"stage_two.batch_size": 8, "stage_one.batch_size": 8})
    assert store.get(find_method(method).student(plan, 0)).result.precision in ("fp32", "bf16")
    assert precision._chosen
