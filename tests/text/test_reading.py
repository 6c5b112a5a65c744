from __future__ import annotations

from collections import Counter

import pytest

from mixvocab.common.errors import UserError
from mixvocab.text import reading
from mixvocab.text.reading import count_words, words_of

DOCUMENTS = [
    "The cat sat. The CAT sat!\nA second paragraph\twith a tab\r\nand a carriage return",
    "Café naïve Ångström, “quoted” — dashed… 1,000°C",
    "控制字符 mixed控in, かな, 한국어, Ελληνικά ΟΔΟΣ",
    "con\x1ctrol \x85next\x0bto \u200bzero\u200d-width\ufeff no\u00a0break\u2028line\u3000wide \x00nul",
    "",
    "don't e-mail me@example.com https://example.org/?q=1 #tag ##double C++",
]


def reference(documents: list[str], lowercase: bool = True) -> Counter[str]:
    return Counter(word for document in documents for word in words_of(document, lowercase))


@pytest.mark.parametrize("lowercase", [True, False])
def test_counts_are_those_of_reading_each_document(lowercase: bool) -> None:
    assert count_words(DOCUMENTS, lowercase=lowercase) == reference(DOCUMENTS, lowercase)


@pytest.mark.parametrize("block", range(0, 0x3000, 0x400))
def test_every_character_between_letters_is_read_as_bert_reads_it(block: int) -> None:
    documents = [f"ab{chr(code)}cd {chr(code)}Ef" for code in range(block, block + 0x400)]
    assert count_words(documents) == reference(documents)


def test_neither_processes_nor_chunks_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = DOCUMENTS * 5
    alone = count_words(documents)
    monkeypatch.setattr(reading, "CHUNK_CHARACTERS", 100)
    parallel = count_words(documents, processes=2)
    assert list(alone.items()) == list(parallel.items())


def test_order_is_by_count_then_code_point() -> None:
    assert list(count_words(["b a b c a d"]).items()) == [("a", 2), ("b", 2), ("c", 1), ("d", 1)]


@pytest.mark.parametrize("documents", [[], ["", " \n\t"], ["\x00\u200b"]])
def test_a_corpus_without_words_is_an_error(documents: list[str]) -> None:
    with pytest.raises(UserError, match="no words"):
        count_words(documents)
