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

from mixvocab.errors import UserError
from mixvocab.files import write_json
from mixvocab.losses import IGNORED, Losses, Part, nll
from mixvocab.models.loading import quietly
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.tasks.batching import Batches, in_order, pad, real
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Tuned, Tuning, finetune
from mixvocab.tasks.folder import save_model
from mixvocab.tasks.glue_rows import Roles, roles
from mixvocab.tasks.glue_scores import CHOOSE_BY, Label, glue_scores
from mixvocab.train import to_tensors

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


def examples(rows: Sequence[GlueRow], encoder: Encoder, labels: Sequence[str]) -> list[GlueExample]:
    """Rows as numbers; `labels` are the classes in the order of the model's outputs, empty for a regression.

    Raises UserError for a label that is none of them.
    """
    number = {label: i for i, label in enumerate(labels)}
    made = []
    for place, row in enumerate(rows, 1):
        label: int | float
        if row.label is None:
            label = IGNORED if labels else float("nan")
        elif labels and str(row.label) not in number:
            raise UserError(f"row {place}: label {row.label!r} is none of the model's: {', '.join(labels)}")
        else:
            label = number[str(row.label)] if labels else float(row.label)
        encoded = encoder.texts(row.text_a, row.text_b)
        made.append(GlueExample(encoded.ids, encoded.types, label))
    return made


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
        return _saved_labels(self.model.config)


@torch.no_grad()
def predict(task: GlueTask, rows: Sequence[GlueRow], encoder: Encoder) -> list[Label]:
    """Labels by name, or scores, in the order of the rows; what the rows state as labels is not looked at."""
    bare = [GlueRow(row.text_a, row.text_b, None) for row in rows]
    return _predict(task, examples(bare, encoder, task.labels))


@torch.no_grad()
def _predict(task: GlueTask, made: Sequence[GlueExample]) -> list[Label]:
    was_training, device = task.training, next(task.parameters()).device
    task.eval()
    found: list[Label] = [0.0] * len(made)
    for chosen in in_order(made):
        tensors = to_tensors(collate([made[i] for i in chosen]), device)
        values = task.predict(tensors["ids"], tensors["types"], tensors.get("attention")).tolist()
        for i, value in zip(chosen, values, strict=True):
            found[i] = task.labels[value] if task.labels else value
    task.train(was_training)
    return found


def new_classifier(
    folder: Path, data: GlueData, *, generator: torch.Generator, dropout: float = 0.1
) -> BertForSequenceClassification:
    """A fresh head for the task on the pretrained BERT in `folder`; config.json will carry the data's label names.

    A student from masked-language modelling has no pooler either and gets a fresh one. A regression's head starts
    at the mean of the training scores. Raises UserError if the folder holds no pretrained BERT.
    """
    names = SCORE if data.regression else data.labels
    with torch.random.fork_rng(devices=[]):  # transformers draws what is missing from torch's global generator
        model, report = _load(
            folder,
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            problem_type="regression" if data.regression else "single_label_classification",
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            ignore_mismatched_sizes=True,  # a classifier of something else gives its encoder, not its head
        )
    missing = report["missing_keys"]
    if absent := sorted(key for key in missing if key.startswith(("bert.embeddings", "bert.encoder"))):
        raise UserError(f"{folder.name} lacks weights of its layers ({absent[0]}): it is no pretrained BERT")
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
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder.name}: no config.json in it; name a folder that a fine-tuned model was saved to")
    model, report = _load(folder)
    expected, saved = (SCORE if data.regression else data.labels), tuple((model.config.id2label or {}).values())
    if sorted(saved) != sorted(expected):
        raise UserError(
            f"{folder.name}/config.json: the model's labels are {', '.join(saved)}; {data.task}'s are "
            f"{', '.join(expected)}: fine-tune on this data, or write the names that were meant into id2label"
        )
    if saved != expected:
        raise UserError(
            f"{folder.name}/config.json: the model's labels are in the order {', '.join(saved)}, {data.task}'s in "
            f"{', '.join(expected)}: reorder the head's rows and id2label together, or fine-tune on this data"
        )
    if report["missing_keys"]:
        raise UserError(f"{folder.name}: no weights for {sorted(report['missing_keys'])[0]}; it is not fine-tuned")
    return model


def save_classifier(
    model: BertForSequenceClassification, folder: Path, tokenizer: Path, data: GlueData, window: int, scores: dict
) -> None:
    """Write the model, the tokenizer's files from the folder `tokenizer`, and task.json; loads with plain Auto classes.

    `window` is in tokens, `scores` what task.json says of the model's quality.
    """
    kind = "regression" if data.regression else "classification"
    save_model(model, tokenizer, folder, task=data.task, kind=kind, window=window, scores=scores)


@dataclass
class FineTuned:
    """A fine-tuned model with its development curve and, once, its scores on what reports."""

    model: BertForSequenceClassification
    tuned: Tuned
    roles: Roles
    scores: dict[str, dict[str, float]]  # reported set -> metrics
    predictions: dict[str, list[Label]]  # reported set -> one a row

    def save(self, folder: Path, pretrained: Path, data: GlueData, tuning: Tuning) -> None:
        """The model's folder as `save_classifier` writes it, and predictions.json beside it."""
        save_classifier(self.model, folder, pretrained, data, tuning.window, self.scores)
        write_json(folder / "predictions.json", self.predictions)


def fine_tune(
    pretrained: Path,
    data: GlueData,
    tuning: Tuning,
    *,
    seed: int,
    rows: int | None = None,
    folder: Path | None = None,
    label: str | None = None,
) -> FineTuned:
    """Fine-tune the BERT in `pretrained` on a task: development data chooses when to stop, then report once.

    Args:
        rows: at most so many training rows (`mixvocab.tasks.glue_rows.roles`); they are the same for all seeds.
        seed: of the new head, the order of the rows and dropout.
        folder: for checkpoints; a run that was killed goes on there.

    Raises:
        UserError: for a folder without model or tokenizer, labels that F1 cannot read, and what training raises.
    """
    parts, encoder = roles(data, rows), Encoder.load(pretrained, tuning.window)
    generator = torch.Generator().manual_seed(seed)
    task = GlueTask(new_classifier(pretrained, data, generator=generator, dropout=tuning.dropout))
    training = examples(parts.train, encoder, task.labels)
    chooser = examples(parts.choose, encoder, task.labels)
    gold = [row.label for row in parts.choose]

    def score() -> dict[str, float]:
        return glue_scores(data.task, gold, _predict(task, chooser), data.labels)

    tuned = finetune(
        task,
        Batches(training, collate, seed),
        [collate([chooser[i] for i in chosen]) for chosen in in_order(chooser)],
        score,
        tuning,
        choose_by=CHOOSE_BY,
        seed=seed,
        folder=folder,
        label=label or data.task,
    )
    predictions = {name: predict(task, reported, encoder) for name, reported in parts.report.items()}
    scores = {
        name: glue_scores(data.task, [row.label for row in reported], predictions[name], data.labels)
        for name, reported in parts.report.items()
    }
    return FineTuned(task.model, tuned, parts, scores, predictions)


def _load(folder: Path, **settings: Any) -> tuple[BertForSequenceClassification, dict[str, Any]]:
    with quietly():  # a new head is expected
        try:
            loaded: Any = BertForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **settings
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"model folder {folder.name} does not load ({first}): give config.json + *.safetensors"
            ) from None
    return loaded[0].eval(), loaded[1]


def _saved_labels(config: Any) -> tuple[str, ...]:
    return () if config.problem_type == "regression" else tuple(config.id2label[i] for i in range(config.num_labels))
