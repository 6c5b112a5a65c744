"""Profiles: the shipped ones are sound, and everything that is not is one clear line."""

import re

import pytest

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import load_profile, parse_profile, profile_names
from mixvocab.train.loop import Recipe


def test_shipped_profiles_are_complete_and_ordered_by_size():
    profiles = [load_profile(name) for name in profile_names()]
    assert [p.name for p in profiles] == ["smoke", "laptop", "evening", "gpu", "paper"]
    work = [p.stage_two.steps * p.stage_two.batch_size * p.mixing.length for p in profiles]
    assert work == sorted(work)
    assert all(isinstance(Recipe(**p.stage_one.recipe()), Recipe) for p in profiles)


def test_paper_profile_is_the_papers():
    paper = load_profile("paper")
    for stage in (paper.stage_one, paper.stage_two):
        assert (stage.batch_size, stage.learning_rate, stage.optimizer, stage.warmup) == (2048, 1.25e-3, "lamb", 0.1)
    assert (paper.stage_one.steps, paper.stage_two.steps, paper.mixing.length) == (500_000, 300_000, 128)
    assert (paper.mixing.max_masks, paper.mixing.max_teacher_masks, paper.mixing.p_sv) == (20, 10, 0.5)
    assert paper.stage_one.init == "random"


def test_overrides_by_short_and_dotted_name():
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
        ("smoke", {"heads": 5}, "student.hidden=32 is not a multiple of heads=5"),
        ("smoke", {"optimizer": "sgd"}, None),
        ("smoke", {"corpus.megabytes": "many"}, r"corpus\.megabytes='many'"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(name, overrides, message):
    if message is None:
        message = "ambiguous"
    with pytest.raises(UserError, match=message) as caught:
        load_profile(name, **overrides)
    assert "\n" not in str(caught.value)


def test_unknown_key_in_a_profile_names_the_nearest():
    tree = {"corpus": {"megabytes": 1}, "vocabulary": {"megabytes": 1, "sise": 500}}
    with pytest.raises(UserError, match=re.escape("vocabulary.sise is unknown (did you mean 'size'?)")):
        parse_profile("mine", tree | {"stage_one": {}, "stage_two": {}})


def test_the_rate_of_fine_tuning_falls_with_the_width_it_is_meant_for():
    snips = load_profile("laptop", **{"snips.learning_rate": 3e-3, "snips.rate_width": 96}).snips
    assert snips.tuning(96).learning_rate == snips.tuning().learning_rate == 3e-3
    assert snips.tuning(384).learning_rate == pytest.approx(3e-3 / 8)
    assert snips.tuning(384).tuning(384) == snips.tuning(384)
    assert load_profile("paper").snips.tuning(256).learning_rate == 1e-4


def test_paper_profile_fine_tunes_as_the_paper():
    paper = load_profile("paper")
    assert (paper.glue.optimizer, paper.glue.learning_rate, paper.glue.batch_size, paper.glue.epochs) == (
        "lamb",
        1e-4,
        64,
        10,
    )
    assert (paper.snips.optimizer, paper.snips.learning_rate, paper.snips.batch_size) == ("adamw", 1e-4, 64)
    assert paper.snips.weight_decay == 0  # AdamW without decay is Adam
