"""More training rows by a masked language model: TinyBERT's data augmentation (Jiao, Yin and others 2020, algorithm 1).

A copy of a row has some of its words replaced, each by one of its K candidates: for a word that is one piece of the
teacher's, what the teacher thinks stands there when it is masked; for any other, the words with the nearest vectors.

What differs here, from the algorithm or from the authors' data_augmentation.py:

* candidates are found once for all copies of a row, as in their code, which shows the unmasked row as well;
* words are runs of letters, as in their code, and so are candidates; their code leaves common English words alone;
* no word is a candidate for itself: `p_t` is the share of words that change;
* rows train as they are as well, as in their code;
* where no GloVe file is named, nearest are the teacher's own input vectors, for several pieces their mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.common.progress import progress
from mixvocab.common.store import distributed
from mixvocab.models.pretrained import FRESH_HEAD, load_teacher, load_tokenizer, masked_logits
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueRow, SnipsRow
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Example, collate
from mixvocab.tasks.scores import Roles
from mixvocab.tasks.vectors import WordVectors, read_glove
from mixvocab.train.loop import to_tensors

BATCH = 64  # masked rows that the teacher reads at once, all of one length
AT_ONCE = 1024  # rows of which batches are made
CLOSE = 2e-4  # scores so close may change places by rounding, which moves MiniLM's by 6e-6 in fp32

Row = TypeVar("Row", GlueRow, SnipsRow)
Words = dict[tuple[int, int], list[str]]  # of a row, by text (0 or 1) and number of the part: what may stand there


class Augmentation:
    """Makes `n_a` copies of each row, in which a word is replaced with probability `p_t` by one of `k` candidates.

    `teacher` is a BERT in fp32 that predicts its own pieces, such as `mixvocab.distill.teacher_head` makes; `glove` a
    text file of word vectors, for words of several pieces. Raises `UserError` for numbers out of range, a teacher that
    is no BERT, and a file that is not GloVe's.
    """

    def __init__(
        self,
        teacher: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        p_t: float = 0.4,
        n_a: int = 20,
        k: int = 15,
        glove: Path | None = None,
    ) -> None:
        if (kind := teacher.config.model_type) != "bert":
            raise UserError(f"augmentation masks a BERT's whole words and the teacher is a {kind}: set teacher.source")
        self.teacher, self.p_t, self.n_a, self.k = teacher.eval(), p_t, n_a, k
        self._encoder = Encoder(tokenizer.backend_tokenizer, teacher.config.max_position_embeddings)
        self._mask: Any = tokenizer.mask_token_id
        self._pieces = tokenizer.convert_ids_to_tokens(list(range(teacher.config.vocab_size)))
        whole = [i for i, piece in enumerate(self._pieces) if piece and piece.isalpha()]  # not "##s", nor "[UNK]"
        if not 0 <= p_t <= 1 or n_a < 1 or not 1 <= k < len(whole):
            raise UserError(f"p_t={p_t}, n_a={n_a}, k={k}: p_t is in 0..1, n_a 1 or more, k in 1..{len(whole) - 1}")
        self._no_words = torch.ones(len(self._pieces), dtype=torch.bool, device=teacher.device)
        self._no_words[whole] = False
        self._table: Tensor = teacher.get_input_embeddings().weight.detach().cpu()  # type: ignore[operator]
        self._own = WordVectors([self._pieces[i] for i in whole], self._table[whole])
        self._glove = read_glove(glove) if glove else None
        self._nearest = cache(self._find_nearest)
        self.tokens = 0  # that the teacher has read

    def copies(self, rows: Sequence[Row], seed: int) -> Iterator[Row]:
        """The copies of the first row, then those of the second, ...; draws depend on seed and row number alone."""
        for start in range(0, len(rows), AT_ONCE):
            texts = [row.parts() for row in rows[start : start + AT_ONCE]]
            for number, (parts, words) in enumerate(zip(texts, self.candidates(texts), strict=True), start):
                draws = np.random.default_rng([seed, number]).random((self.n_a, len(words), 2))
                for copy in draws.tolist():
                    changed = [list(text) for text in parts]
                    for ((text, part), choices), (chance, pick) in zip(words.items(), copy, strict=True):
                        if chance < self.p_t:
                            changed[text][part] = choices[int(pick * len(choices))]
                    yield rows[number].with_parts(changed)

    def candidates(self, texts: Sequence[list[list[str]]]) -> list[Words]:
        """What may stand for each row's words, its one or two texts given in parts; words without any are left out."""
        found: list[Words] = []
        asked: list[tuple[Words, tuple[int, int], Example]] = []
        for parts in texts:
            first, second = (*parts, None)[:2]
            read = self._encoder.tokenizer.encode(first, second, is_pretokenized=True)
            pieces: dict[tuple[int, int], list[int]] = defaultdict(list)
            for at, (text, part) in enumerate(zip(read.sequence_ids, read.word_ids, strict=True)):
                if text is not None and part is not None and parts[text][part].isalpha():
                    pieces[text, part].append(at)
            words: Words = {place: [] for place in pieces}
            found.append(words)
            for (text, part), (at, *rest) in pieces.items():
                if rest or read.ids[at] == self._encoder.unk:
                    words[text, part] = self._nearest(parts[text][part])
                    continue
                where = np.arange(len(read)) == at
                example = {"ids": np.where(where, self._mask, read.ids), "types": np.array(read.type_ids)}
                asked.append((words, (text, part), example | {"where": where, "own": np.array(read.ids[at])}))
        for (words, place, _), best in zip(asked, self._predicted([example for *_, example in asked]), strict=True):
            words[place] = best
        return [{place: choices for place, choices in words.items() if choices} for words in found]

    def _predicted(self, asked: list[Example]) -> list[list[str]]:
        """The k most probable words at a place of each row, the rest of which is seen; by id."""
        found: dict[int, list[int]] = {}
        by_length: dict[int, list[int]] = defaultdict(list)
        for i, example in enumerate(asked):
            by_length[len(example["ids"])].append(i)
        for chosen in (same[i : i + BATCH] for same in by_length.values() for i in range(0, len(same), BATCH)):
            best, ids = self._scores(self.teacher, [asked[i] for i in chosen]).topk(self.k + 1)
            ids = ids[:, :-1]
            # The last bits of scores depend on what is read beside a row. Where they could decide who is among the
            # best, float64 does; between equals the smaller id.
            close = best[:, -2] - best[:, -1] < CLOSE
            if close.any():
                again = [asked[i] for i, near in zip(chosen, close.tolist(), strict=True) if near]
                ids[close] = self._scores(self._exact, again).sort(descending=True, stable=True).indices[:, : self.k]
            found |= zip(chosen, ids.sort().values.tolist(), strict=True)
        return [[self._pieces[piece] for piece in found[i]] for i in range(len(asked))]

    @torch.no_grad()
    def _scores(self, teacher: Any, asked: list[Example]) -> Tensor:
        """(B, V) at a place of each row, all of one length; minus infinity: no word, or the one that stood there."""
        self.tokens += sum(len(example["ids"]) for example in asked)
        batch = to_tensors(collate(asked), teacher.device)
        scores = masked_logits(teacher, batch["ids"], batch["where"].bool(), token_type_ids=batch["types"])
        return scores.masked_fill(self._no_words, -torch.inf).scatter(1, batch["own"][:, None], -torch.inf).cpu()

    @cached_property
    def _exact(self) -> Any:
        return deepcopy(self.teacher).double()

    def _find_nearest(self, word: str) -> list[str]:
        if self._glove:
            return self._glove.neighbours(word.lower(), self.k)
        pieces = self._encoder.tokenizer.encode(word, add_special_tokens=False).ids
        return [] if self._encoder.unk in pieces else self._own.nearest(self._table[pieces].mean(dim=0), self.k)


def new_augmentation(tuning: TuningSettings, folder: Path | None, glove: Path | None = None) -> Augmentation | None:
    """What the command line asks for; None if training rows stay as they are.

    Raises UserError for options that do not go together, and for a folder that holds no masked language model.
    """
    if bool(folder) != bool(tuning.n_a) or (glove and not folder):
        raise UserError("--augment-with (which --glove needs) and --set n_a=20 go together: give both or neither")
    if not folder:
        return None
    teacher = load_teacher(folder)
    if getattr(teacher, FRESH_HEAD, False):
        raise UserError(f"--augment-with {folder.name} has no masked-language-model head: name a BERT that has one")
    return Augmentation(teacher.to(distributed().device), load_tokenizer(folder), glove=glove, **tuning.augmentation)


def augmented(roles: Roles, augmentation: Augmentation, seed: int) -> Roles:
    """The same with copies of the rows that train after them; those that choose or report stay what they are."""
    train = list(roles.train)
    with progress("augmented rows", augmentation.n_a * len(train)) as bar:
        for copy in augmentation.copies(roles.train, seed):
            train.append(copy)
            bar.advance()
    return replace(roles, train=train)
