"""BERT for joint intent detection and slot filling (Chen, Zhuo and Wang 2019): one encoder, two heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel


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
    """Fresh heads (and a fresh pooler where the encoder has none) on the pretrained encoder in `folder`."""
    # transformers draws new weights from torch's global generator: lend it our seed, then give it back.
    config = BertConfig.from_pretrained(folder, local_files_only=True)
    config.intent_labels, config.slot_labels = list(intents), list(slots)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        return JointBert.from_pretrained(folder, config=config, local_files_only=True, use_safetensors=True)
