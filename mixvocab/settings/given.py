"""Settings as a command line gives them: lines `name=value`."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from mixvocab.common.errors import UserError


def parse_settings(given: Sequence[str], *, example: str = "stage_two.steps=5000") -> dict[str, object]:
    """Settings by name from lines `name=value`; values are read as YAML, as in a profile.

    Raises UserError for one without "=", naming an example, and for a value that is no YAML.
    """
    settings: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write name=value, for example {example}")
        try:
            settings[name.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
            reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise UserError(f"--set {text}: the value is no YAML ({reason}): mend it or put it in quotes") from None
    return settings
