"""The steps of the book and the comparison of chapter 4, on a tiny teacher."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mixvocab.book import comparison, heldout, records, steps
from mixvocab.book.chapter import Chapter, open_chapter
from mixvocab.compute import Spent
from mixvocab.distill import mixed_vocab
from mixvocab.models.start import BERT_STD, Start
from mixvocab.train import Recipe

Opener = Callable[..., Chapter]


@pytest.fixture
def opened(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path) -> Opener:
    """Opens the chapter on the tiny world, as often as a test likes, over one artefact store."""
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return lambda **more: open_chapter("04_stage_two", profile="smoke", data_dir=tiny_corpus, **settings | more)


@pytest.fixture
def chapter(opened: Opener) -> Chapter:
    return opened()


def test_what_is_there_is_not_made_again(chapter: Chapter, opened: Opener) -> None:
    first = steps.stage_two(chapter, 0, steps.stage_one(chapter, 0))
    assert first.artefact.made
    later = opened()
    second = steps.stage_two(later, 0, steps.stage_one(later, 0))
    assert not any(artefact.made for artefact in later.store.used)
    assert second.scores == first.scores
    other = opened(p_sv=0.9)
    assert steps.stage_one(other, 0).artefact.made
    assert not steps.vocabulary(other)[0].made


def test_a_truncated_student_is_made_again(chapter: Chapter, capsys: pytest.CaptureFixture[str]) -> None:
    student = steps.stage_two(chapter, 0, None)
    weights = student.folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    repaired = steps.stage_two(chapter, 0, None)
    assert "has 100 of" in capsys.readouterr().out
    assert (repaired.folder / "model.safetensors").read_bytes() == whole


def test_arms_differ_in_what_they_say(chapter: Chapter) -> None:
    runs = {one.arm: one for one in comparison.run(chapter)}
    spread = comparison.steps.pca_spread(chapter)
    wide = runs[comparison.NOKD_WIDE].stage_one
    assert runs[comparison.NOKD].stage_one is None
    assert wide is not None
    assert float(wide.embeddings.std()) == pytest.approx(spread, rel=0.1)
    assert wide.spent == Spent()
    assert runs[comparison.MIXED].tokens[0] > 0 == runs[comparison.PCA].tokens[0]
    matched = runs[comparison.MATCHED]
    assert matched.student.result.steps > runs[comparison.NOKD].student.result.steps
    # Equal compute: stage I and stage II of the one, longer stage II of the other, to within a step.
    step = matched.spent.flops / matched.student.result.steps
    assert matched.spent.flops == pytest.approx(runs[comparison.MIXED].spent.flops, abs=1.5 * step)


def test_stage_one_from_random_keeps_nothing_of_the_teachers_table(chapter: Chapter) -> None:
    random, warm = steps.start(chapter, "random", 0), steps.start(chapter, "warm", 0)
    assert not torch.allclose(random.embeddings, warm.embeddings)
    assert torch.equal(warm.embeddings, steps.start(chapter, "warm", 5).embeddings)
    assert not torch.equal(random.embeddings, steps.start(chapter, "random", 5).embeddings)


def test_the_papers_stage_one_has_its_spread_and_one_rate_for_all(
    chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, Recipe]] = []
    train = mixed_vocab.stage_one

    def spy(teacher: Any, start: Start, mixer: Any, recipe: Recipe, **more: Any) -> Any:
        asked.append((float(start.embeddings.std()), recipe))
        return train(teacher, start, mixer, recipe, **more)

    monkeypatch.setattr(mixed_vocab, "stage_one", spy)
    comparison.paper_stage_one(chapter, 0)
    ((spread, recipe),) = asked
    assert spread == pytest.approx(BERT_STD, rel=0.05)
    assert recipe.multipliers == {}
    assert chapter.profile.stage_one.preset != "paper"  # the profile's own recipe is another


def test_one_record_a_run_with_what_a_table_needs(chapter: Chapter) -> None:
    runs = comparison.run(chapter)
    paths = [comparison.record(chapter, one) for one in runs]
    found = [records.read(path) for path in paths]
    assert len({path.name for path in paths}) == len(runs)
    for one, kept in zip(runs, found, strict=True):
        assert kept["metrics"]["heldout"]["masked"] == one.masked
        assert kept["metrics"]["heldout_word_nats"] == one.word
        assert kept["metrics"]["guess"]["masked"] == heldout.guess(chapter).masked
        assert kept["curves"]["stage_two"][-1]["right"] == one.right
        assert {source["kind"] for source in kept["sources"]} == {"corpus", "teacher"}
