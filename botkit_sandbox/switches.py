"""Validation of switches: a value must match the type of its field; the error names the allowed values."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


def check(settings: DataclassInstance) -> None:
    """Raises: ValueError: a value is not of the type of its field; the message lists each with the allowed values."""
    mistakes = []
    for name, type_ in _types(type(settings)).items():
        value = getattr(settings, name)
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError:
            mistakes.append(f"{name} is {_shown(value)}, but has to be {_wanted(type_)}")
    if mistakes:
        raise ValueError("; ".join(mistakes))


def changed(settings: S, changes: Mapping[str, Any]) -> S:
    """The settings with some switches changed, from JSON.

    Raises:
        ValueError: a name is not a switch, or a value is not allowed for it.
    """
    types = _types(type(settings))
    if unknown := sorted(set(changes) - set(types)):
        raise ValueError("; ".join(_no_such(name, types) for name in unknown))
    known: dict[str, Any] = {}
    for name, value in changes.items():
        try:
            known[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            where = f" ({error})" if "$" in str(error) else ""  # inside the value
            wanted = _wanted(types[name])
            raise ValueError(f"{name} is {_shown(value)}, but has to be {wanted}{where}") from error
    return dataclasses.replace(settings, **known)


@functools.cache
def _types(of: type[DataclassInstance]) -> dict[str, Any]:
    hints = get_type_hints(of, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(of)}


def _no_such(name: str, types: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, types, n=1)
    return f"no such switch: {name}" + (f"; is it {close[0]}?" if close else "")


def _shown(value: object) -> str:
    return repr(value)[:80]


def _wanted(type_: Any) -> str:
    """A type in words: ``one of 409, 200``, ``a whole number from 1 on``, ``a number from 0 to 86400, or none``."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (Union, UnionType):
        return ", or ".join(_wanted(each) for each in arguments)
    if origin is Annotated:
        return _wanted(arguments[0]) + _limits(arguments[1])
    if origin is tuple:
        return f"a list of {getattr(arguments[0], '__name__', arguments[0])}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", NoneType: "none"}
    return words.get(type_, str(type_))


def _limits(meta: msgspec.Meta) -> str:
    low = f" from {meta.ge}" if meta.ge is not None else f" above {meta.gt}"
    return low + (f" to {meta.le}" if meta.le is not None else " on")
