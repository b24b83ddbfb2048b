"""Listens to one chat: polls, yields events, and acknowledges them with the next poll once the caller has stored them.

So the server discards only messages that are in the ledger. The caller repeats failed polls. Two failures are handled here,
as the protocol prescribes: a lost server (503), and another poll that is still under way (409). Sections are those of
docs/protocols/salesforce-live-chat.md (polls: 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from msgspec.structs import replace

from botkit.agents.api import Batch
from botkit.agents.live_chat.chat import Chat, Link
from botkit.agents.live_chat.connection import Connection
from botkit.agents.live_chat.messages import Reply, read_events
from botkit.agents.live_chat.replies import AffinityLost, OutOfSync
from botkit.agents.live_chat.settings import switched
from botkit.errors import CallError, ConversationClosed, Unreachable
from botkit.handoff.conversation import Instant
from botkit.handoff.events import RoutingFailed
from botkit.http.lenient_json import text
from botkit.observability.events import get_logger

_log = get_logger("botkit.agents")

CONNECTED_AFTER_SECONDS = 0.2
"""A poll without an answer for this time has reached a server: the chat is connected. Until then it occupies one of the relay's
few slots for new connections. After a restart, thousands of chats wait for a slot while their sessions age (3.6)."""
CONFLICT_SECONDS = 1.5
"""The wait after a 409: the server still holds a poll that we have cancelled (3.7)."""
QUICK_SECONDS = 1.0
SLOWEST_SECONDS = 10.0
"""Backoff: after empty polls that return sooner than `QUICK_SECONDS`, waits grow up to `SLOWEST_SECONDS`."""
AGAIN_SECONDS = 2.0
"""Max wait for messages that an answer has left out."""
_MAX_IN_VAIN = 3
"""After so many waits in vain, the numbers of this chat are not contiguous."""
_MAX_CONFLICTS = 30
_MAX_LOSSES = 2


class Listener:
    """Listens to the chats of one deployment.

    Args:
        connection: polls and reconnects.
        answer_within: seconds after which a chat request without any answer counts as failed (13.10).
    """

    def __init__(self, connection: Connection, *, answer_within: float) -> None:
        self._connection = connection
        self._answer_within = answer_within
        self._monotonic = connection.monotonic

    async def listen(self, chat: Chat) -> AsyncGenerator[Batch, None]:
        """Yield batches of events, empty ones as keep-alives, until the chat is over or a poll fails.

        Raises:
            ConversationClosed: the chat is over, was out of reach for longer than the session lives, or was never answered.
            CallError: a poll failed.
        """
        chat.listening = True
        try:
            async for batch in self._batches(chat):
                yield batch
        except (GeneratorExit, asyncio.CancelledError):
            chat.listening = False
            raise
        except ConversationClosed as closed:
            chat.over, chat.trouble = True, closed
            raise
        except CallError as error:
            chat.trouble = error
            if not error.retryable:
                raise
            if self._overdue(chat):
                chat.over = True
                _log.warning("chat_request_unanswered", session=chat.session_id)
                yield Batch((self._unanswered(chat),))
                detail = "the chat request was not answered"
            elif chat.tried - chat.heard > chat.position.session_seconds:
                # A session that is not polled for this time has ended on the server (3.6), and this was tried since.
                detail = "out of reach for longer than the session lives"
            else:
                raise
            raise ConversationClosed(error.what, status=error.status, detail=detail) from error

    async def _batches(self, chat: Chat) -> AsyncGenerator[Batch, None]:
        if chat.over:
            raise ConversationClosed("poll for messages", detail="the chat has ended")
        connected = False
        conflicts = losses = idle = 0
        asked = 0.0
        while True:
            chat.tried = self._monotonic()
            if self._overdue(chat):
                raise Unreachable("poll for messages", detail="the chat request was not answered")
            if chat.link is not Link.UP:
                await self._connection.restore(chat)
            if chat.unread:
                reply: Reply | None = chat.unread[0]
            else:
                affinity = chat.session.affinity
                asked = self._monotonic()
                await chat.interrupt_poll()  # of a listener that was just cancelled: one poll at a time (3.7)
                poll = chat.poll = asyncio.create_task(self._connection.poll(chat))
                try:
                    if not connected:
                        await asyncio.wait({poll}, timeout=CONNECTED_AFTER_SECONDS)
                        if not poll.done():
                            connected, chat.trouble = True, None
                            yield Batch(())
                    await asyncio.wait({poll}, timeout=self._left(chat))
                finally:
                    await _discard(chat, poll)
                if poll.cancelled():
                    continue  # a sender got a 503 and reconnects the chat, or the request is overdue
                try:
                    reply = poll.result()
                except AffinityLost:
                    losses += 1
                    if losses > _MAX_LOSSES:
                        raise
                    await self._connection.restore(chat, lost=affinity)
                    continue
                except OutOfSync:
                    conflicts += 1
                    if conflicts > _MAX_CONFLICTS:
                        raise
                    await self._connection.sleep(CONFLICT_SECONDS)
                    continue
                conflicts = losses = 0
                if reply is not None and _has_gap(chat, reply) and chat.gaps_in_vain < _MAX_IN_VAIN:
                    reply = await self._completed(chat, reply)
            chat.heard, chat.trouble = self._monotonic(), None
            connected = True
            before = chat.position
            if reply is None:
                yield Batch(())
            else:
                events, position = read_events(
                    chat.position, reply, session_id=chat.session_id, at=Instant(self._connection.clock())
                )
                yield Batch(events)
                del events
                # The caller has asked for the next batch, so it has stored these events.
                chat.stored(position)
                if chat.unread and chat.unread[0] is reply:
                    del chat.unread[0]
                _follow(chat, reply)
                del reply
            if chat.over:
                raise ConversationClosed("poll for messages", detail="the chat has ended")
            # A server or proxy that returns empty answers immediately must not be polled a thousand times a second.
            empty = chat.position == before and self._monotonic() - asked < QUICK_SECONDS
            idle = idle + 1 if empty else 0
            if idle > 1:
                await self._connection.sleep(min(CONFLICT_SECONDS * 2 ** min(idle - 2, 4), SLOWEST_SECONDS))

    async def _completed(self, chat: Chat, reply: Reply) -> Reply:
        """Poll again with the same ack: the server keeps what is not acknowledged (3.3), so the next answer has it all."""
        poll = chat.poll = asyncio.create_task(self._connection.poll(chat, seconds=AGAIN_SECONDS))
        try:
            await asyncio.wait({poll}, timeout=AGAIN_SECONDS)
        finally:
            await _discard(chat, poll)
        again = None if poll.cancelled() or poll.exception() is not None else poll.result()
        if again is not None and again.era == reply.era and again.before < reply.before:
            return again
        # A failure of the server itself shows with the next poll.
        chat.gaps_in_vain += 1
        missing = reply.before - chat.position.ack
        _log.warning("chat_messages_missing", session=chat.session_id, count=missing)
        return reply

    def _left(self, chat: Chat) -> float | None:
        """Seconds until a chat request without an answer counts as failed; None if there was an answer."""
        return None if chat.answered else max(0.0, chat.asked + self._answer_within - self._monotonic())

    def _overdue(self, chat: Chat) -> bool:
        return self._left(chat) == 0.0

    def _unanswered(self, chat: Chat) -> RoutingFailed:
        return RoutingFailed(
            key=f"{chat.session_id}/unanswered",
            at=Instant(self._connection.clock()),
            session_id=chat.session_id,
            reason="Unanswered",
        )


def _has_gap(chat: Chat, reply: Reply) -> bool:
    """Whether messages are missing before this reply, or within it."""
    return bool(reply.messages) and reply.era == chat.position.era and reply.before > chat.position.ack


def _follow(chat: Chat, reply: Reply) -> None:
    """Move to the server that a SwitchServer names, if it is Salesforce's (2.19, 13.10)."""
    message = reply.first("SwitchServer")
    if message is not None and (base := switched(chat.session.base, text(message.get("newUrl")))):
        chat.position = replace(chat.position, base=base)


async def _discard(chat: Chat, poll: asyncio.Task[Reply | None]) -> None:
    """Cancel a poll that is still under way, and retrieve its result."""
    if chat.poll is poll:
        chat.poll = None
    if not poll.done():
        poll.cancel()
        await asyncio.wait({poll})
    if not poll.cancelled():
        poll.exception()
