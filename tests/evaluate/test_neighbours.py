"""Nearest teacher pieces by cosine."""

import torch

from mixvocab.evaluate.neighbours import aligned_share, nearest


def test_nearest_is_by_direction_not_by_length() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    found = nearest(torch.tensor([[9.0, 1.0], [0.1, 0.2]]), table, k=2)
    assert found.tolist() == [[0, 1], [1, 0]]


def test_aligned_share_counts_only_pieces_the_teacher_has() -> None:
    neighbours = torch.tensor([[3, 1], [4, 2], [5, 0]])
    assert aligned_share(neighbours, [[3], [9], [5, 6]]) == 0.5
