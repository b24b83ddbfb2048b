"""Our own end of a chat: ChatEnd, what was still said, and the end of the session (protocols/salesforce-live-chat.md 2.2, 2.9).

Nobody listens any more by then. What agents had said just before comes with the next poll, together with the server's ChatEnded.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from botkit.agents.api import Batch
from botkit.agents.live_chat.calls import LiveChatCalls
from botkit.agents.live_chat.chat import Chat
from botkit.agents.live_chat.messages import read_events
from botkit.agents.live_chat.polling import Poller
from botkit.agents.live_chat.posting import Poster
from botkit.agents.live_chat.recovery import Recovery
from botkit.agents.live_chat.replies import AffinityLost, check
from botkit.errors import CallError, ConversationClosed
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Transport

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
