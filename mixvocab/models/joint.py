"""BERT for joint intent detection and slot filling (Chen, Zhuo and Wang 2019): one encoder, two heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel

from mixvocab.errors import UserError
from mixvocab.models.loading import quietly


class JointBert(BertPreTrainedModel):
    """Intent from the pooled [CLS], a slot tag from every position; tags count at words' first pieces only.

    The names of the outputs are in the configuration as `intent_labels` and `slot_labels`, in the order of the
    logits.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.intent = nn.Linear(config.hidden_size, len(config.intent_labels))
        self.slots = nn.Linear(config.hidden_size, len(config.slot_labels))
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Intent logits (B, I) and slot logits (B, T, S) for ids (B, T) and a mask (B, T), 0 or False on padding."""
        encoded = self.bert(input_ids, attention_mask=attention_mask)
        intent = self.intent(self.dropout(encoded.pooler_output))
        return intent, self.slots(self.dropout(encoded.last_hidden_state))


def new_joint(
    folder: Path, intents: Sequence[str], slots: Sequence[str], *, generator: torch.Generator, dropout: float = 0.1
) -> JointBert:
    """Fresh heads (and a fresh pooler where the encoder has none) on the pretrained encoder in `folder`.

    Raises UserError if the folder holds no pretrained BERT.
    """
    with _reading(folder):
        config = BertConfig.from_pretrained(folder, local_files_only=True)
        config.intent_labels, config.slot_labels = list(intents), list(slots)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
        # transformers draws new weights from torch's global generator: lend it our seed, then give it back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            loaded: Any = JointBert.from_pretrained(
                folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    if absent := sorted(n for n in loaded[1]["missing_keys"] if n.startswith(("bert.embeddings", "bert.encoder"))):
        raise UserError(f"{folder.name} lacks weights of its layers ({absent[0]}): it is no pretrained BERT")
    return loaded[0]


def load_saved(folder: Path) -> JointBert:
    """A fine-tuned model. Raises UserError if the folder holds none."""
    with _reading(folder):
        config = BertConfig.from_pretrained(folder, local_files_only=True)
        if not getattr(config, "intent_labels", None) or not getattr(config, "slot_labels", None):
            raise UserError(f"{folder.name}/config.json names no intents and slots: it is no joint model")
        loaded: Any = JointBert.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    if loaded[1]["missing_keys"]:
        raise UserError(f"{folder.name}: no weights for {sorted(loaded[1]['missing_keys'])[0]}; fine-tune again")
    return loaded[0].eval()


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Load quietly; what transformers cannot read becomes one line."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder.name}: no config.json in it; name a folder that a model was saved to")
    try:
        with quietly():
            yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{folder.name} does not load as a BERT ({first})") from None
