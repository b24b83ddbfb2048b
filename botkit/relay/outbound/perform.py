"""From an effect to the calls it stands for, and from their answer to the event that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from botkit.agents import AgentSystem, Granted
from botkit.config.settings import BotSettings
from botkit.errors import CallError, CallRefused, Unreachable
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import (
    AskRouting,
    EndSession,
    IdleNotice,
    OpenAccess,
    PlatformEffect,
    SendCustomEvent,
    SendFile,
    SendToAgent,
    StartSession,
    TypingToAgent,
)
from botkit.handoff.events import (
    AccessGranted,
    AgentsLost,
    Event,
    FileRefused,
    LossReason,
    MessageAccepted,
    MessageRefused,
    RoutingKnown,
    SessionStarted,
    TranscriptLine,
    UserLost,
)
from botkit.ledger.interface import HookBody, Ledger, OutboxItem
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways, Platform
from botkit.relay.outbound.failures import AgentsAreLost, FileIsRefused, Meaning, MessageIsRefused, UserIsLost
from botkit.relay.outbound.file_carrier import FileCarrier
from botkit.relay.outbound.payloads import Payloads

_log = structlog.get_logger("botkit.relay")

TRANSCRIPT_ATTEMPTS = 5
TRANSCRIPT_RETRY_SECONDS = 0.5

Reconcile = Callable[[ConversationId, str], Awaitable[None]]
"""Reads the list of an agent session once more, so that nothing said last is lost; does nothing if it cannot."""
End = Callable[[ConversationId, EndSession, AgentSystem], Awaitable[None]]
"""Ends a session that nobody listens to any more, so that nothing said last is lost, either."""


class Performer:
    """Does one attempt of an effect. Raises `CallError` when the attempt came to nothing."""

    def __init__(
        self,
        *,
        outside: Gateways,
        ledger: Ledger,
        payloads: Payloads,
        bots: Mapping[str, BotSettings],
        clock: Clock,
        reconcile: Reconcile,
        end: End,
    ) -> None:
        self._outside = outside
        self._ledger = ledger
        self._payloads = payloads
        self._end = end
        self._bots = bots
        self._clock = clock
        self._reconcile = reconcile
        self._files = FileCarrier()

    async def perform(self, item: OutboxItem, hook: HookBody | None) -> Event | None:
        """Carry out the item's effect once.

        Args:
            item: what to do.
            hook: for an effect on the platform: the hook it passes on, or the newest payload, which addresses the user.

        Returns:
            The event that tells the rules of it, or None where they do not care.
        """
        effect = item.effect
        if isinstance(effect, PlatformEffect):
            await self._tell_platform(item, effect, hook)
            return None
        match effect:
            case OpenAccess():
                return await self._open(item, effect)
            case StartSession(session_id, system, access):
                await self._system(item, system).start(
                    session_id, access, attributes=effect.attributes, language=effect.language
                )
                return SessionStarted(key=key_of(item), at=self._clock.now(), session_id=session_id)
            case SendToAgent(session_id, system, access):
                await self._system(item, system).send(
                    session_id, access, message_id=effect.message_id, text=effect.text
                )
                return MessageAccepted(
                    key=key_of(item),
                    at=self._clock.now(),
                    session_id=session_id,
                    message_id=effect.message_id,
                )
            case TypingToAgent(session_id, system, access):
                await self._system(item, system).typing(session_id, access, started=effect.started)
                return None
            case SendFile(_, system):
                await self._files.carry(effect, self._platform(item), self._system(item, system))
                return MessageAccepted(
                    key=key_of(item),
                    at=self._clock.now(),
                    session_id=effect.session_id,
                    message_id=effect.message_id,
                )
            case SendCustomEvent(session_id, system, access):
                await self._system(item, system).custom_event(
                    session_id, access, name=effect.name, data=effect.data
                )
                return None
            case IdleNotice(session_id, system, access):
                await self._system(item, system).idle_notice(session_id, access, warned=effect.warned)
                return None
            case AskRouting(session_id, system, access):
                status = await self._system(item, system).routing(session_id, access)
                if status == "over":
                    await self._reconcile(item.conversation_id, session_id)
                return RoutingKnown(
                    key=key_of(item), at=self._clock.now(), session_id=session_id, status=status
                )
            case EndSession(_, system):
                await self._end(item.conversation_id, effect, self._system(item, system))
                return None

    async def after_failure(self, item: OutboxItem, meaning: Meaning) -> Event | None:
        """The event that tells the rules of a failure for good."""
        match meaning:
            case AgentsAreLost(session_id, why):
                if why == LossReason.CLOSED:
                    await self._reconcile(item.conversation_id, session_id)
                return AgentsLost(key=key_of(item), at=self._clock.now(), session_id=session_id, why=why)
            case MessageIsRefused(session_id, message_id):
                return MessageRefused(
                    key=key_of(item), at=self._clock.now(), session_id=session_id, message_id=message_id
                )
            case FileIsRefused(session_id, message_id, spent):
                return FileRefused(
                    key=key_of(item),
                    at=self._clock.now(),
                    session_id=session_id,
                    message_id=message_id,
                    spent=spent,
                )
            case UserIsLost():
                conversation = self._ledger.conversation(item.conversation_id)
                if conversation is None or conversation.session is None:
                    return None
                return UserLost(key=key_of(item), at=self._clock.now(), session_id=conversation.session.id)
            case _:
                return None

    async def _tell_platform(self, item: OutboxItem, effect: PlatformEffect, hook: HookBody | None) -> None:
        if hook is None:
            raise CallRefused("address the user", detail="no payload of this conversation is kept any more")
        await self._platform(item).send(effect, hook, idempotency_key=f"botkit-{identity(item)}")

    async def _open(self, item: OutboxItem, effect: OpenAccess) -> Event:
        system = self._system(item, effect.system)
        transcript = asyncio.ensure_future(self._transcript(item, effect))
        try:
            granted = await self._access(system, effect)
            lines = await transcript
        finally:
            transcript.cancel()
        return AccessGranted(
            key=key_of(item),
            at=self._clock.now(),
            session_id=effect.session_id,
            access=granted.access,
            expires_at=granted.expires_at,
            transcript=lines,
        )

    async def _access(self, system: AgentSystem, effect: OpenAccess) -> Granted:
        try:
            async with asyncio.timeout(effect.give_up_seconds):
                return await system.open(effect.session_id)
        except TimeoutError:
            detail = "no answer in the time that another system waits"
            raise Unreachable("open access", detail=detail) from None

    async def _transcript(self, item: OutboxItem, effect: OpenAccess) -> tuple[TranscriptLine, ...]:
        """The talk so far, or nothing: an agent without a transcript is better than no agent."""
        wanted = self._bots[item.conversation_id.bot_id].handoff.transcript
        if wanted.limit <= 0:
            return ()
        try:
            async with asyncio.timeout(wanted.timeout.total_seconds()):
                return await self._read_transcript(
                    item, limit=wanted.limit, session_id=effect.platform_session_id
                )
        except (CallError, TimeoutError) as error:
            code = error.code if isinstance(error, CallError) else "timeout"
            _log.warning("transcript_missing", outbox_id=item.id, session=effect.session_id, code=code)
            return ()

    async def _read_transcript(
        self, item: OutboxItem, *, limit: int, session_id: str
    ) -> tuple[TranscriptLine, ...]:
        """Ask a few times; the caller limits for how long."""
        newest = await self._payloads.newest(item.conversation_id)
        if newest is None:
            raise CallRefused("get messages", detail="no payload of this conversation is kept any more")
        for attempt in range(1, TRANSCRIPT_ATTEMPTS + 1):
            try:
                return await self._platform(item).transcript(newest, limit=limit, session_id=session_id)
            except CallError as error:
                if not error.retryable or attempt == TRANSCRIPT_ATTEMPTS:
                    raise
                await self._clock.sleep(max(TRANSCRIPT_RETRY_SECONDS, error.retry_after or 0.0))
        return ()

    def _platform(self, item: OutboxItem) -> Platform:
        platform = self._outside.platform(item.conversation_id.bot_id)
        if platform is None:
            raise CallRefused("find the bot", detail="the configuration does not name it any more")
        return platform

    def _system(self, item: OutboxItem, name: str) -> AgentSystem:
        system = self._outside.system(item.conversation_id.bot_id, name)
        if system is None:
            raise CallRefused("find the agent system", detail="the configuration does not name it any more")
        return system


def key_of(item: OutboxItem) -> str:
    """The key of the result's event: an effect has one result, however often it was tried."""
    return f"effect/{identity(item)}"


def identity(item: OutboxItem) -> str:
    """Names one effect for good: the same on every attempt and after a restart, and never another's.

    The outbox id alone would not do: a store may number from the start again once its outbox was empty.
    """
    return f"{item.id}-{item.created_at!r}"
