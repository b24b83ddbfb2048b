"""The error tree that the docstring of `botkit.errors` draws is the tree of its classes."""

from __future__ import annotations

import inspect
import re

from botkit import errors

ROW = re.compile(
    r"^ {4}(?P<branch>[ │├└─]*)(?P<name>[A-Z]\w+)(?: +(?P<code>BK-\d{4}) {2}\S.*)?$", re.MULTILINE
)


def drawn() -> dict[str, tuple[str | None, str | None]]:
    """Each class in the drawing with its code and the class above it."""
    tree: dict[str, tuple[str | None, str | None]] = {}
    above: list[tuple[int, str]] = []
    for row in ROW.finditer(errors.__doc__ or ""):
        depth = len(row["branch"])
        above = [entry for entry in above if entry[0] < depth]
        tree[row["name"]] = (row["code"], above[-1][1] if above else None)
        above.append((depth, row["name"]))
    return tree


def test_the_drawing_shows_every_error_with_its_code_and_its_base() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.BotKitError)
    ]
    assert drawn() == {
        error.__name__: (error.code, error.__bases__[0].__name__)
        for error in classes
        if error is not errors.BotKitError
    } | {"BotKitError": (None, None)}


def test_no_two_errors_share_a_code() -> None:
    codes = [code for code, _ in drawn().values()]
    assert len(codes) == len(set(codes))


def test_every_error_says_when_it_occurs_and_what_to_do() -> None:
    for name in drawn().keys() - {"BotKitError"}:
        paragraphs = (inspect.getdoc(getattr(errors, name)) or "").split("\n\n")
        assert len(paragraphs) >= 2, name
        assert not paragraphs[1].startswith("Args:"), name
