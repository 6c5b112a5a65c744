"""Pruning a student's vocabulary: fewer rows of embeddings, everything else as it was (section 6)."""

from __future__ import annotations

from copy import deepcopy

import torch
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.text.wordpiece import PAD, Vocabulary


def prune(student: BertForMaskedLM, old: Vocabulary, new: Vocabulary) -> BertForMaskedLM:
    """A copy of `student` over the pieces of `new` alone.

    Args:
        student: reads `old`: input embeddings, tied with the output, of shape (len(old), H).
        new: which pieces are kept, and their new ids. A word that used a piece that is gone is spelled by others.

    Returns:
        A student with (len(new), H) embeddings and an output bias of len(new), each row that of the same piece in
        `student`; all other weights are equal.

    Raises:
        UserError: if `new` has a piece that `old` lacks, or `old` is not the student's vocabulary.
    """
    if student.config.vocab_size != len(old):
        raise UserError(
            f"pruning: the student has {student.config.vocab_size:,} pieces and the vocabulary given as its own "
            f"{len(old):,}: load it from the student's folder"
        )
    unknown = [piece for piece in new.pieces if piece not in old]
    if unknown:
        raise UserError(
            f"pruning: the student has no piece {unknown[0]!r} ({len(unknown):,} in all are new to it): "
            "keep only pieces of its own vocabulary"
        )
    config = deepcopy(student.config)
    config.vocab_size, config.pad_token_id = len(new), new.id(PAD)
    # The fresh weights are all replaced, but drawing them must not move torch's global generator.
    with torch.random.fork_rng(devices=[]):
        pruned = BertForMaskedLM(config)
    pruned.to(student.device)  # type: ignore[arg-type]  # transformers' wrapper hides nn.Module's signature
    rows = torch.tensor([old.id(piece) for piece in new.pieces], device=student.device)
    by_piece = ("word_embeddings.weight", "predictions.bias", "decoder.weight", "decoder.bias")
    pruned.load_state_dict(
        {name: value[rows] if name.endswith(by_piece) else value for name, value in student.state_dict().items()}
    )
    return pruned.train(student.training)
