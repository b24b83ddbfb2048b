"""Fills `${NAME}`, `${NAME:-default}` and `${file:/path}` in scalars from the environment and from files.

`$${` means a literal `${`. As in a shell, the default after `:-` also replaces an empty variable. A filled-in value is never
shown in a message, and never filled again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from botkit.config.env_file import Variables
from botkit.config.problems import Problems, dotted, nearest
from botkit.config.yaml_file import line_of
from botkit.errors import UnusableValue

MAX_FILE_BYTES = 64 * 1024

_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)


class Filled(ScalarNode):
    """A scalar with a value from the environment or a file. `broken`: it could not be filled; the problem is reported."""

    broken: bool = False


@dataclass(frozen=True, slots=True)
class Filling:
    """The sources of values while one file is filled."""

    file: Path
    environ: Mapping[str, str]
    problems: Problems

    def fill(self, node: Node, path: tuple[str | int, ...] = ()) -> Node:
        """The tree with every scalar filled; a scalar that cannot be filled becomes a problem and is marked `broken`."""
        if isinstance(node, MappingNode):
            pairs = [(key, self.fill(value, (*path, key.value))) for key, value in node.value]
            return MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
        if isinstance(node, SequenceNode):
            items = [self.fill(item, (*path, index)) for index, item in enumerate(node.value)]
            return SequenceNode(node.tag, items, node.start_mark, node.end_mark)
        return self._scalar(node, path)

    def _scalar(self, scalar: Node, path: tuple[str | int, ...]) -> Node:
        written: str = scalar.value
        if "${" not in written:
            return scalar
        text, filled, broken, end = "", False, False, 0
        for place in _PLACE.finditer(written):
            text += written[end : place.start()]
            end = place.end()
            if place.group() == "$${":
                text += "${"
                continue
            try:
                text += self._value(place.group(1))
                filled = True
            except UnusableValue as unusable:
                self.problems.add(self.file, line_of(scalar), dotted(path), unusable.what, unusable.fix)
                broken = True
        kind = Filled if filled or broken else ScalarNode
        style = getattr(scalar, "style", None)
        made = kind(scalar.tag, text + written[end:], scalar.start_mark, scalar.end_mark, style)
        if isinstance(made, Filled):
            made.broken = broken
        return made

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
            file = self.environ.env_file if isinstance(self.environ, Variables) else None
            missing = ", which does not exist" if file and not file.exists() else ""
            how = f"write {name}=… into {os.path.normpath(file)}{missing}, or set it" if file else "set it"
            raise UnusableValue(
                f"the variable {name} is not set", f"{how}{hint}, or write ${{{name}:-default}}"
            )
        return self.environ[name]

    def _file(self, name: str) -> str:
        """A file's text without its final line ends, which editors and `echo` add."""
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
