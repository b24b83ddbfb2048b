"""Filling a typed struct from plain JSON of slightly other types: convertible values are converted, others left out."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from botkit.handoff.attributes import as_text
from botkit.http.lenient_json import encoded

S = TypeVar("S", bound=msgspec.Struct)

_MAX_ITEMS = 1_000
_BOOLEANS = {"true": True, "false": False}


def coerce(cls: type[S], plain: dict[str, Any]) -> S:
    """A struct with every member of `plain` that can be coerced to the type of its field.

    A number becomes text where text is wanted, ``"true"`` and ``"false"`` become booleans; a member of another type counts
    as missing.
    """
    values: dict[str, Any] = {}
    for name, encoded_name, types in _fields(cls):
        if encoded_name in plain:
            value = _coerce_to_any(types, plain[encoded_name])
            if value is not None:
                values[name] = value
    return cls(**values)


@cache
def _fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
    return tuple(
        (field.name, field.encode_name, _alternatives(field.type)) for field in msgspec.structs.fields(cls)
    )


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return tuple(one for one in get_args(annotation) if one is not NoneType)
    return (annotation,)


def _coerce_to_any(types: tuple[Any, ...], value: Any) -> Any:
    for wanted in types:
        coerced = _coerce_to(wanted, value)
        if coerced is not None:
            return coerced
    return None


def _coerce_to(wanted: Any, value: Any) -> Any:
    """The value as the wanted type, or None."""
    if wanted is Any:
        return value
    if wanted is msgspec.Raw:
        return msgspec.Raw(encoded(value))
    if wanted is bool:
        return value if isinstance(value, bool) else _BOOLEANS.get(value) if isinstance(value, str) else None
    if isinstance(value, bool):
        return None
    if wanted is str:
        return as_text(value) if isinstance(value, str | int | float) else None
    if wanted is int:
        return value if isinstance(value, int) else None
    if get_origin(wanted) is list:
        (item,) = get_args(wanted)
        return (
            [coerce(item, one) for one in value[:_MAX_ITEMS] if isinstance(one, dict)]
            if isinstance(value, list)
            else None
        )
    return coerce(wanted, value) if isinstance(value, dict) else None
