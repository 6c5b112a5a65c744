"""A command whose package is missing says which extra has it."""

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.extras import need


def test_what_is_missing_is_named_with_the_extra_that_has_it() -> None:
    need("tasks", "sklearn", "seqeval")
    with pytest.raises(UserError, match=r"needs no_such_package: pip install 'mixvocab\[export\]'"):
        need("export", "onnx", "no_such_package")
