"""The opening of a chapter: settings, seeds, banner, and errors without a traceback."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mixvocab.common.errors import UserError
from mixvocab.sources.source import Source
from mixvocab_book.chapter import open_chapter
from mixvocab_book.store.provenance import BANNER

SOURCE = Source("corpus", "<i>a</i>", "path", "a.txt", "CC0", "0" * 64, False)


def test_settings_and_seeds():
    chapter = open_chapter("04_stage_two", profile="smoke", seed=5, seeds=3, p_sv=0.25, hidden=None)
    assert chapter.seeds == [5, 6, 7]
    assert chapter.seed == 5
    assert chapter.profile.mixing.p_sv == 0.25
    assert chapter.overrides == {"p_sv": 0.25}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile": "lap-top"}, "did you mean 'laptop'"),
        ({"seed": -1}, "seed=-1"),
        ({"seeds": 0}, "seeds=0"),
        ({"seed": "one"}, "seed='one'"),
        ({"p_sv": 1.5}, r"p_sv=1\.5"),
        ({"data_dir": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        open_chapter("01", **{"profile": "smoke"} | settings)


def test_banner_says_and_carries_the_facts(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    open_chapter("01_vocabulary", profile="smoke", seed=2, p_sv=0.5).banner(SOURCE)
    (data,) = shown
    assert "Profile smoke · seed 2 · p_sv = 0.5" in data["text/html"]
    assert "&lt;i&gt;a&lt;/i&gt;" in data["text/html"]
    assert "synthetic" in data["text/html"]
    assert "synthetic" in data["text/plain"]
    facts = data[BANNER]
    assert (facts["chapter"], facts["seeds"], facts["data_dir"]) == ("01_vocabulary", [2], False)
    assert facts["sources"] == [SOURCE.as_record()]


def test_record_takes_the_chapters_facts():
    path = open_chapter("04_stage_two", profile="smoke", seed=9).record("tiny", params={}, metrics={"loss": 1.0})
    assert path.as_posix().endswith("records/tiny/smoke-s9.json")
    path.unlink()


def test_user_error_has_no_traceback_in_a_notebook(capsys):
    result = InteractiveShell().run_cell(
        "from mixvocab.common.errors import UserError\nraise UserError('first\\nsecond')"
    )
    assert isinstance(result.error_in_exec, UserError)
    assert capsys.readouterr().out.strip() == "UserError: first second"
