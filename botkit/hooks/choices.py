"""Choices of a menu: the payload that the platform gets when a user clicks one, and the label that the user saw.

Menus of the web client and of every other channel pair the two in their own words (docs/protocols/kore-xo-botkit.md, 2.3 and
4.3), but always in one object or in an object and its part. So pairs are looked for, instead of one shape for each channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

MAX_LABEL: Final = 500
"""A longer text is no label: menus of every channel allow far less."""

_MAX_DEPTH: Final = 8
_MAX_PARTS: Final = 2_000
_LABELS: Final = ("title", "label", "text", "ButtonText", "ListTitle", "displayText", "name")
_PAYLOADS: Final = ("payload", "value", "id", "postback", "ButtonPayload", "ListId", "optionId")


def labels_in(value: object) -> dict[str, str]:
    """The labels of all choices in a JSON value, by payload. The first choice with a payload wins."""
    found: dict[str, str] = {}
    for part in _objects(value):
        label = _text(part, _LABELS)
        for payload in _payloads(part):
            if label:
                found.setdefault(payload, label)
    return found


def _objects(value: object) -> Iterator[dict[str, object]]:
    """Every object in the value, outermost first. Depth and number are bounded, as a client may send anything."""
    waiting = deque([(value, 0)])
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part, depth = waiting.popleft()
        if isinstance(part, dict):
            yield part
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        if depth < _MAX_DEPTH:
            waiting += [(one, depth + 1) for one in islice(inner, _MAX_PARTS) if isinstance(one, dict | list)]


def _payloads(part: dict[str, object]) -> Iterator[str]:
    for name in _PAYLOADS:
        payload = part.get(name)
        if isinstance(payload, str) and payload:
            yield payload
    # Facebook: {"text": label, "quick_reply": {"payload": …}}.
    reply = part.get("quick_reply")
    if isinstance(reply, dict) and isinstance(payload := reply.get("payload"), str) and payload:
        yield payload


def _text(part: dict[str, object], names: tuple[str, ...]) -> str:
    for name in names:
        text = part.get(name)
        if isinstance(text, dict):
            text = text.get(
                "text"
            )  # Slack: {"text": {"type": "plain_text", "text": label}, "value": payload}.
        if isinstance(text, str) and (label := text.strip()) and len(label) <= MAX_LABEL:
            return label
    return ""
