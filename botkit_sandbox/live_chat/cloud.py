"""The emulated Live Chat service: one deployment with its agents, as the HTTP routes, the control API and tests use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from botkit_sandbox.live_chat.desk import Desk
from botkit_sandbox.live_chat.faults import AT_ONCE, Fault
from botkit_sandbox.live_chat.state import Chat, Session
from botkit_sandbox.switches import changed

SHOWN_LINES = 500


class LiveChatCloud(Desk):
    """The whole service: `core`, `sessions`, `queueing`, `routing`, `requesting`, `chatting`, `desk`, faults and switches."""

    def inject(self, fault: Fault) -> None:
        """Apply a fault at once, or to the next requests."""
        if fault.kind not in AT_ONCE:
            self.faults.add(fault)
            return
        for session in self._sessions_of(fault.conversation_id):
            if fault.kind == "pod-restart":
                self.lose(session)
            elif fault.kind == "expire-sessions":
                self.kill(session, by="System", why="The session expired")
            elif session.poll is not None:
                session.poll.drop()
        self.publish_change("fault", fault=msgspec.to_builtins(fault))

    def sweep(self) -> None:
        """Expire sessions without polls, and notice agents who logged on or off. Called periodically."""
        self.notice_agents()
        self.watch_waits()
        for session in list(self.sessions.values()):
            poll = session.poll
            if poll is not None and poll.gone():
                session.poll, session.touched_ms = None, self.clock()
                poll.wake()
            self.expire(session)
            if session.dead and session.chat is None:
                del self.sessions[session.id]

    def open_polls(self) -> int:
        """The number of waiting polls."""
        return sum(session.poll is not None for session in self.sessions.values())

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Set switches by name while running.

        Raises:
            ValueError: a name is not a switch, or a value is not allowed for it.
        """
        self.settings = changed(self.settings, changes)
        self.publish_change("switches", switches=dict(changes))

    def state(self) -> dict[str, Any]:
        """The state that the agent console shows, JSON-ready and in the same shape as that of MIAW."""
        self.notice_agents()
        places = {chat_id: place for place, chat_id in enumerate(self.queue, start=1)}
        agents = [
            {"id": agent.id, "name": agent.name, "online": agent.online} for agent in self.agents.values()
        ]
        shown = [
            self._view(session, session.chat, places.get(session.id))
            for session in self.sessions.values()
            if session.chat is not None
        ]
        return {
            "agents": agents,
            "buttons": [{"id": button.id, "name": button.name} for button in self.settings.buttons],
            "conversations": shown,
            "faults": [msgspec.to_builtins(fault) for fault in self.faults.all()],
            "openPolls": self.open_polls(),
        }

    def _sessions_of(self, conversation_id: str) -> list[Session]:
        if conversation_id:
            return [self.sessions[self.chat(conversation_id).id]]
        return [session for session in self.sessions.values() if not session.dead]

    def _view(self, session: Session, chat: Chat, place: int | None) -> dict[str, Any]:
        button = chat.route.button
        return {
            "id": chat.id,
            "status": chat.stage,
            "sessionId": session.id,
            "createdAt_ms": chat.requested_ms,
            "assignedTo": chat.assigned.id if chat.assigned else None,
            "agents": list(chat.present),
            "attributes": chat.attributes,
            "hiddenAttributes": list(chat.hidden_attributes),
            "transcriptFields": chat.transcript_fields,
            "entities": chat.records,
            "visitorName": chat.visitor_name,
            "button": button.id if button is not None else None,
            "language": chat.language,
            "transcript": list(chat.lines)[-SHOWN_LINES:],
            "events": list(chat.events)[-SHOWN_LINES:],
            "queuePosition": place,
            "userTyping": chat.user_typing,
            "preview": chat.preview,
            "transferring": chat.transferring,
            "fileRequested": chat.file_request is not None,
            "lost": session.lost,
        }
