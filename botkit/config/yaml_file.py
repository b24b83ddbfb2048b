"""Reads a YAML (or JSON) file into PyYAML's own node tree, within limits, with the line of every problem.

PyYAML composes the nodes and their line numbers. This module adds checks of tags, duplicate keys, depth, the size after alias
expansion, and halves of surrogate pairs. No object is ever constructed from a tag.

Unquoted scalars follow YAML 1.2's core schema, as in editors: ``no`` and ``off`` are texts, so `no:` is the language Norwegian,
and only ``true`` and ``false`` are booleans.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent, Event, NodeEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from botkit.config.problems import WHOLE_FILE, Problems, dotted

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
"""Counted with every alias expanded, so that a few lines cannot become a billion values."""

Plain = str | int | float | bool | None | dict[str, "Plain"] | list["Plain"]
"""JSON values; a tree is converted to them for validation."""

_PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))}
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def core_value(text: str) -> str | int | float | bool | None:
    """The meaning of an unquoted scalar in YAML 1.2's core schema (decimal numbers only)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def locate(root: Node, path: Sequence[str | int]) -> tuple[int, Node | None]:
    """The line of the last step of `path` that exists, and the node there if the whole path exists.

    The line of a value in a mapping is that of its key.
    """
    node, line = root, line_of(root)
    for step in path:
        if isinstance(node, MappingNode) and isinstance(step, str):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                return line, None
            node, line = found[1], line_of(found[0])
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = line_of(node)
        else:
            return line, None
    return line, node


def line_of(place: Node | Event) -> int:
    """The line where a node or an event begins, counted from 1."""
    return place.start_mark.line + 1 if place.start_mark else 1


def read_yaml(file: Path, problems: Problems) -> Node | None:
    """The tree of one file; None if it cannot be read, which is reported."""
    try:
        return _compose(file, _read_text(file), problems)
    except _Stop as stop:
        problems.add(file, stop.line, stop.path, stop.what, stop.fix)
    return None


class _Stop(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, line: int, what: str, fix: str, path: str = WHOLE_FILE) -> None:
        self.line, self.what, self.fix, self.path = line, what, fix, path
        super().__init__(what)


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _Stop(
            1,
            "there is no such file",
            "start in the folder that has it, name another, or let botkit init write it",
        ) from None
    except IsADirectoryError:
        raise _Stop(1, "is a directory", "name a YAML file in it") from None
    except OSError as error:
        raise _Stop(1, f"cannot be read ({error.strerror})", "check its path and permissions") from None
    if len(data) > MAX_BYTES:
        raise _Stop(1, f"is larger than {MAX_BYTES // 1024} KiB", "a configuration is a small file; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Stop(line, "is not UTF-8 text", "save the file as UTF-8") from None


def _compose(file: Path, text: str, problems: Problems) -> Node:
    try:
        loader = _Loader(text, file, problems)
        try:
            return loader.document()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Stop(line, "holds a control character", "remove the invisible character") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's composer with our limits. It accepts tabs between the tokens of pasted JSON, as YAML and JSON both do."""

    anchors: dict[str, Node]

    def __init__(self, text: str, file: Path, problems: Problems) -> None:
        super().__init__(text)
        self._file, self._problems = file, problems
        self._path: tuple[str | int, ...] = ()
        self._count = 0
        self._sizes: dict[str, int] = {}
        """Anchor → the number of its nodes, with all aliases expanded."""
        self._keys: list[dict[str, Node]] = []
        """The keys so far of each open mapping."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.flow_level and self.peek() == "\t":
            self.forward()
            super().scan_to_next_token()

    def document(self) -> Node:
        if not self.check_node():
            raise _Stop(1, "is empty", "let botkit init write a folder with an example of each file")
        node = self.get_node()
        assert node is not None  # noqa: S101 (`check_node` said so)
        if self.check_node():
            line = line_of(self._next())
            raise _Stop(line, "a second document begins here", "use one document; remove the ---")
        return node

    def compose_node(self, parent: Node | None, index: Any) -> Node:
        event = self._next()
        if isinstance(parent, MappingNode) and index is None:
            if not isinstance(event, ScalarEvent):
                raise _Stop(
                    line_of(event), "a key that is not a text", "write key: value", dotted(self._path)
                )
            self._grow(1, event)
            return self._key()
        outer, before = self._path, self._count
        if parent is not None:
            self._path = (*outer, index.value if isinstance(index, Node) else index)
        try:
            if isinstance(event, AliasEvent):
                return self._alias(event)
            self._check(event)
            self._grow(1, event)
            anchor = event.anchor if isinstance(event, NodeEvent) else None
            self.anchors.pop(anchor or "", None)  # an anchor may be defined again
            self._sizes.pop(anchor or "", None)
            node = super().compose_node(parent, index)
            assert node is not None  # noqa: S101 (PyYAML composes a node of every event)
            if anchor:
                self._sizes[anchor] = self._count - before
            return node
        finally:
            self._path = outer

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        event = self._next()
        node: ScalarNode = super().compose_scalar_node(anchor)
        if getattr(event, "tag", None) is not None:
            node.style = node.style or "'"  # an explicit !!str is as good as quotes
        node.value = self._joined(node)
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        self._keys.append({})
        node: MappingNode = super().compose_mapping_node(anchor)
        first = self._keys.pop()
        node.value = [(key, value) for key, value in node.value if first[key.value] is key]
        return node

    def _key(self) -> Node:
        key = self.compose_scalar_node(None)
        first = self._keys[-1].setdefault(key.value, key)
        if first is not key:
            what, path = f"appears twice, first in line {line_of(first)}", dotted((*self._path, key.value))
            self._problems.add(self._file, line_of(key), path, what, "remove one of the two")
        return key

    def _next(self) -> Event:
        event: Event = self.peek_event()  # type: ignore[no-untyped-call]
        return event

    def _check(self, event: Event) -> None:
        if getattr(event, "tag", None) not in _PLAIN_TAGS:
            raise _Stop(
                line_of(event), "YAML tags (!…) are not used here", "remove the tag", dotted(self._path)
            )
        if len(self._path) > MAX_DEPTH:
            path = dotted(self._path[:3])
            raise _Stop(line_of(event), f"nested deeper than {MAX_DEPTH}", "flatten it", path)

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._sizes:
            what = "an alias (*…) to an anchor that is not defined above it"
            raise _Stop(line_of(event), what, "put a text that begins with * in quotes", dotted(self._path))
        self._grow(self._sizes[event.anchor], event)
        self.get_event()  # type: ignore[no-untyped-call]
        return self.anchors[event.anchor]

    def _grow(self, size: int, event: Event) -> None:
        self._count += size
        if self._count > MAX_NODES:
            path = dotted(self._path)
            raise _Stop(line_of(event), f"more than {MAX_NODES:,} values", "shorten the file", path)

    def _joined(self, node: ScalarNode) -> str:
        """The text with surrogate pairs joined: JSON writes some characters as two escapes, such as ``\\uD83D\\uDE00``."""
        text: str = node.value
        if not re.search("[\ud800-\udfff]", text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            fix = "write the character itself, or both of its \\u escapes"
            raise _Stop(line_of(node), "half of a \\u escape pair", fix, dotted(self._path)) from None


def _syntax(error: yaml.MarkedYAMLError, text: str) -> _Stop:
    """The parser's message without its quotations from the file, which may be part of a secret."""
    mark, context = error.problem_mark or error.context_mark, error.context or ""
    problem = re.sub(r"'([^']*)'", _unquoted, error.problem or "cannot be parsed")
    line = mark.line + 1 if mark else 1
    if "quoted scalar" in context and error.context_mark:
        line, fix = error.context_mark.line + 1, "close the quote"
    elif "\\t" in problem:
        fix = "indent with spaces, not tabs"
    elif "flow" in context:
        fix = 'close every bracket, and put "${…}" in quotes inside {…} and […]'
    elif _pasted_flush_left(text, line):
        fix = "indent pasted JSON deeper than its key"
    elif "mapping values" in problem or "':'" in problem:
        fix = "write key: value with a space, and put texts that contain ': ' in quotes"
    elif "cannot start any token" in problem:
        fix = "put the text in quotes"
    else:
        fix = "check the indentation and the quotes of this line and the one above"
    return _Stop(line, f"is not YAML: {problem}", fix)


def _unquoted(quoted: re.Match[str]) -> str:
    """Show single characters and the parser's own names (`<block end>`); anything longer may be the file's content."""
    return quoted.group() if len(quoted[1]) <= 2 or quoted[1].startswith("<") else "…"


def _pasted_flush_left(text: str, line: int) -> bool:
    """Whether JSON begins at the left margin, below a key, in this line or the one above."""
    return any(above.startswith("{") for above in text.splitlines()[max(1, line - 2) : line])
