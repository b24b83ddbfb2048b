"""Routing of chats: offers to one agent after another, acceptance, and ends.

See docs/protocols/salesforce-live-chat.md, 2.3, 7, 13.8.
"""

from __future__ import annotations

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.queueing import Queueing
from botkit_sandbox.live_chat.state import Chat, Wait, failure_event
from botkit_sandbox.salesforce.state import Agent

SYSTEM_NAME = "System"


class Routing(Queueing):
    """A chat waits, is offered, accepted, transferred and ended; the visitor is informed of each step."""

    def enqueue(self, chat: Chat, waits: Wait) -> None:
        """Put a chat into the queue and look for an agent."""
        chat.waits = waits
        chat.last_position = None
        self.queue[chat.id] = chat
        if chat.route.button is not None:
            self.event(chat, "Enqueue")
        self.assign(chat)
        if chat.waits is not None and chat.assigned is None and not self.settings.auto_assign:
            self.event(chat, "ChoiceRoute")

    def assign(self, chat: Chat) -> None:
        """Offer a chat to the preferred agent, or to the least busy one who has not declined."""
        eligible = self.eligible(chat)
        if not eligible and chat.waits != "takeover":
            self._nobody(chat)
            return
        free = [agent for agent in eligible if self.has_room(agent)]
        direct = chat.route.agent is not None and free == [chat.route.agent]
        if free and (self.settings.auto_assign or direct):
            agent = min(free, key=lambda each: each.load)
            self.unassign(chat)
            chat.assigned, chat.pushed_ms = agent, self.clock()
            agent.load += 1
            self.event(chat, "PushAssignment", agent=agent)
            self.send_queue_updates()
            self.publish_change("assigned", chat)
            if self.settings.auto_accept:
                self.engage(chat, agent)
        else:
            self.send_queue_updates()
            self.publish_change("waiting", chat, queuePosition=list(self.queue).index(chat.id) + 1)

    def assign_waiting(self) -> None:
        """Offer waiting chats to free agents, first come, first served."""
        for chat in list(self.queue.values()):
            if (
                chat.assigned is None
                and chat.id in self.queue
                and any(map(self.has_room, self.eligible(chat)))
            ):
                self.assign(chat)

    def engage(self, chat: Chat, agent: Agent) -> None:
        """The agent takes the chat, from the queue or from another agent."""
        if chat.assigned is not agent:
            self.unassign(chat)
            agent.load += 1
        chat.assigned = chat.pushed_ms = None
        waited_for, chat.waits = chat.waits, None
        leaving = list(chat.present.values())
        self._record_engaged(chat, agent, waited_for)
        for former in leaving:
            former.load -= 1
            self.event(chat, "LeaveAgent", agent=former)
        chat.present = {agent.id: agent}
        chat.returns_to = None
        self.queue.pop(chat.id, None)
        first = waited_for == "first"
        established = first or (
            waited_for is not None and self.settings.takeover_message == "ChatEstablished"
        )
        if first:
            self.record_accept(chat)
        else:
            self.remember(chat, "OperatorTransferred", name=agent.name, content="")
        self.send(
            chat,
            "ChatEstablished" if established else "ChatTransferred",
            messages.has_agent(chat, agent, self.settings, established=established),
        )
        for former in leaving:
            self.line(chat, "System", f"{former.name} left", name=SYSTEM_NAME)
        self.line(chat, "System", f"{agent.name} joined", name=SYSTEM_NAME)
        if first and self.settings.auto_greeting:
            self.speak(chat, agent, self.settings.auto_greeting, automated=True)
        self.publish_change("accepted", chat, agent=agent.id)
        self.send_queue_updates()
        self.assign_waiting()

    def speak(self, chat: Chat, agent: Agent, text: str, *, automated: bool = False) -> str:
        """Send a ChatMessage of an agent. Returns the id of its line."""
        shown = messages.agent_text(text, self.settings)
        self.send(chat, "ChatMessage", messages.chat_message(agent, shown, self.settings))
        self.remember(chat, "Agent", name=agent.name, content=shown)
        if not automated:
            chat.unanswered_ms = None
        return self.line(chat, "Agent", text, name=agent.name, kind="text", automated=automated)

    def release(self, chat: Chat, agent: Agent) -> None:
        """Remove an agent from the chat."""
        chat.present.pop(agent.id)
        agent.load -= 1

    def unassign(self, chat: Chat) -> None:
        """Withdraw the offer from the agent who was asked."""
        if chat.assigned is not None:
            chat.assigned.load -= 1
            chat.assigned = chat.pushed_ms = None

    def fail(self, chat: Chat, reason: str, *, queue_full: bool = False) -> None:
        """Send ChatRequestFail, which ends a chat at any time."""
        kind = failure_event(reason, with_agent=bool(chat.present), queue_full=queue_full)
        self.event(chat, kind, detail=reason)
        self.send(chat, "ChatRequestFail", messages.request_fail(reason, self.settings))
        self.line(chat, "System", f"The request failed: {reason}", name=SYSTEM_NAME)
        self.publish_change("routingFailed", chat, reason=reason)
        self.finish(chat, by="System")

    def finish(self, chat: Chat, *, by: str) -> None:
        """End the chat. The visitor has been informed already."""
        chat.ended = True
        chat.waits = None
        for agent in list(chat.present.values()):
            self.release(chat, agent)
        self.unassign(chat)
        self.queue.pop(chat.id, None)
        chat.file_request = None
        session = self.sessions[chat.id]
        session.over = True
        session.wake()
        self.publish_change("ended", chat, by=by)
        self.send_queue_updates()
        self.assign_waiting()

    def _nobody(self, chat: Chat) -> None:
        """No agent is left to ask (13.8): the request fails, unless an agent had the chat before."""
        former = chat.returns_to
        if former is None or not former.online or self.settings.transfer_failure == "ends":
            self.fail(chat, "Unavailable")
            return
        self.event(chat, "TransferCancelled")
        self.line(chat, "System", "The transfer failed", name=SYSTEM_NAME)
        self.publish_change("transferFailed", chat)
        self.engage(chat, former)

    def _record_engaged(self, chat: Chat, agent: Agent, waited_for: Wait | None) -> None:
        if agent is chat.returns_to:
            self.event(chat, "ChatResumedAfterTransfer", agent=agent)
        elif waited_for in ("first", "takeover"):
            self.event(chat, "Accept", agent=agent)
        else:
            self.event(chat, "Transfer", agent=agent)
