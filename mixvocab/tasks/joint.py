"""Intents and slots, on SNIPS or any data in its layout, learned by Joint BERT (Chen, Zhuo and Wang 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertModel, BertPreTrainedModel, MobileBertModel

from mixvocab.models.pretrained import load_pretrained, require_fit
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.encoding import Bundle, Encoded, Encoder, viterbi
from mixvocab.tasks.finetune import Example, TaskModel, save_bert
from mixvocab.tasks.scores import Prediction, Roles, joint_scores
from mixvocab.train.losses import IGNORED, Losses, nll


class JointModel(TaskModel):
    """A model of intents and slots, which knows the labels of its training rows and no others.

    `forward` takes `ids`, `tags` (B, T) int64, `intent` (B,) int64, and `attention` (B, T) bool or None, when every
    position is real; -100 stands for unknown labels and where no word begins. It returns sums of -log p.
    """

    choose_by = "frame_accuracy"  # intent and slots at once

    def __init__(self, intents: Sequence[str], slots: Sequence[str]) -> None:
        super().__init__()
        self.intents = {name: i for i, name in enumerate(intents)}
        self.slots = {name: i for i, name in enumerate(slots)}

    def logits(self, ids: Tensor, attention: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of intents (B, I), and of tags (B, T, S)."""
        raise NotImplementedError

    def tags(self, logits: np.ndarray) -> np.ndarray:
        """The tags (W,) of an utterance's words by their logits (W, S)."""
        return viterbi(logits, list(self.slots))

    def targets(self, row: SnipsRow, text: Encoded) -> Example:
        tags = np.full(len(text.ids), IGNORED)
        tags[text.first] = [self.slots.get(tag, IGNORED) for tag in row.slots[: len(text.first)]]
        return {"intent": np.array(self.intents.get(row.intent, IGNORED)), "tags": tags}

    def answers(self, rows: Sequence[SnipsRow], texts: Sequence[Encoded], **tensors: Tensor) -> list[Prediction]:
        intents, tags = self.logits(**tensors)
        intent_names, slot_names = list(self.intents), list(self.slots)
        outputs = zip(rows, texts, intents.argmax(-1).tolist(), tags.float().cpu().numpy(), strict=True)
        predictions = []
        for row, text, intent, scores in outputs:
            unread = len(row.words) - len(text.first)  # words beyond the window
            slots = (*(slot_names[tag] for tag in self.tags(scores[text.first])), *["O"] * unread)
            predictions.append(Prediction(intent_names[intent], slots, complete=unread == 0))
        return predictions

    def scores(self, rows: Sequence[SnipsRow], predictions: Sequence[Prediction]) -> dict[str, float]:
        return joint_scores(rows, predictions)


class JointBert(BertPreTrainedModel):
    """Intent from the pooled [CLS], a slot tag from every position; tags count at words' first pieces only.

    `intent_labels` and `slot_labels` of the configuration, or given for it, name the heads' outputs in their order.
    """

    encoder_class: Any = BertModel

    def __init__(self, config: Any, **labels: Sequence[str]) -> None:
        config.update(labels)
        if not (getattr(config, "intent_labels", None) and getattr(config, "slot_labels", None)):
            raise ValueError("config.json names no intents and slots")
        super().__init__(config)
        setattr(self, self.base_model_prefix, self.encoder_class(config))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.intent = nn.Linear(config.hidden_size, len(config.intent_labels))
        self.slots = nn.Linear(config.hidden_size, len(config.slot_labels))
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Intent logits (B, I) and slot logits (B, T, S) for ids (B, T) and a mask (B, T), 0 or False on padding."""
        return self.heads(self.base_model(input_ids, attention_mask=attention_mask))

    def heads(self, encoded: Any) -> tuple[Tensor, Tensor]:
        intent = self.intent(self.dropout(encoded.pooler_output))
        return intent, self.slots(self.dropout(encoded.last_hidden_state))


class JointMobileBert(JointBert):
    """The same with a MobileBERT, whose [CLS] is taken as it is: it has no pooler."""

    config_class = MobileBertModel.config_class
    base_model_prefix = MobileBertModel.base_model_prefix
    encoder_class = MobileBertModel


JOINT = {"bert": JointBert, "mobilebert": JointMobileBert}


class JointTask(JointModel):
    """-log p(intent, slots | words), the product of the intent's and every word's probability.

    Training reads a share of `piece_dropout` pieces as [UNK], to learn slots from the words around unheard names.
    """

    def __init__(self, model: JointBert, folder: Path, window: int, piece_dropout: float = 0.0) -> None:
        super().__init__(model.config.intent_labels, model.config.slot_labels)
        self.model, self.folder, self.piece_dropout = model, folder, piece_dropout
        self.encoder = Encoder.load(folder, window)

    def encode(self, row: SnipsRow) -> Encoded:
        return self.encoder.words(row.words)

    def word_keys(self, row: SnipsRow) -> np.ndarray:
        return self.encoder.word_keys_of_words(row.words)

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        return self.losses(self.logits(ids, attention), intent, tags)

    def losses(self, logits: tuple[Tensor, Tensor], intent: Tensor, tags: Tensor) -> Losses:
        return {"intent": nll(logits[0], intent), "slots": nll(logits[1], tags)}

    def logits(self, ids: Tensor, attention: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.heads(self.encoded(ids, attention))

    def encoded(self, ids: Tensor, attention: Tensor | None = None, **more: Any) -> Any:
        """What the encoder returns; `more` are arguments of its own, as `output_hidden_states`."""
        if self.training and self.piece_dropout:
            hidden = torch.rand(ids.shape, device=ids.device) < self.piece_dropout
            for special in (self.encoder.cls, self.encoder.sep, self.encoder.pad):
                hidden &= ids != special
            ids = ids.masked_fill(hidden, self.encoder.unk)
        return self.model.base_model(ids, attention_mask=attention, **more)

    def heads(self, encoded: Any) -> tuple[Tensor, Tensor]:
        return self.model.heads(encoded)

    def asked(self, logits: tuple[Tensor, Tensor], intent: Tensor, tags: Tensor) -> list[Tensor]:
        return [logits[0][intent != IGNORED], logits[1][tags != IGNORED]]

    def save(self, out: Path) -> None:
        save_bert(self.model, self.folder, out, "snips", "joint", self.encoder.length)


def new_joint_bert(folder: Path, data: SnipsData, roles: Roles, tuning: TuningSettings, seed: int) -> JointTask:
    """Fresh heads, and a pooler if need be, on the BERT in `folder`. Raises UserError if there is no pretrained one."""
    known = replace(data, splits={"train": roles.train})
    # transformers draws new weights from torch's global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=torch.Generator().manual_seed(seed))))
        model, _ = load_pretrained(
            JOINT,
            folder,
            new_head=True,
            intent_labels=list(known.intents),
            slot_labels=list(known.slots),
            hidden_dropout_prob=tuning.dropout,
            attention_probs_dropout_prob=tuning.dropout,
        )
    require_fit(model, folder, tuning.window, "window")
    return JointTask(model, folder, tuning.window, tuning.piece_dropout)


def load_joint_bert(folder: Path) -> JointTask:
    """What `finetune` wrote for such a model. Raises UserError if the folder holds none."""
    window = Bundle.load(folder).window
    model, _ = load_pretrained(JOINT, folder, new_head=False)
    return JointTask(model, folder, window)


def unseen_labels(data: SnipsData) -> list[str]:
    """Intents and tags that development or test rows have and training rows have not: they count as errors."""
    known = replace(data, splits={"train": data.splits["train"]})
    return sorted({*data.intents, *data.slots} - {*known.intents, *known.slots})
