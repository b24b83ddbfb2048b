"""The tables of all keys in `docs/configuration.md`, made from the schemas.

`python -m botkit.config.reference docs/configuration.md` writes them between the file's markers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from botkit.config.schema import Schema, SchemaNode, bot_schema, responses_schema, server_schema, types_of

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"

_HEAD = "| Key | Value | Default | Meaning |\n|---|---|---|---|"


def tables() -> str:
    """Markdown: one table for each kind of file."""
    root = bot_schema().root
    miaw, live_chat, entity, field = (
        Schema(root, root["$defs"][name])
        for name in ("salesforce-miaw", "salesforce-live-chat", "entity", "entity-field")
    )
    message = responses_schema().start["additionalProperties"]
    parts = [
        ("### `botkit.yaml`", _rows(server_schema(), server_schema().start, "")),
        ("### A bot's file", _rows(bot_schema(), bot_schema().start, "")),
        ("### `agents.systems.<name>`, `type: salesforce-miaw`", _rows(miaw, miaw.start, "")),
        ("### `agents.systems.<name>`, `type: salesforce-live-chat`", _rows(live_chat, live_chat.start, "")),
        ("### `entities.<name>` of Live Chat", _rows(entity, entity.start, "")),
        ("### `entities.<name>.fields.<field>` of Live Chat", _rows(field, field.start, "")),
        ("### `handoff.responses.<language>`", _rows(responses_schema(), message, "")),
    ]
    return "\n\n".join(f"{title}\n\n{_HEAD}\n" + "\n".join(rows) for title, rows in parts)


def with_tables(text: str) -> str:
    """A document with the tables between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


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


def _value(schema: Schema, rule: SchemaNode) -> str:
    if "const" in rule:
        return f"`{rule['const']}`"
    if "enum" in rule:
        return ", ".join(f"`{word}`" for word in rule["enum"])
    if "minDuration" in rule:
        return f"duration, {rule['minDuration']} to {rule['maxDuration']}"
    types = types_of([rule])
    if types == {"integer"}:
        return f"number, {rule['minimum']} to {rule['maximum']}"
    if types == {"object"}:
        of = rule.get("additionalProperties")
        facts = schema.resolve(of).get("enum") if isinstance(of, dict) else None
        return "mapping to " + ", ".join(f"`{fact}`" for fact in facts) if facts else "mapping"
    kinds = {"string": "text", "array": "list", "boolean": "`true`, `false`", "null": "`null`"}
    return " or ".join(kinds[name] for name in sorted(types, reverse=True))


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(with_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
