"""PostgreSQL's binary format of the values that its store has: parameters of statements, and columns of their results."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes], Any]

_ARRAY = struct.Struct(">iiIii")
"""Dimensions, whether there are nulls, the type of the elements, their number, and the number of the first one."""
_EMPTY = struct.Struct(">iiI")
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)
_BOOL, _BYTEA, _BIGINT, _SMALLINT, _INT, _TEXT, _DOUBLE, _VOID = 16, 17, 20, 21, 23, 25, 701, 2278
"""The numbers of the types (`pg_type.oid`)."""

_bigint, _smallint, _int = struct.Struct(">q"), struct.Struct(">h"), struct.Struct(">i")
_double, _bool = struct.Struct(">d"), struct.Struct(">?")


def _array_of(type_: int, code: str, size: int) -> Encoder:
    """Encodes arrays of numbers without nulls."""

    def encode(values: Sequence[Any]) -> bytes:
        count = len(values)
        if not count:
            return _EMPTY.pack(0, 0, type_)
        flat = [size] * (2 * count)
        flat[1::2] = values
        return struct.pack(f">iiIii{f'i{code}' * count}", 1, 0, type_, count, 1, *flat)

    return encode


def _text_array(values: Sequence[str | None]) -> bytes:
    return _bytes_array([None if one is None else one.encode() for one in values], _TEXT)


def _bytes_array(values: Sequence[bytes | None], type_: int = _BYTEA) -> bytes:
    count = len(values)
    if not count:
        return _EMPTY.pack(0, 0, type_)
    parts = [_ARRAY.pack(1, None in values, type_, count, 1)]
    for one in values:
        if one is None:
            parts.append(_NULL)
        else:
            parts += (_LENGTH.pack(len(one)), one)
    return b"".join(parts)


ENCODERS: Mapping[str, Encoder] = {
    "text": str.encode,
    "text[]": _text_array,
    "bytea[]": _bytes_array,
    "bigint[]": _array_of(_BIGINT, "q", 8),
    "smallint[]": _array_of(_SMALLINT, "h", 2),
    "boolean[]": _array_of(_BOOL, "?", 1),
}
"""By the name of the type to which a query casts its parameter."""


def _array_decoder(decode: Decoder) -> Decoder:
    def decode_array(data: bytes) -> list[Any]:
        if len(data) < _ARRAY.size:
            return []
        found: list[Any] = []
        place = _ARRAY.size
        for _ in range(_ARRAY.unpack_from(data)[3]):
            (length,) = _LENGTH.unpack_from(data, place)
            place += _LENGTH.size
            if length < 0:
                found.append(None)
            else:
                found.append(decode(data[place : place + length]))
                place += length
        return found

    return decode_array


def _number(layout: struct.Struct) -> Decoder:
    return lambda data: layout.unpack(data)[0]


DECODERS: Mapping[int, Decoder] = {
    _BOOL: _number(_bool),
    _BYTEA: bytes,
    _BIGINT: _number(_bigint),
    _SMALLINT: _number(_smallint),
    _INT: _number(_int),
    _TEXT: bytes.decode,
    _DOUBLE: _number(_double),
    _VOID: bytes,
    1005: _array_decoder(_number(_smallint)),
    1009: _array_decoder(bytes.decode),
    1016: _array_decoder(_number(_bigint)),
}
"""By the number of a column's type."""
