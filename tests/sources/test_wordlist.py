"""General words: what is counted of a list, how often, and what is said of it."""

from __future__ import annotations

import pytest
from wordfreq import word_frequency

from mixvocab.common.errors import UserError
from mixvocab.sources import wordlist
from mixvocab.sources.wordlist import resolve_words
from mixvocab.text.reading import count_listed

MEGABYTES = 6.0


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    return count_listed(resolve_words(megabytes=MEGABYTES).counted())


def test_words_occur_as_often_as_in_so_much_text(counts: dict[str, int]) -> None:
    total = MEGABYTES * 1e6 / wordlist.WORD_BYTES
    for word in ("the", "language", "river"):
        assert counts[word] == pytest.approx(total * word_frequency(word, "en"), rel=0.01)
    assert 0.9 * total < sum(counts.values()) < 1.1 * total
    assert min(counts.values()) == 1
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_words_are_split_as_bert_splits_them(counts: dict[str, int]) -> None:
    assert "don't" not in counts
    assert counts["don"] > 100
    assert counts["'"] > counts["don"]


def test_numbers_are_numbers_again(counts: dict[str, int]) -> None:
    assert counts["1999"] > counts["1899"] > 0
    assert counts.get("00", 0) < counts["10"]
    assert "0000" not in counts


def test_what_is_said_of_it_tells_languages_and_amounts_apart() -> None:
    sources = [resolve_words(spec, megabytes=size).source for spec, size in (("wordfreq", 1), ("wordfreq:de", 1))]
    sources.append(resolve_words("wordfreq:en", megabytes=2).source)
    assert len({source.sha256 for source in sources}) == 3
    assert all(source.real and source.kind == "words" and "CC-BY-SA" in source.licence for source in sources)
    assert "words of de" in sources[1].name


def test_an_unknown_language_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"does not know the language 'xx'; choose one of ar, .*, zh"):
        resolve_words("wordfreq:xx")


def test_without_the_package_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordlist, "PACKAGE", "no_such_package")
    assert not wordlist.has_words()
    with pytest.raises(UserError, match=r"pip install 'mixvocab\[book\]'"):
        resolve_words()
