"""Validates a tree against its schema, and turns each violation into a problem with a fix."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from jsonschema import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from botkit.config.filling import Filled
from botkit.config.problems import Problems, dotted, listed, nearest, one_line, suggestion
from botkit.config.schema import Schema, SchemaNode, types_of
from botkit.config.settings import Secret
from botkit.config.values import parse_duration
from botkit.config.yaml_file import Plain, core_value, locate
from botkit.errors import UnusableValue

T = TypeVar("T")
_Path = tuple[str | int, ...]

_KINDS = {
    "object": "a mapping (key: value)",
    "array": "a list (- item, or [item, item])",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read, filled and validated: its tree, its values, and its problems.

    `prefix` makes it a view of one section: every path then starts there. It implements `botkit.agents.Section`.
    """

    file: Path
    root: Node
    value: Plain
    problems: Problems
    schema: Schema
    prefix: _Path = ()

    def under(self, *prefix: str | int) -> Checked:
        """The view of a section of the file."""
        return replace(self, prefix=(*self.prefix, *prefix))

    def complain(self, path: Sequence[str | int], what: str, fix: str) -> None:
        """Report a problem at a path, unless one is reported there already: the first one is the cause."""
        here = (*self.prefix, *path)
        line, node = locate(self.root, here)
        broken = isinstance(node, Filled) and node.broken
        if not broken and not self.problems.has_one_at(self.file, line, dotted(here)):
            self.problems.add(self.file, line, dotted(here), what, fix)

    def warn(self, path: Sequence[str | int], what: str, fix: str) -> None:
        """Advise to change a value that works."""
        here = (*self.prefix, *path)
        line, _ = locate(self.root, here)
        self.problems.warn(self.file, line, dotted(here), what, fix)

    def at(self, *path: str | int) -> Plain:
        """The value at a path; None if there is none, or if it could not be filled."""
        here = (*self.prefix, *path)
        _, node = locate(self.root, here)
        if node is None or (isinstance(node, Filled) and node.broken):
            return None
        value: Any = self.value
        for step in here:
            value = value[step]
        return cast("Plain", value)

    def text(self, *path: str | int) -> str | None:
        """The text at a path, if there is one."""
        value = self.at(*path)
        return value if isinstance(value, str) else None

    def mapping(self, *path: str | int) -> dict[str, Plain]:
        """The mapping at a path, or an empty one."""
        value = self.at(*path)
        return value if isinstance(value, dict) else {}

    def items(self, *path: str | int) -> list[Plain]:
        """The list at a path, or an empty one."""
        value = self.at(*path)
        return value if isinstance(value, list) else []

    def shown(self, path: Sequence[str | int]) -> str:
        """The value at a path in quotes and a space; empty if it was filled in or is no scalar."""
        _, node = locate(self.root, (*self.prefix, *path))
        if not isinstance(node, ScalarNode) or isinstance(node, Filled):
            return ""
        text = one_line(node.value)
        return f"“{text[:57]}…” " if len(text) > 60 else f"“{text}” "

    def suggest(self, word: str, known: Iterable[str]) -> str:
        """A fix for an unknown word: the most similar known one, or all of them."""
        words = list(known)
        return suggestion(word, words, f"write one of {listed(words)}")

    def try_parse(self, parse: Callable[[str], object], *path: str | int) -> None:
        """Report the problem of a text that cannot be parsed, or of each such text of a list."""
        line, _ = locate(self.root, (*self.prefix, *path))
        if self.problems.has_one_at(self.file, line, dotted((*self.prefix, *path))):
            return
        for index in range(len(self.items(*path))):
            self.try_parse(parse, *path, index)
        text = self.text(*path)
        if text is None:
            return
        try:
            parse(text)
        except UnusableValue as unusable:
            shown = self.shown(path)
            fix = unusable.fix if shown else unusable.discreet_fix
            self.complain(path, f"{shown}{unusable.what}", fix)

    def has_problems(self) -> bool:
        """Whether a problem is reported in this section."""
        return self.problems.any_under(self.file, dotted(self.prefix))

    def settings(self) -> Any:
        """The section's values, ready for typed settings: durations as `timedelta`. They must have no problem."""
        rules = [self.schema.start]
        for step in self.prefix:
            rules = self.schema.children(rules, step)
        return _ready(self.at(), rules, self.schema)


def check(file: Path, root: Node, schema: Schema, problems: Problems) -> Checked:
    """Validate a filled tree; every violation becomes a problem."""
    value = _plain(root, [schema.start], schema)
    checked = Checked(file, root, value, problems, schema)
    for error in schema.errors(value):
        _explain(checked, error, schema)
    return checked


def typed(values: Any, kind: type[T]) -> T:
    """Typed settings from checked values.

    Raises:
        msgspec.ValidationError: the values do not fit the type.
    """
    return msgspec.convert(values, kind, dec_hook=_secret)


def complain_of_type(checked: Checked, error: msgspec.ValidationError) -> None:
    """Report values that match the schema but not the type of the settings. The message never quotes a value."""
    said, _, place = str(error).partition(" - at `$")
    path: list[str | int] = []
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", place.partition("[...]")[0]):
        path.append(name or int(index))
    what = re.sub(r"'[^']*'", "…", said.replace("`", "")).rstrip(".")
    checked.complain(path, what[:1].lower() + what[1:], "correct the value")


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError


def _plain(node: Node, wanted: Sequence[SchemaNode], schema: Schema) -> Plain:
    if isinstance(node, MappingNode):
        return {
            key.value: _plain(value, schema.children(wanted, key.value), schema) for key, value in node.value
        }
    if isinstance(node, SequenceNode):
        return [_plain(item, schema.children(wanted, index), schema) for index, item in enumerate(node.value)]
    text: str = node.value
    types = types_of(wanted)
    if isinstance(node, Filled):
        # A filled-in value has no quotes: it is a text, unless the schema does not accept one here.
        return text if not types or "string" in types else core_value(text)
    as_written = any(rule.get("asWritten") for rule in wanted)
    value = core_value(text) if _is_plain(node) and not as_written else text
    # A section whose lines are all commented out is an empty section, not a null.
    return {} if value is None and types == {"object"} else value


def _ready(value: Plain, rules: Sequence[SchemaNode], schema: Schema) -> Any:
    if isinstance(value, dict):
        return {key: _ready(inner, schema.children(rules, key), schema) for key, inner in value.items()}
    if isinstance(value, list):
        return [_ready(inner, schema.children(rules, index), schema) for index, inner in enumerate(value)]
    if any(rule.get("isDuration") for rule in rules) and isinstance(value, str | int | float):
        return parse_duration(value)
    if isinstance(value, float) and types_of(rules) == {"integer"}:
        return int(value)
    return value


def _is_plain(node: Node) -> bool:
    """Whether a node is a scalar without quotes."""
    return isinstance(node, ScalarNode) and node.style is None


def _explain(checked: Checked, error: ValidationError, schema: Schema) -> None:
    path: _Path = tuple(error.absolute_path)
    rule = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            for key in value:
                if key not in instance:
                    _missing(checked, (*path, key), schema.resolve(rule.get("properties", {}).get(key, {})))
        case "additionalProperties":
            for key in instance:
                if key not in (known := rule.get("properties", {})):
                    _unknown(checked, (*path, key), list(known))
        case "type":
            _wrong_type(checked, path, instance, [value] if isinstance(value, str) else value)
        case "enum" | "const":
            _not_allowed(checked, path, value if error.validator == "enum" else [value], rule)
        case _:
            _not_like(checked, path, error, rule)


def _missing(checked: Checked, path: _Path, rule: SchemaNode) -> None:
    example = (_example(rule) if rule.get("type") != "object" else "") or "…"
    title = f" ({rule['title']})" if rule.get("title") else ""
    checked.complain(path, "is missing", f"add {path[-1]}: {example}{title}")


def _unknown(checked: Checked, path: _Path, known: list[str]) -> None:
    fix = suggestion(
        str(path[-1]), known, f"remove it; known here: {listed(known)}" if known else "remove it"
    )
    # Reported even if the value has a problem as well: the key is wrong.
    checked.problems.add(checked.file, locate(checked.root, path)[0], dotted(path), "is not known here", fix)


def _wrong_type(checked: Checked, path: _Path, value: object, wanted: list[str]) -> None:
    kinds = listed(_KINDS[name] for name in wanted if name != "null" or len(wanted) == 1)
    _, node = locate(checked.root, path)
    what, fix = f"is {_kind(value)}, not {kinds}", f"write {kinds}"
    if value is None:
        what, fix = "is empty", f"write {kinds}, or remove the line"
    elif isinstance(node, ScalarNode) and "string" in wanted:
        fix = "put it in quotes"
    elif isinstance(node, ScalarNode) and not isinstance(node, Filled) and not _is_plain(node):
        fix += " without quotes"
    checked.complain(path, what, fix)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text" if value else "an empty text"
    return "a list" if isinstance(value, list) else "a mapping"


def _not_allowed(checked: Checked, path: _Path, allowed: list[object], rule: SchemaNode) -> None:
    words = list(dict.fromkeys(str(word) for word in allowed))
    _, node = locate(checked.root, path)
    meant = (
        nearest(node.value, words) if isinstance(node, ScalarNode) and not isinstance(node, Filled) else None
    )
    fix = f"did you mean {meant}? Allowed: " if meant and len(words) > 1 else "write "
    checked.complain(path, f"{_shown(checked, path, rule)}is not allowed here", fix + listed(words))


def _not_like(checked: Checked, path: _Path, error: ValidationError, rule: SchemaNode) -> None:
    """Patterns, lengths and bounds; also of keys, whose error is reported at their mapping."""
    if "propertyNames" in error.schema_path:
        path = (*path, str(error.instance))
        checked.complain(path, "is not a name allowed here", _how_to_write(rule))
        return
    shown = _shown(checked, path, rule)
    bound = error.validator_value
    match error.validator:
        case "minLength" if error.instance:
            what, fix = f"is shorter than {bound} characters", "copy all of it"
        case "minLength" | "minItems" | "minProperties":
            what, fix = "is empty", _how_to_fill(rule, locate(checked.root, path)[1])
        case "maxLength":
            what, fix = f"is longer than {bound} characters", "shorten it"
        case "maxItems" | "maxProperties":
            what, fix = f"has more than {bound} entries", "shorten it"
        case "minimum" | "minDuration":
            what, fix = f"{shown}is too small", f"write at least {bound}"
        case "maximum" | "maxDuration":
            what, fix = f"{shown}is too large", f"write at most {bound}"
        case _:
            what, fix = f"{shown}is not a valid {rule.get('title', 'value')}", _how_to_write(rule)
    checked.complain(path, what, fix)


def _how_to_write(rule: SchemaNode) -> str:
    default = f"write it as {rule['pattern']}" if "pattern" in rule else "correct it"
    text: str = rule.get("patternErrorMessage", default)
    return text


def _how_to_fill(rule: SchemaNode, node: Node | None) -> str:
    if isinstance(node, Filled):
        return "write a value into the variable or the file that it is filled from"
    if "null" in types_of([rule]):
        return "write a text, or null to send no message"
    example = _example(rule)
    return f"write something, for example {example}" if example else "write something"


def _example(rule: SchemaNode) -> str:
    return json.dumps(rule["examples"][0], ensure_ascii=False) if rule.get("examples") else ""


def _shown(checked: Checked, path: _Path, rule: SchemaNode) -> str:
    return "" if rule.get("writeOnly") or path == () else checked.shown(path)
