"""The options of a node that the engine follows: tries, tags, and what a call of another dialog hands over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit_sandbox.kore.prompts import Prompt, prompts_of
from botkit_sandbox.kore.reading import objects, text_of

RETRIES = 5
RETRIES_AT_MOST = 25
TagLevel = Literal["user", "session", "message"]
TAG_LEVELS: tuple[TagLevel, ...] = ("user", "session", "message")


@dataclass(frozen=True, slots=True)
class Tag:
    """A custom meta tag that a node or a script adds."""

    level: TagLevel
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Options of a node.

    Attributes:
        retries: how often a prompt is repeated before the node gives up.
        optional: whether the node asks once, and goes on without a value.
        hidden: whether the node does not ask at all.
        default: the wordings of the value of an entity that has none.
        afterwards: the node to go to then; empty for the end of the dialog.
        tags: added when the node is reached.
        returns: whether a called dialog returns to this node.
        assigned: entities of a called dialog, each with the expression of its value.
    """

    retries: int = RETRIES
    optional: bool = False
    hidden: bool = False
    default: tuple[Prompt, ...] = ()
    afterwards: str = ""
    tags: tuple[Tag, ...] = ()
    returns: bool = True
    assigned: Mapping[str, str] = field(default_factory=dict)


PLAIN = NodeOptions()


def options_of(node: Mapping[str, Any]) -> NodeOptions:
    """Read `nodeOptions` and `contextMap` of a node."""
    raw = node.get("nodeOptions")
    options: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    events = options.get("eventOptions")
    retry = events.get("defaultMaxRetry") if isinstance(events, dict) else None
    retry = retry if isinstance(retry, dict) else {}
    return NodeOptions(
        retries=_retries(retry.get("retry_limit")),
        optional=options.get("promptOptions") == "optional",
        hidden=options.get("promptOptions") == "hidden",
        default=tuple(prompts_of([options.get("defaultValue")])),
        afterwards=text_of(retry.get("ref")) if retry.get("action") == "executeNode" else "",
        tags=tuple(_tags(options.get("customTags"))),
        returns=options.get("transitionMode") != "endCurrentTask",
        assigned=_assigned(node.get("contextMap")),
    )


def _retries(limit: object) -> int:
    number = int(limit) if isinstance(limit, int | str) and str(limit).isdecimal() else RETRIES
    return min(number, RETRIES_AT_MOST)


def _tags(custom: object) -> Iterator[Tag]:
    for level in TAG_LEVELS if isinstance(custom, dict) else ():
        for item in objects(custom.get(level)) if isinstance(custom, dict) else ():
            if name := text_of(item.get("name")):
                yield Tag(level, name, str(item.get("value", "")))


def _assigned(context_map: object) -> dict[str, str]:
    """`contextMap` is an object, or its JSON: {"context.entities.Target": "context.entities.Source"}; empty for none."""
    if isinstance(context_map, str):
        try:
            context_map = json.loads(context_map)
        except ValueError:
            return {}
    if not isinstance(context_map, dict):
        return {}
    prefix = "context.entities."
    return {
        key.removeprefix(prefix): value
        for key, value in context_map.items()
        if key.startswith(prefix) and isinstance(value, str) and value.strip()
    }
