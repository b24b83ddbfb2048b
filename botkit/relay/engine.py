"""`Engine`: the parts of the relay on its loop. It passes each commit to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from botkit.agents import AgentSystem
from botkit.config.settings import Settings
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import (
    AgentEffect,
    ArmTimer,
    CallHandlers,
    CancelTimer,
    CountMetric,
    DropLane,
    Effect,
)
from botkit.http.retry import Backoff
from botkit.ledger.interface import Committed, Ledger, OutboxItem
from botkit.loop_calls import LoopCalls
from botkit.observability.endings import advice_about
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.observability.user_hashes import UserHashes
from botkit.relay.clock import Clock
from botkit.relay.clock_notes import note_clocks, recall_clocks
from botkit.relay.gateways import Gateways
from botkit.relay.heartbeat import BEAT_SECONDS, Heartbeat
from botkit.relay.inbound.agenda import Agenda
from botkit.relay.inbound.event_writer import AgentEventWriter
from botkit.relay.inbound.openings import Openings
from botkit.relay.inbound.poll import PollReceiver
from botkit.relay.inbound.receipts import Receipts
from botkit.relay.inbound.receivers import STOP_SECONDS, Receiver, Receivers
from botkit.relay.inbound.stream import StreamReceiver
from botkit.relay.inbound.stream_path import StreamPaths
from botkit.relay.journal import Journal
from botkit.relay.leaving import Leaves, Leaving, Loss, everything
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker, CircuitBreakers
from botkit.relay.outbound.delivery import Delivery
from botkit.relay.outbound.lane import Lane
from botkit.relay.outbound.lanes import Lanes
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import CallHandlers as HandlerCaller
from botkit.relay.outbound.perform import Performer, no_handlers
from botkit.relay.outbound.retry_policy import backoff_of
from botkit.relay.schedule import keep_up, new_schedule
from botkit.relay.timers import SWEEP_EVERY, Timers, sweep

_log = get_logger("botkit.relay")

MAX_CONNECTING = 64
"""Max streams being opened, and lists being read after that, at the same time; after a restart, every conversation needs both."""


class Engine:
    """A relay without its thread. Lives on one loop."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        gateways: Gateways,
        *,
        metrics: RelayMetrics,
        clock: Clock,
        chance: Callable[[], float],
        call_handlers: HandlerCaller = no_handlers,
        calls: LoopCalls | None = None,
    ) -> None:
        """`calls`: those by which `accept` is called, so that a commit is accepted before its outcome is told."""
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._backoffs = {bot_id: backoff_of(bot.delivery) for bot_id, bot in settings.bots.items()}
        self._ledger_client = LedgerClient(ledger, clock, calls)
        secrets = {bot_id: bot.kore.client_secret.reveal() for bot_id, bot in settings.bots.items()}
        self._journal = Journal(
            ledger=ledger, client=self._ledger_client, hashes=UserHashes(secrets), clock=clock
        )
        self._paths = StreamPaths(metrics)
        self._heartbeat = Heartbeat(clock)
        self._breakers = CircuitBreakers(self._heartbeat)
        self._leaving = Leaving()
        self._losing: set[asyncio.Task[Mapping[int, ConversationId]]] = set()
        self._openings = Openings(MAX_CONNECTING)
        self.schedule = new_schedule()
        self.timers = Timers(self.schedule, self._ledger_client, clock, self._heartbeat)
        self._receipts = Receipts(gateways, clock, ledger.may_act)
        self._receivers = Receivers(
            gateways=gateways,
            ledger=self._ledger_client,
            journal=self._journal,
            clock=clock,
            make=self._receiver,
            metrics=metrics,
            on_committed=self._receipts.promise,
            before_end=self._receipts.flush,
        )
        keeping = frozenset(bot_id for bot_id, bot in settings.bots.items() if bot.kore.keep_payloads)
        self._payloads = Payloads(ledger, self._ledger_client, clock, keeping=keeping)
        performer = Performer(
            gateways=gateways,
            ledger=ledger,
            journal=self._journal,
            payloads=self._payloads,
            bots=settings.bots,
            clock=clock,
            reconcile=self._receivers.reconcile,
            end=self._receivers.end,
            sent=self._receivers.sent,
            call_handlers=call_handlers,
        )
        self._delivery = Delivery(
            performer=performer,
            payloads=self._payloads,
            ledger=self._ledger_client,
            journal=self._journal,
            breaker_of=self._breaker_of,
            backoff_of=lambda item: self._backoff(item.conversation_id.bot_id),
            clock=clock,
            heartbeat=self._heartbeat,
            chance=chance,
            metrics=metrics,
            on_shown=self._receipts.on_shown,
            on_completed=self._receipts.on_completed,
            may_act=ledger.may_act,
            leaving=self._leaving,
        )
        self.lanes = Lanes(self._delivery)
        self._resumed_up_to = 0
        self.schedule.start()
        keep = settings.store.keep_stories
        self.schedule.add_job(
            sweep,
            "interval",
            seconds=SWEEP_EVERY.total_seconds(),
            id="sweep",
            args=(ledger, self._ledger_client, self._heartbeat, keep),
        )
        self.schedule.add_job(_each_minute, "interval", minutes=1, id="lines", args=(self._journal,))
        self._heartbeat.beat()
        self._beating = asyncio.create_task(self._beat())
        self._noting: asyncio.Task[None] | None = None

    async def resume(self) -> None:
        """Resume the work of an earlier process: its undelivered effects, open conversations and timers.

        It is read in a thread, because a long outbox takes seconds. `accept` comes after it.
        """
        await recall_clocks(self._ledger, self._ledger_client, self._heartbeat)
        self._note_clocks()
        undelivered, conversations = await self._ledger_client.in_thread(
            lambda: (self._ledger.undelivered(), self._ledger.open_conversations())
        )
        self._resumed_up_to = max((item.id for item in undelivered), default=0)
        self._carry_on(undelivered, conversations)

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        """Carry on the work of another process; see `ledger.interface.Moves`."""
        self._leaving.forget_ended()
        self._delivery.failing.take_over({item.conversation_id for item in undelivered})
        self._carry_on(undelivered, conversations)

    def gone(self) -> None:
        """See `ledger.interface.Moves`."""
        self._leaving.forget_ended()

    def is_catching_up(self) -> bool:
        """See `ledger.interface.Moves`. Any thread."""
        return self._openings.is_busy

    def announce_loss(self, leaves: Leaves, seconds: float) -> Loss:
        """See `Leaving.announce`. Any thread; `let_go` has to follow."""
        return self._leaving.announce(leaves, seconds)

    def let_go(self, loss: Loss) -> asyncio.Task[Mapping[int, ConversationId]]:
        """Stop working on the conversations that leave.

        Returns:
            Done when nothing more is attempted for them: the effects that may have been carried out and are not done, as
            `Ledger.leave_in_doubt` takes them.
        """
        stopping = self._receivers.lose(loss.leaves)
        self.timers.lose(loss.leaves)
        self._delivery.lose(loss.leaves)
        lanes = loss.lanes = self.lanes.lose(loss.leaves)
        if not (seconds := loss.seconds_left):
            stopping |= self.lanes.cut_off(lanes)
        losing = asyncio.create_task(self._end(loss, lanes, stopping, seconds))
        self._losing.add(losing)
        losing.add_done_callback(self._losing.discard)
        return losing

    def lose(self, leaves: Leaves, seconds: float) -> asyncio.Task[Mapping[int, ConversationId]]:
        """`announce_loss`, and `let_go` at once."""
        return self.let_go(self.announce_loss(leaves, seconds))

    async def _end(
        self, loss: Loss, late: Sequence[Lane], stopping: set[asyncio.Task[None]], seconds: float
    ) -> Mapping[int, ConversationId]:
        if seconds:
            late = await self.lanes.not_ended(late, seconds)
            stopping |= self.lanes.cut_off(late)
        loss.lanes = ()
        if stopping:
            _, slow = await asyncio.wait(stopping, timeout=STOP_SECONDS)
            for task in slow:
                task.cancel()  # What it does since it was cancelled, such as to close a connection, is not worth more time.
        await self._receipts.lose(loss.leaves, flush=seconds > 0)
        return self._delivery.left_in_doubt(loss.leaves)

    def _carry_on(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        self._delivery.resume(undelivered)
        for item in undelivered:
            self.lanes.put(item)
        for conversation in conversations:
            if conversation.id in self._leaving:
                continue
            self.timers.resume(conversation)
            self._receivers.follow(conversation)
        if undelivered or conversations:
            _log.info("resumed", effects=len(undelivered), conversations=len(conversations))

    def accept(self, batch: Sequence[Committed]) -> None:
        """Act on commits, in commit order. A defect in one of them affects no other."""
        awaited = self._payloads.awaited
        for committed in batch:
            if committed.duplicate:
                continue
            conversation = committed.conversation
            stays = conversation.id not in self._leaving
            # Receivers first: the agents' side may send events as soon as it knows the session. And an agent lane has to be
            # dropped before the session's end is put into it.
            try:
                if stays:
                    self._receivers.follow(conversation)
            except Exception as error:  # noqa: BLE001 - a defect: the rest of the commit has to be carried out
                _log_broken(conversation, error)
            for effect in committed.local_effects:
                try:
                    if stays or not isinstance(effect, ArmTimer):
                        self._apply(conversation, effect)
                except Exception as error:  # noqa: BLE001 - likewise
                    _log_broken(conversation, error)
            try:
                for item in committed.items:
                    # `resume` has already found the items that were committed while this relay started.
                    if item.id > self._resumed_up_to:
                        self.lanes.put(item)
                if awaited:
                    self._payloads.committed(conversation.id)
            except Exception as error:  # noqa: BLE001 - a defect: the other commits of the batch go on
                _log_broken(conversation, error)

    async def close(self, seconds: float) -> None:
        """Stop receiving, let attempts in progress finish for at most `seconds`, and stop."""
        self._ledger.leave_in_doubt(await self.lose(everything, seconds))
        self._beating.cancel()
        if self._noting is not None:
            self._noting.cancel()
        self._receivers.close()
        self.lanes.close()
        self.schedule.shutdown(wait=False)
        self._journal.lines.each_minute()
        await self.timers.close(seconds)
        await self._receipts.close()
        await self._ledger_client.close()

    async def _beat(self) -> None:
        """Look after everything that has a time, at every beat."""
        while True:
            await self._clock.sleep(BEAT_SECONDS)
            if happened := self._heartbeat.beat():
                keep_up(self.schedule, self._chance)
            self._note_clocks()
            self.timers.look(anew=happened)
            self._receivers.watch(self._clock.boottime())

    def _note_clocks(self) -> None:
        if self._heartbeat.has_news and (self._noting is None or self._noting.done()):
            noting = note_clocks(self._ledger, self._ledger_client, self._heartbeat)
            self._noting = asyncio.create_task(noting)

    def _apply(self, conversation: Conversation, effect: Effect) -> None:
        match effect:
            case ArmTimer(session_id, name, due, seconds):
                self.timers.arm(conversation.id, session_id=session_id, name=name, due=due, seconds=seconds)
            case CancelTimer(session_id, name):
                self.timers.cancel(session_id=session_id, name=name)
            case DropLane(session_id):
                self.lanes.drop(conversation.id, session_id)
            case CountMetric():
                self._count(conversation, effect)

    def _count(self, conversation: Conversation, effect: CountMetric) -> None:
        """Count an event of a hand-off, and log it with the ids under which both sides file it."""
        session_id, system, record = effect.session_id, effect.system, effect.record
        if not session_id and (session := conversation.session) is not None:
            session_id, system, record = session.id, session.system, session.record
        names = self._journal.names(conversation.id, session_id or conversation.ended_session or "")
        self._metrics.noted(effect.what, effect.why, ref=names.get("ref", ""))
        if effect.what in _LOGGED_ELSEWHERE:
            return
        level, fix = advice_about(effect.what, effect.why)
        known = {"system": system, "session": session_id, "record": record, "fix": fix}
        fields = {name: value for name, value in known.items() if value}
        getattr(_log, level)("handoff", what=effect.what, why=effect.why, **fields, **names)

    def _receiver(
        self, writer: AgentEventWriter, system: AgentSystem, name: str, agenda: Agenda[Receiver]
    ) -> Receiver:
        bot_id = writer.conversation_id.bot_id
        backoff = self._backoff(bot_id)
        breaker = self._breakers.get(bot_id, name, backoff)
        if system.capabilities.receive == "poll":
            return PollReceiver(
                writer=writer,
                system=system,
                schedule=self.schedule,
                agenda=agenda,
                clock=self._clock,
                chance=self._chance,
                backoff=backoff,
                breaker=breaker,
                heartbeat=self._heartbeat,
            )
        return StreamReceiver(
            writer=writer,
            system=system,
            name=name,
            clock=self._clock,
            chance=self._chance,
            backoff=backoff,
            breaker=breaker,
            heartbeat=self._heartbeat,
            metrics=self._metrics,
            openings=self._openings,
            path=self._paths.get(bot_id, name),
            agenda=agenda,
        )

    def _breaker_of(self, item: OutboxItem) -> CircuitBreaker:
        bot_id = item.conversation_id.bot_id
        remote = item.effect.system if isinstance(item.effect, AgentEffect) else ""
        if isinstance(item.effect, CallHandlers):
            remote = _HANDLERS  # Whether the platform can be reached says nothing of them.
        return self._breakers.get(bot_id, remote, self._backoff(bot_id))

    def _backoff(self, bot_id: str) -> Backoff:
        return self._backoffs.get(bot_id, _UNKNOWN_BOT)


def _log_broken(conversation: Conversation, error: Exception) -> None:
    _log.error("commit_broken", conversation=str(conversation.id), error=where(error))


async def _each_minute(journal: Journal) -> None:
    journal.lines.each_minute()


_LOGGED_ELSEWHERE = frozenset({"organization_wrote"})
"""Events with a line of their own, which says more."""
_HANDLERS = "\0handlers"
"""The name of the bot's own handlers among the remotes; no agent system has it."""
_UNKNOWN_BOT = Backoff(first=0.25, slowest=15.0, give_up_after=0.0)
"""For a bot that the configuration does not name any more; its calls are refused anyway."""
