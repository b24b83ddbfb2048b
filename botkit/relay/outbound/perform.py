"""One attempt of an effect: the calls that carry it out, and the event that reports the result to the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from botkit import errors
from botkit.agents import AgentSystem, Granted
from botkit.boottime import BootTime
from botkit.config.settings import BotSettings
from botkit.handoff import effects, events
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger.interface import HookBody, Ledger, OutboxItem
from botkit.observability.tracebacks import where
from botkit.relay.bounds import grant_within_bounds
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways, Platform
from botkit.relay.journal import Journal
from botkit.relay.outbound.files import FileCarrier, refusal_reason
from botkit.relay.outbound.keys import key_of, request_id
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.retry_policy import payload_may_be_stale

TRANSCRIPT_ATTEMPTS = 5
TRANSCRIPT_RETRY_SECONDS = 0.5
_MAX_CALLING = 16
"""Max handlers of hand-offs that run at the same time; each occupies a thread, unless all are coroutines."""

Reconcile = Callable[[ConversationId, str], Awaitable[None]]
"""Reads the list of an agent session once more, so that the last messages are not lost; a failure is ignored."""
End = Callable[[ConversationId, effects.EndSession, AgentSystem], Awaitable[None]]
"""Ends a session whose receiver has stopped, and writes its last messages into the ledger."""

CallHandlers = Callable[[ConversationId, effects.CallHandlers], Awaitable[tuple[events.ApiCall, ...]]]
"""Calls the bot's handlers of a moment of the hand-off; returns the calls that they request. Never raises."""

Sent = Callable[[ConversationId, BootTime], None]
"""Called after a message of the user was sent to the agents, with the time at which it was."""


async def no_handlers(_: ConversationId, __: effects.CallHandlers) -> tuple[events.ApiCall, ...]:
    """The bot has no handlers of hand-offs."""
    return ()


@dataclass(slots=True, kw_only=True, eq=False)
class Performer:
    """Makes one attempt of an effect. A failed attempt raises `CallError`."""

    gateways: Gateways
    ledger: Ledger
    journal: Journal
    payloads: Payloads
    bots: Mapping[str, BotSettings]
    clock: Clock
    reconcile: Reconcile
    end: End
    sent: Sent
    call_handlers: CallHandlers = no_handlers
    _files: FileCarrier = field(init=False, default_factory=FileCarrier)
    _calling: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(_MAX_CALLING))

    async def perform(
        self, item: OutboxItem, hook: HookBody | None, *, patience: float = 1.0
    ) -> events.Event | None:
        """Carry out the item's effect once.

        Args:
            item: the effect and its conversation.
            hook: for an effect on the platform: the hook that it answers, or the newest payload, which addresses the user.
            patience: see `Platform.send`.

        Returns:
            The event that reports the result, or None if the rules do not need it.
        """
        effect = item.effect
        if isinstance(effect, effects.PlatformEffect):
            if hook is None:
                raise _no_payload("address the user")
            platform = self._platform(item)
            await platform.send(effect, hook, idempotency_key=request_id(item), patience=patience)
            return None
        if isinstance(effect, effects.CallHandlers):
            return await self._call_handlers(item, effect)
        system = self._system(item, effect.system)
        match effect:
            case effects.OpenAccess():
                return await self._open(item, effect, system)
            case effects.StartSession(session_id, _, access):
                await system.start(session_id, access, attributes=effect.attributes, language=effect.language)
                return events.SessionStarted(key=key_of(item), at=self.clock.now(), session_id=session_id)
            case effects.SendToAgent(session_id, _, access):
                began = self.clock.boottime()
                await system.send(session_id, access, message_id=effect.message_id, text=effect.text)
                self.sent(item.conversation_id, began)
                return self._accepted(item, effect)
            case effects.SendFile():
                await self._files.carry(effect, self._platform(item), system)
                return self._accepted(item, effect)
            case effects.TypingToAgent(session_id, _, access):
                await system.typing(session_id, access, started=effect.started)
            case effects.SendCustomEvent(session_id, _, access):
                await system.custom_event(session_id, access, name=effect.name, data=effect.data)
            case effects.IdleNotice(session_id, _, access):
                await system.idle_notice(session_id, access, warned=effect.warned)
            case effects.AskRouting(session_id, _, access):
                status = await system.routing(session_id, access)
                if status == "over":
                    await self.reconcile(item.conversation_id, session_id)
                return events.RoutingKnown(
                    key=key_of(item), at=self.clock.now(), session_id=session_id, status=status
                )
            case effects.EndSession():
                await self.end(item.conversation_id, effect, system)
        return None

    def begin(
        self, item: OutboxItem, hook: HookBody, done: Callable[[Exception | None], None]
    ) -> Callable[[], None]:
        """`perform` by callback, of an effect on the platform; see `Platform.begin`.

        Raises:
            CallError: the call cannot be made; `done` is not called.
        """
        effect = item.effect
        if not isinstance(effect, effects.PlatformEffect):
            raise TypeError(f"{type(effect).__name__} is no effect on the platform")
        platform = self._platform(item)
        return platform.begin(effect, hook, idempotency_key=request_id(item), done=done)

    async def times_shown(self, item: OutboxItem, hook: HookBody | None) -> int | None:
        """See `Platform.times_shown`; `hook` is as in `perform`."""
        effect = item.effect
        if not isinstance(effect, effects.PlatformEffect):
            raise TypeError(f"{type(effect).__name__} is no effect on the platform")
        if hook is None:
            raise _no_payload("get messages")
        return await self._platform(item).times_shown(effect, hook, since=self._made_at(item))

    def platform_seconds(self, item: OutboxItem) -> float:
        """How long the item's platform usually may take to answer."""
        bot = self.bots.get(item.conversation_id.bot_id)
        return bot.kore.timeout.total_seconds() if bot is not None else 0.0

    async def failure_event(self, item: OutboxItem, error: errors.CallError) -> events.Event | None:
        """The event that reports an effect which failed for good, or None if the rules do not need it.

        Args:
            item: the effect and its conversation.
            error: the last attempt's error.
        """
        effect, key = item.effect, key_of(item)
        match effect:
            case effects.SendToAgent(session_id) if isinstance(error, errors.MessageWithheld) or (
                isinstance(error, errors.CallRefused) and error.status is not None
            ):
                # A 400 for one text does not affect the session (docs/protocols/salesforce-miaw.md, 3.1). Without a status,
                # nothing was sent.
                return events.MessageRefused(
                    key=key, at=self.clock.now(), session_id=session_id, message_id=effect.message_id
                )
            case effects.SendFile(session_id):
                # Never reported as a lost session: if it is over, its receiver or the next message finds out.
                # A refusal by the agents' side may have used up the agent's request for a file.
                spent = not error.retryable and not isinstance(
                    error, errors.FileUnavailable | errors.CallBroken
                )
                return events.FileRefused(
                    key=key,
                    at=self.clock.now(),
                    session_id=session_id,
                    message_id=effect.message_id,
                    spent=spent,
                    reason=refusal_reason(error),
                )
            case (
                effects.OpenAccess(session_id)
                | effects.StartSession(session_id)
                | effects.SendToAgent(session_id)
                | effects.AskRouting(session_id)
            ):
                why = _loss_reason(error)
                if why == events.LossReason.CLOSED:
                    await self.reconcile(item.conversation_id, session_id)
                return events.AgentsLost(key=key, at=self.clock.now(), session_id=session_id, why=why)
            case effects.SendToUser() if not payload_may_be_stale(effect, error):
                conversation = self.ledger.conversation(item.conversation_id)
                if conversation is not None and conversation.session is not None:
                    return events.UserLost(key=key, at=self.clock.now(), session_id=conversation.session.id)
        return None

    def _made_at(self, item: OutboxItem) -> Instant:
        """When the effect was made, by the clock as it is set now.

        One in doubt was made by a former process, whose clock may be wrong, also if this one has decided on it anew.
        A bot's message stands in the history a little before it is stored.
        """
        if item.stored_at:
            stored = self._time_of_day(item.stored_at)
            return stored if isinstance(item.effect, effects.SendToUser) else min(stored, item.created_at)
        if item.in_doubt or not item.decided_at:
            return item.created_at
        return self._time_of_day(item.decided_at)

    def _time_of_day(self, at: BootTime) -> Instant:
        return Instant(self.clock.now() - (self.clock.boottime() - at))

    async def _call_handlers(self, item: OutboxItem, effect: effects.CallHandlers) -> events.Event | None:
        """The calls that handlers request are committed together with the completion of the effect: made once, or not at all."""
        async with self._calling:
            api_calls = await self.call_handlers(item.conversation_id, effect)
        if not api_calls:
            return None
        return events.CallsRequested(key=key_of(item), at=self.clock.now(), api_calls=api_calls)

    def _accepted(self, item: OutboxItem, effect: effects.SendToAgent | effects.SendFile) -> events.Event:
        return events.MessageAccepted(
            key=key_of(item), at=self.clock.now(), session_id=effect.session_id, message_id=effect.message_id
        )

    async def _open(self, item: OutboxItem, effect: effects.OpenAccess, system: AgentSystem) -> events.Event:
        transcript = asyncio.ensure_future(self._transcript(item, effect))
        try:
            granted = grant_within_bounds(await self._access(system, effect), self.clock.now())
            lines = await transcript
        finally:
            transcript.cancel()
        return events.AccessGranted(
            key=key_of(item),
            at=self.clock.now(),
            session_id=effect.session_id,
            access=granted.access,
            expires_at=granted.expires_at,
            transcript=lines,
            file_limits=granted.file_limits,
            nobody_message=granted.nobody_message,
        )

    async def _access(self, system: AgentSystem, effect: effects.OpenAccess) -> Granted:
        try:
            async with asyncio.timeout(effect.give_up_seconds):
                return await system.open(effect.session_id)
        except TimeoutError:
            raise errors.Unreachable(
                "open access", detail="no answer before the next agent system is tried", cause="timeout"
            ) from None

    async def _transcript(
        self, item: OutboxItem, effect: effects.OpenAccess
    ) -> tuple[events.TranscriptLine, ...]:
        """The conversation so far, or nothing: an agent without a transcript is better than no agent."""
        settings = self.bots[item.conversation_id.bot_id].handoff.transcript
        if settings.limit <= 0:
            return ()
        try:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                return await self._read_transcript(
                    item, limit=settings.limit, session_id=effect.platform_session_id
                )
        except errors.CallError as error:
            failure = error
        except TimeoutError:
            detail = f"no answer within {settings.timeout.total_seconds():g} s"
            failure = errors.Unreachable("get messages", detail=detail, cause="timeout")
        except Exception as defect:  # noqa: BLE001 - it must not cost the hand-off
            failure = errors.CallBroken("get messages", detail=where(defect))
        self.journal.no_transcript(item, effect.session_id, failure)
        return ()

    async def _read_transcript(
        self, item: OutboxItem, *, limit: int, session_id: str
    ) -> tuple[events.TranscriptLine, ...]:
        """Try a few times; the caller limits the time."""
        newest = await self.payloads.newest(item.conversation_id)
        if newest is None:
            raise _no_payload("get messages")
        for attempt in range(1, TRANSCRIPT_ATTEMPTS + 1):
            try:
                return await self._platform(item).transcript(newest, limit=limit, session_id=session_id)
            except errors.CallError as error:
                if not error.retryable or attempt == TRANSCRIPT_ATTEMPTS:
                    raise
                await self.clock.sleep(max(TRANSCRIPT_RETRY_SECONDS, error.retry_after or 0.0))
        return ()

    def _platform(self, item: OutboxItem) -> Platform:
        platform = self.gateways.platform(item.conversation_id.bot_id)
        if platform is None:
            raise _not_configured("find the bot")
        return platform

    def _system(self, item: OutboxItem, name: str) -> AgentSystem:
        system = self.gateways.system(item.conversation_id.bot_id, name)
        if system is None:
            raise _not_configured("find the agent system")
        return system


def _no_payload(what: str) -> errors.CallRefused:
    return errors.CallRefused(
        what,
        detail="no payload of this conversation is kept any more",
        fix="nothing to change: the user's next message brings one",
    )


def _not_configured(what: str) -> errors.CallRefused:
    return errors.CallRefused(
        what,
        detail="the configuration does not name it any more",
        fix="write it into the configuration again until its conversations have ended",
    )


def _loss_reason(error: errors.CallError) -> str:
    """Why the agents' side is lost."""
    match error:
        case errors.ConversationClosed() | errors.NewSessionRequired():
            # A new messaging session would be another hand-off; this one is over.
            return events.LossReason.CLOSED
        case errors.AccessExpired():
            return events.LossReason.EXPIRED
        case errors.AgentsUnavailable():
            return events.LossReason.UNAVAILABLE
        case errors.CallBroken():
            return events.LossReason.BROKEN
    return events.LossReason.UNREACHABLE if error.retryable else events.LossReason.REFUSED
