"""GLUE: one sentence or two, one label or a score. An ordinary BERT with an ordinary head on its first token.

Labels go by their names. Their order comes from the data, is saved in the model's config.json (`id2label`) and is
compared with the data's when a model is loaded, so no number is ever read in another order than it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForSequenceClassification

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.models.loading import load_pretrained
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.tasks.batching import Batches, in_order, pad, real
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Tuned, finetune
from mixvocab.tasks.folder import save_model
from mixvocab.tasks.glue_rows import roles
from mixvocab.tasks.glue_scores import CHOOSE_BY, Label, glue_scores
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import IGNORED, Losses, Part, nll

SCORE = ("score",)  # the name of a regression's one output


@dataclass(frozen=True)
class GlueExample:
    """One row as numbers: `ids` and `types` (T,) int64; `label` a class, a score, or -100 / nan where hidden."""

    ids: np.ndarray
    types: np.ndarray
    label: int | float


@dataclass(frozen=True)
class GlueBatch:
    """Examples side by side: `ids`, `types` (B, T) int64, `labels` (B,) int64 or float32, `attention` (B, T) bool."""

    ids: np.ndarray
    types: np.ndarray
    labels: np.ndarray
    attention: np.ndarray


def glue_examples(rows: Sequence[GlueRow], encoder: Encoder, labels: Sequence[str]) -> list[GlueExample]:
    """Rows as numbers; `labels` are the classes in the order of the model's outputs, empty for a regression.

    Raises UserError for a label that is none of them.
    """
    number = {label: i for i, label in enumerate(labels)}
    examples = []
    for place, row in enumerate(rows, 1):
        label: int | float
        if row.label is None:
            label = IGNORED if labels else float("nan")
        elif labels and str(row.label) not in number:
            raise UserError(f"row {place}: label {row.label!r} is none of the model's: {', '.join(labels)}")
        else:
            label = number[str(row.label)] if labels else float(row.label)
        encoded = encoder.texts(row.text_a, row.text_b)
        examples.append(GlueExample(encoded.ids, encoded.types, label))
    return examples


def collate(examples: Sequence[GlueExample]) -> GlueBatch:
    """One batch; padding has id 0, as in BERT."""
    ids = [example.ids for example in examples]
    kind = np.float32 if isinstance(examples[0].label, float) else np.int64
    labels = np.array([example.label for example in examples], dtype=kind)
    return GlueBatch(pad(ids, 0), pad([example.types for example in examples], 0), labels, real(ids))


class GlueTask(nn.Module):
    """Cross-entropy of the label, or the squared error of a score."""

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, types: Tensor, labels: Tensor, attention: Tensor | None = None) -> Losses:
        """Sum over the examples whose label is known; shapes as in `GlueBatch`."""
        logits = self.logits(ids, types, attention)
        if not labels.is_floating_point():
            return {"task": nll(logits, labels)}
        known = ~labels.isnan()
        total = F.mse_loss(logits[known, 0], labels[known], reduction="sum")
        return {"task": Part(total, known.sum())}

    def predict(self, ids: Tensor, types: Tensor, attention: Tensor | None = None) -> Tensor:
        """The most probable class (B,) int64, or the score (B,) float32."""
        logits = self.logits(ids, types, attention)
        return logits.argmax(-1) if self.labels else logits[:, 0]

    def logits(self, ids: Tensor, types: Tensor, attention: Tensor | None = None) -> Tensor:
        """(B, number of labels) float32; one column for a regression."""
        return self.model(ids, attention_mask=attention, token_type_ids=types).logits.float()

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes in the order of the logits, from the model's config; none for a regression."""
        config: Any = self.model.config
        names = config.id2label
        return () if config.problem_type == "regression" else tuple(names[i] for i in range(len(names)))


def predict(task: GlueTask, rows: Sequence[GlueRow], encoder: Encoder) -> list[Label]:
    """Labels by name, or scores, in the order of the rows; what the rows state as labels is not looked at."""
    unlabelled = [row._replace(label=None) for row in rows]
    return _predict(task, glue_examples(unlabelled, encoder, task.labels))


@torch.no_grad()
def _predict(task: GlueTask, examples: Sequence[GlueExample]) -> list[Label]:
    task.eval()
    device = next(task.parameters()).device
    predictions: dict[int, Label] = {}
    for chosen in in_order(examples):
        tensors = to_tensors(collate([examples[i] for i in chosen]), device)
        values = task.predict(tensors["ids"], tensors["types"], tensors.get("attention")).tolist()
        predictions |= zip(chosen, [task.labels[n] for n in values] if task.labels else values, strict=True)
    return [predictions[i] for i in range(len(examples))]


def new_classifier(
    folder: Path, data: GlueData, *, generator: torch.Generator, dropout: float = 0.1
) -> BertForSequenceClassification:
    """A fresh head for the task on the pretrained BERT in `folder`; config.json will carry the data's label names.

    A student from masked-language modelling has no pooler either and gets a fresh one. A regression's head starts
    at the mean of the training scores. Raises UserError if the folder holds no pretrained BERT.
    """
    names = SCORE if data.regression else data.labels
    with torch.random.fork_rng(devices=[]):  # transformers draws what is missing from torch's global generator
        model, missing = load_pretrained(
            BertForSequenceClassification,
            folder,
            new_head=True,
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            problem_type="regression" if data.regression else "single_label_classification",
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
    with torch.no_grad():
        if "bert.pooler.dense.weight" in missing and model.bert.pooler is not None:
            # BERT's 0.02 suits 768 units; with 96 it leaves a [CLS] so faint that training first has to raise it.
            _draw(model.bert.pooler.dense, model.config.hidden_size**-0.5, generator)
        _draw(model.classifier, model.config.initializer_range, generator)
        if data.regression:
            model.classifier.bias.fill_(float(np.mean([row.label for row in data.splits["train"]])))
    return model


def _draw(layer: nn.Linear, std: float, generator: torch.Generator) -> None:
    layer.weight.normal_(0, std, generator=generator)
    layer.bias.zero_()


def load_classifier(folder: Path, data: GlueData) -> BertForSequenceClassification:
    """A fine-tuned model. Raises UserError if its labels are not the data's, name by name and in the same order."""
    model, _ = load_pretrained(BertForSequenceClassification, folder, new_head=False)
    expected, saved = (SCORE if data.regression else data.labels), tuple((model.config.id2label or {}).values())
    if saved != expected:
        order = "in the order " if sorted(saved) == sorted(expected) else ""
        raise UserError(
            f"{folder.name}/config.json: the model's labels are {order}{', '.join(saved)}; {data.task}'s are {order}"
            f"{', '.join(expected)}: fine-tune on this data, or put names and rows of the head right"
        )
    return model


def finetune_glue(
    pretrained: Path,
    data: GlueData,
    tuning: TuningSettings,
    out: Path,
    *,
    seed: int,
    limit: int | None = None,
    folder: Path | None = None,
    label: str | None = None,
) -> Tuned:
    """Fine-tune the BERT in `pretrained` on a task: development data chooses when to stop, then report once.

    Args:
        out: gets what transformers writes, the tokenizer's files, task.json, and in predictions.json the label of
            every reported row; loads with plain Auto classes.
        seed: of the new head, the order of the rows and dropout.
        limit: at most so many training rows (`mixvocab.tasks.glue_rows.roles`); they are the same for all seeds.
        folder: for checkpoints; a run that was killed goes on there.

    Raises:
        UserError: for a folder without model or tokenizer, labels that F1 cannot read, and what training raises.
    """
    if tuning.piece_dropout:
        raise UserError(f"piece_dropout={tuning.piece_dropout} is for intents and slots alone; set it to 0 for GLUE")
    parts, encoder = roles(data, limit), Encoder.load(pretrained, tuning.window)
    generator = torch.Generator().manual_seed(seed)
    task = GlueTask(new_classifier(pretrained, data, generator=generator, dropout=tuning.dropout))
    choosing = glue_examples(parts.choose, encoder, task.labels)
    predictions: dict[str, list[Label]] = {}

    def scores(rows: Sequence[GlueRow], predicted: list[Label]) -> dict[str, float]:
        return glue_scores(data.task, [row.label for row in rows], predicted, data.labels)

    def report() -> dict[str, dict[str, float]]:
        predictions.update({name: predict(task, rows, encoder) for name, rows in parts.report.items()})
        return {name: scores(rows, predictions[name]) for name, rows in parts.report.items()}

    tuned = finetune(
        task,
        Batches(glue_examples(parts.train, encoder, task.labels), collate, seed),
        [collate([choosing[i] for i in chosen]) for chosen in in_order(choosing)],
        lambda: scores(parts.choose, _predict(task, choosing)),
        report,
        tuning,
        choose_by=CHOOSE_BY,
        seed=seed,
        folder=folder,
        label=label or data.task,
    )
    kind = "regression" if data.regression else "classification"
    save_model(task.model, pretrained, out, task=data.task, kind=kind, window=tuning.window, scores=tuned.reported)
    write_json(out / "predictions.json", predictions)
    return tuned
