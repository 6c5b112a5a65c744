"""Chapter 6's steps on a tiny teacher: every method trains, is found again, and its record says what it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.store import Ref, Store
from mixvocab.distill.methods import methods
from mixvocab.sources.rows import Sizes
from mixvocab.sources.snips import resolve_snips
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.show import entries
from mixvocab_book.steps import tasks as task_steps
from mixvocab_book.store import records

Opener = Callable[..., Chapter]


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens the chapter on the tiny world with 80 synthetic commands."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher), "snips.rows": 60, "snips.epochs": 1}

    def open_one(**more: Any) -> Chapter:
        chapter = open_chapter("06_snips", profile="smoke", data_dir=tiny_corpus, **settings | more)
        sizes = Sizes(train=80, valid=20, test=20)
        chapter.sources["snips"] = Ref("snips", lambda: resolve_snips("embedded", sizes=sizes))
        return chapter

    return open_one


def test_every_method_trains_and_is_found_again(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    chapter, later = opened(), opened()
    names = [*task_steps.PEERS, *methods()]  # a teacher before its students
    steps = {name: task_steps.tuning_step(chapter.plan, "snips", name, 0) for name in names}
    assert {"mixed", "pruned", "stackprop", "bert-joint"} < set(steps)
    assert all(chapter.store.artefact(step).made for step in steps.values())
    models = {method: chapter.get(step) for method, step in steps.items()}
    with monkeypatch.context() as context:
        context.setattr(Store, "_make", None)
        again = {method: later.get(task_steps.tuning_step(later.plan, "snips", method, 0)) for method in steps}
    assert [model.test for model in again.values()] == [model.test for model in models.values()]
    assert models["nokd"].parameters == models["mixed"].parameters < models["bert-joint"].parameters
    read = {method: model.pretraining for method, model in models.items()}
    assert read["mixed"][0] > 0 == read["nokd"][0]
    assert read["nokd"][1] == read["mixed"][1] > 0
    assert read["stackprop"] == read["bert-joint"] == (0, 0)
    longer = opened(**{"snips.epochs": 2})
    assert longer.store.artefact(task_steps.tuning_step(longer.plan, "snips", "nokd", 0)).made


def test_a_student_taught_on_the_task_has_a_teacher_of_all_seeds(opened: Opener) -> None:
    chapter = opened()
    first, second = (task_steps.tuning_step(chapter.plan, "snips", "pkd", seed) for seed in (0, 1))
    teacher = task_steps.tuning_step(chapter.plan, "snips", "bert-joint", 0)
    assert first.teacher == second.teacher == teacher
    assert (first.transfer, first.encoder) == ("pkd", second.encoder)
    assert len({first.asked, second.asked, task_steps.tuning_step(chapter.plan, "snips", "pkd-last", 0).asked}) == 3
    assert chapter.store.artefact(first).made
    assert not chapter.store.artefact(teacher).made
    kept = records.read(task_steps.record(chapter, "snips", "pkd", 0))
    assert kept["metrics"]["stage_two_tokens"] == 0
    assert kept["metrics"]["teacher_finetuning_tokens"] == chapter.get(teacher).tokens > 0
    alone = records.read(task_steps.record(chapter, "snips", "nokd", 0))
    assert "teacher_finetuning_tokens" not in alone["metrics"]


def test_records_hold_what_the_tables_show(opened: Opener) -> None:
    chapter = opened()
    model = chapter.get(task_steps.tuning_step(chapter.plan, "snips", "nokd", 0))
    paths = [task_steps.record(chapter, "snips", method, 0) for method in ("nokd", "stackprop")]
    places = [path.relative_to(records.live_folder()).as_posix() for path in paths]
    assert places == ["snips/l1h16-0k/nokd/smoke-s0.json", "snips/stackprop/smoke-s0.json"]
    student, recurrent = entries.live(paths)
    assert student.values("test", "slot_f1") == [model.test["slot_f1"]]
    assert (student.model.size, recurrent.model.size) == ("L-1 H-16", "")
    kept = records.read(paths[0])
    assert {source["kind"] for source in kept["sources"]} == {"snips", "corpus", "teacher"}
    assert kept["metrics"]["parameters"] == model.parameters


def test_methods_by_name() -> None:
    assert task_steps.chosen_methods(None, ("nokd",)) == ["nokd"]
    assert task_steps.chosen_methods("mixed, bert-joint", ("nokd",)) == ["mixed", "bert-joint"]
    with pytest.raises(UserError, match="methods: 'mixd' is unknown; choose from nokd"):
        task_steps.chosen_methods("nokd,mixd", ())
