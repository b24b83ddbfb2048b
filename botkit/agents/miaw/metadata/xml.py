"""Metadata as XML: the form in which Salesforce's tools write it, so that comparing after a retrieve shows real changes only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"

Element: TypeAlias = "tuple[str, str | Sequence[Element]]"
"""A name, and a text or the elements inside."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})


def flag(value: bool) -> str:
    """A boolean's text."""
    return "true" if value else "false"


def document(root: str, elements: Sequence[Element]) -> str:
    """A whole file."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{NAMESPACE}">']
    lines += _lines(elements, 1)
    return "\n".join([*lines, f"</{root}>", ""])


def _lines(elements: Sequence[Element], depth: int) -> Iterable[str]:
    margin = "    " * depth
    for name, content in elements:
        if isinstance(content, str):
            yield f"{margin}<{name}>{content.translate(_ESCAPES)}</{name}>"
        else:
            yield f"{margin}<{name}>"
            yield from _lines(content, depth + 1)
            yield f"{margin}</{name}>"
