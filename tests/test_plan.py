"""Settings that change which text is read and which pieces it is cut into reach the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixvocab import pipeline
from mixvocab.common.errors import UserError
from mixvocab.common.store import Store, sources
from mixvocab.distill import methods as registry
from mixvocab.distill.methods import find_method
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import load_profile
from mixvocab.text.wordpiece import SPECIAL_PIECES

Planner = Callable[..., Plan]


@pytest.fixture
def planned(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Planner:
    """Plans on the tiny world, as often as a test likes."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return lambda **more: Plan(load_profile("smoke", **settings | more), tiny_corpus)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def other_text(tmp_path: Path) -> Path:
    """Text that has no word in common with the corpus."""
    folder = tmp_path / "other"
    folder.mkdir()
    names = "zebra quokka wombat lemur gibbon tapir okapi numbat caracal ocelot dugong".split()
    lines = [f"{names[n % 11]} {names[n % 7]}{names[n % 11]} {names[n % 5]}s {names[n % 11][::-1]}" for n in range(80)]
    (folder / "text.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return folder


def test_the_kind_of_vocabulary_reaches_the_students_rows(planned: Planner, store: Store) -> None:
    plans = {kind: planned(**{"vocabulary.kind": kind}) for kind in ("learned", "teacher", "shared")}
    known = {kind: store.get(plan.vocabulary()) for kind, plan in plans.items()}
    teacher = planned().teacher_tokenizer.get_vocab()
    assert {piece: known["teacher"].id(piece) for piece in known["teacher"].pieces} == teacher
    assert set(known["shared"].pieces) == set(known["learned"].pieces) & set(teacher) | set(SPECIAL_PIECES)
    assert len(SPECIAL_PIECES) < len(known["shared"]) < len(known["learned"]) == 300
    for kind, plan in plans.items():
        student = store.get(plan.stage_two(0, plan.stage_one(0)))
        assert student.shape == plan.shape(len(known[kind]))
        assert student.model().bert.embeddings.word_embeddings.weight.shape == (len(known[kind]), 16)


def test_copies_of_a_plan_share_what_was_found_and_keep_their_own_tables(planned: Planner, store: Store) -> None:
    plan = planned()
    teacher = plan.with_settings(vocabulary={"kind": "teacher"})
    assert teacher.sources is plan.sources
    tables = [each.rows().student_table(each.vocabulary(), store) for each in (plan, teacher, plan)]
    sizes = [int(table.regular.max()) + 1 for table in tables]
    assert sizes == [300, len(plan.teacher_tokenizer), 300]


def test_the_unit_of_mixing_is_stage_ones_alone(planned: Planner, store: Store) -> None:
    by_word, by_sequence = planned(), planned(**{"mixing.unit": "sequence"})

    def drawn(plan: Plan) -> np.ndarray:
        mixer = plan.rows().mixer(plan.vocabulary(), plan.profile.mixing, store, mixed=True)
        return mixer.batch(32, np.random.default_rng(0)).student

    student = drawn(by_sequence)
    assert (student == student[:, :1]).all()
    assert not (drawn(by_word) == student).all()
    assert by_word.stage_one(0).key != by_sequence.stage_one(0).key
    assert by_word.stage_two(0, None).key == by_sequence.stage_two(0, None).key


def test_words_can_be_counted_in_another_text(planned: Planner, store: Store, other_text: Path) -> None:
    own, other = planned(), planned(**{"vocabulary.source": str(other_text)})
    assert "zebra" in store.get(other.counts())
    assert not set(store.get(own.counts())) & set(store.get(other.counts()))
    assert "zebra" in store.get(other.vocabulary()).pieces
    assert "zebra" not in store.get(own.vocabulary()).pieces
    assert own.rows().key == other.rows().key  # what is trained on stays


def test_where_there_is_only_documentation_words_are_general_english(
    store: Store, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch, tiny_settings: dict[str, Any]
) -> None:
    settings = tiny_settings | {"corpus.source": "embedded", "teacher.source": str(tiny_teacher)}
    plan = Plan(load_profile("smoke", **settings))
    assert plan.words().value.source.kind == "words"
    assert plan.rows().text.value.source.kind == "corpus"  # what is trained on stays
    assert [source.kind for source in sources(plan.stage_two(0, None))] == ["words", "corpus", "teacher"]
    named = plan.with_settings(vocabulary={"source": "wordfreq:de"})
    assert "und" in [*store.get(named.counts())][:10]
    assert plan.vocabulary().asked == Plan(load_profile("smoke", **settings)).vocabulary().asked
    monkeypatch.setattr(pipeline, "has_words", lambda: False)
    assert Plan(plan.profile).words().value.source.kind == "corpus"


def test_text_of_ones_own_is_counted_itself(planned: Planner) -> None:
    plan = planned()
    assert plan.words().value is plan.corpus().value
    assert plan.words().asked == plan.corpus().asked  # records of it are found as before
    assert [source.kind for source in sources(plan.stage_two(0, None))] == ["corpus", "teacher"]


def test_stage_one_can_read_another_text(planned: Planner, store: Store, other_text: Path) -> None:
    own, other = planned(), planned(**{"stage_one.corpus": str(other_text)})
    assert own.vocabulary().key == other.vocabulary().key
    assert "zebra" in store.get(other.rows(str(other_text))).types
    assert "zebra" not in store.get(other.rows()).types
    first, second = (store.get(plan.stage_one(0)) for plan in (own, other))
    assert not np.array_equal(first.embeddings.numpy(), second.embeddings.numpy())
    assert own.stage_two(0, None).key == other.stage_two(0, None).key


def test_a_vocabulary_can_be_learned_from_code(planned: Planner, store: Store) -> None:
    plan = planned(**{"vocabulary.source": "code", "vocabulary.megabytes": 0.2})
    assert {"self", "def", "return"} <= set(store.get(plan.vocabulary()).pieces)
    assert "self" not in store.get(planned().vocabulary()).pieces


def test_a_learned_projection_is_folded_into_the_students_embeddings(planned: Planner, store: Store) -> None:
    plan = planned()
    step = find_method("mixed-projection").student(plan, 0)
    plain, projected = store.get(plan.stage_one(0)), store.get(step.init)
    assert plan.stage_one(0).identity == plan.stage_one(0, projection=False).identity != step.init.identity
    assert projected.result.curve[0]["loss"] == plain.result.curve[0]["loss"]
    assert projected.result.curve[-1]["loss"] != plain.result.curve[-1]["loss"]
    assert projected.embeddings.shape == (300, 16)
    assert projected.spent.flops - plain.spent.flops == 4 * 2 * plain.result.steps * 300 * 16 * 32
    assert store.get(step).shape.vocab_size == 300


def test_a_projection_needs_a_copy(planned: Planner, store: Store) -> None:
    with pytest.raises(UserError, match=r"set stage_one\.init=pca"):
        store.get(planned(**{"stage_one.projection": True, "stage_one.init": "random"}).stage_one(0))


def test_methods_have_one_order_whatever_was_imported_first(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = list(registry.methods())
    by_file = [registry.methods()[name].student.__module__.removeprefix("mixvocab.distill.") for name in usual]
    assert by_file == sorted(by_file, key=lambda file: (file != "methods", file))
    monkeypatch.setattr(registry, "_REGISTERED", dict(reversed(registry._REGISTERED.items())))
    turned = registry.methods.__wrapped__()
    assert turned.keys() == set(usual)
    assert [known.student.__module__ for known in turned.values()] == [f"mixvocab.distill.{file}" for file in by_file]
