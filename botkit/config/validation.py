"""Validates a tree against its schema, and explains each finding in words a person can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from jsonschema import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from botkit.config.filling import Filled
from botkit.config.problems import Problems, dotted, listed, nearest, one_line
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
    """A file that was read, filled and validated: its tree, its values, and the place to report problems.

    `prefix` makes it a view of one part of the file: every path then starts there. It implements `botkit.agents.Section`.
    """

    file: Path
    root: Node
    value: Plain
    problems: Problems
    schema: Schema
    prefix: _Path = ()

    def under(self, *prefix: str | int) -> Checked:
        """The part of the file at a path."""
        return replace(self, prefix=(*self.prefix, *prefix))

    def complain(self, path: Sequence[str | int], what: str, fix: str) -> None:
        """Report a problem at a path, unless one is reported there already: the first is the one that helps."""
        here = (*self.prefix, *path)
        line, node = locate(self.root, here)
        broken = isinstance(node, Filled) and node.broken
        if not broken and not self.problems.told(self.file, line, dotted(here)):
            self.problems.add(self.file, line, dotted(here), what, fix)

    def at(self, *path: str | int) -> Plain:
        """The value at a path; None where there is none, or where it could not be filled."""
        here = (*self.prefix, *path)
        _, node = locate(self.root, here)
        if node is None or (isinstance(node, Filled) and node.broken):
            return None
        value: Any = self.value
        for step in here:
            value = value[step]
        plain: Plain = value
        return plain

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
        """A fix for a word that is not one of the known ones: the most similar one, or all of them."""
        words = list(known)
        meant = nearest(word, words)
        return f"did you mean {meant}?" if meant else f"write one of {listed(words)}"

    def try_parse(self, parse: Callable[[str], object], *path: str | int) -> None:
        """Report the problem of a text that cannot be parsed, or of each such text of a list."""
        line, _ = locate(self.root, (*self.prefix, *path))
        if self.problems.told(self.file, line, dotted((*self.prefix, *path))):
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
        """Whether a problem is reported at this part of the file, or anywhere below it."""
        return self.problems.any_under(self.file, dotted(self.prefix))

    def settings(self, *path: str | int) -> Any:
        """The values at a path ready for typed settings: durations as `timedelta`. Only without problems there."""
        rules = [self.schema.start]
        for step in (*self.prefix, *path):
            rules = self.schema.children(rules, step)
        value: Any = self.value
        for step in (*self.prefix, *path):
            value = value.get(step, {})
        return _ready(value, rules, self.schema)


def check(file: Path, root: Node, schema: Schema, problems: Problems) -> Checked:
    """Validate a filled tree; every finding becomes a problem."""
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
    """Report values that fit the schema and not the type of the settings. The message never quotes a value."""
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
        # A value from outside has no quotes: it is a text, unless the schema does not accept one here.
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
    """Whether a scalar stands there without quotes."""
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
    example = json.dumps(rule["examples"][0], ensure_ascii=False) if rule.get("examples") else "…"
    if rule.get("type") == "object":
        example = "…"
    checked.complain(
        path,
        "is missing",
        f"add {path[-1]}: {example}{f' ({title})' if (title := rule.get('title')) else ''}",
    )


def _unknown(checked: Checked, path: _Path, known: list[str]) -> None:
    meant = nearest(str(path[-1]), known)
    fix = "remove it" if not known else f"remove it; here can stand {listed(known)}"
    fix = f"did you mean {meant}?" if meant else fix
    # Reported even if the value has a problem as well: it is the key that is wrong.
    checked.problems.add(checked.file, locate(checked.root, path)[0], dotted(path), "is not known here", fix)


def _wrong_type(checked: Checked, path: _Path, value: object, wanted: list[str]) -> None:
    kinds = listed(_KINDS[name] for name in wanted if name != "null" or len(wanted) == 1)
    _, node = locate(checked.root, path)
    if value is None:
        what, fix = "is empty", f"write {kinds}, or remove the line"
    elif "string" in wanted and isinstance(node, ScalarNode):
        what, fix = f"is {_kind(value)}, not {kinds}", "put it in quotes"
    else:
        quoted = (
            node is not None
            and not _is_plain(node)
            and not isinstance(node, Filled | MappingNode | SequenceNode)
        )
        what = f"is {_kind(value)}, not {kinds}"
        fix = f"write {kinds}{' without quotes' if quoted else ''}"
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
    words = [str(word) for word in allowed]
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
        checked.complain(path, "is not a name that can stand here", _how_to_write(rule))
        return
    shown = _shown(checked, path, rule)
    bound = error.validator_value
    match error.validator:
        case "minLength" if error.instance:
            what, fix = f"is shorter than {bound} characters", "copy all of it"
        case "minLength" | "minItems" | "minProperties":
            what, fix = "is empty", _how_to_fill(rule)
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


def _how_to_fill(rule: SchemaNode) -> str:
    types = types_of([rule])
    if "null" in types:
        return "write a text, or null to say nothing"
    example = json.dumps(rule["examples"][0], ensure_ascii=False) if rule.get("examples") else ""
    return f"write something{f', for example {example}' if example else ''}"


def _shown(checked: Checked, path: _Path, rule: SchemaNode) -> str:
    return "" if rule.get("writeOnly") or path == () else checked.shown(path)
