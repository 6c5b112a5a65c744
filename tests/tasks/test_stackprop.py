"""StackProp's words, and that it goes through the same fine-tuning as every student."""

from collections import Counter

import torch

from mixvocab.models.stackprop import StackPropShape
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.batching import Batches
from mixvocab.tasks.finetune import Tuning, finetune
from mixvocab.tasks.joint import collate
from mixvocab.tasks.scores import joint_scores
from mixvocab.tasks.snips import JointLabels, examples, predict
from mixvocab.tasks.stackprop import WholeWords, new_stackprop, vocabulary

TINY = StackPropShape(
    embedding=16, lstm=16, attention=24, attention_output=8, decoder=16, dropout=0.1, rare_dropout=0.0
)


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


def test_fine_tunes_and_predicts_like_a_student() -> None:
    data = rows()
    labels = JointLabels.of(data)
    model = new_stackprop(data, labels, seed=0, shape=TINY)
    encoder = WholeWords(model.words, 32)
    made = examples(data, encoder, labels)

    def score() -> dict[str, float]:
        return joint_scores(data, predict(model, data, encoder, labels))

    tuning = Tuning(epochs=20, batch_size=8, learning_rate=1e-2, weight_decay=0.0, evaluations=2)
    tuned = finetune(model, Batches(made, collate, 0), [collate(made)], score, tuning, choose_by="slot_f1", seed=0)
    assert tuned.best["slot_f1"] == 1.0
    assert tuned.best["intent_accuracy"] == 1.0
    assert Counter(p.intent for p in predict(model, data, encoder, labels)) == {"Play": 24, "Rate": 24}


def test_words_beyond_the_window_are_errors_not_gone() -> None:
    data = rows()
    labels = JointLabels.of(data)
    model = new_stackprop(data, labels, seed=0, shape=TINY)
    (said,) = predict(model, data[:1], WholeWords(model.words, 2), labels)
    assert len(said.slots) == 4
    assert not said.complete


def test_parameters_on_the_real_data(data_dir) -> None:
    """The words alone are more than the 2.6M that the paper prints."""
    from mixvocab.sources.tasks import resolve_snips

    train = resolve_snips(data_dir=data_dir).splits["train"]
    model = new_stackprop(train, JointLabels.of(train), seed=0)
    assert model.embedding.weight.shape == (11_420, 256)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert total == 4_127_983
    assert torch.isfinite(model.embedding.weight).all()
