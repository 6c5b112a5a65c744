"""StackProp: the recurrent baseline of the paper's table 2 (Qin et al. 2019), from its equations.

A word's encoding e_i joins a bidirectional LSTM with self-attention. An LSTM decoder names the utterance's intent at
every token; a second one tags slots and reads the first one's intent distribution, through which the slot loss
also trains the intent (the "stack propagation"). The utterance's intent is the tokens' vote.

The original mostly feeds a decoder its gold output of the token before. Here training always does, so that each
decoder is one LSTM call over the whole utterance; in exchange a share of that history is hidden, token by token
(`history_dropout`). Without it the intent would be learned at the first token alone and copied from there on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write, write_json
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.finetune import Tuned
from mixvocab.tasks.folder import write_task
from mixvocab.tasks.joint import JointLabels, JointModel, finetune_joint, training_rows
from mixvocab.train.losses import IGNORED, Losses, nll

PAD, UNK = "[PAD]", "[UNK]"


@dataclass(frozen=True)
class StackPropShape:
    """The sizes of Qin et al. (section 4.2 there); `history_dropout` and `rare_dropout` are ours."""

    embedding: int = 256
    lstm: int = 256  # both directions together
    attention: int = 1024  # queries and keys
    attention_output: int = 128
    decoder: int = 64
    intent_embedding: int = 8
    slot_embedding: int = 32
    dropout: float = 0.4
    history_dropout: float = 0.5  # share of the previous outputs that training hides from the decoders
    rare_dropout: float = 0.3  # share of the words seen once that training reads as [UNK]


PUBLISHED = StackPropShape()


class SelfAttention(nn.Module):
    """One head of scaled dot-product attention, queries and keys far wider than the words."""

    def __init__(self, shape: StackPropShape) -> None:
        super().__init__()
        self.query = nn.Linear(shape.embedding, shape.attention)
        self.key = nn.Linear(shape.embedding, shape.attention)
        self.value = nn.Linear(shape.embedding, shape.attention_output)

    def forward(self, words: Tensor, attention: Tensor | None) -> Tensor:
        """`words` (B, T, E), `attention` (B, T) bool or None -> (B, T, attention_output)."""
        if self.training:
            # q_i . k_j = x_i (Wq' Wk) x_j' + bq Wk x_j' + terms without j, which the softmax takes out. Merging the
            # matrices first is less work as soon as a batch has some 150 tokens.
            merged = self.query.weight.T @ self.key.weight  # (E, E)
            scores = (words @ merged + self.query.bias @ self.key.weight) @ words.transpose(1, 2)
        else:
            scores = self.query(words) @ self.key(words).transpose(1, 2)
        scores = scores / self.query.out_features**0.5
        if attention is not None:
            scores = scores.masked_fill(~attention[:, None, :], float("-inf"))
        return scores.softmax(-1) @ self.value(words)


class Decoder(nn.Module):
    """An LSTM that reads, besides the token's encoding, what was decided for the token before."""

    def __init__(self, inputs: int, hidden: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.history = nn.Embedding(outputs + 1, embedding)  # the last row: nothing decided yet, or hidden
        self.lstm = nn.LSTM(inputs + embedding, hidden, batch_first=True)
        self.output = nn.Linear(hidden, outputs)
        self.nothing = outputs

    def forced(self, inputs: Tensor, gold: Tensor, hidden: float, dropout: float) -> Tensor:
        """Logits (B, T, O) given the gold outputs (B, T) before each token, a share `hidden` of them withheld."""
        before = F.pad(gold[:, :-1], (1, 0), value=IGNORED)
        withheld = before == IGNORED
        if self.training and hidden:
            withheld |= torch.rand_like(inputs[:, :, 0]) < hidden
        fed = self.history(before.masked_fill(withheld, self.nothing))
        states, _ = self.lstm(torch.cat([inputs, F.dropout(fed, dropout, self.training)], -1))
        return self.output(states)

    def greedy(self, inputs: Tensor) -> Tensor:
        """Logits (B, T, O), each token given the best output of the token before."""
        # What does not depend on earlier tokens is multiplied once: the inputs, and every output that may be fed.
        by_input, by_state, bias_input, bias_state = self.lstm.all_weights[0]
        split = inputs.shape[-1]
        gates = F.linear(inputs, by_input[:, :split], bias_input + bias_state)
        fed = F.linear(self.history.weight, by_input[:, split:])
        hidden = cell = inputs.new_zeros(len(inputs), self.lstm.hidden_size)
        before = torch.full((len(inputs),), self.nothing, device=inputs.device)
        logits = []
        for token in range(inputs.shape[1]):
            gate = gates[:, token] + fed[before] + hidden @ by_state.T
            enter, forget, update, leave = gate.chunk(4, -1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * update.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            logits.append(self.output(hidden))
            before = logits[-1].argmax(-1)
        return torch.stack(logits, 1)


class StackProp(JointModel):
    """Joint intent and slots over whole words.

    Args:
        words: the vocabulary in the order of ids, [PAD] and [UNK] among it.
        rare: how many words at the vocabulary's end training has seen only once.
        intents, slots: the labels in the order of their indices.
        generator: draws the initial weights.
    """

    def __init__(
        self,
        words: Sequence[str],
        rare: int,
        intents: Sequence[str],
        slots: Sequence[str],
        *,
        generator: torch.Generator,
        shape: StackPropShape = PUBLISHED,
    ) -> None:
        super().__init__()
        self.words, self.rare, self.shape = tuple(words), rare, shape
        self.intents, self.slots = tuple(intents), tuple(slots)
        encoding = shape.lstm + shape.attention_output
        # torch's layers draw their weights from its global generator: lend it our seed, then give it back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            self.embedding = nn.Embedding(len(self.words), shape.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)  # torch's default of 1 takes twice the epochs
            self.lstm = nn.LSTM(shape.embedding, shape.lstm // 2, batch_first=True, bidirectional=True)
            self.attention = SelfAttention(shape)
            self.intent = Decoder(encoding, shape.decoder, len(self.intents), shape.intent_embedding)
            inputs = encoding + len(self.intents)
            self.slot = Decoder(inputs, shape.decoder, len(self.slots), shape.slot_embedding)

    def encode(self, ids: Tensor, attention: Tensor | None = None) -> Tensor:
        """`ids` (B, T) -> encodings (B, T, lstm + attention_output); padding, if any, follows the words."""
        if self.training and self.rare:
            hidden = torch.rand(ids.shape, device=ids.device) < self.shape.rare_dropout
            ids = ids.masked_fill(hidden & (ids >= len(self.words) - self.rare), self.words.index(UNK))
        words = F.dropout(self.embedding(ids), self.shape.dropout, self.training)
        if attention is None:
            context, _ = self.lstm(words)
        else:
            # Packed, the backward direction starts at each utterance's last word.
            packed = pack_padded_sequence(words, attention.sum(1).cpu(), batch_first=True, enforce_sorted=False)
            context, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])
        return torch.cat([context, self.attention(words, attention)], -1)

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        """Sum of -log p over words: of the utterance's intent at each, and of its tag.

        `ids`, `tags`: (B, T) int64; `intent`: (B,) int64; -100 where a label is unknown or a word is padding;
        `attention`: (B, T) bool, or None when every position is a word. In evaluation, too, a decoder is given
        the gold output of the token before: the losses are likelihoods, `predict` is what the model says alone.
        """
        shape = self.shape
        encodings = self.encode(ids, attention)
        intents = intent[:, None].expand_as(ids)
        if attention is not None:
            intents = intents.masked_fill(~attention, IGNORED)
        encodings = F.dropout(encodings, shape.dropout, self.training)
        intent_logits = self.intent.forced(encodings, intents, shape.history_dropout, shape.dropout)
        inputs = torch.cat([encodings, intent_logits.softmax(-1)], -1)
        slot_logits = self.slot.forced(inputs, tags, shape.history_dropout, shape.dropout)
        return {"intent": nll(intent_logits, intents), "slots": nll(slot_logits, tags)}

    @torch.no_grad()
    def predict(self, ids: Tensor, attention: Tensor | None = None, first: object = None) -> tuple[Tensor, Tensor]:
        """`ids` (B, T) -> intent (B,) by the words' majority, tags (B, T); at padding, tags mean nothing.

        Of intents with as many votes, the one of the higher mean probability wins. Tags are chosen greedily, word by
        word, as published, and need not be IOB2 (`mixvocab.tasks.decoding` is for the BERTs). `first` is not needed:
        every position is a word.
        """
        encodings = self.encode(ids, attention)
        distribution = self.intent.greedy(encodings).softmax(-1)  # (B, T, I)
        tags = self.slot.greedy(torch.cat([encodings, distribution], -1)).argmax(-1)
        return vote(distribution, attention), tags

    def save(self, folder: Path) -> None:
        """Write `config.json`, `model.safetensors` and `vocab.txt` (a word a line, in the order of ids)."""
        folder.mkdir(parents=True, exist_ok=True)
        labels = {"intent_labels": self.intents, "slot_labels": self.slots}
        write_json(folder / "config.json", {"model": "stackprop", "rare": self.rare, **labels, **asdict(self.shape)})
        with atomic_write(folder / "vocab.txt") as file:
            file.writelines(f"{word}\n" for word in self.words)
        with atomic_write(folder / "model.safetensors", "wb") as file:
            file.write(save({name: tensor.cpu().contiguous() for name, tensor in self.state_dict().items()}))

    @classmethod
    def load(cls, folder: Path) -> StackProp:
        """The model that `save` wrote, ready to predict. Raises UserError if `folder` holds no such model."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            if config.pop("model", None) != "stackprop":
                raise ValueError("config.json is another model's")
            words = (folder / "vocab.txt").read_bytes().decode("utf-8").split("\n")[:-1]
            rare, intents, slots = (config.pop(name) for name in ("rare", "intent_labels", "slot_labels"))
            shape = StackPropShape(**config)
            model = cls(words, rare, intents, slots, generator=torch.Generator(), shape=shape)
            model.load_state_dict(load_file(folder / "model.safetensors"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{folder.name} does not load as StackProp ({reason}); train it again") from None
        return model.eval()


def vote(distribution: Tensor, attention: Tensor | None = None) -> Tensor:
    """The intent (B,) that most words name; `distribution`: (B, T, I) probabilities, padding not counted."""
    votes = F.one_hot(distribution.argmax(-1), distribution.shape[-1]) + distribution / (2 * distribution.shape[1])
    if attention is not None:
        votes = votes * attention[:, :, None]
    return votes.sum(1).argmax(-1)


class WholeWords:
    """Encodes an utterance word by word, lower-cased, where the BERTs have their WordPiece `Encoder`."""

    def __init__(self, words: Sequence[str], length: int) -> None:
        """`words` in the order of ids, [UNK] among them; `length`: the most words of an utterance that are read."""
        self.length = length
        self._ids = {word: i for i, word in enumerate(words)}
        self._unknown = self._ids[UNK]

    def words(self, words: Sequence[str]) -> Encoded:
        """One id a word; there is no [CLS] and no [SEP]."""
        ids = np.array([self._ids.get(word.lower(), self._unknown) for word in words[: self.length]], dtype=np.int64)
        return Encoded(ids, np.zeros_like(ids), np.arange(len(ids)))


def vocabulary(rows: Sequence[SnipsRow]) -> tuple[tuple[str, ...], int]:
    """[PAD], [UNK] and the words of `rows`, the frequent ones first; and how many of them occur once."""
    counts = Counter(word.lower() for row in rows for word in row.words)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return (PAD, UNK, *ordered), sum(count == 1 for count in counts.values())


def new_stackprop(
    rows: Sequence[SnipsRow], labels: JointLabels, *, seed: int, shape: StackPropShape = PUBLISHED
) -> StackProp:
    """An untrained model for training rows and their labels."""
    words, rare = vocabulary(rows)
    generator = torch.Generator().manual_seed(seed)
    return StackProp(words, rare, labels.intents, labels.slots, generator=generator, shape=shape)


def finetune_stackprop(
    data: SnipsData,
    tuning: TuningSettings,
    out: Path,
    *,
    seed: int,
    limit: int | None = None,
    folder: Path | None = None,
    label: str = "StackProp",
) -> Tuned:
    """Train StackProp from scratch and write it to `out`; arguments as in `finetune_joint_bert`."""
    if tuning.piece_dropout:
        raise UserError(f"piece_dropout={tuning.piece_dropout}: StackProp reads words, not pieces; set it to 0")
    rows = training_rows(data, limit)
    labels = JointLabels.of(rows)
    model = new_stackprop(rows, labels, seed=seed, shape=replace(PUBLISHED, dropout=tuning.dropout))
    encoder = WholeWords(model.words, tuning.window)
    tuned = finetune_joint(model, encoder, labels, data, rows, tuning, seed=seed, folder=folder, label=label)
    model.save(out)
    write_task(out, task="snips", kind="joint", window=tuning.window, scores=tuned.reported["test"])
    return tuned
