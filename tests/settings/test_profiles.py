"""Profiles: the shipped ones are sound, and everything that is not is one clear line."""

from __future__ import annotations

from typing import Any

import pytest

from mixvocab.common.errors import UserError
from mixvocab.settings.given import parse_settings
from mixvocab.settings.profiles import PROFILES, load_profile
from mixvocab.train.loop import Recipe


def test_shipped_profiles_are_complete_and_ordered_by_size() -> None:
    profiles = [load_profile(name) for name in PROFILES]
    assert [p.name for p in profiles] == ["smoke", "laptop", "evening", "gpu", "paper"]
    work = [p.stage_two.steps * p.stage_two.batch_size * p.mixing.length for p in profiles]
    assert work == sorted(work)
    assert all(isinstance(Recipe(**p.stage_one.recipe()), Recipe) for p in profiles)


def test_paper_profile_is_the_papers() -> None:
    paper = load_profile("paper")
    for stage in (paper.stage_one, paper.stage_two):
        assert (stage.batch_size, stage.learning_rate, stage.optimizer, stage.warmup) == (2048, 1.25e-3, "lamb", 0.1)
    assert (paper.stage_one.steps, paper.stage_two.steps, paper.mixing.length) == (500_000, 300_000, 128)
    assert (paper.mixing.max_masks, paper.mixing.max_teacher_masks, paper.mixing.p_sv) == (20, 10, 0.5)
    assert paper.stage_one.init == "random"
    glue, snips = paper.glue, paper.snips
    assert (glue.optimizer, glue.learning_rate, glue.batch_size, glue.epochs) == ("lamb", 1e-4, 64, 10)
    assert (snips.optimizer, snips.learning_rate, snips.batch_size) == ("adamw", 1e-4, 64)
    assert snips.weight_decay == 0  # AdamW without decay is Adam


def test_overrides_by_short_and_dotted_name() -> None:
    profile = load_profile("smoke", p_sv=0.25, megabytes=None, **{"stage_two.steps": 7})
    assert profile.mixing.p_sv == 0.25
    assert profile.stage_two.steps == 7
    assert profile.corpus == load_profile("smoke").corpus


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("laptp", {}, "profile 'laptp' is unknown.*did you mean 'laptop'"),
        ("smoke", {"p_sv": 1.5}, r"mixing\.p_sv=1\.5 should be less than or equal to 1"),
        ("smoke", {"p_sv": float("nan")}, r"mixing\.p_sv=nan"),
        ("smoke", {"p_vs": 0.5}, "'p_vs' is unknown.*did you mean 'p_sv'"),
        ("smoke", {"steps": 5}, "'steps' is ambiguous.*stage_one.steps, stage_two.steps"),
        ("smoke", {"init_std": -1}, r"profile smoke: stage_one\.init_std=-1 should be greater than 0"),
        ("smoke", {"stage_two.steps": 0}, r"stage_two\.steps=0 should be greater than 0"),
        ("smoke", {"heads": 5}, "student.hidden=32 is not a multiple of heads=5: choose e.g. 30"),
        ("smoke", {"corpus.megabytes": "many"}, r"corpus\.megabytes='many'"),
        ("smoke", {"stackprop": {"epochs": 1, "epoch": 1}}, r"snips\.stackprop\.epoch is unknown.*mean 'epochs'"),
        ("smoke", {"stackprop": {}}, r"snips\.stackprop\.epochs is missing"),
        ("smoke", {"preset": "embedings-first"}, "embedings-first.*paper, embeddings-first, frequency-first"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(name: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_profile(name, **overrides)
    assert "\n" not in str(caught.value)


def test_a_preset_sets_what_is_left_open_and_what_is_set_beside_it_stays() -> None:
    plain = load_profile("laptop").stage_one
    chosen = load_profile("laptop", preset="frequency-first").stage_one
    assert (plain.weighting, plain.init_std) == (0, None)
    assert (chosen.init, chosen.weighting, chosen.init_std) == ("pca", 1.0, 0.13)
    beside = load_profile("laptop", preset="frequency-first", weighting=0.5, **{"stage_one.init": "random"}).stage_one
    assert (beside.init, beside.weighting, beside.init_std) == ("random", 0.5, 0.13)
    own_rates = {"encoder": 0.0, "transform": 1.0}
    rates = load_profile("laptop", preset="embeddings-first", multipliers=own_rates).stage_one.multipliers
    assert rates == own_rates | {"student_embeddings": 10, "up_projection": 10, "student_bias": 10}
    assert load_profile("laptop", preset="paper").stage_one.multipliers == {}


def test_the_rate_of_fine_tuning_falls_with_the_width_it_is_meant_for() -> None:
    snips = load_profile("laptop", **{"snips.learning_rate": 3e-3, "snips.rate_width": 96}).snips
    assert snips.tuning(96).learning_rate == snips.tuning().learning_rate == 3e-3
    assert snips.tuning(384).learning_rate == pytest.approx(3e-3 / 8)
    assert snips.tuning(384).tuning(384) == snips.tuning(384)
    assert load_profile("paper").snips.tuning(256).learning_rate == 1e-4


def test_values_on_the_command_line_are_yaml() -> None:
    given = ["stage_two.steps=5000", "learning_rate = 1.5e-3", "hidden=null", "name=a=b"]
    assert parse_settings(given) == {"stage_two.steps": 5000, "learning_rate": 1.5e-3, "hidden": None, "name": "a=b"}
    wrong = {
        "steps": "write name=value",
        "a={": r"--set a=\{: the value is no YAML \(expected the node content, .*\): .* in quotes",
        "a=2026-02-30": r"no YAML \(day .*\)",
    }
    for text, problem in wrong.items():
        with pytest.raises(UserError, match=problem):
            parse_settings([text])
