"""The payloads of effects: the hook that caused an effect, or the conversation's newest. No method blocks the loop.

The platform's requestId expires minutes after its hook unless it is extended. After that, only the user's next message brings a
new one (docs/protocols/kore-xo-botkit.md, 4.6), so effects for the user can wait for it here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

from botkit.boottime import BootTime
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import HookBody, Ledger, OutboxItem
from botkit.relay.clock import Clock, first_of
from botkit.relay.ledger_client import LedgerClient

_MAX_RENEWED = 10_000


class Payloads:
    """Finds hooks in memory, or reads them from the store. Lives on one loop."""

    def __init__(
        self, ledger: Ledger, client: LedgerClient, clock: Clock, *, keeping: frozenset[str] = frozenset()
    ) -> None:
        """`keeping`: the bots whose configuration keeps every user's payload."""
        self._ledger = ledger
        self._client = client
        self._clock = clock
        self._keeping = keeping
        self.awaited: dict[ConversationId, set[asyncio.Future[None]]] = {}
        """The waiting effects of each conversation that needs a newer payload; usually empty."""
        self._renewed: OrderedDict[ConversationId, tuple[int, BootTime]] = OrderedDict()
        """The hash and arrival time of recent payloads for which an effect had waited."""

    async def own(self, item: OutboxItem) -> HookBody | None:
        """The hook that caused an effect, if it was not kept in memory with its item."""
        return await self._client.read(partial(self._ledger.hook_of, item.id))

    async def own_of(self, items: Sequence[OutboxItem], max_bytes: int) -> Mapping[int, HookBody | None]:
        """`own` of the first of several effects, by their outbox ids; see `Ledger.hooks_of`."""
        return await self._client.read(partial(self._ledger.hooks_of, [item.id for item in items], max_bytes))

    def at_hand(self, conversation_id: ConversationId) -> HookBody | None:
        """The newest payload, if it is in memory."""
        return self._ledger.cached_newest_hook(conversation_id)

    async def newest(self, conversation_id: ConversationId) -> HookBody | None:
        """The newest payload, which addresses the user."""
        in_memory = self.at_hand(conversation_id)
        return in_memory or await self._client.read(partial(self._ledger.newest_hook, conversation_id))

    def are_renewed(self, conversation_id: ConversationId) -> bool:
        """Whether the ledger will keep the payload of the user's next message."""
        return (
            conversation_id.bot_id in self._keeping or self._ledger.conversation(conversation_id) is not None
        )

    def renewed_at(self, conversation_id: ConversationId) -> BootTime | None:
        """When the newest payload arrived for which an effect had waited."""
        _, at = self._renewed.get(conversation_id, (0, None))
        return at

    def has_newer_in_memory(self, conversation_id: ConversationId, *, than: int | None) -> bool:
        """Whether a payload with another hash is in memory."""
        newest = self.at_hand(conversation_id)
        return newest is not None and hash(newest) != than

    async def newer(self, conversation_id: ConversationId, *, than: int | None, until: BootTime) -> bool:
        """Wait for a payload with another hash than the rejected one; False if none arrives in time."""
        while True:
            # Registered before the payload is read, or a commit in between would go unnoticed.
            woken = asyncio.get_running_loop().create_future()
            waiting = self.awaited.setdefault(conversation_id, set())
            waiting.add(woken)
            try:
                newest = await self.newest(conversation_id)
                if newest is not None and (payload := hash(newest)) != than:
                    self._note_renewal(conversation_id, payload)
                    return True
                left = until - self._clock.boottime()
                if left <= 0:
                    return False
                await first_of(self._clock, woken, left)
            finally:
                waiting.remove(woken)
                if not waiting:
                    del self.awaited[conversation_id]

    def committed(self, conversation_id: ConversationId) -> None:
        """Wake the effects that wait: a commit of this conversation may have brought a newer payload."""
        for woken in self.awaited.get(conversation_id, ()):
            if not woken.done():
                woken.set_result(None)

    def _note_renewal(self, conversation_id: ConversationId, payload: int) -> None:
        noted = self._renewed.pop(conversation_id, None)
        # Once for each payload, also if several effects had waited for it.
        if noted is None or noted[0] != payload:
            noted = payload, self._clock.boottime()
        self._renewed[conversation_id] = noted
        if len(self._renewed) > _MAX_RENEWED:
            self._renewed.popitem(last=False)
