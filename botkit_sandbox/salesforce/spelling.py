"""Entries as some organisations write them: enumerations in another case, numbers as text. For the switch `entry_spelling`."""

from __future__ import annotations

from typing import Any

_ENUMERATIONS = frozenset(
    {
        "entryType",
        "role",
        "operation",
        "routingType",
        "failureType",
        "workType",
        "sessionStatus",
        "sessionStatusPrev",
        "sessionEndedByRole",
    }
)


def loosely(value: Any, name: str = "") -> Any:
    """The same value with other spellings."""
    if isinstance(value, dict):
        return {key: loosely(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [loosely(inner, name) for inner in value]
    if isinstance(value, str):
        return value.upper() if name in _ENUMERATIONS else value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value
