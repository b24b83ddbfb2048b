"""Generates the schema for editors and the tables of `docs/configuration.md` from their sources.

`python -m botkit.config.reference` writes the agent systems' `$defs` of `schemas/bot.schema.json` and the tables between the
markers of `docs/configuration.md`. Run it in a checkout after a change to a schema or to the schema of an agent system.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botkit.agents import registry
from botkit.config.schema import (
    Schema,
    SchemaNode,
    bot_schema,
    definitions_of,
    responses_schema,
    schema_text,
    server_schema,
    types_of,
)

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"

_HEAD = "| Key | Value | Default | Meaning |\n|---|---|---|---|"


def composed_schema() -> str:
    """The text of `schemas/bot.schema.json` with the current fragments of BotKit's own agent systems."""
    root: dict[str, Any] = json.loads(schema_text("bot"))
    definitions = definitions_of(_fragments())
    kinds = {kind: {"$ref": f"#/$defs/{kind}"} for kind in registry.OWN}
    system = {
        key: value for key, value in root["$defs"]["system"].items() if key not in ("if", "then", "else")
    }
    first, *others = sorted(registry.OWN, key=lambda kind: kind != registry.DEFAULT_TYPE)
    known = ", ".join([f"{first} (the default)", *others])
    system["properties"]["type"] |= {
        "description": f"{known}, or a type that an installed package provides.",
        "default": first,
    }
    system["$comment"] = "Generated, like the types it refers to: python -m botkit.config.reference"
    for kind, reference in reversed(kinds.items()):
        choice = {"if": {"properties": {"type": {"const": kind}}}, "then": reference}
        if "if" in system:
            choice["else"] = {key: system[key] for key in ("if", "then", "else") if key in system}
        system |= choice
    own = {name for name in root["$defs"] if name.partition(".")[0] in kinds}
    kept = {name: node for name, node in root["$defs"].items() if name not in own | {"system"}}
    root["$defs"] = {**kept, "system": system, **definitions}
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def tables() -> str:
    """Markdown: one table for each type of section."""
    message = responses_schema().start["additionalProperties"]
    parts = [
        ("`botkit.yaml`", _rows(server_schema(), server_schema().start, "")),
        ("A bot's file", _rows(bot_schema(), bot_schema().start, "")),
    ]
    for kind in registry.OWN:
        of_type = f", `type: {kind}`"
        start = bot_schema().root["$defs"][kind]
        parts.append((f"`agents.systems.<name>`{of_type}", _rows(bot_schema(), start, "")))
        parts += [(f"`{path}`{of_type}", rows) for path, rows in _nested(bot_schema(), start, "")]
    parts.append(("`handoff.responses.<language>`", _rows(responses_schema(), message, "")))
    return "\n\n".join(f"### {title}\n\n{_HEAD}\n" + "\n".join(rows) for title, rows in parts)


def with_tables(text: str) -> str:
    """A document with the tables between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _fragments() -> dict[str, SchemaNode]:
    classes = {kind: registry.system_class(kind) for kind in registry.OWN}
    return {kind: found.schema for kind, found in classes.items() if found is not None and found.schema}


def _rows(schema: Schema, node: SchemaNode, prefix: str) -> Iterator[str]:
    for key, child in node["properties"].items():
        rule = schema.resolve(child)
        name = f"{prefix}{key}"
        if "properties" in rule:
            yield from _rows(schema, rule, f"{name}.")
            continue
        required = key in node.get("required", ())
        default = f"`{json.dumps(rule['default'])}`" if "default" in rule else "required" if required else ""
        meaning = f"**{rule['title']}.** {rule['description']}".replace("|", "\\|")
        yield f"| `{name}` | {_value(schema, rule)} | {default} | {meaning} |"


def _nested(schema: Schema, node: SchemaNode, prefix: str) -> Iterator[tuple[str, Iterator[str]]]:
    """Tables for mappings from a name of the user's choice to a section."""
    for key, child in node["properties"].items():
        of = schema.resolve(child).get("additionalProperties")
        inner = schema.resolve(of) if isinstance(of, Mapping) else {}
        if "properties" in inner:
            yield f"{prefix}{key}.<name>", _rows(schema, inner, "")
            yield from _nested(schema, inner, f"{prefix}{key}.<name>.")


def _value(schema: Schema, rule: SchemaNode) -> str:
    if "const" in rule:
        return f"`{rule['const']}`"
    if "enum" in rule:
        return ", ".join(dict.fromkeys(f"`{word}`" for word in rule["enum"]))
    if "minDuration" in rule:
        return f"duration, {rule['minDuration']} to {rule['maxDuration']}"
    types = types_of([rule])
    if types == {"integer"}:
        return f"number, {rule['minimum']} to {rule['maximum']}"
    if types == {"object"}:
        of = rule.get("additionalProperties")
        facts = schema.resolve(of).get("enum") if isinstance(of, dict) else None
        return "mapping to " + ", ".join(f"`{fact}`" for fact in facts) if facts else "mapping"
    kinds = {
        "string": "text",
        "array": "list",
        "boolean": "`true`, `false`",
        "null": "`null`",
        "object": "mapping",
    }
    return " or ".join(kinds[name] for name in sorted(types, reverse=True))


def main() -> None:
    """Write both files, in the checkout this module belongs to."""
    root = Path(__file__).parents[2]
    (root / "schemas" / "bot.schema.json").write_text(composed_schema(), encoding="utf-8")
    bot_schema.cache_clear()
    page = root / "docs" / "configuration.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
