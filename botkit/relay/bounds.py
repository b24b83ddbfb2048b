"""Keeps every value that comes from agent systems within bounds, because it ends up in the store.

Agent systems may be plug-ins, and repeat what their far side writes. A time that is not a number could not be read back after a
restart, and one in the far future would keep deduplication keys until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, get_args

import msgspec

from botkit.agents import Granted
from botkit.errors import BadReply
from botkit.handoff.conversation import Access, FileLimits, Instant
from botkit.handoff.events import (
    AgentJoined,
    AgentSaid,
    AgentSideEvent,
    AgentTyping,
    FromAgents,
    IdleRule,
    QueueMoved,
)
from botkit.http.lenient_json import encoded

DAY_SECONDS: Final = 86_400.0
YEAR_SECONDS: Final = 366 * DAY_SECONDS
MAX_NAME: Final = 1_000
"""Max characters of a name, and of each other short text of an event."""
MAX_POSITION: Final = 16_384
_SHORT_BYTES: Final = 1_000
"""An event whose JSON is shorter has no text that is too long."""
_MAX_PLACE: Final = 1_000_000

_encode: Final = msgspec.json.Encoder().encode
_DECODERS: Final[Mapping[type, Callable[[bytes], FromAgents]]] = {
    kind: msgspec.json.Decoder(kind).decode for kind in get_args(AgentSideEvent)
}
_LENIENT: Final[Mapping[type, Callable[[bytes], FromAgents]]] = {
    kind: msgspec.json.Decoder(kind, strict=False).decode for kind in get_args(AgentSideEvent)
}
_WITH_NUMBERS: Final = frozenset({AgentTyping, QueueMoved, AgentJoined})
"""The events that have numbers besides their times."""
_TEXTS: Final = {
    kind: tuple(one.name for one in msgspec.structs.fields(kind) if one.type is str)
    for kind in get_args(AgentSideEvent)
}
_LONG: Final = frozenset({"key", "session_id", "position", "data", "request"})
"""Texts that are not cut: a cut id is another id, and a cut position or cut data are useless."""


def within_bounds(event: FromAgents, now: Instant) -> tuple[FromAgents | None, str]:
    """An event of an agent system, with its impossible values replaced.

    Returns:
        The same event if all is well, another one if values were replaced, or None if the event cannot be used; and the names of
        those values.
    """
    kind = type(event)
    decode = _DECODERS.get(kind)
    if decode is None:
        return None, "not an event"
    try:
        data = _encode(event)
        decode(data)
        may_be_wrong = kind in _WITH_NUMBERS or not _has_possible_times(event, now)
        wrong = _out_of_bounds(event, now) if may_be_wrong else []
        if len(data) >= _SHORT_BYTES:
            wrong += [name for name, _ in _long_texts(event)]
    except Exception:  # noqa: BLE001 - a plug-in may bring anything
        return _mended(event, now)
    return (event, "") if not wrong else _mended(event, now)


class _Grant(msgspec.Struct, frozen=True):
    """The values of a `Granted` that are stored, except its expiry."""

    access: Access
    file_limits: FileLimits | None
    nobody_message: str


_decode_grant: Final = msgspec.json.Decoder(_Grant).decode


def grant_within_bounds(granted: Granted, now: Instant) -> Granted:
    """The granted access, without an expiry that is not a possible time. Raises: BadReply if it cannot be stored."""
    try:
        _decode_grant(_encode(_Grant(granted.access, granted.file_limits, granted.nobody_message)))
        sound = _is_within(granted.access.high_water_ms, 0, (now + DAY_SECONDS) * 1_000)
    except Exception:  # noqa: BLE001 - a plug-in may bring anything
        sound = False
    if not sound:
        raise BadReply("open access", detail="the agent system granted what cannot be stored")
    expires_at = granted.expires_at
    if expires_at is None or _is_within(expires_at, now - YEAR_SECONDS, now + 10 * YEAR_SECONDS):
        return granted
    return replace(granted, expires_at=None)


def _has_possible_times(event: FromAgents, now: Instant) -> bool:
    """Whether both times are possible, of an event whose values have the right types."""
    latest = now + DAY_SECONDS
    return now - YEAR_SECONDS <= event.at <= latest and 0 <= event.high_water_ms <= latest * 1_000


def _out_of_bounds(event: FromAgents, now: Instant) -> list[str]:
    """The fields with impossible numbers."""
    wrong = []
    if not _is_within(event.at, now - YEAR_SECONDS, now + DAY_SECONDS):
        wrong.append("at")
    if not _is_within(event.high_water_ms, 0, (now + DAY_SECONDS) * 1_000):
        wrong.append("high_water_ms")
    match event:
        case AgentTyping() if not _is_within(event.holds_seconds, 0, DAY_SECONDS):
            wrong.append("holds_seconds")
        case QueueMoved():
            if not _is_within(event.place, 0, _MAX_PLACE):
                wrong.append("place")
            if event.wait_seconds is not None and not _is_within(event.wait_seconds, 0, 30 * DAY_SECONDS):
                wrong.append("wait_seconds")
        case AgentJoined(idle=IdleRule(warning_seconds=warning, timeout_seconds=timeout)):
            if not (_is_within(warning, 0, YEAR_SECONDS) and _is_within(timeout, 0, YEAR_SECONDS)):
                wrong.append("idle")
    return wrong


def _long_texts(event: FromAgents) -> list[tuple[str, str]]:
    """The texts that are too long, each with what is left of it."""
    found = []
    for name in _TEXTS[type(event)]:
        text = getattr(event, name)
        if isinstance(text, str) and name not in _LONG and len(text) > MAX_NAME:
            found.append((name, text[:MAX_NAME]))
    if isinstance(event.position, str) and len(event.position) > MAX_POSITION:
        found.append(("position", ""))
    return found


def _mended(event: FromAgents, now: Instant) -> tuple[FromAgents | None, str]:
    kind = type(event)
    wrong = set()
    try:
        values: dict[str, Any] = msgspec.to_builtins(event)
        for name in _out_of_bounds(event, now):
            wrong.add(name)
            values.pop(name)
        for name, value in {"at": float(now), "place": 0}.items():
            if name in wrong:
                values[name] = value
        for name, text in _long_texts(event):
            wrong.add(name)
            values[name] = text
        for name in _TEXTS[kind]:
            if not isinstance(text := values.get(name, ""), str):
                wrong.add(name)
                values[name] = "" if text is None else str(text)[:MAX_NAME]
        mended = _LENIENT[kind](encoded(values))
    except Exception:  # noqa: BLE001 - a plug-in may bring anything
        return None, ", ".join(sorted(wrong)) or "a value of another type"
    if isinstance(mended, AgentSaid) and not wrong:
        return mended, "content"  # Half of a surrogate pair, mostly.
    return mended, ", ".join(sorted(wrong)) or "a value of another type"


def _is_within(value: object, low: float, high: float) -> bool:
    """Whether it is a number from `low` to `high`; NaN is not."""
    return isinstance(value, int | float) and low <= value <= high
