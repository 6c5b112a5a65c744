"""How the book looks, in one place: colours, inks, grounds and type, for matplotlib's figures and for pages.

A colour means the same in a picture and in a widget: both read it here. `mixvocab_book.show.figures.style` makes
matplotlib's settings of it, `css` the variables that every style sheet of the book uses instead of colours.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE_LENGTH = "44rem"
"""How wide a line of text or a figure in it gets."""
FONTS = {
    "font": 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
    "mono": 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace',
}
"""Only what readers have: nothing is fetched."""


@dataclass(frozen=True)
class Theme:
    """Colours as "#rrggbb".

    Attributes:
        ink: text; muted: text that stands back; accent: links, focus, what is chosen.
        page: the ground, which figures leave transparent; surface: a box on it.
        line: rules, grids and borders.
        palette: series of a figure, kinds of pieces. Okabe and Ito's hues, those that vanish on the page made darker
            or lighter, so that they are told apart under all common colour blindness; never the only difference.
    """

    ink: str
    muted: str
    accent: str
    page: str
    surface: str
    line: str
    palette: tuple[str, ...]


LIGHT = Theme(
    ink="#1f2328",
    muted="#48566b",
    accent="#0a6c80",
    page="#ffffff",
    surface="#f3f4f5",
    line="#d1d5da",
    palette=("#0072B2", "#D55E00", "#2A9D5C", "#CC70A4", "#7A5C00", "#3A9AD9", "#4B2E83"),
)
DARK = Theme(
    ink="#e6e6e6",
    muted="#a9b2bd",
    accent="#4fbfd3",
    page="#14181e",
    surface="#222832",
    line="#48566b",
    palette=("#4B9CE8", "#F0894A", "#5FDCA0", "#F2B5D6", "#F0E05A", "#CDEBFF", "#8F72D6"),
)
THEMES = {"light": LIGHT, "dark": DARK}

# What says "dark": the rendered book, JupyterLab, VS Code.
_DARK = ('html[data-theme="dark"]', '[data-jp-theme-light="false"]', ".vscode-dark")


def css() -> str:
    """The variables `--mv-ink`, `--mv-c0`..., `--mv-font`..., light, and dark where the surroundings are."""
    fixed = {**FONTS, "measure": LINE_LENGTH}
    return _rule((":root",), fixed | _colours(LIGHT)) + _rule(_DARK, _colours(DARK))


def _colours(theme: Theme) -> dict[str, str]:
    plain = {name: value for name, value in vars(theme).items() if isinstance(value, str)}
    return plain | {f"c{number}": colour for number, colour in enumerate(theme.palette)}


def _rule(selectors: tuple[str, ...], variables: dict[str, str]) -> str:
    body = "".join(f"  --mv-{name}: {value};\n" for name, value in variables.items())
    return f"{', '.join(selectors)} {{\n{body}}}\n"
