"""One style: text and marks stand out from their ground in both themes, and style sheets get the same colours."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from mixvocab.widgets import style

BOTH = pytest.mark.parametrize("theme", style.THEMES.values(), ids=style.THEMES)


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, ground: str, share: float) -> str:
    """CSS's `color-mix(in srgb, colour share, ground)`."""
    pairs = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * over + (1 - share) * under):02x}" for over, under in pairs)


@BOTH
def test_text_stands_out(theme: style.Theme) -> None:
    for ground in (theme.page, theme.surface):
        assert contrast(theme.ink, ground) >= 7
        assert contrast(theme.muted, ground) >= 4.5
        assert contrast(theme.accent, ground) >= 4.5


@BOTH
def test_marks_stand_out_and_text_is_read_on_a_quarter_of_their_colour(theme: style.Theme) -> None:
    for colour in theme.palette:
        assert contrast(colour, theme.page) >= 3, colour
        assert contrast(theme.ink, mixed(colour, theme.page, 0.25)) >= 4.5, colour


# Machado, Oliveira and Fernandes 2009, full severity, in linear light: rows of a 3 by 3 matrix.
BLINDNESS = {
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritan": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


@BOTH
@pytest.mark.parametrize("rows", BLINDNESS.values(), ids=BLINDNESS)
def test_colours_are_told_apart_without_full_colour_vision(
    theme: style.Theme, rows: tuple[tuple[float, ...], ...]
) -> None:
    def seen(colour: str) -> list[float]:
        parts = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
        return [max(sum(a * b for a, b in zip(row, parts, strict=True)), 0) ** (1 / 2.2) for row in rows]

    for one, other in combinations(theme.palette, 2):
        far = sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5
        assert far > 0.1, (one, other)


def test_css_has_the_same_variables_in_both_themes() -> None:
    rules = re.findall(r"([^{}]+)\{([^}]*)\}", re.sub(r"/\*.*?\*/", "", style.CSS, flags=re.DOTALL))
    found = {selector.strip(): dict(re.findall(r"--mv-([\w-]+): ([^;]+);", body)) for selector, body in rules}
    light, dark = found[":root"], next(body for selector, body in found.items() if "dark" in selector)
    assert set(light) - set(dark) == {"font", "mono", "measure"}
    assert set(dark) <= set(light)
    assert light["ink"] == style.LIGHT.ink
    assert [dark[f"c{i}"] for i in range(7)] == list(style.DARK.palette)


def test_css_knows_every_place_that_can_be_dark() -> None:
    for selector in ('html[data-theme="dark"]', '[data-jp-theme-light="false"]', ".vscode-dark"):
        assert selector in style.CSS


def test_nothing_is_fetched() -> None:
    assert "url(" not in style.CSS
