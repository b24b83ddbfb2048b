"""What agents do, and what the system does to their chats; the control API and tests call it.

See docs/protocols/salesforce-live-chat.md, 7.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.chatting import Chatting
from botkit_sandbox.live_chat.core import SERVLET
from botkit_sandbox.live_chat.routing import SYSTEM_NAME
from botkit_sandbox.live_chat.state import Chat, FileRequest, Route, TranscriptEvent
from botkit_sandbox.salesforce.refusal import NotKnown, NotPossible
from botkit_sandbox.salesforce.state import Agent

QUEUE = "queue"


class Desk(Chatting):
    """An agent or button is given by id or name. Every method raises NotKnown, or NotPossible in a wrong state."""

    def accept(self, conversation_id: str, agent: str) -> None:
        """Take a chat from the queue (also one offered to another agent), or one that another agent transfers."""
        chat, taker = self._open(conversation_id), self.agent(agent)
        if not taker.online:
            raise NotPossible(f"{taker.name} is offline")
        if chat.waits is None and chat.assigned is not taker:
            raise NotPossible(f"the chat does not wait for {taker.name} ({chat.stage})")
        self.engage(chat, taker)

    def decline(self, conversation_id: str, agent: str) -> None:
        """Decline a chat. The next agent is asked; when all have declined, the request fails (13.8)."""
        chat, decliner = self._open(conversation_id), self.agent(agent)
        if chat.assigned is not decliner:
            raise NotPossible(f"the chat is not assigned to {decliner.name}")
        self._unpush(chat, decliner, as_event="DeclineManual")

    def agent_says(self, conversation_id: str, agent: str, text: str) -> str:
        """Send a ChatMessage. Returns the id of its line in the transcript."""
        chat, speaker = self._engaged(conversation_id, agent)
        return self.speak(chat, speaker, text)

    def agent_typing(self, conversation_id: str, agent: str, *, started: bool) -> None:
        """Send AgentTyping or AgentNotTyping."""
        chat, writer = self._engaged(conversation_id, agent)
        kind = "AgentTyping" if started else "AgentNotTyping"
        self.send(chat, kind, messages.typing(writer, self.settings))
        self.publish_change("typing", chat, agent=writer.id, started=started)

    def transfer(self, conversation_id: str, agent: str, *, to: str = QUEUE, fail: bool = False) -> None:
        """Transfer to another agent, who has it once they accept, or to a button ("queue": its own), where the visitor waits.

        A transfer to an agent that fails changes nothing. For a button, the switch `transfer_failure` decides.
        """
        chat, giver = self._engaged(conversation_id, agent)
        target = self._agent_or_none(to)
        if target is not None:
            self._offer(chat, giver, target, fail=fail)
            return
        button = chat.route.button if to == QUEUE else self.button(to)
        if button is None:
            button = self.settings.buttons[0]
        self.event(chat, "TransferRequest", agent=giver, detail=button.name)
        self.send(chat, "TransferToButtonInitiated", messages.button_transfer(button, self.settings))
        self.line(chat, "System", f"{giver.name} transfers to {button.name}", name=SYSTEM_NAME)
        self.unassign(chat)
        for present in list(chat.present.values()):
            self.release(chat, present)
            self.event(chat, "LeaveAgent", agent=present)
        chat.route = Route(None, button)
        chat.returns_to = giver
        chat.declined = set(self.agents) if fail else {giver.id}
        self.publish_change("transfer", chat, agent=giver.id, to=button.id)
        self.enqueue(chat, "button")

    def conference(self, conversation_id: str, agent: str, *, to: str) -> None:
        """Add another agent while the first one stays."""
        chat, _ = self._engaged(conversation_id, agent)
        guest = self.agent(to)
        if not guest.online or guest.id in chat.present:
            raise NotPossible(f"{guest.name} is offline, or in the chat already")
        chat.present[guest.id] = guest
        guest.load += 1
        self.event(chat, "Other", agent=guest, detail="joined a conference")
        self.send(chat, "AgentJoinedConference", messages.conference(guest, self.settings))
        self.line(chat, "System", f"{guest.name} joined", name=SYSTEM_NAME)
        self.publish_change("conference", chat, agent=guest.id)

    def leave(self, conversation_id: str, agent: str) -> None:
        """Leave a conference. Another agent must be in it."""
        chat, leaver = self._engaged(conversation_id, agent)
        if len(chat.present) == 1:
            raise NotPossible(f"{leaver.name} is the only agent in the chat")
        self.release(chat, leaver)
        self.event(chat, "LeaveAgent", agent=leaver)
        self.send(chat, "AgentLeftConference", messages.conference(leaver, self.settings))
        self.line(chat, "System", f"{leaver.name} left", name=SYSTEM_NAME)
        self.publish_change("left", chat, agent=leaver.id)
        self.assign_waiting()

    def disconnect(self, conversation_id: str, agent: str) -> None:
        """AgentDisconnect: the agent's connection is lost. The session continues, and another agent may take over."""
        chat, leaver = self._engaged(conversation_id, agent)
        self.unassign(chat)
        self.release(chat, leaver)
        self.event(chat, "LeaveAgent", agent=leaver, detail="connection lost")
        self.send(chat, "AgentDisconnect", messages.typing(leaver, self.settings))
        self.line(chat, "System", f"{leaver.name} lost the connection", name=SYSTEM_NAME)
        self.publish_change("left", chat, agent=leaver.id)
        if not chat.present:
            chat.declined = {leaver.id}
            self.enqueue(chat, "takeover")

    def drop(self, conversation_id: str, agent: str) -> None:
        """Remove an agent: from a conference, or, as the last one, by a lost connection."""
        chat, _ = self._engaged(conversation_id, agent)
        if len(chat.present) > 1:
            self.leave(conversation_id, agent)
        else:
            self.disconnect(conversation_id, agent)

    def agent_ends(self, conversation_id: str, agent: str) -> None:
        """Send ChatEnded. After the client has fetched it, its next call is answered with 403."""
        chat, ender = self._engaged(conversation_id, agent)
        self.event(chat, "EndAgent", agent=ender)
        self.line(chat, "System", f"{ender.name} ended the chat", name=SYSTEM_NAME)
        self.send(chat, "ChatEnded", messages.ended(chat, "agent", self.settings))
        self.finish(chat, by="Agent")

    def route_failure(self, conversation_id: str, *, reason: str = "Unavailable") -> None:
        """Send ChatRequestFail, which is possible at any time."""
        self.fail(self._open(conversation_id), reason)

    def request_file(self, conversation_id: str, agent: str) -> str:
        """Send FileTransfer Requested: the visitor may upload one file. Returns the token (2.21)."""
        chat, asker = self._engaged(conversation_id, agent)
        token = base64.urlsafe_b64encode(self.chance.token(24)).decode()
        chat.file_request = FileRequest(token, asker)
        servlet = self.base_url + SERVLET
        self.send(
            chat, "FileTransfer", messages.file_transfer("Requested", chat.file_request, servlet=servlet)
        )
        self.line(chat, "System", f"{asker.name} asks for a file", name=SYSTEM_NAME)
        self.publish_change("fileRequested", chat, agent=asker.id)
        return token

    def cancel_file(self, conversation_id: str, agent: str) -> None:
        """Send FileTransfer Canceled and invalidate the token."""
        chat, asker = self._engaged(conversation_id, agent)
        if chat.file_request is None:
            raise NotPossible("no file was asked for")
        chat.file_request = None
        self.send(chat, "FileTransfer", messages.file_transfer("Canceled"))
        self.line(chat, "System", f"{asker.name} wants the file no more", name=SYSTEM_NAME)

    def custom_event(self, conversation_id: str, agent: str, *, kind: str, data: str) -> None:
        """Send a CustomEvent to the visitor's page."""
        chat, _ = self._engaged(conversation_id, agent)
        self.send(chat, "CustomEvent", {"type": kind, "data": data})
        self.line(chat, "System", f"Custom event {kind}: {data}", name=SYSTEM_NAME)

    def raw_message(self, conversation_id: str, kind: str, message: Mapping[str, Any]) -> None:
        """Send any message, for example an unknown one: clients must ignore messages that they do not know."""
        self.send(self._open(conversation_id), kind, message)

    def set_online(self, agent: str, online: bool) -> None:
        """Log an agent on or off, for all kinds of chats."""
        who = self.agent(agent)
        if self.organisation is not None:
            self.organisation.set_online(who.id, online)
        else:
            who.online = online
        self.notice_agents()

    def notice_agents(self) -> None:
        """Notice agents who logged on or off, also in the organisation. An agent who logs off drops all chats."""
        for agent in list(self.agents.values()):
            if self.seen_online.get(agent.id) == agent.online:
                continue
            self.seen_online[agent.id] = agent.online
            self.publish_change("agent", agent=agent.id, online=agent.online)
            if agent.online:
                for chat in self.queue.values():
                    chat.declined.discard(agent.id)
                self.assign_waiting()
            else:
                self._lose_agent(agent)

    def watch_waits(self) -> None:
        """Withdraw requests that an agent ignores for too long, and note visitors who wait too long for an answer."""
        settings, now = self.settings, self.clock()
        push, critical = settings.push_timeout_seconds, settings.critical_wait_seconds
        if push is None and critical is None:
            return
        for session in list(self.sessions.values()):
            chat = session.chat
            if chat is None or chat.ended:
                continue
            if chat.present and _is_over(critical, chat.unanswered_ms, now):
                chat.unanswered_ms = None
                self.event(chat, "AlertCriticalWaitChat")
            if chat.assigned is not None and _is_over(push, chat.pushed_ms, now):
                self._unpush(chat, chat.assigned, as_event="DeclineTimeout")

    # --- inside ------------------------------------------------------------------------------------------------

    def _lose_agent(self, agent: Agent) -> None:
        for session in list(self.sessions.values()):
            chat = session.chat
            if chat is None or chat.ended:
                continue
            if agent.id in chat.present:
                self.drop(chat.id, agent.id)
            elif chat.assigned is agent:
                self._unpush(chat, agent, as_event="Other")
            elif chat.waits is not None and chat.assigned is None:
                self.assign(chat)  # it fails if no agent is left

    def _unpush(self, chat: Chat, agent: Agent, *, as_event: TranscriptEvent) -> None:
        self.unassign(chat)
        self.event(chat, as_event, agent=agent, detail="does not take it")
        self.publish_change("declined", chat, agent=agent.id)
        if chat.waits is not None:
            chat.declined.add(agent.id)
            self.assign(chat)
        else:
            self.event(chat, "TransferCancelled", agent=agent)
            self.line(chat, "System", f"{agent.name} did not take the transfer", name=SYSTEM_NAME)

    def _offer(self, chat: Chat, giver: Agent, target: Agent, *, fail: bool) -> None:
        if not target.online or target.id in chat.present:
            raise NotPossible(f"{target.name} is offline, or in the chat already")
        self.event(chat, "TransferRequest", agent=giver, detail=target.name)
        self.line(chat, "System", f"{giver.name} transfers to {target.name}", name=SYSTEM_NAME)
        self.unassign(chat)
        chat.assigned, chat.pushed_ms = target, self.clock()
        target.load += 1
        self.publish_change("transfer", chat, agent=giver.id, to=target.id)
        if fail:
            self._unpush(chat, target, as_event="DeclineManual")
        elif self.settings.auto_accept:
            self.engage(chat, target)

    def _agent_or_none(self, id_or_name: str) -> Agent | None:
        try:
            return self.agent(id_or_name)
        except NotKnown:
            return None

    def _open(self, conversation_id: str) -> Chat:
        chat = self.chat(conversation_id)
        if chat.ended:
            raise NotPossible("the chat is over")
        return chat

    def _engaged(self, conversation_id: str, agent: str) -> tuple[Chat, Agent]:
        chat, who = self._open(conversation_id), self.agent(agent)
        if who.id not in chat.present:
            raise NotPossible(f"{who.name} is not in the chat ({chat.stage})")
        return chat, who


def _is_over(seconds: float | None, since_ms: int | None, now_ms: int) -> bool:
    return seconds is not None and since_ms is not None and now_ms - since_ms > seconds * 1000
