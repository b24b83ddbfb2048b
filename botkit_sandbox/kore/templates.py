"""How a message that BotKit sends is displayed: as plain text, or as a template.

See docs/protocols/kore-xo-botkit.md, 4.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

RENDERED_ON = ("rtm",)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as displayed. `template` is JSON-ready: {type, text, …}; `raw` is the text in the history."""

    text: str
    raw: str
    agent_name: str | None = None
    is_agent: bool = False
    template: Mapping[str, Any] | None = None


def shown(body: Mapping[str, Any], *, channel: str) -> Rendered | None:
    """The message that a send call displays, or None for an empty one.

    overrideMessagePayload has precedence over message. Only the web client renders templates: on other channels the user
    sees the JSON, as BotKit deployments report (4.3).
    """
    raw = _raw_text(body)
    if raw is None or raw == "":
        return None
    if channel not in RENDERED_ON or not _may_be_template(body):
        return Rendered(text=raw, raw=raw)
    return rendered(raw)


def rendered(raw: str) -> Rendered:
    """A plain text, or the template in a JSON text."""
    content = _object(raw)
    payload = content.get("payload") if content else None
    if content is None or not (isinstance(payload, dict) or "text" in content):
        return Rendered(text=raw, raw=raw)
    inner: Mapping[str, Any] = payload if isinstance(payload, dict) else content
    kind = str(inner.get("template_type") or content.get("type") or "text")
    text = "\n".join(filter(None, [_text(inner), *_rows(inner)]))
    template: dict[str, Any] = {"type": kind, "text": text}
    for key in ("url", "audioUrl", "videoUrl"):
        if isinstance(inner.get(key), str):
            template["url"] = inner[key]
            template["type"] = {"audioUrl": "audio", "videoUrl": "video"}.get(key, kind)
    if choices := _choices(inner):
        template["buttons"] = [_choice(item) for item in choices]
    name = inner.get("agent_name")
    is_agent = kind == "live_agent"
    return Rendered(
        text=text,
        raw=raw,
        agent_name=str(name) if name else None,
        is_agent=is_agent or bool(name),
        template=template,
    )


def _raw_text(body: Mapping[str, Any]) -> str | None:
    override = body.get("overrideMessagePayload")
    content = (
        override.get("body") if isinstance(override, dict) and override.get("body") is not None else None
    )
    if content is None:
        content = body.get("message")
    if content is None or isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False)


def _may_be_template(body: Mapping[str, Any]) -> bool:
    """`isTemplate: false` asks for the default rendering of the text as it is."""
    override = body.get("overrideMessagePayload")
    if isinstance(override, dict) and override.get("body") is not None:
        return bool(override.get("isTemplate"))
    return True


def _object(raw: str) -> Mapping[str, Any] | None:
    if not raw.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(raw)
    except json.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _rows(inner: Mapping[str, Any]) -> Iterator[str]:
    """The rows of lists, carousels and tables, one line each."""
    columns = inner.get("columns")
    if isinstance(columns, list):
        yield " | ".join(str(column[0]) for column in columns if isinstance(column, list) and column)
    for element in _objects(inner.get("elements")):
        values = element.get("Values")
        if isinstance(values, list):
            yield " | ".join(str(value) for value in values)
        else:
            yield ": ".join(str(element[key]) for key in ("title", "subtitle") if element.get(key))


def _choices(inner: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All buttons and quick replies: those of cards first, then those of the whole message."""
    of_cards = [
        choice for card in _objects(inner.get("elements")) for choice in _objects(card.get("buttons"))
    ]
    return [*of_cards, *_objects(inner.get("buttons")), *_objects(inner.get("quick_replies"))]


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(inner: Mapping[str, Any]) -> str:
    text = inner.get("text")
    return text if isinstance(text, str) else ""


def _choice(item: Mapping[str, Any]) -> dict[str, str]:
    title = str(item.get("title") or item.get("text") or "")
    return {"title": title, "payload": str(item.get("payload") or item.get("url") or title)}
