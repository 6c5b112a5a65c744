import pytest

from mixvocab.sources.installed import paragraphs

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
