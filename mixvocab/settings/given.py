"""`--set name=value` on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from mixvocab.common.errors import UserError


def parse_settings(given: Sequence[str]) -> dict[str, object]:
    """Settings by name; values are read as YAML, as in a profile.

    Raises UserError for one without "=" and for a value that is no YAML.
    """
    import yaml

    pairs: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write name=value, for example stage_two.steps=5000")
        try:
            pairs[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or "no YAML"
            raise UserError(f"--set {text}: the value cannot be read ({problem})") from None
    return pairs
