"""A YAML file as a tree that still knows its lines, before anything is made of it.

Plain scalars mean what YAML 1.2's core schema says (as editors read them): ``no`` and ``off`` are texts, so the
Norwegian `no:` stays a language, and only ``true``/``false`` are booleans.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Plain = str | int | float | bool | None | dict[str, "Plain"] | list["Plain"]
"""What a tree becomes for validation: the types of JSON."""

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `plain`: written without quotes. `filled`: from the environment or a file, never shown in a message.

    `broken` marks a value that could not be filled: its problem is told already.
    """

    text: str
    line: int
    plain: bool = True
    filled: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's own line, and what stands under it."""

    line: int
    node: Node


@dataclass(frozen=True, slots=True)
class MappingNode:
    entries: Mapping[str, Entry]
    line: int


@dataclass(frozen=True, slots=True)
class SequenceNode:
    items: Sequence[Node]
    line: int


Node = Scalar | MappingNode | SequenceNode


def core_value(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in YAML 1.2's core schema (decimal numbers only)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def locate(root: Node, path: Sequence[str | int]) -> tuple[int, Node | None]:
    """The line of the last step of `path` that exists, and the node there if all of it exists."""
    node, line = root, root.line
    for step in path:
        if isinstance(node, MappingNode) and isinstance(step, str) and step in node.entries:
            entry = node.entries[step]
            node, line = entry.node, entry.line
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            return line, None
    return line, node
