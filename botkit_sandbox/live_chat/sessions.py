"""Visitors' connections: the key and affinity of each request, expiry, and recovery after a 503 (1, 2.1, 3.9).

Numbers in parentheses are sections of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.log import MessageLog
from botkit_sandbox.live_chat.routing import SYSTEM_NAME, Routing
from botkit_sandbox.live_chat.state import Session
from botkit_sandbox.salesforce.refusal import Refusal

INVALID = "Session required but was invalid or not found"
MOVED = "Service Unavailable: the affinity token is no longer valid"
FIRST_OFFSET = 10_000_000
OLD_AFFINITIES = 16


class Sessions(Routing):
    """A session is created, stays alive while it is polled, may move to another server, and ends."""

    def new_session(self) -> Session:
        """Create a session: SessionId (2.1).

        Raises:
            Refusal: 503 if there are too many.
        """
        self._make_room()
        session_id = self.chance.uuid()
        # Offsets start at a random number, so that clients do not rely on the value.
        start = FIRST_OFFSET + int.from_bytes(self.chance.token(3)) * 7
        session = Session(
            id=session_id,
            key=self._new_key(session_id),
            affinity=self.chance.token(4).hex(),
            log=MessageLog(start),
            touched_ms=self.clock(),
        )
        self.sessions[session_id] = session
        return session

    def known(self, key: str | None) -> Session:
        """The session of a key, raw or percent-encoded, on any server.

        Raises:
            Refusal: 403.
        """
        given = unquote(key or "")
        session = self.sessions.get(given.partition("!")[0])
        if session is None or not hmac.compare_digest(session.key.encode(), given.encode()):
            raise Refusal(403, INVALID)
        self.expire(session)
        if session.dead:
            raise Refusal(403, INVALID)
        return session

    def session(self, key: str | None, affinity: str | None) -> Session:
        """The session of a request that must reach the right server.

        Raises:
            Refusal: 403, or 503 when it has moved.
        """
        session = self.known(key)
        if session.lost or affinity in session.old_affinities:
            session.saw_503 = True
            raise Refusal(503, MOVED)
        if affinity != session.affinity:
            if self.settings.wrong_affinity == 503:
                session.saw_503 = True
                raise Refusal(503, MOVED)
            raise Refusal(403, INVALID)
        return session

    def note_503(self, key: str | None) -> None:
        """Note that this session's client got a 503, which looks like a moved session."""
        session = self.sessions.get(unquote(key or "").partition("!")[0])
        if session is not None:
            session.saw_503 = True

    def expire(self, session: Session) -> None:
        """End the session if its client has not polled for too long (3.6), or never asked for a chat (2.1)."""
        if session.dead or (session.poll is not None and not session.poll.gone()):
            return
        settings, silent = self.settings, (self.clock() - session.touched_ms) / 1000
        pause = settings.poll_pause_seconds
        polled = settings.connection_timeout_seconds if pause is None else pause
        if silent > (settings.init_timeout_seconds if session.chat is None else polled):
            self.kill(session, by="System", why="The visitor's connection was lost")

    def kill(self, session: Session, *, by: str, why: str) -> None:
        """End the session without a message to the visitor. Every further request gets 403."""
        session.dead = True
        chat = session.chat
        if chat is not None and not chat.ended:
            self.event(chat, "LeaveVisitor", detail=why)
            self.line(chat, "System", why, name=SYSTEM_NAME)
            self.finish(chat, by=by)
        session.wake()

    # --- recovery ----------------------------------------------------------------------------------------------

    def lose(self, session: Session) -> None:
        """Simulate the loss of the session's server: every request gets 503 until ReconnectSession (3.9)."""
        session.lost = session.saw_503 = True
        session.wake()
        self.publish_change("connection", session.chat, sessionId=session.id, lost=True)

    def reconnect(self, session: Session, offset: int | None) -> Mapping[str, Any]:
        """ReconnectSession (2.11): a new server, which knows the messages so far and numbers anew.

        Messages that the client has not seen follow ChasitorSessionData; chat messages are inside it.

        Raises:
            Refusal: 405 without a 503 before (13.7).
        """
        refused_with = self.settings.reconnect_without_503
        if not session.saw_503 and refused_with != 200:
            raise Refusal(refused_with, "Method Not Allowed" if refused_with == 405 else INVALID)
        session.old_affinities.add(session.affinity)
        while len(session.old_affinities) > OLD_AFFINITIES:
            session.old_affinities.pop()
        session.affinity = self.chance.token(4).hex()
        session.lost = session.saw_503 = False
        session.last_sequence = 0
        session.resyncing = True
        session.touched_ms = self.clock()
        if session.poll is not None:
            session.poll.wake()  # the poll belongs to the old server
            session.poll = None
        unseen = session.log.start_over(
            seen_offset=offset, continued=self.settings.reconnect_sequence == "continue"
        )
        chat = session.chat
        position = self.place(chat) if chat is not None and chat.waits is not None else 0
        session.log.add("ChasitorSessionData", messages.session_data(chat, self.settings, position=position))
        for item in unseen:
            if self._is_carried(item.type):
                session.log.add(item.type, item.message)
        self.publish_change("connection", chat, sessionId=session.id, lost=False)
        said: dict[str, Any] = {"affinityToken": session.affinity}
        return said | ({"resetSequence": True} if self.settings.reset_sequence_said else {})

    def resync(self, key: str | None) -> Mapping[str, Any]:
        """ResyncSession (2.12), which ReconnectSession replaced in API version 37. It returns a new key."""
        try:
            session = self.known(key)
        except Refusal:
            return {"isValid": False}
        session.saw_503 = True
        self.reconnect(session, None)
        session.key = self._new_key(session.id)
        return {"isValid": True, "key": session.key, "affinityToken": session.affinity}

    # --- inside ------------------------------------------------------------------------------------------------

    def _is_carried(self, kind: str) -> bool:
        if kind == "ChatMessage":
            return self.settings.carry_chat_messages
        return self.settings.carry_pending and kind != "ChasitorSessionData"

    def _new_key(self, session_id: str) -> str:
        return f"{session_id}!{self.clock()}!{base64.b64encode(self.chance.token(20)).decode()}"

    def _make_room(self) -> None:
        if len(self.sessions) < self.settings.max_sessions:
            return
        old = next((each for each in self.sessions.values() if each.dead), None)
        if old is None:
            raise Refusal(503, "Service Unavailable: too many sessions")
        del self.sessions[old.id]
