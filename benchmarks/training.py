"""Training speed beside its peers, in one run on one machine.

    python benchmarks/training.py [--data-dir DIR] [--megabytes 8] [--rounds 3] [--steps 40]

Stage II: our loop against the Hugging Face `Trainer`, on the same student, the same text, the same sequence length,
batch size and threads. The Trainer is given its usual best: text tokenised and packed beforehand, the fused AdamW,
no evaluation, no checkpoints. Both sides are measured as a reader meets them, so ours scores masked positions alone
and draws its masks anew, and theirs scores all positions.

Stage I: a step of the mixed teacher against a plain masked-language-model step of the same teacher, with as many
tokens. The plain step is measured twice: as `transformers` does it (all positions scored) and as we would do it
(masked positions alone), which is the harder peer.

Processes: stage II by two processes of one thread each (gloo), as `accelerate launch` starts them, against one process
of two threads and one of one; the same batch over all. About 6 minutes on 2 cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import torch
from common import Speeds, Texts, compare, options, texts, timed, write
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments

from mixvocab.common.store import distributed
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM, drawing
from mixvocab.models.init import copied_vectors, pca_init, teacher_pieces
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import new_student
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.text.words import WordStore
from mixvocab.train.loop import Recipe, train
from mixvocab.train.losses import Losses, Part


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


def packed(text: Texts, length: int, rows: int) -> Dataset:
    """Text as the Hugging Face examples prepare it: tokenised, joined, cut into rows of `length`."""
    tokenizer, inner = text.student, length - 2
    encoded = tokenizer(text.documents, add_special_tokens=False, verbose=False)["input_ids"]
    ids = [number for document in encoded for number in document]
    cuts = [ids[start : start + inner] for start in range(0, len(ids) - inner, inner)][:rows]
    table = [[tokenizer.cls_token_id, *cut, tokenizer.sep_token_id] for cut in cuts]
    return Dataset.from_dict({"input_ids": table, "attention_mask": [[1] * length] * len(table)})


def their_training(model: nn.Module, text: Texts, rows: Dataset, batch: int, steps: int) -> float:
    """Tokens a second of the Hugging Face Trainer."""
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
        collator = DataCollatorForLanguageModeling(text.student, mlm_probability=0.15)
        trainer = Trainer(model, arguments, train_dataset=rows, data_collator=collator)

        def work() -> int:
            trainer.train()
            return steps * batch * len(rows[0]["input_ids"])

        return timed(work)()


def our_training(module: nn.Module, mixer: Mixer, batch: int, steps: int) -> float:
    """Tokens a second of our loop."""
    return timed(lambda: train(module, drawing(mixer), Recipe(steps, batch, 1e-4), seed=0, label="ours").tokens)()


def stage_two(text: Texts, chosen: Namespace) -> Speeds:
    length, batch = 128, 32
    mixer = Mixer(text.store, text.store.table(text.student), None, MixingSettings(length=length))
    rows = packed(text, length, rows=batch * chosen.steps)

    def model() -> nn.Module:
        return new_student(BertShape(6, 96, len(text.student)), generator=torch.Generator().manual_seed(0))

    sides = {
        "our loop": lambda: our_training(StudentMLM(model()), mixer, batch, chosen.steps),
        "Trainer": lambda: their_training(model(), text, rows, batch, chosen.steps),
    }
    return compare(f"stage II, L-6 H-96, {batch} x {length}", sides, chosen.rounds, warm_up=0)


def stage_one(text: Texts, chosen: Namespace) -> Speeds:
    length, batch, steps = 64, 24, max(4, chosen.steps // 4)
    tables = text.store.table(text.student), text.store.table(text.teacher)
    mixed_mixer = Mixer(text.store, *tables, MixingSettings(length=length))
    plain_mixer = Mixer(text.store, *tables, MixingSettings(p_sv=0.0, length=length))

    def mixed() -> nn.Module:
        model = load_teacher(text.folder)
        pieces = teacher_pieces(text.student, text.teacher)
        init = pca_init(copied_vectors(model.get_input_embeddings().weight, pieces), 96)
        return MixedTeacher(model, init)

    def plain(all_positions: bool) -> Callable[[], float]:
        return lambda: our_training(PlainMLM(load_teacher(text.folder), all_positions), plain_mixer, batch, steps)

    sides = {
        "stage I": lambda: our_training(mixed(), mixed_mixer, batch, steps),
        "plain, masked positions": plain(False),
        "plain, all positions": plain(True),
    }
    return compare(f"stage I, {batch} x {length}", sides, chosen.rounds, warm_up=0)


def processes(text: Texts, chosen: Namespace) -> Speeds:
    text.student.save_pretrained(text.store.folder.parent / "student")

    def launched(processes: int, threads: int) -> float:
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        done = subprocess.run(
            [*launch, __file__, "--one", str(text.store.folder), str(chosen.steps)],
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return float(done.stdout.splitlines()[-1])

    sides = {
        "2 processes of 1 thread": lambda: launched(2, 1),
        "1 process of 2 threads": lambda: launched(1, 2),
        "1 process of 1 thread": lambda: launched(1, 1),
    }
    return compare("stage II by processes, L-6 H-96, 32 x 128", sides, chosen.rounds, warm_up=0)


def one(store: Path, steps: int) -> None:
    """A process of several: trains, and the first one says how many tokens a second all together read."""
    student = AutoTokenizer.from_pretrained(store.parent / "student")
    words = WordStore.open(store)
    mixer = Mixer(words, words.table(student), None, MixingSettings(length=128))
    model = new_student(BertShape(6, 96, len(student)), generator=torch.Generator().manual_seed(0))
    result = train(StudentMLM(model), drawing(mixer), Recipe(steps, 32, 1e-4, precision="fp32"), seed=0)
    if distributed().is_main_process:
        print(result.tokens / result.seconds)


def main() -> None:
    chosen = options(__doc__, megabytes=8.0, rounds=3, steps=40)
    with texts(chosen) as text:
        measured = {side.__name__: side(text, chosen) for side in (stage_two, stage_one, processes)}
        write(__file__, **text.record, **measured)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
