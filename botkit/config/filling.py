"""`${NAME}`, `${NAME:-default}` and `${file:/path}` in scalars, filled from the environment and from files.

`$${` stands for a `${` that is meant as it is. Like in a shell, `:-` takes its default also for an empty variable.
What was filled in is never shown in a message, and never filled again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from botkit.config.nodes import Entry, MappingNode, Node, Scalar, SequenceNode
from botkit.config.problems import Problems, dotted, nearest
from botkit.errors import UnusableValue

MAX_FILE_BYTES = 64 * 1024

_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filling:
    """Where values come from while one file is filled."""

    file: Path
    environ: Mapping[str, str]
    problems: Problems

    def fill(self, node: Node, path: tuple[str | int, ...] = ()) -> Node:
        """The tree with every scalar filled; what cannot be filled is a problem and marked `broken`."""
        if isinstance(node, MappingNode):
            entries = {
                key: Entry(entry.line, self.fill(entry.node, (*path, key)))
                for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)
        if isinstance(node, SequenceNode):
            return replace(node, items=[self.fill(item, (*path, i)) for i, item in enumerate(node.items)])
        return self._scalar(node, path)

    def _scalar(self, scalar: Scalar, path: tuple[str | int, ...]) -> Scalar:
        if "${" not in scalar.text:
            return scalar
        text, filled, broken, end = "", False, False, 0
        for place in _PLACE.finditer(scalar.text):
            text += scalar.text[end : place.start()]
            end = place.end()
            if place.group() == "$${":
                text += "${"
                continue
            try:
                text += self._value(place.group(1))
                filled = True
            except UnusableValue as unusable:
                self.problems.add(self.file, scalar.line, dotted(path), unusable.what, unusable.fix)
                broken = True
        return replace(scalar, text=text + scalar.text[end:], filled=filled, broken=broken)

    def _value(self, expression: str | None) -> str:
        if expression is None:
            raise UnusableValue("${ is not closed", "write ${NAME}, or $${ for the characters themselves")
        if expression.startswith("file:"):
            return self._file(expression.removeprefix("file:").strip())
        variable = _VARIABLE.fullmatch(expression)
        if variable is None:
            fix = "write ${NAME}, ${NAME:-default} or ${file:/path}, or $${ for the characters themselves"
            raise UnusableValue("${…} is not a variable's name", fix)
        name, default = variable.group(1), variable.group(3)
        if default is not None:
            return self.environ.get(name) or default
        if name not in self.environ:
            meant = nearest(name, self.environ) if len(name) > 3 else None
            hint = f" (there is {meant})" if meant else ""
            raise UnusableValue(
                f"the variable {name} is not set", f"set it{hint}, or write ${{{name}:-default}}"
            )
        return self.environ[name]

    def _file(self, name: str) -> str:
        """A file's text without the line ends after it, which editors and `echo` leave there."""
        try:
            with (self.file.parent / name).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            fix = "create the file, or correct the path and its permissions"
            raise UnusableValue(f"the file {name} cannot be read ({reason})", fix) from None
        if len(data) > MAX_FILE_BYTES:
            limit = f"{MAX_FILE_BYTES // 1024} KiB"
            raise UnusableValue(f"the file {name} is larger than {limit}", "name a file with one value in it")
        try:
            return data.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UnusableValue(f"the file {name} is not UTF-8 text", "save it as UTF-8") from None
