"""Small fine-tuned folders of every kind, with weights large enough that answers differ."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    MobileBertForMaskedLM,
    MobileBertForSequenceClassification,
)

from mixvocab.common.files import write_json
from mixvocab.edge.export import export
from mixvocab.models.mobile import MobileShape, mobile_config
from mixvocab.tasks.encoding import Bundle
from mixvocab.tasks.joint import JOINT
from mixvocab.text.wordpiece import Vocabulary

WORDS = "play some jazz by miles davis book a table for two in boston rate this novel five stars".split()
INTENTS = ["PlayMusic", "BookRestaurant", "RateBook"]
SLOTS = ["O", "B-artist", "I-artist", "B-city"]
WINDOW = 24
CLASSES = {
    "bert": (BertForMaskedLM, BertForSequenceClassification),
    "mobilebert": (MobileBertForMaskedLM, MobileBertForSequenceClassification),
}
MOBILE = {
    "as published": MobileShape(2, 32, 0, inner=16, embedding=8, positions=40),
    "as ours": MobileShape(2, 32, 0, inner=8, embedding=16, positions=40, norm="layer_norm", activation="gelu"),
    "tiny": MobileShape(2, 32, 0, inner=16, embedding=8, positions=40, feed_forwards=1, shared=False),
}


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory):
    """make_folder(kind, **task) -> a fine-tuned folder as `mixvocab finetune` would write it."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz"[1:], "##s"]
    vocabulary = Vocabulary(tuple(pieces), lowercase=True)

    def make(kind, task="snips", hidden=32, layers=2, mobile=None):
        if mobile:
            config = mobile_config(replace(MOBILE[mobile], vocab_size=len(pieces)))
            config.initializer_range = 0.15  # without norms, 0.3 would let states explode
        else:
            config = BertConfig(
                vocab_size=len(pieces),
                hidden_size=hidden,
                num_hidden_layers=layers,
                num_attention_heads=4,
                intermediate_size=4 * hidden,
                max_position_embeddings=40,
                initializer_range=0.3,
            )
        if kind == "joint":
            config.intent_labels, config.slot_labels = INTENTS, SLOTS
        if kind in ("classification", "regression"):
            config.num_labels = 1 if kind == "regression" else 3
        masked, classifier = CLASSES[config.model_type]
        model_class = {"joint": JOINT[config.model_type], "masked": masked}.get(kind, classifier)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = model_class(config).eval()
            for name, parameter in model.named_parameters():  # fresh biases are zero and would hide mistakes
                if name.endswith("bias"):
                    torch.nn.init.normal_(parameter, std=0.3)
            if kind == "joint":  # no tag is likely everywhere, and the likeliest ones are often not IOB2 together
                hidden = model.base_model(torch.randint(5, len(pieces), (64, 12))).last_hidden_state
                model.slots.bias.data = -model.slots.weight.data @ hidden.detach().mean((0, 1))
        if kind == "classification":
            model.config.id2label = {0: "contradiction", 1: "entailment", 2: "neutral"}
            model.config.label2id = {name: number for number, name in model.config.id2label.items()}
        folder = tmp_path_factory.mktemp(kind) / "model"
        model.save_pretrained(folder)
        vocabulary.save(folder)
        if kind != "masked":
            write_json(folder / "task.json", {"task": task, "kind": kind, "window": WINDOW})
        return folder

    return make


@pytest.fixture(scope="session")
def exported(make_folder, tmp_path_factory):
    """exported(kind, ...) -> folder, bundle and gaps of such an export, and the model it is of; made once a kind."""
    done = {}

    def get(kind, **settings):
        key = (kind, *sorted(settings.items()))
        if key not in done:
            model, folder = make_folder(kind, **settings), tmp_path_factory.mktemp("out") / "device"
            gaps = export(model, folder)
            done[key] = SimpleNamespace(folder=folder, bundle=Bundle.load(folder), gaps=gaps, model=model)
        return done[key]

    return get


@pytest.fixture
def copy_of(tmp_path):
    """copy_of(folder) -> a copy that a test may damage."""
    return lambda folder: shutil.copytree(folder, tmp_path / "copy")
