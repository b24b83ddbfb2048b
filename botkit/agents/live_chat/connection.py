"""One chat's connection to its server: polls, and the reconnection after a lost server.

Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from botkit.agents.live_chat.calls import LiveChatCalls
from botkit.agents.live_chat.chat import Chat, Link
from botkit.agents.live_chat.messages import Reply, read_reply
from botkit.agents.live_chat.position import read_session_data
from botkit.agents.live_chat.replies import AffinityLost, check, message_of
from botkit.agents.salesforce import unusable
from botkit.errors import CallRefused, ConversationClosed, Unreachable
from botkit.http import Request, Response, Transport
from botkit.http.lenient_json import text, try_decoded
from botkit.observability.events import get_logger

_log = get_logger("botkit.agents")

_MAX_POLLS = 3
_EARLY_POLL_SECONDS = 5.0
"""A session without a chat request may send nothing, not even its data."""


class Connection:
    """Polls and reconnects the chats of one deployment.

    Args:
        calls: builds the requests.
        transport: carries them.
        margin_seconds: how much longer to wait for a poll than the server says (3.5).
        clock: epoch seconds.
        monotonic: seconds that never go back.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        calls: LiveChatCalls,
        transport: Transport,
        *,
        margin_seconds: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.calls = calls
        self.transport = transport
        self.clock = clock
        self.monotonic = monotonic
        self.sleep = sleep
        self._margin = margin_seconds

    async def call(self, request: Request) -> Response:
        """Send a request of a chat.

        Raises:
            ConversationClosed: the session is over.
            AffinityLost: it has to be reconnected.
            OutOfSync: another poll is under way, or the sequence number is not the next one.
            CallError: anything else.
        """
        return check(request.what, await self.transport.send(request), now=self.clock())

    async def poll(self, chat: Chat, *, seconds: float | None = None) -> Reply | None:
        """One long poll of System/Messages (3), from the chat's position on.

        Args:
            chat: the chat.
            seconds: the longest wait; by default the time that the server states.

        Returns:
            None if no message arrived while the server held the poll.

        Raises:
            CallError: as of `call`.
        """
        era, ack = chat.position.era, chat.position.ack
        wait = chat.credentials.poll_seconds + self._margin if seconds is None else seconds
        request = self.calls.messages(chat.session, ack=ack, seconds=wait)
        response = await self.call(request)
        if response.status == 204:
            return None
        body = try_decoded(response.body)
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise unusable(request.what, response, "messages")
        return read_reply(body, era=era, ack=ack)

    async def restore(self, chat: Chat, *, lost: str = "") -> None:
        """Reconnect the chat; returns at once if its link is up.

        Args:
            chat: the chat.
            lost: the affinity that was answered with a 503. If the chat has another one by now, it is reconnected already.

        Raises:
            ConversationClosed: the session is over.
            CallError: the reconnection failed; the next attempt continues it.
        """
        async with chat.reconnecting:
            if lost and chat.link is Link.UP and chat.session.affinity == lost:
                chat.link = Link.LOST
            if chat.link is Link.UP:
                return
            await chat.interrupt_poll()
            if chat.link is Link.LOST and not await self._reconnect(chat):
                return
            await self._resume(chat)

    async def _reconnect(self, chat: Chat) -> bool:
        request = self.calls.reconnect(chat.session, offset=chat.position.offset)
        response = await self.transport.send(request)
        if response.status == 405:
            # "There was no 503" (2.11): the server still has this chat.
            chat.link = Link.UP
            return False
        check(request.what, response, now=self.clock())
        message = message_of(response, "ReconnectSession")
        affinity = text(message.get("affinityToken"))
        if not affinity:
            raise unusable(request.what, response, "affinityToken")
        # The guide says "always true", and leaves it out of its own sample.
        chat.renew(affinity, numbers_start_anew=message.get("resetSequence") is not False)
        return True

    async def _resume(self, chat: Chat) -> None:
        try:
            if not any(reply.era == chat.position.era for reply in chat.unread):
                await self._poll_session_data(chat)
            await self.call(self.calls.resync(chat.session))
        except AffinityLost:
            chat.link = Link.LOST
            raise
        except ConversationClosed:
            if not chat.unread:
                raise
            # The session's data has arrived: it has the last messages and the end of the chat.
        except CallRefused as refusal:
            # The call is optional. If the new server refuses the chat itself, the next call shows it.
            _log.warning("resync_refused", session=chat.session_id, code=refusal.code, status=refusal.status)
        chat.link = Link.UP
        _log.info("chat_reconnected", session=chat.session_id, era=chat.position.era)

    async def _poll_session_data(self, chat: Chat) -> None:
        """Poll for the first message after a reconnection, the session's data, and queue it for the listener."""
        early = not chat.position.requested and not chat.requested
        for _ in range(_MAX_POLLS):
            try:
                reply = await self.poll(chat, seconds=_EARLY_POLL_SECONDS if early else None)
            except Unreachable:
                if early:
                    return
                raise
            if reply is not None:
                chat.unread.append(reply)
                if (data := reply.first("ChasitorSessionData")) is not None:
                    chat.history_arrived(read_session_data(data))
                return
