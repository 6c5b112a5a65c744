"""Every page under axe-core, in both themes on a desk, and on a phone: nothing that keeps a reader out."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import settle
from visiting import PHONE, new_window, open_page

DESK = {"width": 1280, "height": 900}
GRAVE = {"serious", "critical"}
# A theme changes colours and nothing else: in the second theme only what depends on them is looked at again.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
LOOKS = (("light", "desk", DESK, None), ("dark", "desk", DESK, OF_COLOURS), ("light", "phone", PHONE, None))
# Left out: the handle of ipywidgets' own slider, which has no name; the small book has one, no chapter does.
RUN = """async (rules) => {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run({ exclude: [".noUi-handle"] }, { resultTypes: ["violations"], ...only });
  return found.violations.map(({ id, impact, nodes }) => [id, impact, nodes.map((node) => node.html.slice(0, 150))]);
}"""


@pytest.fixture(scope="module")
def axe(scripts: Path) -> str:
    """The source of axe-core."""
    return (scripts / "test" / "axe.js").read_text(encoding="utf-8")


def grave(page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page as it stands, of all rules or of some; minor things left out."""
    return [
        f"{rule}, {len(nodes)} times: {nodes[0]}"
        for rule, impact, nodes in page.evaluate(RUN, rules)
        if impact in GRAVE
    ]


def looks(page, axe: str):
    """Theme and width of each look at a page, with what is wrong with it."""
    page.evaluate(axe)
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important; }")
    for theme, where, size, rules in LOOKS:
        page.set_viewport_size(size)
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        settle(page)  # with what follows a change of size, such as tab stops of boxes that scroll now
        yield f"{theme}, {where}", grave(page, rules)


def test_no_page_keeps_a_reader_out(browser, server: str, names: list[str], axe: str, pages: Path):
    found = {}
    for name in names:
        if name == "index.html":
            continue  # a redirection
        window = new_window(browser, color_scheme="light")
        page, _, _ = open_page(window, server, name)
        found |= {f"{name}, {look}": wrong for look, wrong in looks(page, axe) if wrong}
        window.close()
    assert found == {}


def test_axe_is_awake(context, axe: str):
    """A page without a name for its button and with grey on grey is called what it is."""
    page = context.new_page()
    page.set_content('<html lang="en"><body><button></button><p style="color: #999; background: #aaa">grey</p></body>')
    page.evaluate(axe)
    assert {wrong.partition(",")[0] for wrong in grave(page)} >= {"button-name", "color-contrast"}
