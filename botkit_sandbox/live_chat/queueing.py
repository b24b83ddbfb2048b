"""The queue: positions and expected waits.

See docs/protocols/salesforce-live-chat.md, 7 and 8.
"""

from __future__ import annotations

from collections import Counter

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.core import CloudCore
from botkit_sandbox.live_chat.settings import Button
from botkit_sandbox.live_chat.state import Chat
from botkit_sandbox.salesforce.state import Agent

NEWEST_SHARE = 0.1


class Queueing(CloudCore):
    """Positions and waits of chats without an agent."""

    def eligible(self, chat: Chat) -> list[Agent]:
        """Agents who are online and can take the chat; only the preferred one while that is possible."""
        route, preferred = chat.route, chat.route.agent
        if (
            preferred is not None
            and self._may_take(chat, preferred)
            and (route.button is None or self.has_room(preferred))
        ):
            return [preferred]
        if route.button is None:
            return []
        return [agent for agent in self.staff(route.button) if self._may_take(chat, agent)]

    def staff(self, button: Button) -> list[Agent]:
        """A button's agents, online or not."""
        return [agent for agent in self.agents.values() if not button.agents or agent.name in button.agents]

    def has_room(self, agent: Agent) -> bool:
        """Whether the agent can take one more chat."""
        capacity = self.settings.agent_capacity
        return agent.online and (capacity is None or agent.load < capacity)

    def place(self, chat: Chat) -> int:
        """The number of chats before it at the same button; 0 for the next one."""
        if not self.settings.queue_positions:
            return 0  # as queue-based routing without positions reports (IBM, 7)
        before = 0
        for other in self.queue.values():
            if other.id == chat.id:
                return before
            before += other.route.button == chat.route.button
        return before

    def send_queue_updates(self) -> None:
        """Send QueueUpdate to every visitor who asked for it and whose position changed."""
        if not self.settings.queue_positions:
            return
        before: Counter[str] = Counter()
        for chat in self.queue.values():
            button_id = chat.route.button.id if chat.route.button is not None else ""
            position = before[button_id]
            before[button_id] += 1
            told = (
                chat.queue_updates and chat.waits != "takeover"
            )  # a visitor who had an agent gets no queue updates
            if told and chat.last_position != position:
                chat.last_position = position
                wait = self.wait_left(chat)
                update = messages.queue_update(chat, self.settings, position=position, wait_seconds=wait)
                self.send(chat, "QueueUpdate", update)

    def record_accept(self, chat: Chat) -> None:
        """Update the average wait after an accept: A = 0.9 A' + 0.1 W, the first time A = W (8)."""
        if chat.route.button is None:
            return
        waited = (self.clock() - chat.requested_ms) / 1000
        before = self.waits.get(chat.route.button.id)
        self.waits[chat.route.button.id] = (
            waited if before is None else (1 - NEWEST_SHARE) * before + NEWEST_SHARE * waited
        )

    def wait_left(self, chat: Chat) -> int:
        """The average wait minus the time already waited, never below 0; -1 if unknown."""
        if chat.route.button is None:
            return -1
        waited = (self.clock() - chat.requested_ms) / 1000
        return self.wait_at(chat.route.button.id, waited_seconds=waited)

    def wait_at(self, button_id: str, *, waited_seconds: float = 0) -> int:
        """The same for a button."""
        average = self.waits.get(button_id)
        return -1 if average is None else max(0, round(average - waited_seconds))

    def _may_take(self, chat: Chat, agent: Agent) -> bool:
        return agent.online and agent.id not in chat.declined and agent.id not in chat.present
