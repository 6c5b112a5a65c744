"""Students beside who guesses by frequency, from their records: the table and the chart that chapter 4 begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mixvocab.distill.methods import methods
from mixvocab.evaluate.stats import Estimate
from mixvocab.evaluate.word_scores import MARGIN
from mixvocab.widgets.charts import Axis, Chart, Reference, curves
from mixvocab_book.chapter import Chapter
from mixvocab_book.show import entries, told
from mixvocab_book.show.entries import Entry, Model
from mixvocab_book.show.tables import millions, plus_minus, verdict
from mixvocab_book.steps import students

HEADERS = (
    "student", "seeds", "behind [MASK] (nats)", "right there", "whole hidden word (nats)",
    "off the plateau after", "tokens, stage I", "tokens, stage II", "PFLOPs",
)  # fmt: skip
QUESTIONS = (
    ("What are embeddings copied from the teacher worth?", "pca", "nokd"),
    ("... beyond their scale?", "pca", "nokd-wide"),
    ("Is it better to copy what text uses?", "pca-frequency", "pca"),
    ("Is the paper's student better than NoKD?", "paper", "nokd"),
    ("Does stage I add to the copy?", "mixed", "pca"),
    ("... and a projection that all pieces share to stage I?", "mixed-projection", "mixed"),
    ("Does token distillation add to the copy?", "token-distillation", "pca"),
    ("Does it add to the copy to mix what the teacher lacks from similar pieces?", "focus", "pca"),
    ("Is it better to copy states than embeddings?", "pca-contextual", "pca"),
    ("Do states of words, as a second target, add to the copy?", "word-states", "pca"),
    ("... and the teacher's attention between words?", "word-attention", "pca"),
    ("... and the teacher's labels, pushed forward?", "pushed-labels", "pca"),
    ("Is stage I worth more than its compute spent on NoKD?", "mixed", "nokd-matched"),
)
"""What chapter 4 asks: the question, the student in question, and whom it is compared with."""
COMPARED = frozenset(method for _, *pair in QUESTIONS for method in pair)


def pretrained(chapter: Chapter, names: Iterable[str]) -> list[Entry]:
    """The students of these methods as they are before fine-tuning, over the seeds of the chapter."""
    known = [name for name in names if name in methods()]
    return entries.live(students.record(chapter, name, seed) for seed in chapter.seeds for name in known)


def recorded() -> dict[Model, list[Entry]]:
    """The recorded students that chapter 4 asks about, by budget, the longest first."""
    found = [entry for entry in entries.recorded("students") if entry.model.method in COMPARED]
    return dict(sorted(entries.by_budget(found).items(), key=lambda group: -group[0].read))


def masked(entry: Entry) -> Estimate:
    """Held-out loss behind [MASK], nats a piece."""
    return entry.mean("heldout", "masked")


def rows(group: Sequence[Entry]) -> list[list[Any]]:
    """A row a student under `HEADERS`, below that of the guess."""
    frequency = group[0].metrics["guess"]
    scores = [f"{frequency['masked']:.3f}", f"{100 * frequency['right']:.1f}%", f"{frequency['word']:.2f}"]
    return [["guessing by frequency", "", *scores, "", "", "", ""], *map(_row, group)]


def _row(entry: Entry) -> list[Any]:
    return [
        entry.name,
        len(entry.seeds),
        plus_minus(masked(entry), 3),
        f"{plus_minus(entry.mean('heldout', 'right', factor=100))}%",
        plus_minus(entry.mean("heldout_word_nats"), 2),
        off_the_plateau(entry),
        *(millions(entry.spent("tokens_read", stage)) for stage in ("stage one", "stage two")),
        f"{entry.spent('flops') / 1e15:.2f}",
    ]


def off_the_plateau(entry: Entry) -> str:
    """After how many tokens of stage II, the mean over seeds, and how many of these left it if not all."""
    ends, seeds = plateau_ends(entry), len(entry.seeds)
    if not ends:
        return "not yet"
    return f"{sum(ends) / len(ends):.1f}M" + (f" ({len(ends)} of {seeds} seeds)" if len(ends) < seeds else "")


def plateau_ends(entry: Entry) -> list[float]:
    """Million tokens of stage II after which seeds left the plateau; of those that have."""
    return [tokens / 1e6 for tokens in entry.values("left_plateau_tokens") if tokens is not None]


def finding(group: Sequence[Entry]) -> str:
    """Who has left the plateau first, and how many have with every seed, in two lines."""
    left = {e.name: sum(ends) / len(ends) for e in group if len(ends := plateau_ends(e)) == len(e.seeds)}
    if not left:
        return told.NONE_OFF
    first = min(left, key=lambda name: left[name])
    return told.FIRST_OFF.format(name=first, tokens=left[first], count=len(left), total=len(group))


def summary(group: Sequence[Entry]) -> str:
    """What the table says, in sentences."""
    frequency, best = group[0].metrics["guess"], min(group, key=lambda entry: masked(entry).mean)
    lost = [entry.name for entry in group if masked(entry).mean >= frequency["masked"]]
    still = [entry.name for entry in group if len(plateau_ends(entry)) < len(entry.seeds)]
    return (
        f"Guessing by frequency costs {frequency['masked']:.2f} nats behind [MASK] and is right in "
        f"{frequency['right']:.1%}. {best.name} costs {masked(best).mean:.2f} and is right in "
        f"{best.mean('heldout', 'right').mean:.1%}. No better than the guess, so that nothing has been learned of "
        f"context: {'; '.join(lost) or 'none'}. Off the plateau is whoever is {MARGIN} nats below the guess; "
        f"still on it, with one seed at least: {'; '.join(still) or 'none'}."
    )


def share_of_teacher(group: Sequence[Entry], teacher: float) -> str:
    """How much of the way from its guess to the teacher's nats a whole hidden word each student has come."""
    guesses = {entry.name: entry.metrics["guess"]["word"] for entry in group}
    if teacher >= min(guesses.values()):
        return (
            f"The teacher costs {teacher:.2f} nats a whole hidden word, no less than the guess: no mark to measure by."
        )
    gains = {entry.name: guesses[entry.name] - entry.mean("heldout_word_nats").mean for entry in group}
    kept = {name: max(0.0, gain) / (guesses[name] - teacher) for name, gain in gains.items()}
    shares = [told.KEPT_OF_TEACHER(share, name=name) for name, share in kept.items()]
    return f"Of the teacher's score by whole hidden words ({teacher:.2f} nats, from the guess): {'; '.join(shares)}."


def chart(group: Sequence[Entry]) -> Chart:
    """Mean loss behind [MASK] with its interval at each evaluation after the first, and the guess as a line."""
    lines = {
        entry.name: [(p["tokens"] / 1e6, mean.mean, mean.half_width) for p, mean in entries.course(entry.records)]
        for entry in group
    }
    x = Axis("million tokens of stage II", decimals=1)
    y = Axis("held-out loss behind [MASK] (nats a piece)", decimals=2)
    frequency = Reference("y", group[0].metrics["guess"]["masked"], "guessing by frequency")
    return curves(finding(group), x, y, lines, references=[frequency])


def answers(group: Sequence[Entry], before: Sequence[Entry] | None = None) -> list[list[str]]:
    """A row for each of `QUESTIONS` of which both students are there, with a seed in common: the gain behind [MASK].

    Where that is of one seed it says whether it agrees with what is recorded, `before`.
    """
    known = {entry.model.method: entry for entry in group}
    pairs = [(question, known[a], known[b]) for question, a, b in QUESTIONS if a in known and b in known]
    return [
        [
            question,
            f"{better.name} against {worse.name}",
            verdict(gain, "nats", 3, beside=entries.recorded_gain(before, worse, better, "heldout", "masked")),
        ]
        for question, better, worse in pairs
        if (gain := entries.difference(worse, better, "heldout", "masked"))
    ]
