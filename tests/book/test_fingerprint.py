"""Fingerprints: prose and layout do not count, behaviour does, through imports too."""

import ast

from mixvocab.book import artefacts, fingerprint
from mixvocab.book.fingerprint import code_fingerprint, source_fingerprint
from mixvocab.text import normalise


def normal(source):
    return fingerprint._normal(ast.parse(source))


def test_comments_docstrings_and_layout_do_not_count():
    plain = "def f(x):\n    return x + 1\n"
    assert normal('"""Doc."""\ndef f(x):\n    """What."""\n    # why\n    return (x\n        + 1)\n') == normal(plain)
    assert normal("def f(x):\n    return x + 2\n") != normal(plain)


def test_function_stands_for_what_it_uses(monkeypatch, tmp_path):
    module = tmp_path / "sample.py"
    trees = {}
    monkeypatch.setattr(fingerprint, "_tree", lambda name: trees.setdefault(name, ast.parse(module.read_text())))

    def fingerprint_of(source):
        module.write_text(source)
        trees.clear()

        def wanted(): ...

        wanted.__module__, wanted.__qualname__ = "mixvocab.sample", "wanted"
        return code_fingerprint([wanted])

    base = "STEP = 1\ndef helper(x):\n    return x + STEP\ndef wanted(x):\n    return helper(x)\n"
    assert fingerprint_of(base + "def unrelated():\n    return 5\n") == fingerprint_of(base)
    assert fingerprint_of(base.replace("STEP = 1", "STEP = 2")) != fingerprint_of(base)
    assert fingerprint_of(base.replace("x + STEP", "x - STEP")) != fingerprint_of(base)


def test_imports_are_followed():
    names = fingerprint._closure({"mixvocab.text.words"}, leave_out=lambda _: False)
    assert "mixvocab.text.normalise" in names
    assert "mixvocab.errors" not in names  # messages make no result


def test_notebook_functions_are_followed():
    def local(text):
        return normalise.__name__ + text

    def other(text):
        return text

    assert code_fingerprint([local]) != code_fingerprint([other])


def test_source_fingerprint_sees_the_library():
    plain = source_fingerprint("x = 1")
    assert plain != source_fingerprint("x = 2")
    assert source_fingerprint(f"import {artefacts.__name__}") != plain
