"""Chapter 5's steps on a tiny teacher: what is fine-tuned, found again, recorded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.tasks.glue import load_classifier
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.show import entries
from mixvocab_book.steps import tasks as task_steps
from mixvocab_book.store import records

Opener = Callable[..., Chapter]
ROWS = {"MRPC": 48, "SST-2": 40, "MNLI": 36, "STS-B": 32}


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens the chapter on the tiny world with some dozens of rows a task: SST-2's are a grammar's."""
    for task, header, splits, labels in (
        ("STS-B", "sentence1\tsentence2\tscore", ("train", "dev"), ("0.5", "1.5", "2.5")),
        ("MRPC", "#1 String\t#2 String\tQuality", ("train", "dev", "test"), ("0", "1", "1")),
        ("MNLI", "sentence1\tsentence2\tgold_label", ("train", "dev_matched", "dev_mismatched"), "abc"),
    ):
        folder = tiny_corpus / "glue" / task
        folder.mkdir(parents=True)
        for split in splits:
            rows = (f"the cat sat\tthe dog {'sat ' * (i % 3)}{split} {i}\t{labels[i % 3]}\n" for i in range(80))
            (folder / f"{split}.tsv").write_text(f"{header}\n{''.join(rows)}")
    settings = tiny_settings | {"teacher.source": str(tiny_teacher), "glue.rows": ROWS, "glue.epochs": 1}
    return lambda **more: open_chapter("05_glue", profile="smoke", data_dir=tiny_corpus, **settings | more)


def test_every_method_trains_and_is_found_again(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    chapter, methods = opened(), ("nokd", "nokd-wide", "mixed", "bert-joint")
    steps = [task_steps.tuning_step(chapter.plan, "SST-2", method, 0) for method in methods]
    assert all(chapter.store.artefact(step).made for step in steps)
    models = [chapter.get(step) for step in steps]
    later = opened()
    with monkeypatch.context() as context:
        context.setattr(Store, "_make", None)
        again = [later.get(task_steps.tuning_step(later.plan, "SST-2", method, 0)) for method in methods]
    assert [one.test for one in again] == [one.test for one in models]
    assert models[0].parameters == models[2].parameters < models[3].parameters
    assert models[2].pretraining[0] > 0 == models[0].pretraining[0]
    assert models[0].pretraining[1] > 0 == models[3].pretraining[1]
    assert chapter.store.artefact(task_steps.tuning_step(chapter.plan, "SST-2", "nokd", 1)).made


def test_what_is_kept_is_the_model_that_was_scored(opened: Opener) -> None:
    chapter = opened()
    for task in ("STS-B", "MNLI"):
        kept = chapter.get(task_steps.tuning_step(chapter.plan, task, "nokd", 0))
        model = load_classifier(kept.folder)
        for name, rows in task_steps.roles(chapter, task).report.items():
            for metric, value in model.scores(rows, model.predict(rows)).items():
                assert kept.test[f"{name}/{metric}"] == pytest.approx(value)
        assert set(task_steps.baseline(chapter, task, "bag_of_words")) == set(kept.test)


def test_roles_are_the_same_for_every_model(opened: Opener) -> None:
    split = task_steps.roles(opened(), "MRPC")
    assert split == task_steps.roles(opened(seed=7), "MRPC")
    assert len(split.train) == ROWS["MRPC"]
    assert not {row.text_a + str(row.text_b) for row in split.train} & {r.text_a + str(r.text_b) for r in split.choose}


def test_records_hold_what_the_tables_show(opened: Opener) -> None:
    chapter = opened()
    paths = [task_steps.record(chapter, task, m, 0) for task in ("SST-2", "MRPC") for m in ("nokd", "mixed")]
    assert paths[1].as_posix().endswith("records/glue/sst-2/l1h16-0k/mixed/smoke-s0.json")
    found = entries.live(paths)
    assert [(entry.task, entry.model.method) for entry in found] == [
        (task, method) for task in ("MRPC", "SST-2") for method in ("nokd", "mixed")
    ]
    kept = records.read(paths[2])
    assert kept["metrics"]["baselines"]["majority"] == task_steps.baseline(chapter, "MRPC", "majority")
    assert kept["metrics"]["training_rows"] == ROWS["MRPC"]
    assert kept["params"]["identity"] == task_steps.tuning_step(chapter.plan, "MRPC", "nokd", 0).asked
    assert kept["params"]["roles"] == "chosen on dev, reported on test"
    assert {source["kind"] for source in kept["sources"]} == {"glue", "corpus", "teacher"}


def test_copies_of_rows_train_students_alone_and_are_told(opened: Opener) -> None:
    plain, more = opened(), opened(**{"glue.n_a": 2})
    alone, augmented = (task_steps.tuning_step(chapter.plan, "SST-2", "nokd", 0) for chapter in (plain, more))
    assert (alone.augment_with, augmented.augment_with) == (None, teacher_head(more.plan))
    assert alone.asked != augmented.asked
    peers = [task_steps.tuning_step(chapter.plan, "SST-2", "bert-joint", 0) for chapter in (plain, more)]
    assert peers[0].asked == peers[1].asked
    found, beside = (
        records.read(task_steps.record(chapter, "SST-2", "nokd", 0))["metrics"] for chapter in (more, plain)
    )
    assert found["training_rows"] == beside["training_rows"] == ROWS["SST-2"]
    assert found["augmented_rows"] == 2 * ROWS["SST-2"]
    assert found["augmentation_tokens"] > more.get(teacher_head(more.plan)).spent.tokens_read
    assert found["finetuning_tokens"] > 2 * beside["finetuning_tokens"]
    assert not {"augmented_rows", "augmentation_tokens"} & beside.keys()


def test_names_of_tasks() -> None:
    assert task_steps.chosen_tasks("sst2, mnli", ()) == ["SST-2", "MNLI"]
    assert task_steps.chosen_tasks(None, ("MRPC",)) == ["MRPC"]
    with pytest.raises(UserError, match="no task 'foo'"):
        task_steps.chosen_tasks("foo", ())
