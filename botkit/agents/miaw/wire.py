"""Reading JSON that may differ from what the documents say: a wrong type reads as absent, never as an error.

Salesforce's clients disagree with its documents in many places (protocols/salesforce-miaw.md), and unknown things keep
appearing, so what arrives is read member by member.
"""

from __future__ import annotations

from typing import TypeAlias

from botkit.http import lenient_json

Members: TypeAlias = dict[str, object]


def decoded(data: bytes | str) -> object:
    """JSON to values; None when it is not JSON."""
    try:
        return lenient_json.decoded(data)
    except ValueError:
        return None


def members(value: object) -> Members:
    """An object's members; an object that is encoded once more as a JSON string counts too (4.3, pitfall 5)."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = decoded(value)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A string, or the digits of a whole number: ids and event ids come as either (1.1)."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole(value: object) -> int:
    """A whole number, or one in a string; else 0."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return int(value) if abs(value) < 1e18 else 0
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
        else 0
    )


def items(value: object) -> list[Members]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
