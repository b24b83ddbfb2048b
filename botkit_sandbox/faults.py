"""The faults that are switched on in an emulated Salesforce service. Each service has its own type of fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec


class ScopedFault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault and the requests or events that it applies to.

    Attributes:
        kind: what goes wrong.
        times: how often it still happens; None: until the fault is cleared.
        path: a part of ``METHOD /path``; empty for every request.
        operation: the name of an API operation; empty for every operation.
        conversation_id: empty for every conversation.
    """

    kind: str
    times: int | None = None
    path: str = ""
    operation: str = ""
    conversation_id: str = ""


F = TypeVar("F", bound=ScopedFault)


class Faults(Generic[F]):
    """The faults of one service. `on_change` is called after every change."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on: list[F] = []
        self._on_change = on_change
        self.cleared = 0
        """Counts the calls of `clear`, for requests that wait for one."""

    def __bool__(self) -> bool:
        return bool(self._on)

    def all(self) -> tuple[F, ...]:
        """The faults that are on."""
        return tuple(self._on)

    def add(self, fault: F) -> None:
        """Switch a fault on. It replaces one of the same kind and scope."""
        self._on = [old for old in self._on if _scope(old) != _scope(fault)]
        if fault.times is None or fault.times > 0:
            self._on.append(fault)
        self._on_change()

    def clear(self, kind: str | None = None) -> None:
        """Switch off the faults of one kind, or all."""
        self._on = [fault for fault in self._on if kind is not None and fault.kind != kind]
        self.cleared += 1
        self._on_change()

    def use(self, kind: str, *, line: str = "", operation: str = "", conversation_id: str = "") -> F | None:
        """The fault of this kind that applies now, if any. It counts as having happened once more.

        Args:
            kind: of the fault.
            line: ``METHOD /path`` of the request.
            operation: the request's operation.
            conversation_id: of the request or event.
        """
        fault = self.find(kind, line=line, operation=operation, conversation_id=conversation_id)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._on.remove(fault)
                self._on_change()
        return fault

    def find(self, kind: str, *, line: str = "", operation: str = "", conversation_id: str = "") -> F | None:
        """Like `use`, but the fault does not count as having happened."""
        for fault in self._on:
            if (
                fault.kind == kind
                and fault.path in line
                and fault.operation in ("", operation)
                and (fault.conversation_id in ("", conversation_id) or fault.conversation_id in line)
            ):
                return fault
        return None


def _scope(fault: ScopedFault) -> tuple[str, str, str, str]:
    return fault.kind, fault.path, fault.operation, fault.conversation_id
