"""Reading parts of an export: a part of another type than expected counts as absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Held = TypeVar("Held")


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; nothing of any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def entries(locale: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The languages of a `localeData` with the object of each."""
    for language, entry in (locale if isinstance(locale, dict) else {}).items():
        if isinstance(entry, dict):
            yield language, entry


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def in_language(held: Mapping[str, Held], language: str, default: str) -> Held | None:
    """What stands in the user's language, in its base language, in the bot's default language, or in any."""
    base = language.partition("-")[0].partition("_")[0]
    for one in (language, base, default):
        if one in held:
            return held[one]
    return next(iter(held.values()), None)
