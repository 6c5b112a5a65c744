"""Which tokens of a mixed sequence are masked, and by what (sections 3.1 and 4.3 of the paper).

BERT's rule (15% of the tokens; 80% of those become [MASK], 10% another piece, 10% stay) with the paper's
two caps: at most 20 masked tokens a sequence, of which at most 10 segmented by the teacher's vocabulary.
"""

from __future__ import annotations

import numpy as np

from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.words import WordTable

IGNORED = -100
"""The label of a position that is not predicted or has none (what PyTorch's cross entropy leaves out by default)."""

REPLACED = 0.1  # share of the masked tokens that become another piece
KEPT = 0.1  # share of the masked tokens that stay as they are


def expected_shares(mixing: MixingSettings) -> tuple[float, float]:
    """Shares of a row's tokens that are masked teacher tokens and masked student tokens, as expected.

    Where the cap on teacher tokens binds on average, student tokens move up as far as there are any.
    """
    wanted = min(mixing.mask_rate, mixing.max_masks / mixing.length)
    of_teacher = min((1 - mixing.p_sv) * wanted, mixing.max_teacher_masks / mixing.length)
    return of_teacher, min(wanted - of_teacher, mixing.p_sv)


def mask_tokens(
    ids: np.ndarray,
    student: np.ndarray,
    attention: np.ndarray,
    mixing: MixingSettings,
    tables: tuple[WordTable, WordTable],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Masked ids and labels, both (B, T) int64: BERT's 80/10/10 within each token's own vocabulary.

    All arrays are (B, T), as in `Batch` before masking; `tables` = (teacher, student). Special tokens and padding are
    never masked. Labels hold the piece that stood there, `IGNORED` where nothing is predicted.
    """
    teacher_table, student_table = tables
    special = np.where(student, np.isin(ids, student_table.special), np.isin(ids, teacher_table.special))
    chosen = choose_masks(attention & ~special, student, mixing, rng)
    pieces, by_student = ids[chosen], student[chosen]
    fate, draw = rng.random((2, len(pieces)))
    for table, of_table in ((teacher_table, ~by_student), (student_table, by_student)):
        other = table.regular[(draw * len(table.regular)).astype(np.int64)]
        pieces = np.where(of_table & (fate < REPLACED), other, pieces)
        pieces = np.where(of_table & (fate >= REPLACED + KEPT), table.mask, pieces)
    masked = ids.copy()
    masked[chosen] = pieces
    return masked, np.where(chosen, ids, IGNORED)


def choose_masks(
    maskable: np.ndarray, student: np.ndarray, mixing: MixingSettings, rng: np.random.Generator
) -> np.ndarray:
    """Positions to predict: (B, T) bool, from `maskable` and `student`, both (B, T) bool.

    Every row wants round(mask_rate x its maskable tokens) masks, at least 1, at most `max_masks`. Its tokens queue
    in random order and are taken one by one until the row has what it wants; once `max_teacher_masks` teacher
    tokens are in, further ones are passed over and student tokens behind them move up. A row with too few
    student tokens therefore ends below its wish (a row of teacher tokens alone: at `max_teacher_masks`).
    """
    wanted = np.clip(np.rint(mixing.mask_rate * maskable.sum(axis=1)), mixing.mask_rate > 0, mixing.max_masks)
    key = rng.random(maskable.shape)
    key[~maskable] = 2.0  # behind every token that may be masked
    queue = np.argsort(key, axis=1)
    queued = np.take_along_axis(maskable, queue, axis=1)
    of_teacher = queued & ~np.take_along_axis(student, queue, axis=1)
    eligible = queued & ~(of_teacher & (of_teacher.cumsum(axis=1) > mixing.max_teacher_masks))
    taken = eligible & (eligible.cumsum(axis=1) <= wanted[:, None])
    chosen = np.zeros(maskable.shape, bool)
    np.put_along_axis(chosen, queue, taken, axis=1)
    return chosen
