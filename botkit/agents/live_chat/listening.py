"""Listens to one chat: polls, yields events, and acknowledges them with the next poll once the caller has stored them.

So the server forgets only what is in the ledger. The caller repeats polls that fail; two failures are handled here, because
the protocol says how: a lost server (503), and another poll that is still under way (409). Sections are those of
docs/protocols/salesforce-live-chat.md (polls: 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import structlog

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

_log = structlog.get_logger("botkit.agents")

STANDS_SECONDS = 0.2
"""A poll that hangs for so long has reached a server: the connection stands. Until then it holds one of the relay's few slots
for new connections, and after a restart thousands of chats wait for a slot while their sessions age (3.6)."""
CLASH_SECONDS = 1.5
"""The wait after a 409: we have given up the other poll, and the server has not (3.7)."""
QUICK_SECONDS = 1.0
SLOWEST_SECONDS = 10.0
"""After a poll that returns sooner than `QUICK_SECONDS` without a message, waits grow up to `SLOWEST_SECONDS`."""
_MAX_CLASHES = 30
_MAX_LOSSES = 2


class Listener:
    """Listens to the chats of one deployment.

    Args:
        connection: polls and reconnects.
        answer_within: seconds after which a chat request without any answer counts as failed (13.10).
        clock: epoch seconds.
        monotonic: seconds that never go back.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        answer_within: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._connection = connection
        self._answer_within = answer_within
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    async def listen(self, chat: Chat) -> AsyncGenerator[Batch, None]:
        """Batches of events, empty ones as signs of life, until the chat is over or a poll fails.

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
                yield Batch((self._nobody_answers(chat),))
                detail = "the chat request was not answered"
            elif self._monotonic() - chat.heard > chat.position.lives:
                # If polling stops, the session ends (3.6): there is nothing left to come back to.
                detail = "out of reach for longer than the session lives"
            else:
                raise
            raise ConversationClosed(error.what, status=error.status, detail=detail) from error

    async def _batches(self, chat: Chat) -> AsyncGenerator[Batch, None]:
        if chat.over:
            raise ConversationClosed("poll for messages", detail="the chat has ended")
        standing = False
        clashes = losses = idle = 0
        asked = 0.0
        while True:
            if self._overdue(chat):
                raise Unreachable("poll for messages", detail="the chat request was not answered")
            if chat.link is not Link.UP:
                await self._connection.restore(chat)
            if chat.unread:
                reply: Reply | None = chat.unread[0]
            else:
                affinity = chat.session.affinity
                asked = self._monotonic()
                poll = await self._start(chat)
                try:
                    if not standing:
                        await asyncio.wait({poll}, timeout=STANDS_SECONDS)
                        if not poll.done():
                            standing, chat.trouble = True, None
                            yield Batch(())
                    await asyncio.wait({poll}, timeout=self._left(chat))
                finally:
                    await _discard(chat, poll)
                if poll.cancelled():
                    continue  # A sender met a 503 and reconnects the chat; or the wait was over.
                try:
                    reply = poll.result()
                except AffinityLost:
                    losses += 1
                    if losses > _MAX_LOSSES:
                        raise
                    await self._connection.restore(chat, lost=affinity)
                    continue
                except OutOfSync:
                    clashes += 1
                    if clashes > _MAX_CLASHES:
                        raise
                    await self._sleep(CLASH_SECONDS)
                    continue
                clashes = losses = 0
            chat.heard, chat.trouble = self._monotonic(), None
            standing = True
            before = chat.position
            if reply is None:
                yield Batch(())
            else:
                events, position = read_events(
                    chat.position, reply, session_id=chat.session_id, at=Instant(self._clock())
                )
                yield Batch(events)
                del events
                # The caller came back for more: it has stored them.
                chat.taken(position)
                if chat.unread and chat.unread[0] is reply:
                    del chat.unread[0]
                _follow(chat, reply)
                del reply
            if chat.over:
                raise ConversationClosed("poll for messages", detail="the chat has ended")
            # A server (or a proxy) that answers at once with nothing must not be polled a thousand times a second.
            empty = chat.position == before and self._monotonic() - asked < QUICK_SECONDS
            idle = idle + 1 if empty else 0
            if idle > 1:
                await self._sleep(min(CLASH_SECONDS * 2 ** min(idle - 2, 4), SLOWEST_SECONDS))

    async def _start(self, chat: Chat) -> asyncio.Task[Reply | None]:
        await chat.interrupt_poll()  # of a listener that was cancelled a moment ago: one poll at a time (3.7)
        chat.poll = asyncio.create_task(self._connection.poll(chat))
        return chat.poll

    def _left(self, chat: Chat) -> float | None:
        """Seconds until a chat request without an answer counts as failed; None if there was an answer."""
        return None if chat.answered else max(0.0, chat.asked + self._answer_within - self._monotonic())

    def _overdue(self, chat: Chat) -> bool:
        return self._left(chat) == 0.0

    def _nobody_answers(self, chat: Chat) -> RoutingFailed:
        _log.warning("chat_request_unanswered", session=chat.session_id)
        return RoutingFailed(
            key=f"{chat.session_id}/unanswered",
            at=Instant(self._clock()),
            session_id=chat.session_id,
            reason="Unanswered",
        )


def _follow(chat: Chat, reply: Reply) -> None:
    """Move to the server that a SwitchServer names, if it is Salesforce's (13.10)."""
    message = reply.first("SwitchServer")
    if message is not None and (base := switched(chat.session.base, text(message.get("newUrl")))):
        chat.move(base)


async def _discard(chat: Chat, poll: asyncio.Task[Reply | None]) -> None:
    """Cancel a poll that is still under way, and retrieve its result."""
    if chat.poll is poll:
        chat.poll = None
    if not poll.done():
        poll.cancel()
        await asyncio.wait({poll})
    if not poll.cancelled():
        poll.exception()
