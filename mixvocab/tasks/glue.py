"""GLUE: one sentence or two, one label or a score. An ordinary BERT, or MobileBERT, with a head on its first token.

Labels go by their names. Their order comes from the training data and is read from the model's config.json (`id2label`)
ever after, so no number is read in another order than it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForSequenceClassification, MobileBertForSequenceClassification

from mixvocab.models.pretrained import load_pretrained, require_fit
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.tasks.encoding import Bundle, Encoded, Encoder
from mixvocab.tasks.finetune import Example, TaskModel, save_bert
from mixvocab.tasks.scores import Label, glue_scores
from mixvocab.train.losses import Losses, Part, nll

Classifier = BertForSequenceClassification | MobileBertForSequenceClassification
CLASSIFIERS = {"bert": BertForSequenceClassification, "mobilebert": MobileBertForSequenceClassification}


class GlueTask(TaskModel):
    """Cross-entropy of the label, or the squared error of a score."""

    choose_by = "score"  # the mean of a task's metrics
    reads = ("ids", "types")

    def __init__(self, model: Classifier, folder: Path, task: str, window: int) -> None:
        super().__init__()
        self.model, self.folder, self.task = model, folder, task
        self.encoder = Encoder.load(folder, window)
        names: Any = model.config.id2label
        self.labels = [names[number] for number in range(len(names))]
        self.regression = model.config.problem_type == "regression"

    def encode(self, row: GlueRow) -> Encoded:
        return self.encoder.texts(row.text_a, row.text_b)

    def word_keys(self, row: GlueRow) -> np.ndarray:
        return self.encoder.word_keys_of_texts(row.text_a, row.text_b)

    def targets(self, row: GlueRow, text: Encoded) -> Example:
        return {"labels": np.array(np.float32(row.label) if self.regression else self.labels.index(row.label))}

    def forward(self, ids: Tensor, types: Tensor, labels: Tensor, attention: Tensor | None = None) -> Losses:
        """Sum over examples: `ids`, `types` (B, T) int64, `labels` (B,) int64 or float32, `attention` (B, T) bool."""
        return self.losses(self.logits(ids, types, attention), labels)

    def losses(self, logits: Tensor, labels: Tensor) -> Losses:
        if not self.regression:
            return {"task": nll(logits, labels)}
        total = F.mse_loss(logits[:, 0], labels, reduction="sum")
        return {"task": Part(total, torch.tensor(len(labels), device=labels.device))}

    def logits(self, ids: Tensor, types: Tensor, attention: Tensor | None = None) -> Tensor:
        """(B, number of labels) float32; one column for a regression."""
        return self.heads(self.encoded(ids, types, attention))

    def encoded(self, ids: Tensor, types: Tensor, attention: Tensor | None = None, **more: Any) -> Any:
        """What the encoder returns; `more` are arguments of its own, as `output_hidden_states`."""
        return self.model.base_model(ids, attention_mask=attention, token_type_ids=types, **more)

    def heads(self, encoded: Any) -> Tensor:
        return self.model.classifier(self.model.dropout(encoded.pooler_output)).float()

    def asked(self, logits: Tensor, labels: Tensor) -> list[Tensor]:
        return [logits]

    def answers(self, rows: Sequence[GlueRow], texts: Sequence[Encoded], **tensors: Tensor) -> list[Label]:
        logits = self.logits(**tensors)
        return logits[:, 0].tolist() if self.regression else [self.labels[i] for i in logits.argmax(-1)]

    def scores(self, rows: Sequence[GlueRow], predictions: Sequence[Label]) -> dict[str, float]:
        return glue_scores(self.task, [row.label for row in rows], predictions, self.labels)

    def save(self, out: Path) -> None:
        kind = "regression" if self.regression else "classification"
        save_bert(self.model, self.folder, out, self.task, kind, self.encoder.length)


def new_classifier(folder: Path, data: GlueData, tuning: TuningSettings, seed: int) -> GlueTask:
    """A fresh head for the task on the pretrained BERT in `folder`; config.json will carry the data's label names.

    A student from masked-language modelling has no pooler either and gets a fresh one. A regression's head starts
    at the mean of the training scores. Raises UserError if the folder holds no pretrained BERT or no tokenizer.
    """
    names = data.labels or ("score",)
    with torch.random.fork_rng(devices=[]):  # transformers draws what is missing from torch's global generator
        model, missing = load_pretrained(
            CLASSIFIERS,
            folder,
            new_head=True,
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            problem_type="regression" if data.regression else "single_label_classification",
            hidden_dropout_prob=tuning.dropout,
            attention_probs_dropout_prob=tuning.dropout,
        )
    require_fit(model, folder, tuning.window, "window")
    fresh = [(model.classifier, model.config.initializer_range)]
    if "bert.pooler.dense.weight" in missing:
        # BERT's 0.02 suits 768 units; with 96 it leaves a [CLS] so faint that training first has to raise it.
        fresh.insert(0, (model.bert.pooler.dense, model.config.hidden_size**-0.5))
    generator = torch.Generator().manual_seed(seed)
    for layer, std in fresh:
        torch.nn.init.normal_(layer.weight, std=std, generator=generator)
        torch.nn.init.zeros_(layer.bias)
    if data.regression:
        torch.nn.init.constant_(model.classifier.bias, float(np.mean([row.label for row in data.splits["train"]])))
    return GlueTask(model, folder, data.task, tuning.window)


def load_classifier(folder: Path) -> GlueTask:
    """What `finetune` wrote for such a task. Raises UserError if the folder holds none."""
    about = Bundle.load(folder)
    model, _ = load_pretrained(CLASSIFIERS, folder, new_head=False)
    return GlueTask(model, folder, about.task, about.window)
