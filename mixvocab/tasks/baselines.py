"""What a model must beat on a GLUE task: always the most frequent label, and a linear model on bags of words.

Both see the same training rows as the student, and the same rows choose the bag of words' one setting.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.tasks.glue_rows import Roles
from mixvocab.tasks.glue_scores import CHOOSE_BY, Label, glue_scores

STRENGTHS = (0.03, 0.3, 3.0)
"""C of the logistic regression, 1 / alpha of the ridge regression; the choosing rows pick one."""

FREQUENT = 1000  # training rows from which on a feature has to occur twice

_WORD = re.compile(r"\w+|[^\w\s]")


def majority(data: GlueData, roles: Roles) -> dict[str, list[Label]]:
    """The most frequent training label (the first by name of equals), or the mean score, for every reported row."""
    labels = [row.label for row in roles.train]
    guess: Label
    if data.regression:
        guess = float(np.mean([float(label) for label in labels if label is not None]))
    else:
        counts = Counter(str(label) for label in labels)
        guess = min(counts, key=lambda label: (-counts[label], label))
    return {name: [guess] * len(rows) for name, rows in roles.report.items()}


def bag_of_words(data: GlueData, roles: Roles) -> dict[str, list[Label]]:
    """Predictions of a linear model for every reported row.

    Features: TF-IDF of words and neighbouring pairs of words; for two texts those of each text apart, the words
    that both have, those that only one has, and four shares of overlap. Logistic regression, or ridge regression
    for scores. Deterministic: nothing is drawn at random.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    features = _features(roles.train)
    train = features.fit_transform(roles.train)
    choose = features.transform(roles.choose)
    targets = [row.label for row in roles.train]
    gold = [row.label for row in roles.choose]
    best, chosen = -np.inf, None
    for strength in STRENGTHS:
        model: Any
        if data.regression:
            model = Ridge(alpha=1 / strength, solver="lsqr").fit(train, targets)
        else:
            model = LogisticRegression(C=strength, max_iter=300).fit(train, targets)
        score = glue_scores(data.task, gold, model.predict(choose).tolist(), data.labels)[CHOOSE_BY]
        if score > best:
            best, chosen = score, model
    assert chosen is not None
    return {name: chosen.predict(features.transform(rows)).tolist() for name, rows in roles.report.items()}


def _features(train: Sequence[GlueRow]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion
    from sklearn.preprocessing import FunctionTransformer

    # Words that occur once tell nothing apart in a large set and are most of the work.
    words = TfidfVectorizer(analyzer=_tokens, sublinear_tf=True, min_df=2 if len(train) >= FREQUENT else 1)
    pairs = train[0].text_b is not None
    return FeatureUnion([("words", words), *([("overlap", FunctionTransformer(_overlap))] if pairs else [])])


def _tokens(row: GlueRow) -> list[str]:
    """The features of one row by name: `one:word`, and for pairs `two:`, `both:`, `only1:` and `only2:`."""
    first = _words(row.text_a)
    if row.text_b is None:
        return _with_pairs("one", first)
    second = _words(row.text_b)
    a, b = set(first), set(second)
    shared = [
        f"{side}:{word}"
        for side, words in (("both", a & b), ("only1", a - b), ("only2", b - a))
        for word in sorted(words)
    ]
    return [*_with_pairs("one", first), *_with_pairs("two", second), *shared]


def _with_pairs(side: str, words: list[str]) -> list[str]:
    return [f"{side}:{word}" for word in words] + [f"{side}:{first} {second}" for first, second in pairwise(words)]


def _overlap(rows: Sequence[GlueRow]) -> np.ndarray:
    """(N, 4): words shared of all, of the first text, of the second; the shorter's length by the longer's."""
    shares = []
    for row in rows:
        first, second = _words(row.text_a), _words(row.text_b or "")
        a, b = set(first), set(second)
        lengths = sorted((len(first), len(second)))
        shares.append([*(len(a & b) / max(1, len(of)) for of in (a | b, a, b)), lengths[0] / max(1, lengths[1])])
    return np.array(shares)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
