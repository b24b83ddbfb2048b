"""Making a typed struct of plain JSON that does not quite have its types: what fits is kept, the rest is left out."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from botkit.handoff.attributes import as_text

S = TypeVar("S", bound=msgspec.Struct)


def fit(cls: type[S], plain: dict[str, Any]) -> S:
    """A struct with every field of `plain` that can be made to fit its type.

    A number becomes text where text is wanted, ``"true"`` and ``"false"`` become booleans; a field of another type counts
    as missing.
    """
    values: dict[str, Any] = {}
    for name, encoded, types in _fields(cls):
        if encoded in plain:
            fitting = _fit(types, plain[encoded])
            if fitting is not None:
                values[name] = fitting
    return cls(**values)


@cache
def _fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
    return tuple(
        (field.name, field.encode_name, _alternatives(field.type)) for field in msgspec.structs.fields(cls)
    )


def _alternatives(wanted: Any) -> tuple[Any, ...]:
    if get_origin(wanted) in (Union, UnionType):
        return tuple(one for one in get_args(wanted) if one is not NoneType)
    return (wanted,)


def _fit(types: tuple[Any, ...], value: Any) -> Any:
    for wanted in types:
        fitting = _fit_one(wanted, value)
        if fitting is not None:
            return fitting
    return None


def _fit_one(wanted: Any, value: Any) -> Any:
    if wanted is Any:
        return value
    if wanted is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    if wanted is bool:
        return (
            value
            if isinstance(value, bool)
            else {"true": True, "false": False}.get(value)
            if isinstance(value, str)
            else None
        )
    if wanted is str:
        return (
            as_text(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        )
    if wanted is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if get_origin(wanted) is list:
        (item,) = get_args(wanted)
        return [fit(item, one) for one in value if isinstance(one, dict)] if isinstance(value, list) else None
    return fit(wanted, value) if isinstance(value, dict) else None
