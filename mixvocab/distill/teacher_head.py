"""A teacher that predicts its own pieces: a masked-language-model head for one that was published without.

Masked language modelling goes on in two phases: first the head learns alone, on an encoder that stays as it is, then
everything does, at a smaller rate. A fresh head's first gradients would pull apart what the encoder knows (linear
probing before fine-tuning: Kumar et al. 2022). What pieces are scored against is the encoder's own table of
embeddings, tied, so that a head is little: a dense layer, a LayerNorm and a bias for each piece.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from mixvocab.common.files import write_json
from mixvocab.common.store import Step, Store
from mixvocab.distill.data import Rows
from mixvocab.distill.mixed_vocab import HELDOUT_SEED, drawing, heldout_rows, taken_apart
from mixvocab.distill.scores import Guess, frequency_guess
from mixvocab.evaluate.word_scores import whole_word_batches, word_scores
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.models.pretrained import load_teacher, masked_logits, teacher_shape
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Recipe, read_curve, train, write_curve
from mixvocab.train.losses import IGNORED, Losses, nll

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# Times stage I's learning rate. MiniLM, 50 steps of the head and 40 of all, one seed, behind [MASK] (the guess: 6.54):
# all at stage I's own rate 6.69, at three times that 5.92.
HEAD_RATE = 30.0
WHOLE_RATE = 3.0


class TeacherMLM(nn.Module):
    """The teacher's masked-language-model loss over its own pieces, scored at masked positions only."""

    def __init__(self, model: PreTrainedModel, mask: int) -> None:
        super().__init__()
        self.encoder = model.base_model  # registered first: its table, tied at the output, goes by its first name
        self.model, self.mask = model, mask

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """Sum of -log p(y_i) over masked positions i, as "teacher"; arguments and held-out parts as of `StudentMLM`."""
        asked = labels != IGNORED
        logits, true = masked_logits(self.model, ids, asked, attention).float(), labels[asked]
        losses = {"teacher": nll(logits, true)}
        return losses if self.training else losses | taken_apart(logits, ids[asked], true, self.mask)


@dataclass(frozen=True)
class Teacher:
    """A teacher that predicts its own pieces, described as a `Student` is."""

    pretrained: Path  # as it was published
    folder: Path  # with the weights that it has now
    before: Mapping[str, float]  # held-out scores of its pieces, as `Student.scores`, with the head that it came with
    after: Mapping[str, float]  # and as it is now
    word: float  # nats a whole hidden word, on the words that students are scored on
    guess: Guess  # of its pieces by frequency, on the same text
    shape: BertShape
    spent: Spent

    def model(self) -> PreTrainedModel:
        """The trained teacher."""
        model = load_teacher(self.pretrained)
        load_model(model, str(self.folder / "model.safetensors"))
        return model.eval()


@dataclass(frozen=True)
class TeacherHead(Step[Teacher]):
    """The teacher with a head trained on its own pieces, and how well it does.

    With recipes of no steps the teacher is taken as it is, which suits one that comes with a head.
    """

    name, room = "label-teacher", "distill"
    resumable = together = True

    rows: Rows
    mixing: MixingSettings  # of rows of one vocabulary's pieces
    head: Recipe  # for the head alone
    whole: Recipe  # for all of it, after that
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        words, table, pretrained = store.get(self.rows), self.rows.teacher_table(store), self.rows.teacher.value.folder
        mixer = Mixer(words, table, None, self.mixing)
        heldout, module = heldout_rows(mixer, self.heldout_batches), TeacherMLM(load_teacher(pretrained), mixer.mask)
        # Killed in the second phase, a run makes the first one again, to the same bytes.
        for seed, (phase, recipe) in enumerate(self._phases().items()):
            module.requires_grad_(True)  # what the phase before has frozen
            run, label = folder / "run" / phase, f"the teacher's {phase}"
            result = train(module, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=run, label=label)
            write_curve(folder / f"{phase}.json", result)
        guess = frequency_guess(words, table, teacher_shape(pretrained).vocab_size, heldout)
        hidden = whole_word_batches(words, table, rng=np.random.default_rng(HELDOUT_SEED))
        nats, count = word_scores(module.model, hidden).sum(axis=0)
        write_json(folder / "scores.json", {"word": float(nats / count), "guess": asdict(guess)})
        save_model(module.model.cpu(), str(folder / "model.safetensors"))

    def load(self, folder: Path, store: Store) -> Teacher:
        pretrained, length = self.rows.teacher.value.folder, self.mixing.length
        head, whole = (read_curve(folder / f"{phase}.json") for phase in self._phases())
        shape, scores = teacher_shape(pretrained), json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        spent = Spent.of(head, shape.masked_lm_flops(head.tokens, length, head_alone=True))
        spent += Spent.of(whole, shape.masked_lm_flops(whole.tokens, length))
        guess = Guess(**scores["guess"])
        return Teacher(pretrained, folder, head.curve[0], whole.curve[-1], scores["word"], guess, shape, spent)

    def _phases(self) -> dict[str, Recipe]:
        """By name. Of a frozen encoder only the forward pass is computed: nothing below the head asks for gradients."""
        return {"head": replace(self.head, multipliers={"encoder": 0.0}), "whole": self.whole}


def teacher_head(plan: Plan) -> TeacherHead:
    """The profile's teacher with a trained head: one for all students and seeds."""
    settings, teacher = plan.profile.stage_one, plan.profile.teacher
    recipe = replace(Recipe(**settings.recipe()), multipliers={}, evaluations=1)
    head = replace(recipe, steps=teacher.head_steps, learning_rate=HEAD_RATE * recipe.learning_rate)
    whole = replace(recipe, steps=teacher.whole_steps, learning_rate=WHOLE_RATE * recipe.learning_rate)
    return TeacherHead(plan.rows(), plan.student_mixing, head, whole, settings.heldout_batches)
