"""A YAML (or JSON) file into a tree of nodes, within bounds, with every problem's line.

Built from the parser's events rather than from its objects: nothing is ever constructed from a tag, a key that stands
twice is seen, and aliases are counted before they expand.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from botkit.config.nodes import Entry, MappingNode, Node, Scalar, SequenceNode
from botkit.config.problems import WHOLE_FILE, Problems, dotted

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
"""Counted with every alias expanded, so that a few lines cannot become a billion values."""

_PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))}


class _Stop(Exception):
    """The rest of the file cannot be understood."""

    def __init__(self, line: int, what: str, fix: str, path: str = WHOLE_FILE) -> None:
        self.line, self.what, self.fix, self.path = line, what, fix, path
        super().__init__(what)


def read_yaml(file: Path, problems: Problems) -> Node | None:
    """The tree of one file, or None after telling why there is none."""
    try:
        text = _read_text(file)
        return _Composer(file, text, problems).compose()
    except _Stop as stop:
        problems.add(file, stop.line, stop.path, stop.what, stop.fix)
    return None


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _Stop(1, "there is no such file", "create it, or name another file") from None
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


class _Loader(yaml.SafeLoader):
    """PyYAML's parser, which refuses tabs between the tokens of pasted JSON; YAML and JSON both allow them there."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.flow_level and self.peek() == "\t":
            self.forward()
            super().scan_to_next_token()

    def next_event(self) -> Event:
        event: Event = self.get_event()  # type: ignore[no-untyped-call]
        return event


class _Composer:
    def __init__(self, file: Path, text: str, problems: Problems) -> None:
        self._file, self._text, self._problems = file, text, problems
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0

    def compose(self) -> Node:
        try:
            loader = _Loader(self._text)
            try:
                return self._document(loader)
            finally:
                loader.dispose()
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            raise _Stop(line, "holds a control character", "remove the invisible character") from None
        except yaml.MarkedYAMLError as error:
            raise _syntax(error, self._text) from None

    def _document(self, loader: _Loader) -> Node:
        event = loader.next_event()
        while isinstance(event, StreamStartEvent | DocumentStartEvent):
            event = loader.next_event()
        if isinstance(event, StreamEndEvent):
            raise _Stop(1, "is empty", "see the commented example in config/")
        node, _ = self._node(loader, event, ())
        loader.next_event()
        event = loader.next_event()
        if not isinstance(event, StreamEndEvent):
            raise _Stop(_line(event), "a second document begins here", "keep one document; remove the ---")
        return node

    def _node(self, loader: _Loader, event: Event, path: tuple[str | int, ...]) -> tuple[Node, int]:
        """The node that `event` begins, and how many nodes it is with all aliases expanded."""
        node: Node
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if isinstance(event, NodeEvent) and getattr(event, "tag", None) not in _PLAIN_TAGS:
            raise _Stop(_line(event), "YAML tags (!…) are not used here", "remove the tag", dotted(path))
        if len(path) > MAX_DEPTH:
            raise _Stop(_line(event), f"nested deeper than {MAX_DEPTH}", "flatten it", dotted(path[:3]))
        if isinstance(event, ScalarEvent):
            plain = event.style is None and event.tag is None
            node, size = Scalar(self._joined(event, path), _line(event), plain=plain), 1
        elif isinstance(event, MappingStartEvent):
            node, size = self._mapping(loader, event, path)
        else:
            assert isinstance(event, SequenceStartEvent)  # noqa: S101 (the parser yields nothing else here)
            node, size = self._sequence(loader, event, path)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = (node, size)
        return node, size

    def _alias(self, event: AliasEvent, path: tuple[str | int, ...]) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            raise _Stop(
                _line(event),
                "an alias (*…) to an anchor that is not defined above it",
                "put a text that begins with * in quotes",
                dotted(path),
            )
        node, size = self._anchors[event.anchor]
        self._grow(size, event, path)
        return node, size

    def _grow(self, size: int, event: Event, path: tuple[str | int, ...]) -> None:
        self._count += size
        if self._count > MAX_NODES:
            raise _Stop(_line(event), f"more than {MAX_NODES:,} values", "shorten the file", dotted(path))

    def _mapping(self, loader: _Loader, start: Event, path: tuple[str | int, ...]) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        total = 1
        self._grow(1, start, path)
        while not isinstance(key := loader.next_event(), CollectionEndEvent):
            if not isinstance(key, ScalarEvent):
                raise _Stop(_line(key), "a key that is not a text", "write key: value", dotted(path))
            here = (*path, key.value)
            node, size = self._node(loader, loader.next_event(), here)
            self._grow(1, key, here)
            total += size + 1
            if key.value in entries:
                first = entries[key.value].line
                what = f"stands here twice, first in line {first}"
                self._problems.add(self._file, _line(key), dotted(here), what, "remove one of the two")
            else:
                entries[key.value] = Entry(_line(key), node)
        return MappingNode(entries, _line(start)), total

    def _sequence(self, loader: _Loader, start: Event, path: tuple[str | int, ...]) -> tuple[Node, int]:
        items: list[Node] = []
        total = 1
        self._grow(1, start, path)
        while not isinstance(event := loader.next_event(), CollectionEndEvent):
            node, size = self._node(loader, event, (*path, len(items)))
            self._grow(1, event, path)
            total += size
            items.append(node)
        return SequenceNode(items, _line(start)), total

    def _joined(self, event: ScalarEvent, path: tuple[str | int, ...]) -> str:
        """The text, with the pairs of ``\\uD83D\\uDE00`` that JSON writes for one character put together."""
        text: str = event.value
        if not re.search("[\ud800-\udfff]", text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            fix = "write the character itself, or both of its \\u escapes"
            raise _Stop(_line(event), "half of a \\u escape pair", fix, dotted(path)) from None


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1


def _syntax(error: yaml.MarkedYAMLError, text: str) -> _Stop:
    """The parser's complaint without what it quotes from the file, which may be part of a secret."""
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
        fix = "indent pasted JSON deeper than the key it stands under"
    elif "mapping values" in problem or "':'" in problem:
        fix = "write key: value with a space, and put texts that contain ': ' in quotes"
    elif "cannot start any token" in problem:
        fix = "put the text in quotes"
    else:
        fix = "check the indentation and the quotes of this line and the one above"
    return _Stop(line, f"is not YAML: {problem}", fix)


def _unquoted(quoted: re.Match[str]) -> str:
    """One character and the parser's own names (`<block end>`) stay; anything longer may be what people wrote."""
    return quoted.group() if len(quoted[1]) <= 2 or quoted[1].startswith("<") else "…"


def _pasted_flush_left(text: str, line: int) -> bool:
    """Does JSON begin at the left margin, below a key, in the line of a complaint or the one above?"""
    return any(above.startswith("{") for above in text.splitlines()[max(1, line - 2) : line])
