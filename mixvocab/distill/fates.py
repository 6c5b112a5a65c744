"""What a masked-language-model loss is made of: BERT replaces only most of the pieces it asks for by [MASK].

One in ten stays as it was, and a model that knows so much has it by copying; one in ten is another piece, and lies.
A mean over all three hides which of them a student is good at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.losses import IGNORED
from mixvocab.text.mixing import Batch

FATES = ("masked", "kept", "replaced")


@torch.no_grad()
def losses_by_fate(student: BertForMaskedLM, batches: Iterable[Batch], mask: int) -> Mapping[str, float]:
    """Mean -log p in nats where the student saw [MASK], where it saw the piece itself, and where it saw another one.

    `batches` are masked rows of student pieces and `mask` is the id of [MASK]. The student is left in the mode that it
    was in. A fate that does not occur is nan.
    """
    was_training = student.training
    student.eval()
    totals, counts = (dict.fromkeys(FATES, 0.0) for _ in range(2))
    for batch in batches:
        ids, labels, attention = (torch.from_numpy(a) for a in (batch.ids, batch.labels, batch.attention))
        asked = labels != IGNORED
        hidden = student.bert(ids, attention_mask=attention).last_hidden_state
        losses = F.cross_entropy(student.cls(hidden[asked]).float(), labels[asked], reduction="none")
        seen, true = ids[asked], labels[asked]
        kept = seen == true
        for name, where in zip(FATES, (seen == mask, kept, (seen != mask) & ~kept), strict=True):
            totals[name] += float(losses[where].sum())
            counts[name] += float(where.sum())
    student.train(was_training)
    return {name: totals[name] / counts[name] if counts[name] else float("nan") for name in FATES}
