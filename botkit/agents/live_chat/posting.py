"""Sends to one chat: one request after the other, each with its number, held while the chat reconnects; and ends it.

Sections are those of docs/protocols/salesforce-live-chat.md (3.8, 3.9; the end: 2.2, 2.9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from botkit.agents.api import Batch
from botkit.agents.live_chat.calls import LiveChatCalls, Session
from botkit.agents.live_chat.chat import Chat, Link
from botkit.agents.live_chat.connection import Poller, Recovery
from botkit.agents.live_chat.messages import read_events
from botkit.agents.live_chat.replies import AffinityLost, OutOfSync, check
from botkit.errors import CallError, ConversationClosed, ServerTrouble
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Request, Transport

SPACING_SECONDS = 0.015
"""Messages in quicker succession were answered 200 and lost (9)."""
HELD_SECONDS = 45.0
"""How long a request waits for the chat's reconnection before it is given back, to be tried again later."""
_MAX_ATTEMPTS = 4
_LOOKS = 20
_LOOK_SECONDS = 0.1

Build = Callable[[Session, int | None], Request]
"""Makes the request for the way to the chat at present, and its number."""


class Poster:
    """Sends requests of one deployment's chats.

    Args:
        transport: carries them.
        recovery: reconnects a chat.
        clock: epoch seconds.
        monotonic: seconds that never go back.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        transport: Transport,
        recovery: Recovery,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._transport = transport
        self._recovery = recovery
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    async def post(self, chat: Chat, key: str, build: Build) -> None:
        """Send one request; `key` is the same for every attempt of it.

        Raises:
            CallError: it was not accepted, or nobody knows.
        """
        async with chat.posting:
            await self._post(chat, key, build)

    async def request_chat(self, chat: Chat, build: Build) -> None:
        """Send the chat request, which is the first of all. That it was sent before counts as done."""
        async with chat.posting:
            if not chat.requested:
                chat.begins()
                await self._post(chat, "init", build, once=True)
                chat.requested = True
                chat.asked = self._monotonic()

    async def say(self, chat: Chat, message_id: str, text: str, build: Build) -> None:
        """Send a message of the user's, with a little distance to the one before."""
        async with chat.posting:
            wait = chat.sent + SPACING_SECONDS - self._monotonic()
            if wait > 0:
                await self._sleep(wait)
            try:
                await self._post(chat, message_id, build)
            except CallError as error:
                if error.retryable:
                    chat.doubts(message_id, text)
                raise
            finally:
                chat.sent = self._monotonic()
            chat.accepted(text)

    async def _post(self, chat: Chat, key: str, build: Build, *, once: bool = False) -> None:
        await self._await_listener(chat)
        for _ in range(_MAX_ATTEMPTS):
            if chat.link is not Link.UP:
                await self._restore(chat)
            if chat.was_delivered(key):
                return
            session = chat.session
            request = build(session, chat.sequence.number(key))
            try:
                response = await self._transport.send(request)
                if once and 400 <= response.status < 500 and b"already" in response.body[:2_000].lower():
                    return
                check(request.what, response, now=self._clock())
            except AffinityLost:
                # Refused unread: it is sent again on the new way.
                await self._restore(chat, lost=session.affinity)
            except ConversationClosed:
                await self._await_end(chat)
                raise
            except OutOfSync as error:
                if once or chat.sequence.refused(error.actual):
                    return
            except CallError:
                chat.sequence.unsure()
                raise
            else:
                chat.sequence.accepted()
                return
        raise ServerTrouble("send to the chat", detail="the chat's server does not come to rest")

    async def _await_listener(self, chat: Chat) -> None:
        """Let a listener come first, after a restart.

        The effect that is sent may know an old way to the chat only, and a wrong affinity may be answered like a session
        that is over (3.10). A chat that has ended here already has no listener, hence the limit.
        """
        for _ in range(_LOOKS):
            if chat.known:
                return
            await self._sleep(_LOOK_SECONDS)

    async def _await_end(self, chat: Chat) -> None:
        """Let the listener tell the end first: it brings what was said before, and a refused post would cut it off."""
        for _ in range(_LOOKS):
            if chat.over or not chat.listening:
                return
            await self._sleep(_LOOK_SECONDS)

    async def _restore(self, chat: Chat, *, lost: str = "") -> None:
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await self._recovery.restore(chat, lost=lost)
        except TimeoutError:
            raise ServerTrouble(
                "reconnect the session", detail="it takes too long; tried again later"
            ) from None


_log = structlog.get_logger("botkit.agents")

LAST_POLL_SECONDS = 5.0
"""How long the server's ChatEnded is waited for. Some keep silent (3.12), and are not asked again."""


class Ender:
    """Ends chats of one deployment.

    Args:
        calls: builds the requests.
        transport: carries them.
        poster: sends ChatEnd.
        poller: asks for what was still said.
        recovery: reconnects a chat.
        clock: epoch seconds.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        calls: LiveChatCalls,
        transport: Transport,
        poster: Poster,
        poller: Poller,
        recovery: Recovery,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._calls = calls
        self._transport = transport
        self._poster = poster
        self._poller = poller
        self._recovery = recovery
        self._clock = clock
        self._monotonic = monotonic

    async def end(self, chat: Chat) -> Batch:
        """End the chat, then the session. Ended already counts as done, and so does never begun.

        Raises:
            CallError: it may still be there, and has to be ended later.
        """
        brought = Batch(())
        if chat.under_way and not chat.over and await self._end_chat(chat):
            brought = await self._last_words(chat)
        await self._end_session(chat)
        return brought

    async def _end_chat(self, chat: Chat) -> bool:
        """Whether the chat is over now."""
        try:
            await self._poster.post(
                chat, "end", lambda session, number: self._calls.end(session, "client", sequence=number)
            )
        except CallError as error:
            if self._may_live(chat, error):
                raise
            _log.debug("nothing_to_end", session=chat.session_id, code=error.code, status=error.status)
            return isinstance(error, ConversationClosed)
        return True

    async def _last_words(self, chat: Chat) -> Batch:
        asked = self._monotonic()
        try:
            await self._hear_the_end(chat)
        except CallError as error:
            if self._may_live(chat, error) and self._monotonic() - asked < LAST_POLL_SECONDS:
                raise
            _log.debug("end_not_told", session=chat.session_id, code=error.code, status=error.status)
        events: list[FromAgents] = []
        position, at = chat.position, Instant(self._clock())
        for reply in chat.unread:
            found, position = read_events(position, reply, session_id=chat.session_id, at=at)
            events += found
        return Batch(tuple(events))

    async def _hear_the_end(self, chat: Chat) -> None:
        await chat.interrupt_poll()
        affinity = chat.session.affinity
        try:
            reply = await self._poller.poll(chat, seconds=LAST_POLL_SECONDS)
        except AffinityLost:
            await self._recovery.restore(chat, lost=affinity)
        else:
            chat.unread += [] if reply is None else [reply]

    async def _end_session(self, chat: Chat) -> None:
        request = self._calls.delete(chat.session)
        try:
            check(request.what, await self._transport.send(request), now=self._clock())
        except CallError as error:
            # A session that is gone cannot be ended; one whose chat has ended, or that nobody polls, ends by itself.
            if not chat.under_way and error.status is None and self._may_live(chat, error):
                raise
            _log.debug("session_not_deleted", session=chat.session_id, code=error.code, status=error.status)

    def _may_live(self, chat: Chat, error: CallError) -> bool:
        """Whether what was not ended now may still be there later: a session ends when it is not polled (3.6)."""
        return error.retryable and self._monotonic() - chat.heard <= chat.position.lives
