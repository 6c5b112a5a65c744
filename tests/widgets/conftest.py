"""Models of a few thousand random weights, exported as for a device: what the live model's tests run."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from mixvocab.common.files import write_json
from mixvocab.edge.export import export
from mixvocab.sources.source import Source
from mixvocab.tasks.joint import JointBert
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.demo import demo

WORDS = "play some jazz by miles davis book a table for two in boston rate this novel five stars the".split()
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *WORDS,
    *"bcdefghijklmnopqrstuvwxyz.,!'",
    "##s",
    "##es",
    "##ing",
]
INTENTS = ["PlayMusic", "BookRestaurant", "RateBook"]
SLOTS = ["O", "B-artist", "I-artist", "B-object_name", "I-object_name", "B-city"]
WINDOW = 24
EXAMPLES = {
    "joint": ["play some jazz by miles davis", "book a table for two in boston"],
    "masked": ["play some [MASK] .", "[MASK] a table for [MASK]"],
}
SOURCE = Source("snips", "synthetic <orders>", "embedded", "a test", "CC0", "0" * 64, False)


@pytest.fixture(scope="session")
def device(tmp_path_factory):
    """device(kind) -> folder of an exported "joint" or "masked" model, with weights so large that answers differ."""
    done = {}

    def get(kind):
        if kind not in done:
            config = BertConfig(
                vocab_size=len(PIECES),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                max_position_embeddings=WINDOW,
                initializer_range=0.3,
            )
            config.intent_labels, config.slot_labels = INTENTS, SLOTS
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(5)
                model = (JointBert if kind == "joint" else BertForMaskedLM)(config).eval()
                if kind == "joint":  # no tag is likely everywhere, and the likeliest ones are often not IOB2 together
                    hidden = model.bert(torch.randint(5, len(PIECES), (64, 12))).last_hidden_state
                    model.slots.bias.data = -model.slots.weight.data @ hidden.detach().mean((0, 1))
            folder = tmp_path_factory.mktemp(kind)
            model.save_pretrained(folder / "model")
            Vocabulary(tuple(PIECES), lowercase=True).save(folder / "model")
            if kind == "joint":
                task = {"task": "snips", "kind": kind, "window": WINDOW}
                write_json(folder / "model" / "task.json", task)
            export(folder / "model", folder / "device")
            done[kind] = folder / "device"
        return done[kind]

    return get


@pytest.fixture(scope="session")
def make_demo(device):
    """make_demo(kind) -> what is published of that model."""

    def make(kind):
        about = {"origin": "made up", "parameters": 1234, "profile": "smoke", "sources": [SOURCE]}
        return demo(device(kind), EXAMPLES[kind], scores={"slot F1": "12.3"}, **about)

    return make
