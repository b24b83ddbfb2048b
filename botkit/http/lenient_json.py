"""Reads and writes JSON leniently: broken characters are repaired, and a member of a wrong type counts as absent.

JavaScript may cut a string inside a surrogate pair (an emoji) and escape the remaining half. Such JSON is valid, but UTF-8 cannot
encode it, and strict parsers refuse the whole document. Here the half becomes a replacement character.

The APIs differ from their documents in many places, and new members keep appearing, so responses are read member by member.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import TypeAlias, TypeVar

import msgspec

Members: TypeAlias = dict[str, object]
"""The members of a JSON object."""


_MAX_WRAPPINGS = 3
MAX_DEPTH = 200
"""JSON that is nested more deeply counts as none: what reads, compares or writes the values would fail on them."""
_MAX_DIGITS = 400
"""A whole number of more digits counts as infinite, as one with a point or an exponent does; Python refuses to write such."""


_HALF = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)
"""The escape of half a surrogate pair: a high one before no low one, or a low one behind no high one."""


_UP_AND_DOWN = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[{]}")))
_INNERMOST = 3
"""Levels that are taken off at once: most brackets belong to the innermost ones."""


T = TypeVar("T")


class NestedTooDeeply(ValueError):
    """The JSON is nested deeper than `MAX_DEPTH`."""


def decoded(data: bytes | str) -> object:
    """JSON to values. Raises: ValueError if it is not JSON, or nested too deeply."""
    found: object
    try:
        found = decoded_by(msgspec.json.decode, data)
    except (msgspec.DecodeError, UnicodeError):
        data = repaired(data)
        found = json.loads(data)  # msgspec refuses a number too large for a float (1e999).
    except RecursionError:
        raise NestedTooDeeply from None
    if has_many_brackets(data) and not _is_shallow(data if isinstance(data, bytes) else data.encode()):
        raise NestedTooDeeply
    return found


def try_decoded(data: bytes | str) -> object:
    """JSON to values; None if it is not JSON."""
    try:
        return decoded(data)
    except ValueError:
        return None


def members(value: object) -> Members:
    """An object's members. An object encoded once more as a JSON string, or twice, counts too: some Salesforce payloads are."""
    if type(value) is dict:
        return value
    value = _unwrapped(value)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A string, or the digits of a whole number: ids come as either."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole(value: object) -> int:
    """A whole number, or one in a string; else 0."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return int(value) if abs(value) < 1e18 else 0
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
    return int(str(value)) if digits else 0


def number(value: object) -> float:
    """A number that is not negative, or one in a string; else 0."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return found if 0 <= found < 1e18 else 0.0


def items(value: object) -> list[Members]:
    """The objects of a list, which may be encoded once more as a JSON string."""
    if type(value) is not list:
        value = _unwrapped(value)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def flag(value: object) -> bool | None:
    """A boolean, also as text; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _unwrapped(value: object) -> object:
    """What a JSON string in a string stands for."""
    layers = _MAX_WRAPPINGS
    while layers and isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        value, layers = try_decoded(value), layers - 1
    return value


def decoded_by(decode: Callable[[bytes | str | msgspec.Raw], T], data: bytes | str | msgspec.Raw) -> T:
    """What a decoder of msgspec makes of JSON; broken characters are replaced if there are any. Raises: as the decoder."""
    try:
        return decode(data)
    except msgspec.ValidationError:
        raise  # Its characters are not what is wrong.
    except (msgspec.DecodeError, UnicodeError):
        return decode(with_whole_characters(data if isinstance(data, str) else bytes(data)))


def with_whole_characters(data: bytes | str) -> bytes:
    """The same JSON in UTF-8, with a replacement character for each broken one. Raises: UnicodeError for a text with halves."""
    if isinstance(data, str):
        data = data.encode()
    if not data.isascii():
        data = data.decode(errors="replace").encode()
    if b"\0" in data:
        return data  # It is no JSON.
    marked = data.replace(b"\\\\", b"\0\0")  # So that what is left of the backslashes begins an escape.
    return _HALF.sub(rb"\\ufffd", marked).replace(b"\0\0", b"\\\\")


def repaired(data: bytes | str) -> bytes:
    """The same JSON in clean UTF-8; numbers may be spelled differently (1e999 as Infinity). Slow: for broken documents only.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    try:
        read = json.loads(text, parse_constant=_refuse, parse_int=_whole_number)
        written = json.dumps(read, ensure_ascii=False)
    except RecursionError:
        raise NestedTooDeeply from None
    return _without_halves(written).encode()


def encoded(value: object) -> bytes:
    """Values to JSON; half a surrogate pair becomes a replacement character, and a number that JSON has not, null."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(json.loads(_without_halves(json.dumps(value, ensure_ascii=False))))


def has_many_brackets(data: bytes | str) -> bool:
    """Whether JSON may be nested more than `MAX_DEPTH` deep. Most documents have fewer brackets than that."""
    if len(data) <= MAX_DEPTH:
        return False
    if isinstance(data, str):
        return data.count("[") + data.count("{") > MAX_DEPTH
    return data.count(b"[") + data.count(b"{") > MAX_DEPTH


def _is_shallow(data: bytes) -> bool:
    """Whether JSON is nested at most `MAX_DEPTH` deep. Without a loop over its values, of which there may be a million."""
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    levels = b"".join(bare.split(b'"')[::2]).translate(_UP_AND_DOWN, _NO_BRACKETS)
    for _ in range(_INNERMOST):
        levels = levels.replace(b"\x01\xff", b"")
    return max(accumulate(array("b", levels)), default=0) + _INNERMOST <= MAX_DEPTH


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _refuse(constant: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(constant)


def _without_halves(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
