"""A tree checked against its schema, with what is wrong said in words a person can act on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import ValidationError

from botkit.config.nodes import MappingNode, Node, Plain, Scalar, SequenceNode, core_value, locate
from botkit.config.problems import Problems, dotted, listed, nearest, one_line
from botkit.config.schema import Schema, SchemaNode, types_of

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
    """A file that was read and filled: its tree, what the tree says as plain values, and where to complain."""

    file: Path
    root: Node
    value: Plain
    problems: Problems

    def complain(self, path: Sequence[str | int], what: str, fix: str) -> None:
        """Add a problem at a path, unless one was told there already: the first is the one that helps."""
        line, node = locate(self.root, path)
        broken = isinstance(node, Scalar) and node.broken
        if not broken and not self.problems.told(self.file, line, dotted(path)):
            self.problems.add(self.file, line, dotted(path), what, fix)

    def at(self, *path: str | int) -> Plain:
        """The value at a path; None where there is none, or where it could not be filled."""
        _, node = locate(self.root, path)
        if node is None or (isinstance(node, Scalar) and node.broken):
            return None
        value: Any = self.value
        for step in path:
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

    def shown(self, path: Sequence[str | int]) -> str:
        """The value at a path in quotes and a space, or nothing when it was filled in or is not one value."""
        _, node = locate(self.root, path)
        if not isinstance(node, Scalar) or node.filled:
            return ""
        text = one_line(node.text)
        return f"“{text[:57]}…” " if len(text) > 60 else f"“{text}” "


def check(file: Path, root: Node, schema: Schema, problems: Problems) -> Checked:
    """Validate a filled tree; every finding becomes a problem."""
    value = _plain(root, [schema.start], schema)
    checked = Checked(file, root, value, problems)
    for error in schema.errors(value):
        _explain(checked, error, schema)
    return checked


def _plain(node: Node, wanted: Sequence[SchemaNode], schema: Schema) -> Plain:
    if isinstance(node, MappingNode):
        return {
            key: _plain(entry.node, schema.children(wanted, key), schema)
            for key, entry in node.entries.items()
        }
    if isinstance(node, SequenceNode):
        return [_plain(item, schema.children(wanted, index), schema) for index, item in enumerate(node.items)]
    types = types_of(wanted)
    if node.filled:
        # What comes from outside has no quotes: it is a text, unless the schema has no use for one here.
        return node.text if not types or "string" in types else core_value(node.text)
    as_written = any(rule.get("asWritten") for rule in wanted)
    value = core_value(node.text) if node.plain and not as_written else node.text
    # A section whose lines are all commented out is an empty section, not a null.
    return {} if value is None and types == {"object"} else value


def _explain(checked: Checked, error: ValidationError, schema: Schema) -> None:
    path: _Path = tuple(error.absolute_path)
    rule = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            for key in value:
                if key not in instance:
                    _missing(checked, (*path, key), schema.resolve(rule["properties"][key]))
        case "additionalProperties":
            for key in instance:
                if key not in rule["properties"]:
                    _unknown(checked, (*path, key), list(rule["properties"]))
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
    checked.complain(path, "is missing", f"add {path[-1]}: {example} ({rule['title']})")


def _unknown(checked: Checked, path: _Path, known: list[str]) -> None:
    meant = nearest(str(path[-1]), known)
    fix = f"did you mean {meant}?" if meant else f"remove it; here can stand {listed(known)}"
    # Told beside whatever is wrong with the value: it is the key that is wrong.
    checked.problems.add(checked.file, locate(checked.root, path)[0], dotted(path), "is not known here", fix)


def _wrong_type(checked: Checked, path: _Path, value: object, wanted: list[str]) -> None:
    kinds = listed(_KINDS[name] for name in wanted if name != "null" or len(wanted) == 1)
    _, node = locate(checked.root, path)
    if value is None:
        what, fix = "is empty", f"write {kinds}, or remove the line"
    elif "string" in wanted and isinstance(node, Scalar):
        what, fix = f"is {_kind(value)}, not {kinds}", "put it in quotes"
    else:
        quoted = isinstance(node, Scalar) and not node.plain and not node.filled
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
    meant = nearest(node.text, words) if isinstance(node, Scalar) and not node.filled else None
    fix = f"did you mean {meant}? Allowed: " if meant and len(words) > 1 else "write "
    checked.complain(path, f"{_shown(checked, path, rule)}is not allowed here", fix + listed(words))


def _not_like(checked: Checked, path: _Path, error: ValidationError, rule: SchemaNode) -> None:
    """Patterns, lengths and bounds; also of keys, whose error stands at the mapping they are in."""
    if "propertyNames" in error.schema_path:
        path = (*path, str(error.instance))
        checked.complain(path, "is not a name that can stand here", rule["patternErrorMessage"])
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
            what, fix = f"{shown}is not a valid {rule['title']}", rule["patternErrorMessage"]
    checked.complain(path, what, fix)


def _how_to_fill(rule: SchemaNode) -> str:
    types = types_of([rule])
    if "null" in types:
        return "write a text, or null to say nothing"
    example = json.dumps(rule["examples"][0], ensure_ascii=False) if rule.get("examples") else ""
    return f"write something{f', for example {example}' if example else ''}"


def _shown(checked: Checked, path: _Path, rule: SchemaNode) -> str:
    return "" if rule.get("writeOnly") or path == () else checked.shown(path)
