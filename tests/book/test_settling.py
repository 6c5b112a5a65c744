"""The wait for a page to stand still does not end before it does, whatever moves the page, on a busy machine too."""

from __future__ import annotations

import pytest
from browsing import settle

PAGE = """<!doctype html><html lang="en"><title>Moving</title><style>
  body { display: flow-root; margin: 0; height: 4000px; }
  #low { margin-top: 0; width: 100px; height: 20px; background: gray; }
  .late #low { transition: margin-top 0.05s 0.3s; margin-top: 50px; }
  .smooth { scroll-behavior: smooth; }
  .pulsing #low { animation: pulse 0.2s infinite alternate; }
  @keyframes pulse { to { opacity: 0.5 } }
</style><div id="low"></div><p>below</p>"""
DOWN = "const down = (by) => { low.style.marginTop = `${by}px`; };"
AFTER = "const after = (time, then) => setTimeout(then, time);"
# What sets the page in motion; where it stands at last, as [top of the box, how far the window is scrolled].
MOTIONS = {
    "frames": (
        "const began = performance.now(); const step = () => { const gone = Math.min(performance.now() - began, 300);"
        "down(gone); if (gone < 300) requestAnimationFrame(step); }; step();",
        [300, 0],
    ),
    "a transition that begins late": ("document.body.className = 'late';", [50, 0]),
    "smooth scrolling": ("document.documentElement.className = 'smooth'; scrollTo(0, 1500);", [-1500, 1500]),
    "a live element that mounts late": (
        "globalThis.mixvocab = {}; low.dataset.mv = 'slow';"
        "after(300, () => { down(70); low.dataset.mvState = 'live'; });",
        [70, 0],
    ),
    "formulas": (
        "const promise = new Promise((done) => after(400, () => { down(30); done(); }));"
        "globalThis.MathJax = { startup: { promise } };",
        [30, 0],
    ),
}
WHERE = "[low.getBoundingClientRect().y, scrollY]"


@pytest.fixture(params=[1, 8], ids=["at rest", "busy"])
def page(context, request):
    """A page that stands still, in a browser that has the whole processor or an eighth of it."""
    opened = context.new_page()
    context.new_cdp_session(opened).send("Emulation.setCPUThrottlingRate", {"rate": request.param})
    opened.set_content(PAGE)
    return opened


@pytest.mark.parametrize("motion", MOTIONS)
def test_what_moves_has_come_to_rest(page, motion):
    start, rest = MOTIONS[motion]
    page.evaluate(f"() => {{ {DOWN} {AFTER} {start} }}")
    settle(page)
    found = page.evaluate(WHERE)
    page.wait_for_timeout(400)
    assert page.evaluate(WHERE) == found
    assert found == rest


def test_a_new_size_of_the_window_is_waited_for(page):
    """As a chart is: drawn anew, in a later task, once its box has another width."""
    page.evaluate(
        "() => { new ResizeObserver(() => setTimeout(() => { low.style.height = `${innerWidth}px`; }, 100))"
        ".observe(document.body); }"
    )
    page.set_viewport_size({"width": 375, "height": 800})
    settle(page)
    assert page.evaluate("low.getBoundingClientRect().height") == 375


def test_what_is_animated_for_ever_in_its_place_is_not_waited_for(page):
    page.evaluate("document.body.className = 'pulsing'")
    settle(page, patience=20)


def test_a_page_that_never_rests_is_an_error(page):
    from playwright.sync_api import Error

    page.evaluate(f"() => {{ {DOWN} let n = 0; setInterval(() => down(++n % 50), 20); }}")
    with pytest.raises(Error, match="does not settle within 1 s"):
        settle(page, patience=1)
