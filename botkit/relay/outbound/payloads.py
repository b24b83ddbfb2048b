"""The hooks that effects go out with: their own, or the conversation's newest. Nothing here blocks the loop.

The platform's requestId expires minutes after its hook unless it is extended, and then only the user's next message brings
another (protocols/kore-xo-botkit.md, 4.6): what is for the user can wait for it here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import structlog

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger.interface import HookBody, Ledger, OutboxItem
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LEDGER_BACKOFF

_log = structlog.get_logger("botkit.relay")

_MAX_RENEWED = 10_000


class Payloads:
    """Finds hooks in memory, or in the ledger with a thread's help. Lives on one loop."""

    def __init__(self, ledger: Ledger, clock: Clock, *, keeping: frozenset[str] = frozenset()) -> None:
        """`keeping`: the bots of which every user's payload is kept."""
        self._ledger = ledger
        self._clock = clock
        self._keeping = keeping
        self.awaited: dict[ConversationId, set[asyncio.Future[None]]] = {}
        """Conversations in which something waits for a newer payload: nearly always none."""
        self._renewed: OrderedDict[ConversationId, tuple[int, Instant]] = OrderedDict()
        """The newer payload that something had waited for, as its hash, and when it came; only lately."""

    async def own(self, item: OutboxItem) -> HookBody | None:
        """The hook an effect came from, of an item that was too many to be held in memory with it."""
        return await self._read(partial(self._ledger.hook_of, item.id))

    async def newest(self, conversation_id: ConversationId) -> HookBody | None:
        """How the user can be reached."""
        at_hand = self._ledger.newest_hook_at_hand(conversation_id)
        return at_hand or await self._read(partial(self._ledger.newest_hook, conversation_id))

    def are_renewed(self, conversation_id: ConversationId) -> bool:
        """Whether the user's next message will be kept as their newest payload."""
        return (
            conversation_id.bot_id in self._keeping or self._ledger.conversation(conversation_id) is not None
        )

    def renewed_at(self, conversation_id: ConversationId) -> Instant | None:
        """When the newest payload came that something had waited for."""
        _, at = self._renewed.get(conversation_id, (0, None))
        return at

    def newer_is_at_hand(self, conversation_id: ConversationId, *, than: int | None) -> bool:
        """Whether another payload than the one of this hash is in memory."""
        newest = self._ledger.newest_hook_at_hand(conversation_id)
        return newest is not None and hash(newest) != than

    async def newer(self, conversation_id: ConversationId, *, than: int | None, until: Instant) -> bool:
        """Wait for another payload than the one of this hash, which did not serve; False if none came in time."""
        while True:
            # Before the look at what there is, or a commit in between would go unnoticed.
            woken = asyncio.get_running_loop().create_future()
            waiting = self.awaited.setdefault(conversation_id, set())
            waiting.add(woken)
            try:
                newest = await self.newest(conversation_id)
                if newest is not None and (payload := hash(newest)) != than:
                    self._note_renewal(conversation_id, payload)
                    return True
                left = until - self._clock.now()
                if left <= 0:
                    return False
                await self._first_of(woken, left)
            finally:
                waiting.remove(woken)
                if not waiting:
                    del self.awaited[conversation_id]

    def committed(self, conversation_id: ConversationId) -> None:
        """Something of this conversation was committed; it may have brought a newer payload."""
        for woken in self.awaited.get(conversation_id, ()):
            if not woken.done():
                woken.set_result(None)

    def _note_renewal(self, conversation_id: ConversationId, payload: int) -> None:
        noted = self._renewed.pop(conversation_id, None)
        # Once for each payload, however much had waited for it.
        if noted is None or noted[0] != payload:
            noted = payload, self._clock.now()
        self._renewed[conversation_id] = noted
        if len(self._renewed) > _MAX_RENEWED:
            self._renewed.popitem(last=False)

    async def _first_of(self, woken: asyncio.Future[None], seconds: float) -> None:
        late = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({woken, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            late.cancel()

    async def _read(self, what: Callable[[], HookBody | None]) -> HookBody | None:
        """Read the store in a thread; while it is in trouble, read again.

        Raises:
            LedgerClosed: the service is stopping.
        """
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(what)
            except LedgerClosed:
                raise
            except LedgerError as error:
                failures += 1
                _log.warning("ledger_retry", code=error.code, failures=failures)
                await self._clock.sleep(LEDGER_BACKOFF.ceiling(failures))
