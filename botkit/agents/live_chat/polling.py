"""One poll of System/Messages: a request that hangs until there is something to tell (protocols/salesforce-live-chat.md 3)."""

from __future__ import annotations

from collections.abc import Callable

from botkit.agents.live_chat.calls import LiveChatCalls
from botkit.agents.live_chat.chat import Chat
from botkit.agents.live_chat.messages import Reply, read_reply
from botkit.agents.live_chat.replies import check
from botkit.agents.miaw.wire import decoded
from botkit.errors import BadReply
from botkit.http import Transport


class Poller:
    """Polls chats of one deployment.

    Args:
        calls: builds the requests.
        transport: carries them.
        margin_seconds: how much longer than the server asks for an answer is waited for (3.5).
        clock: epoch seconds.
    """

    def __init__(
        self, calls: LiveChatCalls, transport: Transport, *, margin_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._transport = transport
        self._margin = margin_seconds
        self._clock = clock

    async def poll(self, chat: Chat, *, seconds: float | None = None) -> Reply | None:
        """Ask for what comes after the chat's position; None when there was nothing for as long as the server holds.

        Args:
            chat: the chat.
            seconds: the longest to wait, if not what the server asks for.

        Raises:
            ConversationClosed: the session is over.
            AffinityLost: it has to be reconnected.
            OutOfSync: another poll is under way.
            CallError: anything else.
        """
        era, ack = chat.position.era, chat.position.ack
        patience = chat.credentials.poll_seconds + self._margin if seconds is None else seconds
        request = self._calls.messages(chat.session, ack=ack, seconds=patience)
        response = await self._transport.send(request)
        check(request.what, response, now=self._clock())
        if response.status == 204:
            return None
        body = decoded(response.body)
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise BadReply(request.what, status=response.status, detail="no messages in the answer")
        return read_reply(body, era=era, ack=ack)
