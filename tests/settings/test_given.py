"""`--set name=value`."""

import pytest

from mixvocab.common.errors import UserError
from mixvocab.settings.given import parse_settings


def test_values_are_yaml() -> None:
    given = ["stage_two.steps=5000", "learning_rate = 1.5e-3", "hidden=null", "name=a=b"]
    assert parse_settings(given) == {"stage_two.steps": 5000, "learning_rate": 1.5e-3, "hidden": None, "name": "a=b"}
    assert parse_settings([]) == {}


@pytest.mark.parametrize("text", ["steps", "", "steps: 3"])
def test_what_has_no_value(text: str) -> None:
    with pytest.raises(UserError, match="write name=value"):
        parse_settings([text])


def test_yaml_that_does_not_parse_is_one_line() -> None:
    with pytest.raises(UserError, match=r"--set a=.*cannot be read"):
        parse_settings(["a={"])
