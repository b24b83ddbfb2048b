"""Collects the events of one message, with their keys, and the position after it."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.agents.live_chat.position import Idle, Position, Present
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentCustomEvent,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    Content,
    FileArrived,
    FileRequested,
    FromAgents,
    IdleRule,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    TransferStarted,
)


class Reading:
    """Collects the events of one message.

    What was said has the message's own key, and so has an event that is the message's only one. Joining and leaving have a word
    behind it. So an event keeps its key however often the message is read, also if a crash came between two of its events.

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
        """The agent whose chat it is, without the guests of a conference."""
        return next((agent for agent in self.position.agents if not agent.guest), None)

    def finished(self, after: Position) -> list[FromAgents]:
        """The events, at least one because every message moves the position. The last one moves it to `after`."""
        if not self._events:
            # The next poll acknowledges the message, and the server forgets it: keep the rules and idle times it brought.
            self._add(
                PositionAdvanced(key=self._named(), at=self._at, session_id=self._session_id, durable=True)
            )
        self._events[-1] = moved(self._events[-1], after)
        return self._events

    def begin_part(self, name: str) -> None:
        """The following events belong to this part of the message; its name is the same each time the message is read."""
        self._part = name

    def said(self, content: Content, name: str, *, automated: bool = False) -> None:
        """A message for the user."""
        self.position = self.position.heard(content.text)
        self._add(
            AgentSaid(
                key=self._named(),
                at=self._at,
                session_id=self._session_id,
                content=content,
                agent_name=name,
                automated=automated,
            )
        )

    def joined(self, agent: Present) -> None:
        """An agent joined, unless that is known already."""
        present = self.position.agents
        if any(one.subject == agent.subject for one in present):
            return
        self.position = replace(self.position, agents=(*present, agent), away=None)
        self._add(
            AgentJoined(
                key=self._named("joined"),
                at=self._at,
                session_id=self._session_id,
                subject=agent.subject,
                name=agent.name,
                idle=_rule(self.position.idle),
            )
        )

    def left(self, agent: Present) -> None:
        """An agent left."""
        rest = tuple(one for one in self.position.agents if one.subject != agent.subject)
        self.position = replace(self.position, agents=rest)
        self._add(
            AgentLeft(
                key=self._named("left"),
                at=self._at,
                session_id=self._session_id,
                subject=agent.subject,
                name=agent.name,
            )
        )

    def transfer_started(self) -> None:
        """Another agent is being looked for. This comes before `left`, so that the rules tell the user both at once."""
        self._add(TransferStarted(key=self._named("transfer"), at=self._at, session_id=self._session_id))

    def queue_moved(self, place: int, wait_seconds: int | None) -> None:
        """The user's place in the queue; 1 is next."""
        self._add(
            QueueMoved(
                key=self._named(),
                at=self._at,
                session_id=self._session_id,
                place=place,
                wait_seconds=wait_seconds,
            )
        )

    def typing(self, *, started: bool) -> None:
        """An agent is typing, or stopped."""
        self._add(AgentTyping(key=self._named(), at=self._at, session_id=self._session_id, started=started))

    def custom(self, name: str, data: str) -> None:
        """An event of the agent's console for the user's client."""
        self._add(
            AgentCustomEvent(
                key=self._named(), at=self._at, session_id=self._session_id, name=name, data=data
            )
        )

    def file_requested(self, request: str) -> None:
        """An agent asks for a file, or withdraws the request (an empty one)."""
        self._add(FileRequested(key=self._named(), at=self._at, session_id=self._session_id, request=request))

    def file_arrived(self, *, accepted: bool) -> None:
        """The outcome of an upload."""
        self._add(FileArrived(key=self._named(), at=self._at, session_id=self._session_id, accepted=accepted))

    def failed(self, reason: str) -> None:
        """No agent was found: the end of the chat."""
        self.position = replace(self.position, over=True)
        self._add(RoutingFailed(key=self._named(), at=self._at, session_id=self._session_id, reason=reason))

    def ended(self) -> None:
        """The chat is over."""
        self.position = replace(self.position, over=True)
        self._add(AgentSessionEnded(key=self._named(), at=self._at, session_id=self._session_id))

    def _named(self, what: str = "") -> str:
        return ".".join(part for part in (self._key, self._part, what) if part)

    def _add(self, event: FromAgents) -> None:
        self._events.append(moved(event, self.position))


def moved(event: FromAgents, position: Position) -> FromAgents:
    """The event with the position to go on from."""
    return replace(event, position=position.written())


def _rule(idle: Idle | None) -> IdleRule | None:
    return None if idle is None else IdleRule(idle.warning, idle.timeout)
