"""The JSON Schemas of both files, and their composition from the fragments of agent systems.

`schemas/bot.schema.json` is complete, for editors. To check a file, each of its `agents.systems` gets the fragment of its own
type instead, so systems of other packages are checked in the same way.

BotKit adds keywords to the standard ones: `minDuration` and `maxDuration` bound a duration; `isDuration` (in
``#/$defs/duration``) makes it a `timedelta` in typed settings; `asWritten` reads an id that looks like a number
(573000000000001) as text. `patternErrorMessage`, which YAML editors know, says how to write a value; `writeOnly` marks secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from botkit.config.values import UNUSABLE_DURATION, parse_duration
from botkit.config.yaml_file import Plain
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
    """A schema document, and the node in it that describes a whole file."""

    root: SchemaNode
    start: SchemaNode

    def resolve(self, node: SchemaNode) -> SchemaNode:
        """The node merged with the target of its `$ref`; the node's own keywords win."""
        if "$ref" not in node:
            return node
        target: SchemaNode = self.root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return {**self.resolve(target), **{key: value for key, value in node.items() if key != "$ref"}}

    def children(self, nodes: Sequence[SchemaNode], step: str | int) -> list[SchemaNode]:
        """The rules for the value under `step`."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(step, int):
                found.append(node.get("items"))
            else:
                found.append(node.get("properties", {}).get(step, node.get("additionalProperties")))
        return [self.resolve(child) for child in found if isinstance(child, Mapping)]

    def errors(self, value: Plain) -> Iterator[ValidationError]:
        """Every violation of the schema in a value."""
        node = {**self.start, "$defs": self.root.get("$defs", {})}
        yield from _Validator(node).iter_errors(value)


@cache
def server_schema() -> Schema:
    """The schema of `botkit.yaml`."""
    root = json.loads(schema_text("botkit"))
    return Schema(root, root)


@cache
def bot_schema() -> Schema:
    """The schema of a bot's file, for editors: every system may be of any of BotKit's own types."""
    root = json.loads(schema_text("bot"))
    return Schema(root, root)


@cache
def responses_schema() -> Schema:
    """The schema of a file of standard responses."""
    root = bot_schema().root
    return Schema(root, root["$defs"]["responses"])


def schema_for(systems: Mapping[str, tuple[str, SchemaNode]]) -> Schema:
    """The schema of one bot's file: each named system gets the fragment of its type. `systems`: name → (type, fragment)."""
    root = bot_schema().root
    agents = root["properties"]["agents"]
    every = agents["properties"]["systems"]
    named = {name: {"$ref": f"#/$defs/{kind}"} for name, (kind, _) in systems.items()}
    plain = {
        key: value for key, value in root["$defs"]["system"].items() if key not in ("if", "then", "else")
    }
    definitions = {**root["$defs"], "system": plain, **definitions_of(dict(systems.values()))}
    changed = {**agents["properties"], "systems": {**every, "properties": named}}
    root = {
        **root,
        "properties": {**root["properties"], "agents": {**agents, "properties": changed}},
        "$defs": definitions,
    }
    return Schema(root, root)


def definitions_of(fragments: Mapping[str, SchemaNode]) -> dict[str, SchemaNode]:
    """`$defs` for systems of these types: type → its fragment, and ``type.name`` → each of the fragment's own `$defs`."""
    definitions: dict[str, SchemaNode] = {}
    for kind, fragment in fragments.items():
        own = fragment.get("$defs", {})
        body = {key: value for key, value in fragment.items() if key not in ("$defs", "$schema", "$id")}
        body = {"type": "object", **body}
        if "properties" in body:
            body["properties"] = {"type": _TYPE, **body["properties"]}
        definitions[kind] = _renamed(body, kind, own)
        definitions |= {f"{kind}.{name}": _renamed(node, kind, own) for name, node in own.items()}
    return definitions


_TYPE: SchemaNode = {"title": "Type", "description": "The type of the agent system.", "type": "string"}


def _renamed(node: Any, kind: str, own: Mapping[str, Any]) -> Any:
    """A node of a fragment, with references to the fragment's own `$defs` changed to their place in the whole schema."""
    if isinstance(node, list):
        return [_renamed(item, kind, own) for item in node]
    if not isinstance(node, Mapping):
        return node
    renamed = {key: _renamed(value, kind, own) for key, value in node.items()}
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    return {**renamed, "$ref": f"#/$defs/{kind}.{name}"} if name in own else renamed


def types_of(nodes: Sequence[SchemaNode]) -> frozenset[str]:
    """The accepted JSON types; empty if any type is accepted."""
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
        # A text that is not a duration violates its pattern as well; one longer than any duration only its bound.
        if not isinstance(instance, str) or (unusable.what == UNUSABLE_DURATION and not lower):
            yield ValidationError(unusable.what)
        return
    limit = parse_duration(bound)
    if (duration < limit) if lower else (duration > limit):
        yield ValidationError("out of bounds")


_KEYWORDS = {"minDuration": partial(_bound, lower=True), "maxDuration": partial(_bound, lower=False)}
_Validator: Any = extend(Draft202012Validator, _KEYWORDS)  # type: ignore[no-untyped-call]
