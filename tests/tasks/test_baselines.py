import numpy as np
import pytest

from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.sources.source import Source
from mixvocab.tasks.baselines import _overlap, _tokens, bag_of_words, majority
from mixvocab.tasks.scores import glue_roles, glue_scores

SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)


def overlapping(count, seed):
    """Pairs that are about the same where all words are shared; the words themselves tell nothing."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(12)])
    made = []
    for i in range(count):
        one = rng.permutation(words)[:4]
        two = one[::-1] if i % 2 else rng.permutation([w for w in words if w not in one])[:4]
        made.append(GlueRow(" ".join(one), " ".join(two), str(i % 2)))
    return made


@pytest.fixture(scope="module")
def pairs():
    return GlueData(
        SOURCE, "MRPC", {"train": overlapping(120, 0), "dev": overlapping(20, 1), "test": overlapping(40, 2)}
    )


def test_features_by_hand():
    assert _tokens(GlueRow("A cat.", None, "1")) == ["one:a", "one:cat", "one:.", "one:a cat", "one:cat ."]
    two = _tokens(GlueRow("a cat", "the cat", "1"))
    assert two == [
        "one:a", "one:cat", "one:a cat", "two:the", "two:cat", "two:the cat", "both:cat", "only1:a", "only2:the",
    ]  # fmt: skip
    assert _overlap([GlueRow("a b c d", "a x", "1")]) == pytest.approx(np.array([[1 / 5, 1 / 4, 1 / 2, 1 / 2]]))


def test_bag_of_words_sees_overlap(pairs):
    split = glue_roles(pairs)
    found = bag_of_words(pairs, split)
    assert set(found) == {"test"}
    gold = [row.label for row in split.report["test"]]
    assert glue_scores("MRPC", gold, found["test"], pairs.labels)["accuracy"] == 1
    assert found == bag_of_words(pairs, split)


def test_majority_is_the_training_rows_label():
    train = [GlueRow("x", None, label) for label in "bbba" * 30]
    data = GlueData(SOURCE, "SST-2", {"train": train, "dev": [GlueRow("x", None, "a")] * 3})
    assert majority(data, glue_roles(data)) == {"dev": ["b"] * 3}


def test_reported_labels_are_not_looked_at(pairs):
    flipped = [row._replace(label=str(1 - int(row.label))) for row in pairs.splits["test"]]
    other = GlueData(SOURCE, "MRPC", pairs.splits | {"test": flipped})
    assert bag_of_words(pairs, glue_roles(pairs)) == bag_of_words(other, glue_roles(other))


def test_scores_are_predicted_as_numbers():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(150):
        shared = int(rng.integers(5))
        words = [f"w{i}" for i in rng.permutation(30)]
        rows.append(GlueRow(" ".join(words[:4]), " ".join(words[4 - shared : 8 - shared]), float(shared)))
    data = GlueData(SOURCE, "STS-B", {"train": rows[:100], "dev": rows[100:120], "test": rows[120:]}, regression=True)
    split = glue_roles(data)
    mean = np.mean([row.label for row in split.train])
    assert majority(data, split)["test"] == pytest.approx([mean] * 30)
    found = bag_of_words(data, split)["test"]
    assert glue_scores("STS-B", [row.label for row in split.report["test"]], found, ())["pearson"] > 0.95
