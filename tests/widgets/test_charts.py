"""A chart's specification: what is drawn is what was given, and what cannot be drawn is refused."""

from __future__ import annotations

import html
import json
import math
import re
from typing import Any

import pytest

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.charts import Axis, Chart, Point, Reference, Series, chart_element, curves, dots

LOSS = Axis("held-out loss (nats)", decimals=3)
STEPS = Axis("steps", decimals=0)


def config_of(page: str) -> dict[str, Any]:
    (config,) = re.findall(r'data-mv="chart" data-mv-config="([^"]*)"', page)
    return json.loads(html.unescape(config))


def test_json_holds_what_differs_from_the_defaults() -> None:
    chart = Chart(
        "It falls",
        Axis("size", "log", ticks=((1000.0, "1K"),)),
        LOSS,
        (Series("ours", (Point(1000.0, 5.5, 5.4, 5.6, label="<L-6>"),), colour=2, hollow=True),),
        (Reference("y", 5.0, "the floor"),),
    )
    assert config_of(chart_element([chart], "", ""))["charts"][0] == {
        "title": "It falls",
        "x": {"label": "size", "scale": "log", "ticks": [[1000.0, "1K"]]},
        "y": {"label": "held-out loss (nats)", "decimals": 3},
        "series": [
            {
                "name": "ours",
                "points": [{"x": 1000.0, "y": 5.5, "low": 5.4, "high": 5.6, "label": "<L-6>"}],
                "colour": 2,
                "hollow": True,
            }
        ],
        "references": [{"axis": "y", "value": 5.0, "label": "the floor"}],
    }


@pytest.mark.parametrize("place", [(1.0, math.nan), (1.0, 2.0, -math.inf, 3.0)])
def test_numbers_are_finite(place: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite number"):
        Point(*place)


def test_curves_join_points_and_give_them_intervals() -> None:
    chart = curves(
        "t", STEPS, LOSS, {"a": [(1, 6.0, 0.5), (2, 5.0, math.nan)], "b": [(1, 6.5)]}, dashes=("solid", "dashed")
    )
    first, second = chart.series
    assert first.points == (Point(1.0, 6.0, 5.5, 6.5), Point(2.0, 5.0))
    assert first.line
    assert (first.dash, second.dash) == ("solid", "dashed")
    assert first.colour != second.colour
    assert first.mark != second.mark  # never colour alone


def test_dots_have_a_row_a_name_and_a_series_a_kind() -> None:
    means = {"a": Estimate(5.0, 0.1, 3), "b": Estimate(4.0, math.nan, 1), "c": Estimate(4.5, 0.2, 3)}
    kinds = {"a": ("baseline", 0), "b": ("lower", 2), "c": ("lower", 2)}
    chart = dots("t", LOSS, means, {"a": [4.9, 5.1], "b": [4.0]}, kinds=kinds)
    assert chart.y.categories == ("a", "b", "c")
    assert [(each.name, each.colour, len(each.points)) for each in chart.series] == [
        ("single seeds", -1, 3),
        ("baseline", 0, 1),
        ("lower", 2, 2),
    ]
    assert chart.series[1].points[0] == Point(5.0, "a", 4.9, 5.1)
    assert chart.series[2].points[0].low is None  # one seed has no interval


def test_the_element_keeps_its_fallback_and_escapes_its_config() -> None:
    chart = Chart("It falls", STEPS, LOSS, (Series("a student", (Point(1.0, 2.0),)),))
    page = chart_element([chart], 'falls "to" <2>', "<img alt=''>")
    told = config_of(page)
    assert told["description"] == 'falls "to" <2>'
    assert told["charts"][0]["series"][0]["points"] == [{"x": 1.0, "y": 2.0}]
    assert page.endswith("><img alt=''></div>")
