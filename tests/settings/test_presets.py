"""Presets of stage I as settings: what a name sets, and what it leaves to the profile."""

from __future__ import annotations

import pytest

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import load_profile


def test_a_preset_sets_the_start_that_the_profile_leaves_open() -> None:
    plain = load_profile("laptop").stage_one
    chosen = load_profile("laptop", preset="frequency-first").stage_one
    assert (plain.weighting, plain.init_std) == (0, None)
    assert (chosen.init, chosen.weighting, chosen.init_std) == ("pca", 1.0, 0.13)


def test_what_is_set_beside_a_preset_stays() -> None:
    chosen = load_profile("laptop", preset="frequency-first", weighting=0.5).stage_one
    assert (chosen.weighting, chosen.init_std) == (0.5, 0.13)
    assert load_profile("laptop", preset="frequency-first", **{"stage_one.init": "random"}).stage_one.init == "random"


def test_an_unknown_preset_is_told_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"embedings-first.*paper, embeddings-first, frequency-first"):
        load_profile("laptop", preset="embedings-first")


def test_multipliers_stand_over_the_presets() -> None:
    chosen = load_profile("laptop", preset="embeddings-first", multipliers={"encoder": 0.0, "transform": 1.0}).stage_one
    assert chosen.multipliers == {
        "student_embeddings": 10,
        "up_projection": 10,
        "student_bias": 10,
        "encoder": 0,
        "transform": 1,
    }
    assert load_profile("laptop", preset="paper").stage_one.multipliers == {}
