"""What can be made to go wrong, for the next so many times or until it is switched off.

Of requests (`path`, `operation` and `conversation_id` narrow them down):
    status          answer with `status` instead of doing it; after a 503 the client may call ReconnectSession
    delay           wait `delay_ms` first
    refuse          close the connection without an answer
    silence         take the request and never answer
    drop-response   do it, then close the connection without an answer
    empty-polls     polls bring nothing but 204, whatever happens
    lose-message    answer a ChatMessage with OK and lose it
    lose-quick      the same for those that follow the one before within `within_ms`
    request-fail    the next ChasitorInit is followed by ChatRequestFail with `reason`
    switch-server   Visitor requests are sent on to `url`
At once, not kept:
    pod-restart     every session (or one) moves: 503 until ReconnectSession
    expire-sessions every session (or one) is unknown from now on: 403
    drop-polls      waiting polls lose their connection
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

AT_ONCE = ("pod-restart", "expire-sessions", "drop-polls")
Kind = Literal[
    "status",
    "delay",
    "refuse",
    "silence",
    "drop-response",
    "empty-polls",
    "lose-message",
    "lose-quick",
    "request-fail",
    "switch-server",
    "pod-restart",
    "expire-sessions",
    "drop-polls",
]
FailReason = Literal["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One switch. `times` None: until cleared. `path` is a part of ``METHOD /path``; `operation` a name of the API."""

    kind: Kind
    times: int | None = None
    path: str = ""
    operation: str = ""
    conversation_id: str = ""
    status: int = 503
    delay_ms: int = 1_000
    within_ms: int = 15
    reason: FailReason = "Unavailable"
    url: str = ""


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
        self, kind: Kind, *, line: str = "", operation: str = "", conversation_id: str = ""
    ) -> Fault | None:
        """The fault of this kind that applies now; one of its times is used up."""
        fault = self.on(kind, line=line, operation=operation, conversation_id=conversation_id)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._on.remove(fault)
                self._on_change()
        return fault

    def on(
        self, kind: Kind, *, line: str = "", operation: str = "", conversation_id: str = ""
    ) -> Fault | None:
        """The fault of this kind that applies now, without using it up."""
        for fault in self._on:
            if (
                fault.kind == kind
                and fault.path in line
                and fault.operation in ("", operation)
                and fault.conversation_id in ("", conversation_id)
            ):
                return fault
        return None


def _scope(fault: Fault) -> tuple[str, str, str, str]:
    return fault.kind, fault.path, fault.operation, fault.conversation_id
