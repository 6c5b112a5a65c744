"""Joint BERT (Chen, Zhuo and Wang 2019): one encoder, a head for the intent, a head for every word's slot tag."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel

from mixvocab.models.loading import load_pretrained
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData
from mixvocab.tasks.decoding import viterbi
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Tuned
from mixvocab.tasks.folder import read_task, save_model
from mixvocab.tasks.joint import JointLabels, JointModel, finetune_joint, training_rows
from mixvocab.train.losses import Losses, nll


class JointBertConfig(BertConfig):
    """BERT's configuration, and the names of the two heads' outputs in the order of their logits."""

    intent_labels: tuple[str, ...] | list[str] = ()
    slot_labels: tuple[str, ...] | list[str] = ()


class JointBert(BertPreTrainedModel):
    """Intent from the pooled [CLS], a slot tag from every position; tags count at words' first pieces only."""

    config_class = JointBertConfig

    def __init__(self, config: BertConfig) -> None:
        if not config.intent_labels or not config.slot_labels:
            raise ValueError("config.json names no intents and slots")
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


class JointTask(JointModel):
    """-log p(intent, slots | words), the product of the intent's and every word's probability."""

    def __init__(self, model: JointBert, encoder: Encoder | None = None, piece_dropout: float = 0.0) -> None:
        """With `piece_dropout`, training reads that share of the pieces as the `encoder`'s [UNK].

        Most slots hold names that no model has seen; one that must often do without a piece learns to read slots
        from the words around them.
        """
        super().__init__()
        self.model = model
        self.piece_dropout = piece_dropout
        if encoder:
            self.unknown, self.kept = encoder.unk, torch.tensor([encoder.cls, encoder.sep, encoder.pad])
        elif piece_dropout:
            raise ValueError("piece_dropout needs the encoder, which knows [UNK]")

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        """Sums of -log p over utterances (intent) and words (slots); shapes as in `JointBatch`."""
        if self.training and self.piece_dropout:
            hidden = torch.rand(ids.shape, device=ids.device) < self.piece_dropout
            ids = ids.masked_fill(hidden & ~torch.isin(ids, self.kept.to(ids.device)), self.unknown)
        intents, slots = self.model(ids, attention)
        return {"intent": nll(intents, intent), "slots": nll(slots, tags)}

    def predict(self, ids: Tensor, attention: Tensor | None, first: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """The most probable intents (B,), and IOB2 tags (B, T) decoded over the positions `first` of words' pieces."""
        intents, slots = self.model(ids, attention)
        logits = slots.float().cpu().numpy()
        tags = np.zeros(ids.shape, dtype=np.int64)
        for row, words, places in zip(tags, logits, first, strict=True):
            row[places] = viterbi(words[places], self.model.config.slot_labels)
        return intents.argmax(-1), torch.from_numpy(tags)


def new_joint_bert(folder: Path, labels: JointLabels, *, generator: torch.Generator, dropout: float = 0.1) -> JointBert:
    """Fresh heads (and a fresh pooler where the encoder has none) on the pretrained encoder in `folder`.

    Raises UserError if the folder holds no pretrained BERT.
    """
    # transformers draws new weights from torch's global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        model, _ = load_pretrained(
            JointBert,
            folder,
            new_head=True,
            intent_labels=list(labels.intents),
            slot_labels=list(labels.slots),
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
    return model


def load_joint_bert(folder: Path) -> tuple[JointTask, Encoder, JointLabels]:
    """What `finetune_joint_bert` wrote. Raises UserError if the folder holds no such model."""
    window = read_task(folder, kind="joint")["window"]
    model, _ = load_pretrained(JointBert, folder, new_head=False)
    labels = JointLabels(tuple(model.config.intent_labels), tuple(model.config.slot_labels))
    return JointTask(model), Encoder.load(folder, window), labels


def finetune_joint_bert(
    pretrained: Path,
    data: SnipsData,
    tuning: TuningSettings,
    out: Path,
    *,
    seed: int,
    limit: int | None = None,
    folder: Path | None = None,
    label: str = "fine-tuning",
) -> Tuned:
    """Put two heads on the BERT in `pretrained`, fine-tune all of it, and write the model to `out`.

    Args:
        out: gets config.json, model.safetensors, the tokenizer's files and task.json.
        seed: of the heads, the order of the rows and dropout.
        limit: train on a random subset of so many rows, the same for all seeds; None: on all.
        folder: where the run's checkpoints go.

    Raises:
        UserError: for a folder without model or tokenizer, and what training raises.
    """
    rows = training_rows(data, limit)
    labels = JointLabels.of(rows)
    encoder = Encoder.load(pretrained, tuning.window)
    generator = torch.Generator().manual_seed(seed)
    model = new_joint_bert(pretrained, labels, generator=generator, dropout=tuning.dropout)
    task = JointTask(model, encoder, tuning.piece_dropout)
    tuned = finetune_joint(task, encoder, labels, data, rows, tuning, seed=seed, folder=folder, label=label)
    save_model(model, pretrained, out, task="snips", kind="joint", window=tuning.window, scores=tuned.reported["test"])
    return tuned
