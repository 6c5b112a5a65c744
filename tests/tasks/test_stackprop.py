"""StackProp: what it holds, where gradients flow, that nothing beside an utterance changes its prediction."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.sources.source import Source
from mixvocab.tasks.folder import read_task
from mixvocab.tasks.joint import JointLabels, predict
from mixvocab.tasks.stackprop import (
    PAD,
    UNK,
    StackProp,
    StackPropShape,
    WholeWords,
    finetune_stackprop,
    new_stackprop,
    vocabulary,
    vote,
)
from mixvocab.train.losses import mean_loss

SMALL = StackPropShape(
    embedding=16, lstm=16, attention=24, attention_output=8, decoder=16, intent_embedding=4, slot_embedding=6
)
WORDS = (PAD, UNK, *(f"w{i}" for i in range(30)))
INTENTS, SLOTS = ("ask", "play", "rate"), ("O", "B-x", "I-x", "B-y", "I-y")


def small(seed: int = 0, **changes: float) -> StackProp:
    shape = replace(SMALL, **changes)
    return StackProp(WORDS, 5, INTENTS, SLOTS, generator=torch.Generator().manual_seed(seed), shape=shape)


def sample(lengths: list[int], seed: int = 0) -> dict[str, torch.Tensor]:
    """Random utterances and labels; padding has id 0 and tag -100."""
    draw = torch.Generator().manual_seed(seed)
    batch = (len(lengths), max(lengths))
    attention = torch.arange(batch[1]) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, len(WORDS), batch, generator=draw).masked_fill(~attention, 0)
    tags = torch.randint(len(SLOTS), batch, generator=draw).masked_fill(~attention, -100)
    intent = torch.randint(len(INTENTS), batch[:1], generator=draw)
    return {"ids": ids, "intent": intent, "tags": tags, "attention": attention}


def test_parameters_at_the_published_sizes() -> None:
    words, intents, slots = 100, 7, 72
    model = StackProp(
        [PAD, UNK, *map(str, range(words - 2))],
        0,
        [f"intent {i}" for i in range(intents)],
        [f"slot {i}" for i in range(slots)],
        generator=torch.Generator(),
    )

    def lstm(inputs: int, hidden: int) -> int:
        return 4 * hidden * (inputs + hidden + 2)

    def decoder(inputs: int, outputs: int, embedding: int) -> int:
        return (outputs + 1) * embedding + lstm(inputs + embedding, 64) + 65 * outputs

    expected = words * 256 + 2 * lstm(256, 128) + 2 * (256 * 1024 + 1024) + (256 * 128 + 128)
    expected += decoder(384, intents, 8) + decoder(384 + intents, slots, 32)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_shapes_and_counts_of_the_losses() -> None:
    batch = sample([3, 7, 5])
    model = small()
    losses = model(**batch)
    assert {name: int(part.positions) for name, part in losses.items()} == {"intent": 15, "slots": 15}
    assert torch.isfinite(mean_loss(losses))
    intent, tags = model.eval().predict(batch["ids"], batch["attention"])
    assert (intent.shape, tags.shape) == ((3,), (3, 7))


def test_unknown_labels_count_in_no_loss() -> None:
    batch = sample([4, 6])
    batch["intent"][0] = -100
    batch["tags"][1, 2] = -100
    model = small().eval()
    losses = model(**batch)
    assert (int(losses["intent"].positions), int(losses["slots"].positions)) == (6, 9)
    alone = model(**{name: tensor[1:] for name, tensor in batch.items()})
    torch.testing.assert_close(losses["intent"].total, alone["intent"].total)


def test_the_slot_loss_trains_the_intent_decoder() -> None:
    model = small()
    model(**sample([5, 5]))["slots"].total.backward()
    for parameter in (model.intent.output.weight, model.intent.lstm.weight_ih_l0, model.intent.history.weight):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_merged_attention_is_attention() -> None:
    model = small(dropout=0.0)
    words, real = torch.randn(3, 6, 16), sample([6, 2, 4])["attention"]
    trained = model.attention.train()(words, real)
    asked = model.attention.eval()(words, real)
    torch.testing.assert_close(trained, asked)


def test_asking_decodes_as_training_does() -> None:
    """Fed with what greedy decoding chose, the training pass gives the logits of greedy decoding."""
    model = small().eval()
    inputs = torch.randn(4, 9, 16 + 8)
    logits = model.intent.greedy(inputs)
    torch.testing.assert_close(model.intent.forced(inputs, logits.argmax(-1), 0.0, 0.0), logits)


def test_a_hidden_history_is_no_history() -> None:
    model = small().train()
    inputs, gold = torch.randn(2, 5, 24), torch.ones(2, 5, dtype=torch.long)
    hidden = model.intent.forced(inputs, gold, 1.0, 0.0)
    torch.testing.assert_close(hidden, model.intent.forced(inputs, torch.full_like(gold, -100), 0.0, 0.0))
    assert not torch.allclose(hidden, model.intent.forced(inputs, gold, 0.0, 0.0))


def test_rare_words_are_hidden_in_training_alone() -> None:
    rare, frequent = torch.full((1, 4), len(WORDS) - 1), torch.full((1, 4), 3)
    unknown = torch.full((1, 4), WORDS.index(UNK))
    model = small(rare_dropout=1.0, dropout=0.0).train()
    torch.testing.assert_close(model.encode(rare), model.encode(unknown))
    assert not torch.allclose(model.encode(frequent), model.encode(unknown))
    model.eval()
    assert not torch.allclose(model.encode(rare), model.encode(unknown))


@pytest.mark.parametrize("seed", range(5))
def test_padding_company_and_order_change_no_prediction(seed: int) -> None:
    model = small(seed).eval()
    lengths = [1, 9, 4, 6, 2, 9]
    batch = sample(lengths, seed)
    ids, attention = batch["ids"], batch["attention"]
    ids = ids.masked_fill(~attention, 7)  # whatever stands at padding
    intents, tags = model.predict(ids, attention)
    for i, length in enumerate(lengths):
        intent, alone = model.predict(ids[i : i + 1, :length])
        assert intent.item() == intents[i].item()
        assert torch.equal(alone[0], tags[i, :length])
    back = torch.arange(len(lengths)).flip(0)
    wider = torch.nn.functional.pad(ids[back], (0, 5), value=3), torch.nn.functional.pad(attention[back], (0, 5))
    again, tags_again = model.predict(*wider)
    assert torch.equal(again, intents[back])
    assert torch.equal(tags_again[:, :9][attention[back]], tags[back][attention[back]])


def test_padding_changes_no_loss() -> None:
    model, batch = small().eval(), sample([4, 4])
    whole = model(**{**batch, "attention": None})
    grown = {name: torch.nn.functional.pad(batch[name], (0, 3), value=fill) for name, fill in
             (("ids", 9), ("tags", -100), ("attention", False))}  # fmt: skip
    padded = model(intent=batch["intent"], **grown)
    for name in whole:
        torch.testing.assert_close(whole[name], padded[name])


def test_the_majority_of_words_names_the_intent() -> None:
    # Two words for intent 0, hardly; one for intent 1, surely: the votes decide.
    distribution = torch.tensor([[[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]]])
    assert vote(distribution).tolist() == [0]
    # With the second word as padding, votes are even, and the mean probability decides.
    assert vote(distribution, torch.tensor([[True, False, True]])).tolist() == [1]


def test_learns_a_small_language() -> None:
    """Word w2 to w9 is an x, two in a row are one slot; the intent is the first word's; both end up right."""
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(2, len(WORDS), (64, 8), generator=draw)
    inside = ids < 12
    follows = torch.nn.functional.pad(inside[:, :-1], (1, 0))
    tags = torch.where(inside, torch.where(follows, 2, 1), 0)
    intent = ids[:, 0] % 3
    model = small(dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(120):
            optimizer.zero_grad()
            mean_loss(model(ids, intent, tags)).backward()
            optimizer.step()
    found, said = model.eval().predict(ids)
    assert (found == intent).float().mean() > 0.95
    assert (said == tags).float().mean() > 0.97


def test_same_generator_same_weights_whatever_the_global_one() -> None:
    first = small(5)
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    again = small(5)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_saved_and_loaded_it_is_the_same(tmp_path) -> None:
    model = small().eval()
    model.save(tmp_path / "one")
    loaded = StackProp.load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(files) == {"config.json", "model.safetensors", "vocab.txt"}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert (loaded.words, loaded.intents, loaded.slots, loaded.rare) == (WORDS, INTENTS, SLOTS, 5)
    batch = sample([3, 6])
    for a, b in zip(model.predict(batch["ids"]), loaded.predict(batch["ids"]), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, r"config\.json"),
        ("config.json", '{"model_type": "bert"}', "another model's"),
        ("config.json", "{", "Expecting property"),
        ("config.json", '{"model": "stackprop"}', "'rare'"),
        ("vocab.txt", None, r"vocab\.txt"),
        ("vocab.txt", "[PAD]\n[UNK]\n", "state_dict"),
        ("model.safetensors", None, r"model\.safetensors"),
        ("model.safetensors", "cut off", "header"),
    ],
)
def test_missing_and_damaged_files_are_one_line(tmp_path, name: str, content: str | None, message: str) -> None:
    small().save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"does not load as StackProp .*{message}") as caught:
        StackProp.load(tmp_path)
    assert "\n" not in str(caught.value)


def rows() -> list[SnipsRow]:
    """Two intents; the word after "by" is an artist."""
    return [
        SnipsRow(("Play", "it", "by", name), ("O", "O", "O", "B-artist"), "Play")
        if i % 2
        else SnipsRow(("Rate", "this", "book", name), ("O", "O", "B-object", "B-rating"), "Rate")
        for i, name in enumerate(f"n{i % 6}" for i in range(48))
    ]


def test_vocabulary_holds_lower_cased_words_the_rare_ones_last() -> None:
    data = [SnipsRow(("A", "b", "a"), ("O",) * 3, "x"), SnipsRow(("c", "a", "b"), ("O",) * 3, "x")]
    assert vocabulary(data) == (("[PAD]", "[UNK]", "a", "b", "c"), 1)


def test_every_word_has_an_id_and_unknown_ones_share_theirs() -> None:
    encoder = WholeWords(("[PAD]", "[UNK]", "play", "it"), 3)
    encoded = encoder.words(("PLAY", "something", "it", "again"))
    assert (encoded.ids.tolist(), encoded.first.tolist()) == ([2, 1, 3], [0, 1, 2])


def test_fine_tunes_and_predicts_like_a_student(tmp_path: Path) -> None:
    data = SnipsData(Source("snips", "orders", "path", "orders/", "none", "0" * 64, False), dict.fromkeys(
        ("train", "valid", "test"), rows()
    ))  # fmt: skip
    tuning = TuningSettings(epochs=20, batch_size=8, learning_rate=1e-2, weight_decay=0.0, evaluations=2, window=32)
    tuned = finetune_stackprop(data, tuning, tmp_path, seed=0)
    assert tuned.best["slot_f1"] == tuned.best["intent_accuracy"] == 1.0
    assert tuned.reported["test"]["frame_accuracy"] == 1.0
    model, labels = StackProp.load(tmp_path), JointLabels.of(rows())
    encoder = WholeWords(model.words, read_task(tmp_path, kind="joint")["window"])
    assert Counter(p.intent for p in predict(model, rows(), encoder, labels)) == {"Play": 24, "Rate": 24}
    with pytest.raises(UserError, match=r"piece_dropout=0\.1: StackProp reads words"):
        finetune_stackprop(data, tuning.model_copy(update={"piece_dropout": 0.1}), tmp_path, seed=0)


def test_words_beyond_the_window_are_errors_not_gone() -> None:
    data = rows()
    labels = JointLabels.of(data)
    model = new_stackprop(data, labels, seed=0)
    (said,) = predict(model, data[:1], WholeWords(model.words, 2), labels)
    assert len(said.slots) == 4
    assert not said.complete


def test_parameters_on_the_real_data(data_dir) -> None:
    """The words alone are more than the 2.6M that the paper prints."""
    from mixvocab.sources import resolve_snips

    train = resolve_snips(data_dir=data_dir).splits["train"]
    model = new_stackprop(train, JointLabels.of(train), seed=0)
    assert model.embedding.weight.shape == (11_420, 256)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert total == 4_127_983
    assert torch.isfinite(model.embedding.weight).all()
