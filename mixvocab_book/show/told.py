"""Titles and sentences made of numbers: each has a declared form for every way in which the number can come out.

Neither "-4% fewer words" nor "0.00 nats ahead" is a sentence. So what compares two numbers says which is the larger,
that they are about equal, or that nothing is known, and what counts says "all" and "none".
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """A sentence about a difference. In its forms `{by}` is the size of that, other names are the caller's."""

    more: str
    less: str
    same: str
    unknown: str = "Not known yet"
    about: float = 0.005  # a difference smaller than this is none
    by: str = "{:.0%}"  # how the size is written

    def __call__(self, difference: float | None, **names: object) -> str:
        if difference is None or math.isnan(difference):
            form = self.unknown
        elif abs(difference) < self.about:
            form = self.same
        else:
            form = self.more if difference > 0 else self.less
        return form.format(by=self.by.format(abs(difference or 0.0)), **names)


@dataclass(frozen=True)
class Counted:
    """A sentence about `{count}` of `{total}`."""

    every: str
    some: str
    none: str
    unknown: str = "Not known yet"

    def __call__(self, count: int, total: int, **names: object) -> str:
        form = self.unknown if not total else self.none if not count else self.every if count == total else self.some
        return form.format(count=count, total=total, **names)


# Chapters 1 and 2: what a small vocabulary costs.
TEXT_LENGTH = Told(
    "{own} pieces make text {by} longer than the teacher's {theirs}",
    "{own} pieces make text {by} shorter than the teacher's {theirs}",
    "{own} pieces make text as long as the teacher's {theirs}",
)
TAKING_OUT = Told(
    "Taking out saves {by} of the tokens.",
    "Taking out costs {by} more tokens.",
    "Taking out changes the number of tokens by less than 0.1%.",
    about=0.001,
    by="{:.1%}",
)
SENTENCE_LENGTH = Told(
    "{theirs} tokens for the teacher, {own} for the student",
    "{theirs} tokens for the teacher, only {own} for the student",
    "Teacher and student need {own} tokens each",
)
CUT_ALIKE = Counted(
    "Both vocabularies cut all words of this sentence alike",
    "{count} of {total} words are cut alike by both vocabularies",
    "Both vocabularies cut every word of this sentence differently",
)
ROW = Told(
    "A row of the student's pieces\nholds {by} more words",
    "A row of the student's pieces\nholds {by} fewer words",
    "A row of the student's pieces\nholds as many words",
)

# Chapter 3: what stage I has changed.
PCA_LEAD = Told(
    "After stage I the PCA start is {by} nats ahead\non the student's own pieces",
    "After stage I the random start is {by} nats ahead\non the student's own pieces",
    "After stage I both starts are level\non the student's own pieces",
    about=0.01,
    by="{:.2f}",
)
ALIGNED = Told(
    "{start}: {to} of the shared pieces lie next to their own counterpart after stage I, {by} more than before",
    "{start}: {to} of the shared pieces lie next to their own counterpart after stage I, {by} fewer than before",
    "{start}: {to} of the shared pieces lie next to their own counterpart after stage I, as many as before",
    about=0.0005,
    by="{:.1%}",
)
TEACHER_GAIN = Told(
    "A whole hidden word costs the teacher {nats} nats, {by} less than the guess.",
    "A whole hidden word costs the teacher {nats} nats, {by} more than the guess: this little training does not make a "
    "language model.",
    "A whole hidden word costs the teacher {nats} nats, as much as the guess: this little training does not make a "
    "language model.",
    by="{:.2f}",
)

# Chapters 4 to 7.
KEPT_OF_TEACHER = Told("{name} keeps {by}", "{name} keeps nothing", "{name} keeps nothing")
AHEAD_ON_TASKS = Counted(
    "{first} is ahead of {second} on the choosing rows of every task",
    "{first} is ahead of {second} on the choosing rows of {count} of {total} tasks",
    "{first} is ahead of {second} on the choosing rows of no task",
    "What the choosing rows say during fine-tuning",
)
EXCEED = Counted(
    "Every difference exceeds its interval",
    "{count} of {total} differences exceed their intervals",
    "No difference exceeds its interval",
    "No difference has an interval yet",
)
CELL_COSTS = Told(
    "{cell} costs {by} ± {margin} nats a word more than {baseline}",
    "{cell} costs {by} ± {margin} nats a word less than {baseline}",
    "{cell} costs as much as {baseline}",
    about=0.0005,
    by="{:.3f}",
)
ONE_SEED_COSTS = Told(
    "{cell} costs {by} nats a word more than {baseline} with one seed, which is no finding",
    "{cell} costs {by} nats a word less than {baseline} with one seed, which is no finding",
    "{cell} costs as much as {baseline} with one seed, which is no finding",
    about=0.0005,
    by="{:.3f}",
)
DIFFER = Counted("all {total} differ", "{count} of {total} differ", "none of {total} differs")
RECORDED = Counted("All {total} cells are recorded", "{count} of {total} cells are recorded", "No cell is recorded")
ON_PLATEAU = Counted(
    "All {total} students are less than {margin} nats below the guess behind [MASK]: still on the plateau, they have "
    "learned no context",
    "{count} of {total} students are less than {margin} nats below the guess behind [MASK]: still on the plateau, they "
    "have learned no context",
    "All students are more than {margin} nats below the guess behind [MASK]: none is on the plateau any more",
)
STAGE_ONE_COST = Told(
    "Stage I costs {by} times the operations of stage II",
    "None of these students has a stage I",
    "None of these students has a stage I",
    about=0.05,
    by="{:.1f}",
)
PARAMETERS = Told(
    "{name}: {share} of {largest}'s\n{score} from 1/{times:.0f} of its parameters",
    "{name}: {share} of {largest}'s\n{score}, with more parameters",
    "{name}: {share} of {largest}'s\n{score}, with about as many parameters",
    about=0.5,
)

# Chapter 9.
ROUNDED_F1 = Told("slot F1 is {by} points higher", "slot F1 is {by} points lower", "slot F1 is the same", by="{:.2f}")
FASTER = Told("{low} to {high} times as fast as {other}", "slower than {other}", "about as fast as {other}", about=0.05)


def faster(ratios: list[float], other: str) -> str:
    """How many times as fast as `other`, over several lengths; about as fast if some are faster and some slower."""
    low, high = min(ratios), max(ratios)
    written = (f"{ratio:.{0 if low >= 3 else 1}f}" for ratio in (low, high))
    difference = low - 1 if low > 1 else high - 1 if high < 1 else 0.0
    return FASTER(difference, other=other, **dict(zip(("low", "high"), written, strict=True)))


NO_DIFFERENCE = "no difference found at this scale (± {margin})"
NOTHING_TO_COMPARE = "nothing to compare yet"

# Titles that state what was found and compare nothing.
WORD_EMBEDDINGS = "{share:.0%} of {model}\nare word embeddings"
SHARED = "{share:.1%} of the pieces are shared"
SHARED_OF_MOST_USED = "and {share:.1%} of the {top:,} most used"
EMBEDDINGS = "With {pieces:,} pieces, embeddings are\n{low:.0%} to {high:.0%} of a student"
BATCH = "{share:.0%} of the tokens are the student's, {predicted:.0%} are to be predicted"
PREDICTED = "At $p_{{SV}}$ = 0.5, {share:.0%} of what is\npredicted is the student's"
ALSO_TEACHERS = "{share:.0%} of student tokens\nare pieces the teacher has"
KEPT_BY_PCA = "{width} of {of} dimensions keep {share:.0%}\nof the teacher's embeddings"
NEITHER_BEATS = "{lead}; neither\nbeats the guess by frequency"
FIRST_OFF = "{name} leaves the plateau first,\nafter {tokens:.1f}M tokens; {count} of {total} leave it"
NONE_OFF = "No student leaves the plateau with every seed"
GAINED = "{first} over {second}, in {unit}: {gains} tokens"
GAIN_UNKNOWN = "{first} over {second}: not known yet"
BEST_FOR_COST = "Best for what they cost (PFLOPs): {who}"
TENFOLD = "{name}, ten times the text:\n{gain} points of {score}"
TAGS_BEST = "Your machine, now: {who} tags best,\nslot F1 {score:.1f} on development data"
NONE_OF_OURS = "{score} of published models; none of ours is recorded yet"
OURS = "Ours, {name}: {score} {value:.1f} in {megabytes:.1f} MB"
OURS_BESIDE = OURS + ";\nof published models no larger {other} has {best:.1f}"
MEGABYTES = "{small:.2f} MB instead of {large:.2f},\nvocabulary and labels included"
NOW = "Your machine, now: {found}"
RECORDED_AND_NOW = "Recorded: {found}.\n{now}"
READING = "Reading takes time {growth}: {rate:,.1f} MB a second in one process"
OF_EXPERIMENT = "{topic}: {finding}"

# What an aim takes (`reach`).
REACHED = "reached with {tokens}"
REACHES = "{tokens} ({low} to {high})"
BEYOND = "more than the paper's own {paper}; {low} at the steepest"
NOT_BY_TEXT = "cannot be told: what text adds is not told apart from zero"

# A run with one seed beside what is recorded over several.
AGREES = "which agrees with {recorded}, recorded {where}"
DISAGREES = "which does not agree with {recorded}, recorded {where}"
WITHIN = "recorded {where} is {recorded}, no difference found, and this lies within it"
OUTSIDE = "recorded {where} is {recorded}, no difference found, and this lies outside of it"
ALONE = "nothing is recorded to compare it with"
