"""Every sentence that numbers make is one of its declared forms, whichever way the numbers come out."""

from __future__ import annotations

import html
import json
import math
import re
import string
from pathlib import Path

import pytest
from recorded import scored, student

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab_book.show import ablation_charts, entries, plateau, told
from mixvocab_book.show.tables import Finding, agreement, verdict
from mixvocab_book.show.told import Counted, Told

SENTENCES = {name: each for name, each in vars(told).items() if isinstance(each, Told)}
COUNTED = {name: each for name, each in vars(told).items() if isinstance(each, Counted)}
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


ALL_FORMS, ALL_COUNTS = ("more", "less", "same"), ("every", "some", "none")


def filled(*forms: str) -> dict[str, float]:
    """A value for every name in the forms."""
    names = {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}
    return dict.fromkeys(names - {"by", "count", "total"}, 7.0)


def pattern(form: str, gap: str) -> str:
    """The form as a regular expression, with that in each of its gaps."""
    parts = string.Formatter().parse(form)
    return "".join(re.escape(text) + ("" if name is None else gap) for text, name, *_ in parts)


def declared(sentence: str, form: str) -> bool:
    """Whether the sentence is the form with something without a minus sign in each of its gaps."""
    return re.fullmatch(pattern(form, r"[\d.,%]+"), sentence) is not None


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize(
    ("difference", "form"),
    [
        (0.9, "more"), (123.0, "more"), (-0.9, "less"), (-123.0, "less"), (0.0, "same"), (-0.0, "same"),
        (1e-4, "same"), (-1e-4, "same"), (None, "unknown"), (math.nan, "unknown"),
    ],
)  # fmt: skip
def test_a_difference_is_more_less_about_equal_or_not_known(name: str, difference: float | None, form: str) -> None:
    each = SENTENCES[name]
    sentence = each(difference, **filled(each.more, each.less, each.same, each.unknown))
    assert declared(sentence, getattr(each, form)), sentence


@pytest.mark.parametrize("name", SENTENCES)
def test_no_size_that_is_told_is_written_as_nothing(name: str) -> None:
    each = SENTENCES[name]
    least = each(each.about * 1.01, **filled(each.more, each.less, each.same))
    if "{by}" in each.more:
        assert not re.search(r"(?<![\d.])0(\.0+)?%?(?![\d.])", least), least


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize(
    ("count", "total", "form"), [(3, 3, "every"), (1, 3, "some"), (0, 3, "none"), (0, 0, "unknown")]
)
def test_a_count_is_all_some_none_or_not_known(name: str, count: int, total: int, form: str) -> None:
    each = COUNTED[name]
    sentence = each(count, total, **filled(each.every, each.some, each.none, each.unknown))
    assert declared(sentence, getattr(each, form)), sentence


def test_every_declared_sentence_is_used() -> None:
    sources = [path.read_text(encoding="utf-8") for path in [*NOTEBOOKS, *Path(told.__file__).parent.glob("*.py")]]
    for name in [*SENTENCES, *COUNTED]:
        assert any(re.search(rf"\b{name}\(", source) for source in sources), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapters_write_no_comparison_of_their_own(path: Path) -> None:
    """A share with "more" or "fewer" behind it has one form alone, and is absurd when it comes out the other way."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    written = re.findall(r"\{[^{}]*\}[^\"'\n]{0,4}\b(?:more|fewer|less|longer|shorter|ahead|better|worse)\b", code)
    assert not written


TITLED = re.compile(r"(?:\btitle ?= ?\(?|set_title\(|\b(?:curves|dots|Chart)\()\s*f?[\"']")


@pytest.mark.parametrize("path", [*NOTEBOOKS, *Path(told.__file__).parent.glob("*.py")], ids=lambda path: path.stem)
def test_no_title_is_written_where_it_is_drawn(path: Path) -> None:
    """Each is a form of `told`, so that what can come out is read in one place."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert not TITLED.findall(text)


def test_a_title_that_is_written_where_it_is_drawn_would_be_seen() -> None:
    written = ('axes.set(title=f"{a} of b")', "curves(\n    'a'", 'axes.set_title("a")', 'title = (\n    f"a"')
    assert all(TITLED.search(each) for each in written)


def forms() -> list[re.Pattern[str]]:
    """All declared sentences, with anything in their gaps, and perhaps behind what they are about: "p_SV: ..."."""
    texts = [each for name, each in vars(told).items() if name.isupper() and isinstance(each, str)]
    for each in [*SENTENCES.values(), *COUNTED.values()]:
        texts += [each.unknown, *(getattr(each, which) for which in (*ALL_FORMS, *ALL_COUNTS) if hasattr(each, which))]
    lines = [re.sub(r"\s+", " ", text) for text in texts]
    worded = [line for line in lines if len(re.sub(r"\{.*?\}", " ", line).split()) > 1]  # more than gaps
    return [re.compile("(?:.+: )?" + pattern(line, ".+")) for line in worded]


def test_titles_on_the_pages_are_declared(pages: Path, names: list[str]) -> None:
    """Of every chart of the book that was rendered: on real data where there is some, else of the offline default."""
    declared_forms, charts = forms(), re.compile('data-mv="chart" data-mv-config="([^"]*)"')
    undeclared = []
    for name in names:
        for config in charts.findall((pages / name).read_text(encoding="utf-8")):
            for title in re.findall(r'"title": ?("(?:[^"\\]|\\.)*")', html.unescape(config)):
                line = re.sub(r"\s+", " ", json.loads(title))
                undeclared += [] if any(form.fullmatch(line) for form in declared_forms) else [(name, line)]
    assert not undeclared


def test_a_title_of_another_form_would_be_seen() -> None:
    assert any(form.fullmatch("Position spread: no difference found at this scale (± 0.1)") for form in forms())
    assert not any(form.fullmatch("-4% fewer words a row") for form in forms())


@pytest.mark.parametrize(
    ("ratios", "sentence"),
    [
        ([12.4, 130.0], "12 to 130 times as fast as BERT"),
        ([1.5, 2.0], "1.5 to 2.0 times as fast as BERT"),
        ([0.5, 0.9], "slower than BERT"),
        ([0.9, 1.4], "about as fast as BERT"),
        ([1.01, 1.02], "about as fast as BERT"),
    ],
)
def test_how_many_times_as_fast(ratios: list[float], sentence: str) -> None:
    assert told.faster(ratios, "BERT") == sentence


THREE = estimate([3.3, 3.4, 3.5])
NONE_FOUND = estimate([-1.0, 1.0, 0.1])


@pytest.mark.parametrize(
    ("now", "recorded", "form"),
    [
        (2.0, THREE, told.AGREES), (-2.0, THREE, told.DISAGREES), (0.5, NONE_FOUND, told.WITHIN),
        (9.0, NONE_FOUND, told.OUTSIDE), (2.0, estimate([3.0]), told.ALONE), (2.0, None, told.ALONE),
    ],
)  # fmt: skip
def test_a_run_of_one_seed_says_whether_it_agrees(now: float, recorded: Estimate | None, form: str) -> None:
    found = Finding(recorded, "over 3 seeds")
    said = agreement(estimate([now]), found)
    start, _, rest = form.partition("{recorded}")
    assert said.startswith(start.format(where=found.where))
    assert said.endswith(rest.format(where=found.where))
    assert verdict(estimate([now]), beside=found) == f"{now:+.1f} points with one seed, {said}"


def test_several_seeds_speak_for_themselves() -> None:
    assert "recorded" not in verdict(THREE, beside=Finding(NONE_FOUND, "over 3 seeds"))


def test_the_recorded_gain_is_that_of_the_nearest_budget() -> None:
    before = [
        student(method, seed, masked - 0.01 * seed, steps=steps)
        for steps, gap in ((1_000, 0.5), (100_000, 0.1))
        for method, masked in (("nokd", 6.0), ("pca", 6.0 - gap))
        for seed in range(3)
    ]
    found = entries.grouped(before)
    one = {
        e.model.method: e
        for e in entries.grouped([student("nokd", 0, 6.4, steps=400), student("pca", 0, 5.0, steps=400)])
    }
    gain = entries.recorded_gain(found, one["nokd"], one["pca"], "heldout", "masked")
    assert gain
    assert gain.gain
    assert gain.gain.mean == pytest.approx(0.5)
    assert gain.where == "over 3 seeds of 1M tokens"
    assert entries.recorded_gain([], one["nokd"], one["pca"], "heldout", "masked") == Finding(None, "")
    assert entries.recorded_gain(found, one["nokd"], one["pca"], "test", "slot_f1") == Finding(None, "")
    (row,) = plateau.answers(list(one.values()), found)
    assert row[2].startswith("+1.400 nats with one seed, which agrees with +0.500")


def test_live_twins_stand_beside_the_recorded_ones() -> None:
    before = entries.grouped(
        [scored(m, s, slot_f1=v + s / 1000) for m, v in (("mixed", 0.9), ("nokd", 0.8)) for s in range(3)]
    )
    now = entries.grouped([scored("mixed", 0, slot_f1=0.7), scored("nokd", 0, slot_f1=0.75)])
    (row,) = entries.twin_rows(now, "now", before)
    assert (
        row[3]
        == "-5.0 points with one seed, which does not agree with +10.0 ± 0.0, recorded over 3 seeds of 0.1M tokens"
    )


def test_cells_of_one_seed_stand_beside_the_recorded_ones() -> None:
    from answered import results

    from mixvocab_book.sweep.results import answers

    (one,), (three,) = answers(results(seeds=1, fresh=6.0, PCA=5.0)), answers(results(fresh=6.0, PCA=5.9))
    (line,) = ablation_charts.beside(one, three)
    assert line.startswith("PCA against fresh: -1.000 nats a word with one seed, which agrees with -0.100")
    assert ablation_charts.beside(one, None)[0].endswith(told.ALONE)
    assert not ablation_charts.beside(three, three)
