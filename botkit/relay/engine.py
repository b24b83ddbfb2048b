"""The relay's parts put together, on its loop: what to do with each commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from botkit.agents import AgentSystem
from botkit.config.settings import Settings
from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import AgentEffect, ArmTimer, CancelTimer, CountMetric, DropLane, Effect
from botkit.ledger.interface import Committed, Ledger, OutboxItem
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways
from botkit.relay.inbound.event_writer import AgentEventWriter
from botkit.relay.inbound.poll import PollReceiver
from botkit.relay.inbound.receipts import Receipts
from botkit.relay.inbound.receivers import Receiver, Receivers
from botkit.relay.inbound.stream import StreamReceiver
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker, CircuitBreakers
from botkit.relay.outbound.delivery import Delivery
from botkit.relay.outbound.lanes import Lanes
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import Performer
from botkit.relay.schedule import new_schedule
from botkit.relay.timers import Sweeper, Timers

_log = structlog.get_logger("botkit.relay")

CONNECTING_AT_ONCE = 64
"""Streams being opened at the same time: after a restart there are as many to open as there are conversations."""


class Engine:
    """Everything of a relay but its thread. Lives on one loop."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        outside: Gateways,
        *,
        metrics: RelayMetrics,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._backoffs = {
            bot_id: Backoff.from_settings(bot.delivery) for bot_id, bot in settings.bots.items()
        }
        self._peers = CircuitBreakers()
        self._submitter = LedgerClient(ledger, clock)
        self._connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self.schedule = new_schedule()
        self._timers = Timers(self.schedule, self._submitter, clock)
        self._receipts = Receipts(outside, clock)
        self._receivers = Receivers(
            outside=outside,
            submitter=self._submitter,
            clock=clock,
            make=self._receiver,
            metrics=metrics,
            committed=self._receipts.promise,
        )
        keeping = frozenset(bot_id for bot_id, bot in settings.bots.items() if bot.kore.keep_payloads)
        self._payloads = Payloads(ledger, clock, keeping=keeping)
        performer = Performer(
            outside=outside,
            ledger=ledger,
            payloads=self._payloads,
            bots=settings.bots,
            clock=clock,
            reconcile=self._receivers.reconcile,
            end=self._receivers.end,
        )
        self._delivery = Delivery(
            performer=performer,
            payloads=self._payloads,
            submitter=self._submitter,
            peer_of=self._peer_of,
            backoff_of=lambda item: self._backoff(item.conversation_id.bot_id),
            clock=clock,
            chance=chance,
            metrics=metrics,
            settled=self._receipts.settled,
        )
        self.lanes = Lanes(self._delivery.deliver, self._delivery.abandon, self._delivery.stands)
        self._resumed_up_to = 0
        self.schedule.start()
        Sweeper(ledger, clock).start(self.schedule)

    def resume(self) -> None:
        """Take up what a former process left: its undelivered effects, its open conversations, its timers."""
        undelivered = self._ledger.undelivered()
        conversations = self._ledger.open_conversations()
        for item in undelivered:
            self._resumed_up_to = max(self._resumed_up_to, item.id)
            self.lanes.put(item)
        for conversation in conversations:
            self._timers.resume(conversation)
            self._receivers.follow(conversation)
        if undelivered or conversations:
            _log.info("resumed", effects=len(undelivered), conversations=len(conversations))

    def take(self, batch: Sequence[Committed]) -> None:
        """Act on what was committed, in commit order."""
        awaited = self._payloads.awaited
        for committed in batch:
            if committed.duplicate:
                continue
            conversation = committed.conversation
            # The agents' side may have something for us as soon as it knows of the session; and an agent lane must be
            # dropped before its end is put into it.
            self._receivers.follow(conversation)
            for effect in committed.local_effects:
                self._carry_out(conversation, effect)
            for item in committed.items:
                # Committed while this relay was starting: `resume` has found it in the ledger.
                if item.id > self._resumed_up_to:
                    self.lanes.put(item)
            if awaited:
                self._payloads.committed(conversation.id)

    async def close(self, seconds: float) -> None:
        """Stop receiving, let attempts under way finish for `seconds`, and stop."""
        await self._receivers.close()
        self.schedule.shutdown(wait=False)
        self._delivery.close()
        await self.lanes.close(seconds)
        await self._timers.close(seconds)
        await self._receipts.close()

    def _carry_out(self, conversation: Conversation, effect: Effect) -> None:
        match effect:
            case ArmTimer(session_id, name, due):
                self._timers.arm(conversation.id, session_id=session_id, name=name, due=due)
            case CancelTimer(session_id, name):
                self._timers.cancel(session_id=session_id, name=name)
            case DropLane(session_id):
                self.lanes.drop(conversation.id, session_id)
            case CountMetric(what, why):
                self._metrics.noted(what, why)
                _log.info("handoff", what=what, why=why, bot=conversation.id.bot_id)

    def _receiver(self, intake: AgentEventWriter, system: AgentSystem, name: str) -> Receiver:
        bot_id = intake.conversation_id.bot_id
        backoff = self._backoff(bot_id)
        peer = self._peers.get(bot_id, name, backoff)
        if system.capabilities.receive == "poll":
            return PollReceiver(
                intake,
                system,
                schedule=self.schedule,
                submitter=self._submitter,
                clock=self._clock,
                chance=self._chance,
                backoff=backoff,
                peer=peer,
            )
        return StreamReceiver(
            intake,
            system,
            name,
            submitter=self._submitter,
            clock=self._clock,
            chance=self._chance,
            backoff=backoff,
            peer=peer,
            metrics=self._metrics,
            connecting=self._connecting,
        )

    def _peer_of(self, item: OutboxItem) -> CircuitBreaker:
        bot_id = item.conversation_id.bot_id
        side = item.effect.system if isinstance(item.effect, AgentEffect) else ""
        return self._peers.get(bot_id, side, self._backoff(bot_id))

    def _backoff(self, bot_id: str) -> Backoff:
        return self._backoffs.get(bot_id, _UNKNOWN_BOT)


_UNKNOWN_BOT = Backoff(first=0.25, slowest=15.0, give_up_after=0.0)
"""Of a bot that the configuration does not name any more: its calls are refused anyway."""
