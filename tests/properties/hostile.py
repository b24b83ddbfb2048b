"""What a far side may write instead of what it should: documents with odd values, broken JSON, and headers of any kind."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

_DEPTHS = (100, 300, 2_000, 100_000)
_TOKENS = (
    "1e999",
    "-1e999",
    "NaN",
    "-0",
    "9" * 5_000,
    "9" * 30,
    "-" + "9" * 30,
    "1.0",
    "0.1e-400",
    "tru",
    "",
)
_RAW = re.compile(r'"@(?P<kind>list|object|token):(?P<number>\d+)@"')
_NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**53,
    10**17,
    10**18,
    2**63,
    2**64,
    -(2**63) - 1,
    10**30,
    1.5,
    -2.5,
    1e17,
    1e300,
)
_TEXTS = (
    "",
    " ",
    "\0",
    "\ud83d",
    "\udc00\ud83d",
    "\ufeff",
    "\u2028",
    "a" * 3_000,
    "９",
    "-1",
    "true",
    "9" * 17,
    "9" * 25,
    "1e999",
    "//[",
    "http://[",
    "https://ex\u2100mple.com/",
    "javascript:alert(1)",
    "\r\nX-A: b",
    "{",
    "[]",
    '{"a":1}',
    '"\\ud83d"',
    "<a href='//['>x</a>",
    "(?u)x",
    "[[a]",
    "(?<n>a)\\k<n>",
    "(" * 200,
)
_SPOILT: Sequence[bytes] = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"0",
    b"NaN",
    b"<html>",
    b"\xff\xfe",
    b"[" * 200_000,
    b'"' * 1_001,
)

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(_NUMBERS),
    st.sampled_from(_TEXTS),
    st.text(max_size=6),
    st.integers(),
    st.sampled_from([[], {}, [None], [[]], [{}], {"": ""}, {"role": []}, {"text": {}}]),
    st.builds("@list:{}@".format, st.integers(0, len(_DEPTHS) - 1)),
    st.builds("@object:{}@".format, st.integers(0, len(_DEPTHS) - 1)),
    st.builds("@token:{}@".format, st.integers(0, len(_TOKENS) - 1)),
)
"""A value for any place. Those between @ become JSON that Python's encoder does not write: very deep, or with odd numbers."""


@st.composite
def documents(draw: st.DrawFn, usual: Sequence[Any]) -> bytes:
    """JSON like one of the usual documents, with up to three changes; or something that is no JSON at all."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.one_of(st.binary(max_size=60), st.sampled_from(_SPOILT)))
    value = json.loads(json.dumps(draw(st.sampled_from(usual))))
    for _ in range(draw(st.integers(0, 3))):
        value = _changed(draw, value)
    data = _written(value)
    match draw(st.sampled_from(["", "", "", "", "", "", "cut", "bom", "byte", "utf-16", "twice"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "bom":
            return b"\xef\xbb\xbf" + data
        case "byte":
            place = draw(st.integers(0, len(data)))
            return data[:place] + draw(st.sampled_from([b"\xff", b"\0", b"\xed\xa0\x80"])) + data[place:]
        case "utf-16":
            return data.decode().encode("utf-16")
        case "twice" if data.startswith(b'{"'):
            return data[:-1] + b"," + data[1:]
    return data


def _changed(draw: st.DrawFn, value: Any) -> Any:
    places = list(_places(value))
    odd = json.loads(json.dumps(draw(ODD)))
    if not places:
        return odd
    container, key = places[draw(st.integers(0, len(places) - 1))]
    match draw(st.sampled_from(["odd", "odd", "odd", "gone", "text", "list", "again"])):
        case "odd":
            container[key] = odd
        case "gone":
            del container[key]
        case "text":
            container[key] = _written(container[key]).decode()
        case "list":
            container[key] = [container[key]]
        case "again" if isinstance(container, list):
            container.append(json.loads(json.dumps(container[key])))
    return value


def _places(value: Any) -> Any:
    """Every place in a document: its container and its key there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        yield value, key
        yield from _places(one)


def _written(value: Any) -> bytes:
    def raw(match: re.Match[str]) -> str:
        number = int(match["number"])
        if match["kind"] == "token":
            return _TOKENS[number]
        opening, closing = ("[", "]") if match["kind"] == "list" else ('{"a":', "}")
        return opening * _DEPTHS[number] + "0" + closing * _DEPTHS[number]

    return _RAW.sub(raw, json.dumps(value)).encode()


_NUMERALS = st.sampled_from(
    [
        "0",
        "7",
        "-1",
        "1.5",
        "1e9",
        "9" * 9,
        "9" * 10,
        "9" * 400,
        "9" * 5_000,
        "NaN",
        "inf",
        "-inf",
        "٣",
        "0x10",
    ]
)
_DAYS = st.sampled_from(["Tue, ", "Tue,", "Tuesday, ", "", ",", "Xyz, "])
_YEARS = st.sampled_from(["2023", "23", "0", "1", "9999", "10000", "9" * 20, "-1", "", ":"])
_MONTHS = st.sampled_from(["Nov", "13", "nov", "November", "", "Foo"])
_ZONES = st.sampled_from(
    ["GMT", "", "-0000", "+9999", "-9999", "+99999999", "+" + "9" * 20, "-" + "9" * 20, "EST", "Z", "+ab"]
)
_TIMES = st.sampled_from(
    ["22:13:20", "24:00:00", "22:13:60", "22:13", "99999999999999999999:0:0", "-1:0:0", "", ":"]
)
DATES = st.builds(
    lambda *parts: "".join(parts),
    _DAYS,
    st.sampled_from(["14 ", "31 ", "0 ", "14-", "", "99999999999999999999 "]),
    _MONTHS,
    st.sampled_from([" ", "-", ""]),
    _YEARS,
    st.just(" "),
    _TIMES,
    st.sampled_from([" ", ""]),
    _ZONES,
)
"""Dates of headers, right and wrong."""
_SIGNS = st.sampled_from(["", " ", ",", "\0", ";", "=", "text/html; charset=\xff"])
VALUES = st.one_of(_NUMERALS, DATES, st.text(max_size=30), _SIGNS)
_NAMES = ["Retry-After", "Date", "Content-Type", "Content-Length", "Location", "X-Odd"]
HEADERS = st.dictionaries(st.sampled_from(_NAMES), VALUES, max_size=4)
STATUSES = st.one_of(
    st.sampled_from([200, 202, 204]),
    st.sampled_from([301, 400, 401, 403, 404, 405, 409, 410, 412, 417, 429, 500, 503]),
    st.integers(200, 999),
)
