"""What can be made to go wrong, for the next so many times or until it is switched off.

Of requests (all but an already open event stream; `path` and `operation` narrow them down):
    status         answer with `status` (and Retry-After, if `retry_after` is given) instead of doing it
    delay          wait `delay_ms` first
    refuse         close the connection without an answer
    silence        take the request and never answer; open streams say nothing either, not even a ping
    drop-response  do it, then close the connection without an answer
Of events, one at a time, whichever stream they are for:
    repeat-event   put it on the stream twice
    lose-event     keep it off the stream; the list has it
    truncate-event send half of it, then break the connection
    delay-event    wait `delay_ms` before writing it
Of streams while the fault is on:
    crlf           CR LF line ends
    bom            a byte order mark first (streams opened from now on)
At once, not kept:
    drop-streams   break every open stream; with ``how: "end"``, end it properly
    expire-tokens  every token issued so far has expired now
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

AT_ONCE = ("drop-streams", "expire-tokens")
Kind = Literal[
    "status",
    "delay",
    "refuse",
    "silence",
    "drop-response",
    "repeat-event",
    "lose-event",
    "truncate-event",
    "delay-event",
    "crlf",
    "bom",
    "drop-streams",
    "expire-tokens",
]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One switch. `times` None: until cleared. `path` is a part of ``METHOD /path``; `operation` a name of the API."""

    kind: Kind
    times: int | None = None
    path: str = ""
    operation: str = ""
    conversation_id: str = ""
    status: int = 503
    retry_after: float | None = None
    delay_ms: int = 1_000
    how: Literal["abort", "end"] = "abort"


class Faults:
    """The switches that are on. `on_change` hears of every change."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on: list[Fault] = []
        self._on_change = on_change
        self.cleared = 0
        """Counts the clearings, for requests that wait for one."""

    def __bool__(self) -> bool:
        return bool(self._on)

    def all(self) -> tuple[Fault, ...]:
        """What is on now."""
        return tuple(self._on)

    def add(self, fault: Fault) -> None:
        """Switch on; the same kind for the same requests is replaced."""
        self._on = [old for old in self._on if _scope(old) != _scope(fault)]
        if fault.times is None or fault.times > 0:
            self._on.append(fault)
        self._on_change()

    def clear(self, kind: str | None = None) -> None:
        """Switch off one kind, or everything."""
        self._on = [fault for fault in self._on if kind is not None and fault.kind != kind]
        self.cleared += 1
        self._on_change()

    def take(
        self, kind: Kind, request_line: str = "", operation: str = "", conversation_id: str = ""
    ) -> Fault | None:
        """The fault of this kind that applies now; one of its times is used up."""
        for fault in self._on:
            if fault.kind == kind and _concerns(fault, request_line, operation, conversation_id):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._on.remove(fault)
                        self._on_change()
                return fault
        return None

    def on(self, kind: Kind, request_line: str = "", operation: str = "") -> bool:
        """Whether a fault is on, without using it up."""
        return any(fault.kind == kind and _concerns(fault, request_line, operation, "") for fault in self._on)


def _scope(fault: Fault) -> tuple[str, str, str, str]:
    return fault.kind, fault.path, fault.operation, fault.conversation_id


def _concerns(fault: Fault, request_line: str, operation: str, conversation_id: str) -> bool:
    of_conversation = fault.conversation_id in (conversation_id, "") or fault.conversation_id in request_line
    return of_conversation and fault.path in request_line and fault.operation in ("", operation)
