"""What a model must beat on a GLUE task, from the same rows: the most frequent label, and a linear model on words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer

from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.tasks.scores import Label, Roles, glue_scores

STRENGTHS = (0.03, 0.3, 3.0)  # C of the logistic regression, 1 / alpha of the ridge; the choosing rows pick one
FREQUENT = 1000  # training rows from which on a feature has to occur twice


def majority(data: GlueData, roles: Roles) -> dict[str, list[Label]]:
    """The most frequent training label (the first by name of equals), or the mean score, for every reported row."""
    model = DummyRegressor() if data.regression else DummyClassifier(strategy="most_frequent")
    model.fit(roles.train, [row.label for row in roles.train])
    return {name: model.predict(rows).tolist() for name, rows in roles.report.items()}


def bag_of_words(data: GlueData, roles: Roles) -> dict[str, list[Label]]:
    """Predictions of a linear model for every reported row: logistic regression, or ridge regression for scores.

    Features: TF-IDF of words and neighbouring pairs of words; for two texts those of each text apart, the words
    that both have, those that only one has, and four shares of overlap.
    """
    # Words that occur once tell nothing apart in a large set and are most of the work.
    least = 2 if len(roles.train) >= FREQUENT else 1
    parts: list[tuple[str, Any]] = [("words", TfidfVectorizer(analyzer=_tokens, sublinear_tf=True, min_df=least))]
    if roles.train[0].text_b is not None:
        parts.append(("overlap", FunctionTransformer(_overlap)))
    features = FeatureUnion(parts)
    train, choose = features.fit_transform(roles.train), features.transform(roles.choose)
    gold = [row.label for row in roles.choose]

    def fit(strength: float) -> Any:
        ridge, logistic = Ridge(alpha=1 / strength, solver="lsqr"), LogisticRegression(C=strength, max_iter=300)
        return (ridge if data.regression else logistic).fit(train, [row.label for row in roles.train])

    def score(model: Any) -> float:
        return glue_scores(data.task, gold, model.predict(choose).tolist(), data.labels)["score"]

    best = max(map(fit, STRENGTHS), key=score)
    return {name: best.predict(features.transform(rows)).tolist() for name, rows in roles.report.items()}


def _tokens(row: GlueRow) -> list[str]:
    """The features of one row by name: `one:word`, and for pairs `two:`, `both:`, `only1:` and `only2:`."""
    texts = [_words(text) for text in (row.text_a, row.text_b) if text is not None]
    sides = {name: [*text, *map(" ".join, pairwise(text))] for name, text in zip(("one", "two"), texts, strict=False)}
    if len(texts) == 2:
        a, b = map(set, texts)
        sides |= {"both": sorted(a & b), "only1": sorted(a - b), "only2": sorted(b - a)}
    return [f"{side}:{word}" for side, words in sides.items() for word in words]


def _overlap(rows: Sequence[GlueRow]) -> np.ndarray:
    """(N, 4): words shared of all, of the first text, of the second; the shorter's length by the longer's."""
    shares = []
    for row in rows:
        first, second = _words(row.text_a), _words(row.text_b or "")
        a, b = set(first), set(second)
        shorter, longer = sorted((len(first), len(second)))
        shares.append([*(len(a & b) / max(1, len(words)) for words in (a | b, a, b)), shorter / max(1, longer)])
    return np.array(shares)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())
