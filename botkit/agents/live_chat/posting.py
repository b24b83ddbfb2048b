"""Sends requests to one chat, in order, each with its sequence number; waits while the chat reconnects; ends the chat.

Sections are those of docs/protocols/salesforce-live-chat.md (3.8, 3.9; the end: 2.2, 2.9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from botkit.agents.api import Batch
from botkit.agents.live_chat.calls import Post, end_by_client, init, message
from botkit.agents.live_chat.chat import Chat, Link
from botkit.agents.live_chat.connection import Connection
from botkit.agents.live_chat.messages import read_events
from botkit.agents.live_chat.prechat import quotable
from botkit.agents.live_chat.replies import AffinityLost, OutOfSync, check, check_setup
from botkit.errors import CallError, ConversationClosed, ServerTrouble
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.observability.events import get_logger

_log = get_logger("botkit.agents")

SPACING_SECONDS = 0.015
"""The pause between two messages. Messages in quicker succession were answered 200 and lost (9)."""
HELD_SECONDS = 45.0
"""The longest wait of a request for the chat's reconnection. Then the request fails and is retried later."""
LAST_POLL_SECONDS = 5.0
"""The longest wait for the server's ChatEnded. Some servers never send it (3.12), so there is no second wait."""
_MAX_ATTEMPTS = 4
_MAX_CHECKS = 20
_CHECK_SECONDS = 0.1


class Poster:
    """Sends requests of one deployment's chats."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._monotonic = connection.monotonic
        self._sleep = connection.sleep

    async def post(self, chat: Chat, key: str, post: Post) -> None:
        """Send one request. `key` is its idempotency key, the same on every attempt.

        Raises:
            CallError: it was not accepted, or the outcome is unknown.
        """
        async with chat.posting:
            await self._post(chat, key, post)

    async def request_chat(self, chat: Chat, body: Mapping[str, object]) -> None:
        """Send the chat request, which comes before any other. A request that was sent before counts as done."""
        async with chat.posting:
            if not chat.requested:
                chat.begin()
                await self._post(chat, "init", init(body), once=True)
                chat.requested = True
                chat.asked = self._monotonic()

    async def say(self, chat: Chat, message_id: str, text: str) -> None:
        """Send a message of the user, `SPACING_SECONDS` or more after the previous one."""
        async with chat.posting:
            wait = chat.sent + SPACING_SECONDS - self._monotonic()
            if wait > 0:
                await self._sleep(wait)
            try:
                await self._post(chat, message_id, message(text))
            except CallError as error:
                if error.retryable:
                    chat.unanswered(message_id, text)
                raise
            finally:
                chat.sent = self._monotonic()
            chat.accepted(text)

    async def end(self, chat: Chat) -> Batch:
        """End the chat, then the session. A chat that has ended, or never began, counts as done.

        The listener has stopped by then. One more poll gets the agents' last messages and the server's ChatEnded.

        Raises:
            CallError: the chat may still be alive and must be ended later.
        """
        last_words = Batch(())
        if chat.under_way and not chat.over and await self._end_chat(chat):
            last_words = await self._last_words(chat)
        await self._end_session(chat)
        return last_words

    # --- sending ---

    async def _post(self, chat: Chat, key: str, post: Post, *, once: bool = False) -> None:
        await self._await_listener(chat)
        for _ in range(_MAX_ATTEMPTS):
            if chat.link is not Link.UP:
                await self._restore(chat)
            if chat.was_delivered(key):
                return
            session = chat.session
            request = self._connection.calls.post(session, post, sequence=chat.sequence.number(key))
            try:
                response = await self._connection.transport.send(request)
                if once and 400 <= response.status < 500:
                    if b"already" in response.body[:2_000].lower():
                        return
                    if response.status not in (403, 409):
                        hide = quotable(post.body)
                        check_setup(request.what, response, now=self._connection.clock(), hide=hide)
                check(request.what, response, now=self._connection.clock())
            except AffinityLost:
                # The lost server did not read the request: send it to the new one.
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
        raise ServerTrouble("send to the chat", detail="the chat's server kept changing")

    async def _await_listener(self, chat: Chat) -> None:
        """After a restart, wait for the listener.

        An effect may carry an outdated affinity, and a wrong affinity may get the answer of a session that is over (3.10). The
        wait is limited, because a chat that has ended has no listener.
        """
        for _ in range(_MAX_CHECKS):
            if chat.known:
                return
            await self._sleep(_CHECK_SECONDS)

    async def _await_end(self, chat: Chat) -> None:
        """Let the listener report the end first: it has the last messages, which the error of a refused post would hide."""
        for _ in range(_MAX_CHECKS):
            if chat.over or not chat.listening:
                return
            await self._sleep(_CHECK_SECONDS)

    async def _restore(self, chat: Chat, *, lost: str = "") -> None:
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await self._connection.restore(chat, lost=lost)
        except TimeoutError:
            raise ServerTrouble("reconnect the session", detail="it took too long; retried later") from None

    # --- ending ---

    async def _end_chat(self, chat: Chat) -> bool:
        """End the chat. Returns whether it is over now."""
        try:
            await self.post(chat, "end", end_by_client())
        except CallError as error:
            if self._may_live(chat, error):
                raise
            _log.debug("nothing_to_end", session=chat.session_id, code=error.code, status=error.status)
            return isinstance(error, ConversationClosed)
        return True

    async def _last_words(self, chat: Chat) -> Batch:
        began = self._monotonic()
        try:
            await self._poll_once(chat)
        except CallError as error:
            if self._may_live(chat, error) and self._monotonic() - began < LAST_POLL_SECONDS:
                raise
            _log.debug("end_not_told", session=chat.session_id, code=error.code, status=error.status)
        events: list[FromAgents] = []
        position, at = chat.position, Instant(self._connection.clock())
        for reply in chat.unread:
            found, position = read_events(position, reply, session_id=chat.session_id, at=at)
            events += found
        return Batch(tuple(events))

    async def _poll_once(self, chat: Chat) -> None:
        await chat.interrupt_poll()
        affinity = chat.session.affinity
        try:
            reply = await self._connection.poll(chat, seconds=LAST_POLL_SECONDS)
        except AffinityLost:
            await self._connection.restore(chat, lost=affinity)
        else:
            chat.unread += [] if reply is None else [reply]

    async def _end_session(self, chat: Chat) -> None:
        try:
            await self._connection.call(self._connection.calls.delete(chat.session))
        except CallError as error:
            # A session that is gone cannot be ended. A session ends by itself after its chat, or when it is not polled.
            if not chat.under_way and error.status is None and self._may_live(chat, error):
                raise
            _log.debug("session_not_deleted", session=chat.session_id, code=error.code, status=error.status)

    def _may_live(self, chat: Chat, error: CallError) -> bool:
        """Whether a chat that could not be ended may still be alive: a session ends when it is not polled (3.6)."""
        return error.retryable and self._monotonic() - chat.heard <= chat.position.session_seconds
