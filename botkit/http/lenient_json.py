"""JSON that others wrote with less care: halves of surrogate pairs, bytes that are not UTF-8.

JavaScript cuts strings between two halves of an emoji and writes what is left as an escape; such JSON is valid, but no text
in UTF-8 can hold it, and strict parsers refuse the whole document. Here the half becomes a replacement character.
"""

from __future__ import annotations

import json

import msgspec


class NestedTooDeeply(ValueError):
    """The JSON is nested deeper than Python's recursion limit allows."""


def decoded(data: bytes | str) -> object:
    """JSON to values.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return msgspec.json.decode(repaired(data))
    except RecursionError:
        raise NestedTooDeeply from None


def repaired(data: bytes | str) -> bytes:
    """The same JSON in clean UTF-8; numbers may be spelled differently. For the rare document only: it is slow.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    try:
        written = json.dumps(json.loads(text), ensure_ascii=False)
    except RecursionError:
        raise NestedTooDeeply from None
    return _without_halves(written).encode()


def encoded(value: object) -> bytes:
    """Values to JSON; half a surrogate pair in a text becomes a replacement character."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return _without_halves(json.dumps(value, ensure_ascii=False)).encode()


def _without_halves(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
