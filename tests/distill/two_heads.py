"""A task of two heads and a batch of it, small enough to be followed by hand."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BertModel

from mixvocab.models.parameters import BertShape
from mixvocab.models.student import bert_config
from mixvocab.train.losses import nll


class TwoHeads(torch.nn.Module):
    """A task of an answer a text and one a token, some of which nobody asks for."""

    reads = ("ids",)

    def __init__(self, layers: int, hidden: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            config = bert_config(BertShape(layers, hidden, 30, heads=2, intermediate=8))
            bert, self.text, self.token = BertModel(config), torch.nn.Linear(hidden, 3), torch.nn.Linear(hidden, 4)
        self.model = torch.nn.Module()
        self.model.bert, self.model.config = bert, config  # type: ignore[assignment]

    def encoded(self, ids: torch.Tensor, attention: torch.Tensor | None = None, **more: Any) -> Any:
        return self.model.bert(ids, attention_mask=attention, **more)  # type: ignore[operator]

    def heads(self, encoded: Any) -> Any:
        return self.text(encoded.pooler_output), self.token(encoded.last_hidden_state)

    def losses(self, logits: Any, one: torch.Tensor, many: torch.Tensor) -> Any:
        return {"text": nll(logits[0], one), "token": nll(logits[1], many)}

    def asked(self, logits: Any, one: torch.Tensor, many: torch.Tensor) -> Any:
        return [logits[0], logits[1][many != -100]]


def batch() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(5)
    many = torch.randint(0, 4, (3, 6), generator=draw)
    many[:, 0], many[1, 3:] = -100, -100
    attention = torch.ones(3, 6, dtype=torch.bool)
    attention[1, 4:] = False
    ids = torch.randint(5, 30, (3, 6), generator=draw)
    return {"ids": ids, "attention": attention, "one": torch.tensor([0, 2, 1]), "many": many, "done": torch.tensor(0.0)}
