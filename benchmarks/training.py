"""Training speed beside its peers, in one run on one machine.

Stage II: our loop against the Hugging Face `Trainer`, on the same student, the same text, the same sequence length,
batch size and threads. The Trainer is given its usual best: text tokenised and packed beforehand, the fused AdamW,
no evaluation, no checkpoints. Both sides are measured as a reader meets them, so ours scores masked positions alone
and draws its masks anew, and theirs scores all positions.

Stage I: a step of the mixed teacher against a plain masked-language-model step of the same teacher, with as many
tokens. The plain step is measured twice: as `transformers` does it (all positions scored) and as we would do it
(masked positions alone), which is the harder peer.

    python benchmarks/training.py --data-dir DATA      about 5 minutes on 2 cores

Measurements alternate between the sides; ratios of medians are what to read, as other work on the machine moves both.
"""

from __future__ import annotations

import mixvocab  # noqa: F401  # before torch, which reads the OpenMP policy that this sets

# isort: split
import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast, Trainer, TrainingArguments

from mixvocab.common.files import write_json
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM, drawing
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import pca_start, teacher_pieces
from mixvocab.models.student import new_student
from mixvocab.models.teacher import load_teacher, load_tokenizer
from mixvocab.sources import resolve_corpus, resolve_teacher
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.mixing import Mixer
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore
from mixvocab.train.loop import Recipe, train
from mixvocab.train.losses import Losses, Part
from mixvocab_book.store.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "training.json"


class PlainMLM(nn.Module):
    """A plain masked-language-model step of the teacher; `all_positions` scores the unmasked ones too."""

    def __init__(self, model: nn.Module, all_positions: bool) -> None:
        super().__init__()
        self.model, self.all_positions = model, all_positions

    def forward(self, ids: torch.Tensor, labels: torch.Tensor, attention: torch.Tensor | None = None, **_) -> Losses:
        hidden = self.model.bert(ids, attention_mask=attention).last_hidden_state
        masked = labels != -100
        if self.all_positions:
            logits = self.model.cls(hidden)
            total = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="sum")
        else:
            total = F.cross_entropy(self.model.cls(hidden[masked]).float(), labels[masked], reduction="sum")
        return {"teacher": Part(total, masked.sum())}


def alternate(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Tokens a second of each side, measured in turns."""
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name, measure in sides.items():
            speeds[name].append(measure())
            print(f"round {turn + 1}: {name}: {speeds[name][-1]:,.0f} tokens/s", flush=True)
    return speeds


def packed(documents: list[str], tokenizer: PreTrainedTokenizerFast, length: int, rows: int) -> Dataset:
    """Text as the Hugging Face examples prepare it: tokenised, joined, cut into rows of `length`."""
    ids = [i for text in documents for i in tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]
    inner = length - 2
    count = min(rows, len(ids) // inner)
    table = [[tokenizer.cls_token_id, *ids[n * inner : (n + 1) * inner], tokenizer.sep_token_id] for n in range(count)]
    return Dataset.from_dict({"input_ids": table, "attention_mask": [[1] * length] * count})


def trainer_speed(
    student: nn.Module, rows: Dataset, tokenizer: PreTrainedTokenizerFast, batch: int, steps: int
) -> float:
    """Tokens a second of the Hugging Face Trainer, its first steps (start-up) included on neither side."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=batch,
            max_steps=steps,
            learning_rate=1e-3,
            optim="adamw_torch_fused",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
        trainer = Trainer(student, arguments, train_dataset=rows, data_collator=collator)
        started = time.perf_counter()
        trainer.train()
        return steps * batch * len(rows[0]["input_ids"]) / (time.perf_counter() - started)


def our_speed(module: nn.Module, draw: Callable, batch: int, steps: int) -> float:
    """Tokens a second of our loop, wall clock of the whole call."""
    started = time.perf_counter()
    result = train(module, draw, Recipe(steps, batch, 1e-4), seed=0, label="ours")
    return result.tokens / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default=None, help="folder with a corpus; default: MIXVOCAB_DATA or embedded")
    parser.add_argument("--megabytes", type=float, default=8.0, help="of text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="stage II steps a measurement")
    options = parser.parse_args()

    corpus = resolve_corpus(data_dir=options.data_dir, megabytes=options.megabytes)
    source = resolve_teacher("embedded")
    documents = list(corpus.documents())
    teacher_tokenizer = load_tokenizer(source.folder)
    vocabulary = learn_vocabulary(count_words(documents), 5000)
    student_tokenizer = vocabulary.tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        store = WordStore.build(documents, Path(folder) / "store", student_tokenizer, teacher=teacher_tokenizer)
        student, teacher = store.table(student_tokenizer), store.table(teacher_tokenizer)
        results = {"machine": provenance(), "corpus": corpus.source.as_record()}
        results["stage_two"] = stage_two(store, student, student_tokenizer, documents, options)
        results["stage_one"] = stage_one(store, student, teacher, source.folder, student_tokenizer, options)
    write_json(RESULTS, results)


def stage_two(store, student, tokenizer, documents, options) -> dict:
    length, batch = 128, 32
    mixer = Mixer(store, student, None, length=length)
    rows = packed(documents, tokenizer, length, rows=batch * options.steps)

    def fresh() -> nn.Module:
        return new_student(BertShape(6, 96, len(tokenizer)), generator=torch.Generator().manual_seed(0))

    speeds = alternate(
        {
            "ours": lambda: our_speed(StudentMLM(fresh()), drawing(mixer), batch, options.steps),
            "Trainer": lambda: trainer_speed(fresh(), rows, tokenizer, batch, options.steps),
        },
        options.rounds,
    )
    ratio = statistics.median(speeds["ours"]) / statistics.median(speeds["Trainer"])
    print(f"stage II, L-6 H-96, {batch} x {length}: ours / Trainer = {ratio:.2f}")
    return {"tokens_a_second": speeds, "ratio": ratio}


def stage_one(store, student, teacher, folder, student_tokenizer, options) -> dict:
    length, batch, steps = 64, 24, max(4, options.steps // 4)
    pieces = teacher_pieces(student_tokenizer, load_tokenizer(folder))
    mixed_mixer = Mixer(store, student, teacher, length=length)
    plain_mixer = Mixer(store, student, teacher, p_sv=0.0, length=length)

    def mixed() -> nn.Module:
        model = load_teacher(folder)
        start = pca_start(model.get_input_embeddings().weight, pieces, 96)
        return MixedTeacher(model, start.embeddings, start.affine)

    speeds = alternate(
        {
            "stage I": lambda: our_speed(mixed(), drawing(mixed_mixer), batch, steps),
            "plain, masked positions": lambda: our_speed(
                PlainMLM(load_teacher(folder), False), drawing(plain_mixer), batch, steps
            ),
            "plain, all positions": lambda: our_speed(
                PlainMLM(load_teacher(folder), True), drawing(plain_mixer), batch, steps
            ),
        },
        options.rounds,
    )
    own = statistics.median(speeds["stage I"])
    costs = {name: statistics.median(values) / own for name, values in speeds.items() if name != "stage I"}
    for name, cost in costs.items():
        print(f"stage I step = {cost:.2f} x a step of {name}")
    return {"tokens_a_second": speeds, "cost_of_stage_one": costs, "masks_a_row": float(np.round(0.15 * length))}


if __name__ == "__main__":
    main()
