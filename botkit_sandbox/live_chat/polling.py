"""System/Messages: a request that waits for messages (a long poll).

A waiting poll costs one task, one event and one timer, so a thousand of them are cheap.

See docs/protocols/salesforce-live-chat.md, 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.log import Item
from botkit_sandbox.live_chat.sessions import INVALID, MOVED
from botkit_sandbox.live_chat.state import Poll, Session
from botkit_sandbox.salesforce.refusal import Refusal

DUPLICATE = "Conflict: duplicate long poll"


class Polling:
    """The long polls of all sessions of one service."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud
        self._stopping = False

    def stop(self) -> None:
        """Answer every waiting poll."""
        self._stopping = True
        for session in self._cloud.sessions.values():
            session.wake()

    async def messages(
        self, session: Session, ack: int | None, *, gone: Callable[[], bool], drop: Callable[[], None]
    ) -> bytes | None:
        """The body of the reply, or None after the hold time (204).

        Raises:
            Refusal: 400 without a required ack, 403 after the end, 409 for a second poll, 503 when the session moves.
        """
        cloud, settings = self._cloud, self._cloud.settings
        if session.poll is not None and not session.poll.gone():
            if settings.duplicate_poll == "end":
                cloud.kill(session, by="System", why="Two polls at once")
            raise Refusal(409, DUPLICATE)
        if ack is not None and settings.ack_ahead == "refuse" and session.log.ahead(ack):
            raise Refusal(409, f"Out of sync Ack. Expected {ack}. Actual {session.log.handed}")
        if ack is None and settings.without_ack == "refuse":
            raise Refusal(400, "Bad Request: ack is required")
        place = session.log.acknowledge(ack, replay=settings.replay, without_ack=settings.without_ack)
        news = asyncio.Event()
        poll = session.poll = Poll(wake=news.set, gone=gone, drop=drop)
        loop = asyncio.get_running_loop()
        end = loop.time() + settings.poll_hold_seconds
        timer = loop.call_at(end, news.set)
        try:
            while True:
                items = self._due(session, poll, place)
                if items:
                    return _reply(items)
                if self._stopping or loop.time() >= end or session.poll is not poll or gone():
                    return None
                news.clear()
                await news.wait()
        finally:
            timer.cancel()
            if session.poll is poll:
                session.poll, session.touched_ms = None, cloud.clock()

    def _due(self, session: Session, poll: Poll, place: int) -> Sequence[Item]:
        """The messages to send now. A client that hung up gets none, since they would count as sent."""
        if session.dead:
            raise Refusal(403, INVALID)
        if session.lost or (session.poll is not poll and session.resyncing):
            raise Refusal(503, MOVED)
        if session.poll is not poll or poll.gone() or poll.muted:
            return ()
        if self._cloud.faults and self._cloud.faults.find("empty-polls", conversation_id=session.id):
            return ()
        items = session.log.after(place)
        if items:
            session.log.hand_out(items)
            session.dead = session.over  # the end is sent once, then every poll gets 403 (14)
        elif session.over:
            raise Refusal(403, INVALID)
        return items


def _reply(items: Sequence[Item]) -> bytes:
    said = [{"type": item.type, "message": item.message} for item in items]
    return msgspec.json.encode({"messages": said, "sequence": items[-1].index, "offset": items[-1].offset})
