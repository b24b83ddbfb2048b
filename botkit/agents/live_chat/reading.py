"""Collects the events of one message, with their keys, and the position after it."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.agents.live_chat.position import Position, Present
from botkit.agents.salesforce import Origin
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    Content,
    FromAgents,
    IdleRule,
    PositionAdvanced,
    RoutingFailed,
    TransferStarted,
)


class Reading:
    """Collects the events of one message.

    A message's text, and an event that is its message's only one, have the message's own key. Joins, departures and transfers
    add a word to it. So an event has the same key each time its message is read, also after a crash between two of its events.

    Args:
        position: the position before the message.
        session_id: the agent session.
        key: the message's key.
        at: the time it arrived; messages carry no time.
    """

    __slots__ = ("_at", "_events", "_key", "_part", "_session_id", "position")

    def __init__(self, position: Position, session_id: str, key: str, at: Instant) -> None:
        self.position = position
        self._session_id = session_id
        self._key = key
        self._part = ""
        self._at = at
        self._events: list[FromAgents] = []

    @property
    def host(self) -> Present | None:
        """The agent in charge of the chat, without the guests of a conference."""
        return next((agent for agent in self.position.agents if not agent.guest), None)

    def finished(self, after: Position) -> list[FromAgents]:
        """The events, at least one because every message moves the position. The last one moves it to `after`."""
        if not self._events:
            # The next poll acknowledges the message, and the server forgets it: store the rules and idle times it brought.
            self.add(PositionAdvanced(**self.origin(), durable=True))
        self._events[-1] = replace(self._events[-1], position=after.written())
        return self._events

    def begin_part(self, name: str) -> None:
        """The following events belong to this part of the message; its name is the same each time the message is read."""
        self._part = name

    def origin(self, kind: str = "") -> Origin:
        """The members that every event has. `kind` separates the keys of several events of one message."""
        key = ".".join(part for part in (self._key, self._part, kind) if part)
        return {"key": key, "at": self._at, "session_id": self._session_id}

    def add(self, event: FromAgents) -> None:
        """Add an event, with the present position."""
        self._events.append(replace(event, position=self.position.written()))

    def message(self, content: Content, name: str, *, automated: bool = False) -> None:
        """Add a message for the user."""
        self.position = self.position.with_message(content.text)
        self.add(AgentSaid(**self.origin(), content=content, agent_name=name, automated=automated))

    def joined(self, agent: Present) -> None:
        """Add an agent, unless they are in the chat already."""
        present = self.position.agents
        if any(one.subject == agent.subject for one in present):
            return
        self.position = replace(self.position, agents=(*present, agent), away=None)
        idle = self.position.idle
        rule = None if idle is None else IdleRule(idle.warning, idle.timeout)
        self.add(AgentJoined(**self.origin("joined"), subject=agent.subject, name=agent.name, idle=rule))

    def left(self, agent: Present) -> None:
        """Remove an agent."""
        rest = tuple(one for one in self.position.agents if one.subject != agent.subject)
        self.position = replace(self.position, agents=rest)
        self.add(AgentLeft(**self.origin("left"), subject=agent.subject, name=agent.name))

    def transfer_started(self) -> None:
        """The chat looks for another agent. This comes before `left`, so that the rules tell the user both at once."""
        self.add(TransferStarted(**self.origin("transfer")))

    def failed(self, reason: str) -> None:
        """No agent was found: the end of the chat."""
        self.position = replace(self.position, over=True)
        self.add(RoutingFailed(**self.origin(), reason=reason))

    def ended(self) -> None:
        """The chat is over."""
        self.position = replace(self.position, over=True)
        self.add(AgentSessionEnded(**self.origin()))
