"""StackProp: the recurrent baseline of the paper's table 2 (Qin et al. 2019), from its equations.

A word's encoding joins a bidirectional LSTM with self-attention. An LSTM decoder names the utterance's intent at every
token; a second one tags slots and reads the first one's intent distribution, through which the slot loss also trains
the intent (the "stack propagation"). The utterance's intent is the tokens' vote.

The original mostly feeds a decoder its gold output of the token before. Here training always does, in one LSTM call an
utterance, and hides a share of that history, or the intent would be learned at the first token and copied from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mixvocab.common.files import write_json
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.joint import JointModel
from mixvocab.tasks.scores import Roles
from mixvocab.train.losses import IGNORED, Losses, nll

UNK = 1  # the place of [UNK] in the vocabulary

# The sizes of Qin et al. (section 4.2 there).
EMBEDDING = 256
LSTM = 256  # both directions together
ATTENTION, ATTENTION_OUTPUT = 1024, 128  # queries and keys; values
DECODER = 64
INTENT_EMBEDDING, SLOT_EMBEDDING = 8, 32

# Ours.
HISTORY_DROPOUT = 0.5  # share of the previous outputs that training hides from the decoders
RARE_DROPOUT = 0.3  # share of the words seen once that training reads as [UNK]


class SelfAttention(nn.Module):
    """One head of scaled dot-product attention, queries and keys far wider than the words."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(EMBEDDING, ATTENTION)
        self.key = nn.Linear(EMBEDDING, ATTENTION)
        self.value = nn.Linear(EMBEDDING, ATTENTION_OUTPUT)

    def forward(self, words: Tensor, attention: Tensor | None) -> Tensor:
        """`words` (B, T, E), `attention` (B, T) bool or None -> (B, T, attention's output)."""
        if self.training:
            # q_i . k_j = x_i (Wq' Wk) x_j' + bq Wk x_j' + terms without j, which the softmax takes out: less work.
            merged = self.query.weight.T @ self.key.weight  # (E, E)
            scores = (words @ merged + self.query.bias @ self.key.weight) @ words.transpose(1, 2)
        else:
            scores = self.query(words) @ self.key(words).transpose(1, 2)
        scores = scores / ATTENTION**0.5
        if attention is not None:
            scores = scores.masked_fill(~attention[:, None, :], float("-inf"))
        return scores.softmax(-1) @ self.value(words)


class Decoder(nn.Module):
    """An LSTM that reads, besides the token's encoding, what was decided for the token before."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.history = nn.Embedding(outputs + 1, embedding)  # the last row: nothing decided yet, or hidden
        self.lstm = nn.LSTM(inputs + embedding, DECODER, batch_first=True)
        self.output = nn.Linear(DECODER, outputs)
        self.nothing = outputs

    def forced(self, inputs: Tensor, gold: Tensor, dropout: float) -> Tensor:
        """Logits (B, T, O) given the gold outputs (B, T) before each token, some of them hidden in training."""
        before = F.pad(gold[:, :-1], (1, 0), value=IGNORED)
        hidden = before == IGNORED
        if self.training:
            hidden |= torch.rand_like(inputs[:, :, 0]) < HISTORY_DROPOUT
        fed = self.history(before.masked_fill(hidden, self.nothing))
        states, _ = self.lstm(torch.cat([inputs, F.dropout(fed, dropout, self.training)], -1))
        return self.output(states)

    def greedy(self, inputs: Tensor) -> Tensor:
        """Logits (B, T, O), each token given the best output of the token before."""
        hidden = cell = inputs.new_zeros(len(inputs), DECODER)
        before = torch.full((len(inputs),), self.nothing, device=inputs.device)
        logits = []
        for token in inputs.unbind(1):
            fed = torch.cat([token, self.history(before)], -1)
            hidden, cell = torch.lstm_cell(fed, (hidden, cell), *self.lstm.all_weights[0])
            logits.append(self.output(hidden))
            before = logits[-1].argmax(-1)
        return torch.stack(logits, 1)


class StackProp(JointModel):
    """Joint intent and slots over whole lower-cased words, at most `window` of an utterance.

    `words` begins with [PAD] and [UNK]; `rare` words at its end has training seen only once.
    """

    def __init__(
        self, words: Sequence[str], rare: int, intents: Sequence[str], slots: Sequence[str], dropout: float, window: int
    ) -> None:
        super().__init__(intents, slots)
        self.words = {word: i for i, word in enumerate(words)}
        self.rare, self.dropout, self.window = rare, dropout, window
        encoding = LSTM + ATTENTION_OUTPUT
        self.embedding = nn.Embedding(len(words), EMBEDDING)
        nn.init.normal_(self.embedding.weight, std=0.1)  # torch's default of 1 takes twice the epochs
        self.lstm = nn.LSTM(EMBEDDING, LSTM // 2, batch_first=True, bidirectional=True)
        self.attention = SelfAttention()
        self.intent = Decoder(encoding, len(intents), INTENT_EMBEDDING)
        self.slot = Decoder(encoding + len(intents), len(slots), SLOT_EMBEDDING)

    def encode(self, row: SnipsRow) -> Encoded:
        """One id a word; there is no [CLS] and no [SEP]."""
        ids = np.array([self.words.get(word.lower(), UNK) for word in row.words[: self.window]], dtype=np.int64)
        return Encoded(ids, np.zeros_like(ids), np.arange(len(ids)))

    def encodings(self, ids: Tensor, attention: Tensor | None = None) -> Tensor:
        """`ids` (B, T) -> (B, T, LSTM's and attention's output); padding, if any, follows the words."""
        if self.training and self.rare:
            hidden = torch.rand(ids.shape, device=ids.device) < RARE_DROPOUT
            ids = ids.masked_fill(hidden & (ids >= len(self.words) - self.rare), UNK)
        words = F.dropout(self.embedding(ids), self.dropout, self.training)
        if attention is None:
            context, _ = self.lstm(words)
        else:
            # Packed, the backward direction starts at each utterance's last word.
            packed = pack_padded_sequence(words, attention.sum(1).cpu(), batch_first=True, enforce_sorted=False)
            context, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])
        return torch.cat([context, self.attention(words, attention)], -1)

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        """Sum of -log p over words: of the utterance's intent at each, and of its tag; shapes as in `JointModel`.

        In evaluation, too, decoders read the gold output of the token before; `logits` is what the model says alone.
        """
        encodings = self.encodings(ids, attention)
        intents = intent[:, None].expand_as(ids)
        if attention is not None:
            intents = intents.masked_fill(~attention, IGNORED)
        encodings = F.dropout(encodings, self.dropout, self.training)
        intent_logits = self.intent.forced(encodings, intents, self.dropout)
        inputs = torch.cat([encodings, intent_logits.softmax(-1)], -1)
        slot_logits = self.slot.forced(inputs, tags, self.dropout)
        return {"intent": nll(intent_logits, intents), "slots": nll(slot_logits, tags)}

    def logits(self, ids: Tensor, attention: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Votes of the words for intents (B, I), of as many the more probable ahead; logits of tags (B, T, S)."""
        encodings = self.encodings(ids, attention)
        distribution = self.intent.greedy(encodings).softmax(-1)  # (B, T, I)
        votes = F.one_hot(distribution.argmax(-1), len(self.intents)) + distribution / (2 * ids.shape[1])
        if attention is not None:
            votes = votes * attention[:, :, None]
        return votes.sum(1), self.slot.greedy(torch.cat([encodings, distribution], -1))

    def tags(self, logits: np.ndarray) -> np.ndarray:
        """Chosen greedily, word by word, as published: they need not be IOB2."""
        return logits.argmax(-1)

    def save(self, out: Path) -> None:
        names = {"words": list(self.words), "intents": list(self.intents), "slots": list(self.slots)}
        write_json(out / "config.json", names)
        save_file({name: tensor.cpu().clone() for name, tensor in self.state_dict().items()}, out / "model.safetensors")


def new_stackprop(data: SnipsData, roles: Roles, tuning: TuningSettings, seed: int) -> StackProp:
    """An untrained model for the words and labels of the training rows."""
    counts = Counter(word.lower() for row in roles.train for word in row.words)
    words = ("[PAD]", "[UNK]", *sorted(counts, key=lambda word: (-counts[word], word)))
    rare = sum(count == 1 for count in counts.values())
    known = replace(data, splits={"train": roles.train})
    # torch's layers draw their weights from its global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=torch.Generator().manual_seed(seed))))
        return StackProp(words, rare, known.intents, known.slots, tuning.dropout, tuning.window)
