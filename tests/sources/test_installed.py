import sysconfig

import pytest

from mixvocab.sources import installed
from mixvocab.sources.corpus import limited, resolve_corpus
from mixvocab.sources.installed import code_lines, file_prose, paragraphs

MODULE = '''"""This module is read as text and never imported by anybody."""
raise SystemExit("imported")
# A comment that goes over more than a single line is joined with the
# lines that follow it, if they are comments too.
x = 1  # a comment at the end of a line is not taken for a sentence of its own

def f():
    """The string that documents the function is read as a text."""
    text = "a short string with a # in it is not a comment, whatever it may look like"
    return """A long string that is not a docstring counts, since documentation is often passed around."""

b = b"""Bytes are not text even if they look like an English sentence to the reader."""
f = f"""Neither is an f-string, because its {text} is only known when the program runs."""
'''

CODE = '''"""A docstring is English and is left out."""
import os  # so is a comment

def f(path: str) -> str:
    """This one too,
    over two lines."""
    # A whole line of it.

    return os.path.join("kept", path)  # noqa
'''


def test_strings_and_comments_of_a_module(tmp_path):
    (tmp_path / "m.py").write_text(MODULE)
    assert file_prose(tmp_path / "m.py") == [
        "This module is read as text and never imported by anybody.",
        "A comment that goes over more than a single line is joined with the lines that follow it, if they are "
        "comments too.",
        "The string that documents the function is read as a text.",
        "A long string that is not a docstring counts, since documentation is often passed around.",
    ]


def test_unreadable_files_hold_no_prose(tmp_path):
    (tmp_path / "m.py").write_bytes(b"# caf\xe9 is where the people of the town meet each other.\n")
    assert file_prose(tmp_path / "m.py") == []
    assert file_prose(tmp_path / "missing.py") == []


def test_metadata_is_read_from_its_description_on(tmp_path):
    header = "Summary: This header is a sentence of the file and has to be left out.\n"
    (tmp_path / "METADATA").write_text(f"{header}\nThe text that follows it is what is kept.\n")
    assert file_prose(tmp_path / "METADATA") == ["The text that follows it is what is kept."]


def test_installed_packages_give_prose_once():
    text = "\n".join(limited([installed.prose()], 0.4))
    lines = text.split("\n")
    assert len(text) > 300_000
    assert len(lines) == len(set(lines))
    assert ">>>" not in text
    assert "import numpy as np\n" not in text
    share = sum(word in {"the", "of", "a", "to", "is", "and", "in"} for word in text.split()) / len(text.split())
    assert share > 0.15


def test_comments_and_docstrings_are_no_code():
    assert code_lines(CODE) == ["import os", "def f(path: str) -> str:", 'return os.path.join("kept", path)']


def test_the_corpus_of_code_with_its_provenance(cache):
    corpus = resolve_corpus("code", megabytes=0.2)
    text = "\n".join(corpus.documents())
    assert 0.1e6 < len(text.encode()) <= 0.2e6
    words = text.split()
    assert sum(word in ("self", "def", "if", "=", "return") for word in words) > 0.1 * len(words)
    assert sum(word in ("the", "of", "is", "a") for word in words) < 0.01 * len(words) + words.count("is")
    source = corpus.source
    assert (source.kind, source.origin, source.licence, source.real) == ("corpus", "embedded", "PSF-2.0", True)
    assert sysconfig.get_paths()["stdlib"] not in str(source.as_record())


def test_a_folder_called_code_is_reached_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.txt").write_text("my own text")
    monkeypatch.chdir(tmp_path)
    assert list(resolve_corpus("./code").documents()) == ["my own text"]


def test_paragraphs_that_differ_in_names_only_count_once(tmp_path, monkeypatch):
    texts = (
        "Construct a Bert tokenizer that is based on the word pieces of the model.",
        "Construct a Roberta tokenizer that is based on the word pieces of the model.",
        "Construct a model that is based on the tokenizer of the word pieces.",
    )
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.md").write_text(text)
    monkeypatch.setattr(installed, "_files", lambda *roots: sorted(tmp_path.iterdir()))
    assert list(installed.prose()) == [texts[0], texts[2]]


def test_embedded_corpus_is_collected_once_and_its_digest_is_that_of_the_text(cache, monkeypatch):
    documents = ["A document.\nOf two paragraphs.", "Another."]
    monkeypatch.setattr(installed, "prose", lambda: iter(documents))
    corpus = resolve_corpus("embedded")
    assert list(corpus.documents()) == documents
    assert (corpus.source.origin, corpus.source.real) == ("embedded", True)
    monkeypatch.setattr(installed, "prose", lambda: pytest.fail("collected twice"))
    assert resolve_corpus("embedded").source == corpus.source


# ---- paragraphs ----

NUMPYDOC = """Return the mean of the values that lie along an axis.

    The mean is the sum of the elements along the axis divided by the
    number of elements, and ``nan`` is what an empty axis gives.

    Parameters
    ----------
    values : array_like, optional
        Numbers whose mean is desired. If it is not an array, a conversion
        is attempted [1]_.
    axis, out : None or int
        Axis along which the means are computed.

    Returns
    -------
    m : ndarray
        A new array that holds the mean values of the input.

    See Also
    --------
    average : The weighted average of all the elements in the array.

    Examples
    --------
    The result is a scalar when no axis is given, as one would expect:

    >>> mean([1, 2, 3])
    2.0

    References
    ----------
    .. [1] A. Author, "On the means of many things and of all the others", 1999.
"""

GOOGLE = """Loads the weights of the model from a folder on the disk.

Args:
    folder (`str`, *optional*, defaults to `None`):
        The folder that holds the files of the model, as it was saved before.
    strict (bool): Whether a missing weight should be an error or only
        a warning that is printed on the screen.

Returns:
    The model with its weights, ready to be used for inference.

```python
model = load("and this is the code that must not be kept in the text")
```
"""

SPHINX = r"""Connect to the server and wait until it is ready to answer.

:param str host: The name of the host that the server is running on.
:type host: str
:raises OSError: If there is no server that listens at the address.

.. note:: This will block the thread for as long as the server is not ready.

.. versionchanged:: 3.2
   The connection is now closed when the object goes out of scope.

.. code-block:: python

   connect("the code in this block is not a sentence of the text")

An example of the usage is given in the following lines::

   connect("and neither is what stands in a literal block at all.")

See :meth:`~server.Server.connect` and the `tutorial <https://example.org/a>`_ for **more** about *this* topic.

========  ==================
Name      What it is for all
========  ==================

| Name | The meaning of it in the table |
"""


def test_numpydoc():
    assert list(paragraphs(NUMPYDOC)) == [
        "Return the mean of the values that lie along an axis.",
        "The mean is the sum of the elements along the axis divided by the number of elements, and nan is what an "
        "empty axis gives.",
        "Numbers whose mean is desired. If it is not an array, a conversion is attempted.",
        "A new array that holds the mean values of the input.",
        "The result is a scalar when no axis is given, as one would expect:",
    ]


def test_google_style():
    assert list(paragraphs(GOOGLE)) == [
        "Loads the weights of the model from a folder on the disk.",
        "The folder that holds the files of the model, as it was saved before.",
        "Whether a missing weight should be an error or only a warning that is printed on the screen.",
        "The model with its weights, ready to be used for inference.",
    ]


def test_sphinx():
    assert list(paragraphs(SPHINX)) == [
        "Connect to the server and wait until it is ready to answer.",
        "The name of the host that the server is running on.",
        "If there is no server that listens at the address.",
        "This will block the thread for as long as the server is not ready.",
        "The connection is now closed when the object goes out of scope.",
        "An example of the usage is given in the following lines:",
        "See connect and the tutorial for more about this topic.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "for i in range(10): print(i); x = x + 1; return the_value_of(x)",
        "Copyright notice",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
        "Le résultat est une matrice dont les colonnes sont triées par ordre croissant.",
        "TODO: somebody should really find out why this is needed at all in here.",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu.",
        "",
        "::",
        "..",
    ],
)
def test_what_is_not_english_prose_is_dropped(text):
    assert list(paragraphs(text)) == []


def test_a_bad_sentence_does_not_take_its_paragraph_along():
    text = "The first sentence is kept as it is. X_1 = f(y_2) + g[z_3] % 5. The last one is kept as well (by design)."
    assert list(paragraphs(text)) == ["The first sentence is kept as it is. The last one is kept as well (by design)."]


def test_bullets_are_paragraphs_of_their_own():
    text = "- The first of the points in this list\n  goes over two lines.\n"
    text += "- The second of them is a little shorter than it."
    assert list(paragraphs(text)) == [
        "The first of the points in this list goes over two lines.",
        "The second of them is a little shorter than it.",
    ]
