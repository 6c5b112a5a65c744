"""Named recipes of stage I: learning rates by part, and where the student's embeddings begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mixvocab.common.errors import UserError


@dataclass(frozen=True)
class Preset:
    """What a name stands for; a profile that sets one of these itself keeps its own value."""

    multipliers: Mapping[str, float] = field(default_factory=dict)  # part of the mixed teacher -> factor on the rate
    init: Mapping[str, Any] = field(default_factory=dict)  # fields of the profile's `stage_one`


# What short training needs: the new parts move fast, the pretrained ones slowly.
_NEW_PARTS_FAST = {"student_embeddings": 10.0, "up_projection": 10.0, "transform": 5.0, "student_bias": 10.0}

PRESETS: Mapping[str, Preset] = {
    # Equation 1 from a random start, with one learning rate for everything.
    "paper": Preset(),
    "embeddings-first": Preset(_NEW_PARTS_FAST),
    # The best of chapter 7: its gain over plain PCA lies in where it starts, and stays after stage I.
    "frequency-first": Preset(_NEW_PARTS_FAST, {"init": "pca", "weighting": 1.0, "init_std": 0.13}),
}
"""By the name that a profile's `stage_one.preset` gives."""


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises `UserError` for an unknown one."""
    if name not in PRESETS:
        raise UserError(f"stage_one.preset={name!r} is unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def multipliers(preset: str, changes: Mapping[str, float]) -> dict[str, float]:
    """The preset's learning-rate multipliers with `changes` over them. Raises `UserError` for an unknown preset."""
    return {**find_preset(preset).multipliers, **changes}
