"""Hooks that are not in memory: they are read from the store in groups, shortly before their lanes may go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from botkit.errors import LedgerClosed
from botkit.ledger.interface import HookBody
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.outbound.delivery import Delivery
from botkit.relay.outbound.lane import Lane
from botkit.relay.outbound.remote import Remote

_log = get_logger("botkit.relay")

READ_AT_ONCE = 64
"""Max hooks read from the store at once; fewer lanes than this are kept ready with theirs."""
READ_BYTES = 4 * 1024 * 1024
"""Max bytes of these hooks, unless a single one is longer; no more are read while the lanes kept ready have as many."""


class LanesOf(Protocol):
    """What is told of a lane whose hook was read; see `lanes.Lanes`."""

    def hold(self, lane: Lane, hook: HookBody) -> None:
        """Keep the hook of the head in memory."""

    def needs_task(self, lane: Lane) -> None:
        """The head needs more than another attempt; its progress says what."""

    def left(self, lane: Lane) -> None:
        """The conversation is leaving this process; the next one delivers the head."""


class ReadAhead:
    """Moves lanes from `Remote.unread` to `Remote.ready`. Lives on one loop.

    Args:
        delivery: knows the store.
        lanes: is told what was read.
        then: called with the remote when lanes have become ready.
    """

    def __init__(self, delivery: Delivery, lanes: LanesOf, *, then: Callable[[Remote], None]) -> None:
        self._delivery = delivery
        self._lanes = lanes
        self._then = then

    def lacks(self, lane: Lane) -> bool:
        """Whether the head needs its hook, and has to read it first."""
        return lane.head.hook is None and self._delivery.reads_hook(lane.head)

    def read(self, remote: Remote) -> None:
        """Read the next hooks, unless enough lanes are ready or it reads already."""
        if remote.reading is None and self._wants(remote):
            remote.reading = asyncio.get_running_loop().create_task(self._read(remote))

    def _wants(self, remote: Remote) -> bool:
        if not remote.unread or len(remote.ready) >= READ_AT_ONCE:
            return False
        return (
            sum(len(lane.head.hook.body) for lane in remote.ready if lane.head.hook is not None) < READ_BYTES
        )

    async def _read(self, remote: Remote) -> None:
        try:
            while self._wants(remote):
                unread = remote.unread
                lanes = [unread.popleft() for _ in range(min(READ_AT_ONCE, len(unread)))]
                try:
                    hooks = await self._hooks_of(lanes)
                except LedgerClosed:
                    for lane in lanes:
                        if not lane.gone:
                            self._lanes.left(lane)
                else:
                    self._make_ready(remote, lanes, hooks)
                    self._then(remote)
        finally:
            remote.reading = None

    async def _hooks_of(self, lanes: Sequence[Lane]) -> Mapping[int, HookBody | None]:
        """The hooks that lanes lack, by the id of their heads; those that exceed the max. bytes are missing.

        Raises:
            LedgerClosed: the store is closed.
        """
        without = [lane.head for lane in lanes if self.lacks(lane)]
        if not without:
            return {}
        try:
            return await self._delivery.payloads.own_of(without, READ_BYTES)
        except LedgerClosed:
            raise
        except Exception as error:  # noqa: BLE001 - a defect: each lane reads its hook by itself
            _log.error("hooks_not_read", effects=len(without), error=where(error))
            return dict.fromkeys([item.id for item in without])

    def _make_ready(self, remote: Remote, read: Sequence[Lane], hooks: Mapping[int, HookBody | None]) -> None:
        lanes = [lane for lane in read if not lane.gone]
        for number, lane in enumerate(lanes):
            if self.lacks(lane) and lane.head.id not in hooks:
                remote.unread.extendleft(reversed(lanes[number:]))
                break
            if (hook := hooks.get(lane.head.id)) is not None:
                self._lanes.hold(lane, hook)
            if self.lacks(lane):
                self._lanes.needs_task(lane)
            else:
                remote.ready.append(lane)
