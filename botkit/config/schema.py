"""The JSON Schemas: found in the wheel or the checkout, and asked what a value should be.

Keywords of our own stand beside the standard ones: `minDuration` and `maxDuration`, the bounds of a duration, and
`asWritten` for ids that may look like numbers (573000000000001) and are texts all the same.
`patternErrorMessage` (known to YAML editors) says how to write a value right, and `writeOnly` marks secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from botkit.config.durations import parse_duration
from botkit.config.nodes import Plain
from botkit.errors import UnusableValue

SchemaNode = Mapping[str, Any]


def schema_text(name: str) -> str:
    """The text of `schemas/<name>.schema.json`: inside the installed package, or beside it in a checkout."""
    packaged = resources.files("botkit") / "schemas" / f"{name}.schema.json"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "schemas" / f"{name}.schema.json"
    return checkout.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema document, or with `pointer` one of its definitions."""

    root: SchemaNode
    start: SchemaNode

    def resolve(self, node: SchemaNode) -> SchemaNode:
        """The node with what its `$ref` names merged under it (its own words win)."""
        if "$ref" not in node:
            return node
        target: SchemaNode = self.root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return {**self.resolve(target), **{key: value for key, value in node.items() if key != "$ref"}}

    def children(self, nodes: Sequence[SchemaNode], step: str | int) -> list[SchemaNode]:
        """What the schema says of the value under `step`, from every branch that may apply."""
        found: list[SchemaNode] = []
        for node in nodes:
            if isinstance(step, int):
                candidates = [node.get("items")]
            elif step in node.get("properties", {}):
                candidates = [node["properties"][step]]
            else:
                candidates = [node.get("additionalProperties")]
            found += [self.resolve(child) for child in candidates if isinstance(child, Mapping)]
        return [branch for child in found for branch in self._branches(child)]

    def _branches(self, node: SchemaNode) -> Iterator[SchemaNode]:
        yield node
        for word in ("then", "else"):
            if isinstance(node.get(word), Mapping):
                yield from self._branches(self.resolve(node[word]))

    def errors(self, value: Plain) -> Iterator[ValidationError]:
        """Everything the schema finds wrong with a value."""
        node = {**self.start, "$defs": self.root.get("$defs", {})}
        yield from _Validator(node).iter_errors(value)


@cache
def server_schema() -> Schema:
    """What `botkit.yaml` looks like."""
    root = json.loads(schema_text("botkit"))
    return Schema(root, root)


@cache
def bot_schema() -> Schema:
    """What a bot's file looks like."""
    root = json.loads(schema_text("bot"))
    return Schema(root, root)


@cache
def responses_schema() -> Schema:
    """What a file of standard responses looks like."""
    root = bot_schema().root
    return Schema(root, root["$defs"]["responses"])


def types_of(nodes: Sequence[SchemaNode]) -> frozenset[str]:
    """The JSON types that are asked for; empty when anything goes."""
    found: set[str] = set()
    for node in nodes:
        declared = node.get("type", [])
        found.update([declared] if isinstance(declared, str) else declared)
    return frozenset(found)


def _bound(
    validator: Validator, bound: str, instance: object, schema: SchemaNode, *, lower: bool
) -> Iterator[ValidationError]:
    if isinstance(instance, bool) or not isinstance(instance, str | int | float):
        return
    try:
        duration = parse_duration(instance)
    except UnusableValue as unusable:
        if not isinstance(instance, str):  # a text that is none fails its pattern as well
            yield ValidationError(unusable.what)
        return
    limit = parse_duration(bound)
    if (duration < limit) if lower else (duration > limit):
        yield ValidationError("out of bounds")


def _min_duration(
    validator: Validator, bound: str, instance: object, schema: SchemaNode
) -> Iterator[ValidationError]:
    yield from _bound(validator, bound, instance, schema, lower=True)


def _max_duration(
    validator: Validator, bound: str, instance: object, schema: SchemaNode
) -> Iterator[ValidationError]:
    yield from _bound(validator, bound, instance, schema, lower=False)


_OUR_WORDS = {"minDuration": _min_duration, "maxDuration": _max_duration}
_Validator: Any = extend(Draft202012Validator, _OUR_WORDS)  # type: ignore[no-untyped-call]
