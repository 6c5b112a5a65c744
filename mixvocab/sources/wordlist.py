"""Words of a language with their frequencies, where there is no text to count them in: the package wordfreq.

It has them of some forty languages, counted over encyclopaedias, books, subtitles, news and the web (Speer 2022). The
installed documentation, which is text enough to train on, is a narrow subject: a vocabulary learned from it knows
`numpy` and `tuple` and lacks words of general English.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from mixvocab.common.errors import UserError, need
from mixvocab.common.files import file_sha256, text_sha256
from mixvocab.sources.source import Source

PACKAGE = "wordfreq"
WORD_BYTES = 6  # of text that a word takes, with the space behind it
MOST = 10**9  # words that are counted out where no limit is set: as rare as the list's rarest, 1 in 10^8


@dataclass(frozen=True)
class WordList:
    """Words with their provenance. `counted` yields each, as the list writes it, with its number of occurrences."""

    source: Source
    counted: Callable[[], Iterator[tuple[str, int]]] = field(repr=False)


def has_words() -> bool:
    """Whether the package is there: it comes with the extra `book`."""
    return find_spec(PACKAGE) is not None


def resolve_words(spec: str = PACKAGE, *, megabytes: float | None = None) -> WordList:
    """The words of `wordfreq:LANGUAGE` (`wordfreq` alone: en), counted as often as they occur in so much text.

    Raises UserError if the package is missing or does not know the language.
    """
    need("book", PACKAGE)
    from wordfreq import available_languages

    language = spec.partition(":")[2] or "en"
    files = available_languages("best")
    if language not in files:
        known = ", ".join(sorted(files))
        raise UserError(f"words: wordfreq does not know the language {language!r}; choose one of {known}")
    path = Path(files[language])
    total = round(megabytes * 1e6 / WORD_BYTES) if megabytes else MOST
    name = f"wordfreq {metadata.version(PACKAGE)}: general words of {language}, as often as in {total:,} words of text"
    source = Source(
        "words",
        name,
        "embedded",
        f"the package {PACKAGE}, {path.name}",
        "CC-BY-SA-4.0 (Robyn Speer; from OpenSubtitles, Google Books, Wikipedia and others)",
        text_sha256(file_sha256(path), str(total), inspect.getsource(_count)),
        real=True,
    )
    return WordList(source, lambda: _count(language, total))


def _count(language: str, total: int) -> Iterator[tuple[str, int]]:
    """Every word with its occurrences among `total` words, which may be none.

    The list has numbers of several digits by their length alone, "0000": here they become the numbers again, each as
    often as the package says, or a learner would think much of zeros.
    """
    from wordfreq import get_frequency_dict
    from wordfreq.numbers import digit_freq

    for word, frequency in get_frequency_dict(language, wordlist="best").items():
        if "00" not in word:
            yield word, round(total * frequency)
        elif word in ("00", "000", "0000"):
            for number in map("".join, product("0123456789", repeat=len(word))):
                yield number, round(total * frequency * digit_freq(number))
