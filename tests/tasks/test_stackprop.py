"""StackProp: what it holds, where gradients flow, that nothing beside an utterance changes its prediction."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks import stackprop
from mixvocab.tasks.finetune import finetune
from mixvocab.tasks.scores import snips_roles
from mixvocab.tasks.stackprop import UNK, StackProp, new_stackprop

WORDS = ("[PAD]", "[UNK]", *(f"w{i}" for i in range(30)))
INTENTS, SLOTS = ("ask", "play", "rate"), ("O", "B-x", "I-x", "B-y", "I-y")
ENCODING = stackprop.LSTM + stackprop.ATTENTION_OUTPUT
TUNING = TuningSettings(epochs=10, batch_size=16, learning_rate=4e-3, weight_decay=0.0, evaluations=2, window=32)


def new(seed: int = 0, dropout: float = 0.4) -> StackProp:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StackProp(WORDS, 5, INTENTS, SLOTS, dropout, window=128)


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
    names = [[str(i) for i in range(count)] for count in (words, intents, slots)]
    model = StackProp(names[0], 0, *names[1:], dropout=0.0, window=128)

    def lstm(inputs: int, hidden: int) -> int:
        return 4 * hidden * (inputs + hidden + 2)

    def decoder(inputs: int, outputs: int, embedding: int) -> int:
        return (outputs + 1) * embedding + lstm(inputs + embedding, 64) + 65 * outputs

    expected = words * 256 + 2 * lstm(256, 128) + 2 * (256 * 1024 + 1024) + (256 * 128 + 128)
    expected += decoder(384, intents, 8) + decoder(384 + intents, slots, 32)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_unknown_labels_count_in_no_loss() -> None:
    batch = sample([4, 6])
    batch["intent"][0] = -100
    batch["tags"][1, 2] = -100
    model = new().eval()
    losses = model(**batch)
    assert (int(losses["intent"].positions), int(losses["slots"].positions)) == (6, 9)
    alone = model(**{name: tensor[1:] for name, tensor in batch.items()})
    torch.testing.assert_close(losses["intent"].total, alone["intent"].total)


def test_the_slot_loss_trains_the_intent_decoder() -> None:
    model = new()
    model(**sample([5, 5]))["slots"].total.backward()
    for parameter in (model.intent.output.weight, model.intent.lstm.weight_ih_l0, model.intent.history.weight):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_merged_attention_is_attention() -> None:
    model = new(dropout=0.0)
    words, real = torch.randn(3, 6, stackprop.EMBEDDING), sample([6, 2, 4])["attention"]
    trained = model.attention.train()(words, real)
    asked = model.attention.eval()(words, real)
    torch.testing.assert_close(trained, asked)


def test_asking_decodes_as_training_does() -> None:
    """Fed with what greedy decoding chose, the training pass gives the logits of greedy decoding."""
    model = new().eval()
    inputs = torch.randn(4, 9, ENCODING)
    logits = model.intent.greedy(inputs)
    torch.testing.assert_close(model.intent.forced(inputs, logits.argmax(-1), 0.0), logits)


def test_a_hidden_history_is_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, inputs, gold = new().intent, torch.randn(2, 5, ENCODING), torch.ones(2, 5, dtype=torch.long)
    monkeypatch.setattr(stackprop, "HISTORY_DROPOUT", 1.0)
    hidden = decoder.train().forced(inputs, gold, 0.0)
    torch.testing.assert_close(hidden, decoder.eval().forced(inputs, torch.full_like(gold, -100), 0.0))
    assert not torch.allclose(hidden, decoder.forced(inputs, gold, 0.0))


def test_rare_words_are_hidden_in_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rare, frequent, unknown = (torch.full((1, 4), word) for word in (len(WORDS) - 1, 3, UNK))
    monkeypatch.setattr(stackprop, "RARE_DROPOUT", 1.0)
    model = new(dropout=0.0).train()
    torch.testing.assert_close(model.encodings(rare), model.encodings(unknown))
    assert not torch.allclose(model.encodings(frequent), model.encodings(unknown))
    model.eval()
    assert not torch.allclose(model.encodings(rare), model.encodings(unknown))


def chosen(model: StackProp, ids: torch.Tensor, attention: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
    return tuple(logits.argmax(-1) for logits in model.logits(ids, attention))


@pytest.mark.parametrize("seed", range(5))
def test_padding_company_and_order_change_no_prediction(seed: int) -> None:
    model = new(seed).eval()
    lengths = [1, 9, 4, 6, 2, 9]
    batch = sample(lengths, seed)
    ids, attention = batch["ids"], batch["attention"]
    ids = ids.masked_fill(~attention, 7)  # whatever stands at padding
    intents, tags = chosen(model, ids, attention)
    for i, length in enumerate(lengths):
        intent, alone = chosen(model, ids[i : i + 1, :length])
        assert intent.item() == intents[i].item()
        assert alone[0].tolist() == tags[i, :length].tolist()
    back = torch.arange(len(lengths)).flip(0)
    wider = torch.nn.functional.pad(ids[back], (0, 5), value=3), torch.nn.functional.pad(attention[back], (0, 5))
    again, tags_again = chosen(model, *wider)
    assert torch.equal(again, intents[back])
    assert (tags_again[:, :9][attention[back]] == tags[back][attention[back]]).all()


def test_padding_changes_no_loss() -> None:
    model, batch = new().eval(), sample([4, 4])
    whole = model(**{**batch, "attention": None})
    grown = {name: torch.nn.functional.pad(batch[name], (0, 3), value=fill) for name, fill in
             (("ids", 9), ("tags", -100), ("attention", False))}  # fmt: skip
    padded = model(intent=batch["intent"], **grown)
    for name in whole:
        torch.testing.assert_close(whole[name], padded[name])


def test_the_majority_of_words_names_the_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two words for intent 0, hardly; one for intent 1, surely: the votes decide.
    model, distribution = new().eval(), torch.tensor([[[0.51, 0.49, 0], [0.51, 0.49, 0], [0.0, 1.0, 0]]])
    monkeypatch.setattr(model.intent, "greedy", lambda encodings: distribution.log())
    ids = torch.full((1, 3), 4)
    assert chosen(model, ids)[0].tolist() == [0]
    # With the last word as padding before the mean: votes are even, and the mean probability decides.
    distribution = torch.tensor([[[0.51, 0.49, 0], [0.0, 1.0, 0], [0.51, 0.49, 0]]])
    assert chosen(model, ids, torch.tensor([[True, True, False]]))[0].tolist() == [1]


def test_same_seed_same_weights_whatever_the_global_one(command_data: SnipsData) -> None:
    roles = snips_roles(command_data)
    first = new_stackprop(command_data, roles, TUNING, 5)
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    again = new_stackprop(command_data, roles, TUNING, 5)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_the_vocabulary_is_of_lower_cased_words_the_rare_ones_last(command_data: SnipsData) -> None:
    train = [SnipsRow(("A", "b", "a"), ("O",) * 3, "x"), SnipsRow(("c", "a", "b"), ("O",) * 3, "x")]
    data = SnipsData(command_data.source, command_data.splits | {"train": train})
    model = new_stackprop(data, snips_roles(data), TUNING.model_copy(update={"window": 8}), 0)
    assert (tuple(model.words), model.rare) == (("[PAD]", "[UNK]", "a", "b", "c"), 1)
    row = SnipsRow(("B", "unheard", *["a"] * 9), ("O",) * 11, "x")
    text = model.encode(row)
    assert (text.ids.tolist(), text.first.tolist()) == ([3, 1, *[2] * 6], list(range(8)))
    (prediction,) = model.predict([row])
    assert (len(prediction.slots), prediction.complete) == (11, False)


def test_fine_tunes_and_predicts_like_a_student(command_data: SnipsData, tmp_path: Path) -> None:
    roles = snips_roles(command_data)
    model = new_stackprop(command_data, roles, TUNING, 0)
    tuned = finetune(model, roles, TUNING, tmp_path, seed=0)
    assert tuned.reported["test"]["frame_accuracy"] > 0.9
    test = command_data.splits["test"]
    assert model.scores(test, model.predict(test)) == tuned.reported["test"]
    saved = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())


def test_parameters_on_the_real_data(data_dir: Path) -> None:
    """The words alone are more than the 2.6M that the paper prints."""
    from mixvocab.sources.snips import resolve_snips

    data = resolve_snips(data_dir=data_dir)
    model = new_stackprop(data, snips_roles(data), TUNING, 0)
    assert model.embedding.weight.shape == (11_420, 256)
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_127_983
