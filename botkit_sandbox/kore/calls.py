"""The request ids that the platform issues with hooks, and BotKit's calls for them.

See docs/protocols/kore-xo-botkit.md, 4.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botkit_sandbox.errors import ExpiredCall, UnknownCall

_SWEEP_EVERY = 1_000
_KEPT_AFTER_EXPIRY_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The first call that BotKit made for a message hook."""

    action: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Call:
    """A posted hook and its request id. `text` is the text in the hook."""

    id: str
    user_id: str
    event: str
    text: str | None
    expires_ms: int
    node_id: str = ""
    dialog_id: str = ""
    followed: asyncio.Future[FollowUp] | None = None

    def follow(self, action: str, body: Mapping[str, Any]) -> bool:
        """Record BotKit's call. Returns whether the platform was waiting for it."""
        if self.followed is None or self.followed.done():
            return False
        self.followed.set_result(FollowUp(action, body))
        return True


@dataclass(slots=True)
class CallBook:
    """All request ids of the last hour."""

    lifetime_ms: int = 0
    _calls: dict[str, Call] = field(default_factory=dict)
    _newest: dict[str, str] = field(default_factory=dict)
    _last_number: int = 0

    def issue(
        self,
        user_id: str,
        event: str,
        *,
        now_ms: int,
        text: str | None = None,
        node_id: str = "",
        dialog_id: str = "",
        waits: bool = False,
    ) -> Call:
        """Issue a request id: milliseconds since 1970, incremented if the number is already in use.

        Args:
            waits: the platform waits for a follow-up of this hook.
        """
        self._last_number = max(self._last_number + 1, now_ms)
        if self._last_number % _SWEEP_EVERY == 0 or len(self._calls) % _SWEEP_EVERY == _SWEEP_EVERY - 1:
            self._sweep(now_ms)
        call = Call(
            id=str(self._last_number),
            user_id=user_id,
            event=event,
            text=text,
            expires_ms=now_ms + self.lifetime_ms,
            node_id=node_id,
            dialog_id=dialog_id,
            followed=asyncio.get_running_loop().create_future() if waits else None,
        )
        self._calls[call.id] = call
        return call

    def name(self, call: Call, request_id: str) -> None:
        """Let a request id that lasts longer than a message stand for its newest call."""
        self._newest[request_id] = call.id

    def find(self, request_id: str, *, now_ms: int) -> Call:
        """The call with this request id.

        Raises:
            UnknownCall: there is none.
            ExpiredCall: the request id has expired.
        """
        call = self._calls.get(self._newest.get(request_id, request_id))
        if call is None:
            raise UnknownCall(f"requestId {request_id[:64]} is not known")
        if now_ms >= call.expires_ms:
            raise ExpiredCall(f"requestId {request_id[:64]} has expired")
        return call

    def extend(self, call: Call, *, now_ms: int) -> None:
        """Restart the lifetime of the request id."""
        call.expires_ms = now_ms + self.lifetime_ms

    def _sweep(self, now_ms: int) -> None:
        limit = now_ms - _KEPT_AFTER_EXPIRY_MS
        for request_id in [i for i, call in self._calls.items() if call.expires_ms < limit]:
            del self._calls[request_id]
        self._newest = {name: call for name, call in self._newest.items() if call in self._calls}
