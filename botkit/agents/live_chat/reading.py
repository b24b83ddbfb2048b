"""One message on its way to events: what it does to the position, and the events it means, with their keys."""

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

    What somebody said has the message's own key, and so has what stands alone; comings and goings have a word behind it. So
    a key is the same however often the message is read, also when a crash came between its events and some are not told again.

    Args:
        position: where we are before the message.
        session_id: the agent session.
        key: the message's key.
        at: when it came; the messages carry no times of their own.
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
        """The agent whose chat it is; a guest of a conference is not."""
        return next((agent for agent in self.position.agents if not agent.guest), None)

    def finished(self, after: Position) -> list[FromAgents]:
        """The events, at least one, since every message moves the position; the last one moves it to `after`."""
        if not self._events:
            # The next poll acknowledges it, and the server forgets it: rules and idle times came with it.
            self._add(
                PositionAdvanced(key=self._named(), at=self._at, session_id=self._session_id, durable=True)
            )
        self._events[-1] = moved(self._events[-1], after)
        return self._events

    def begin_part(self, name: str) -> None:
        """What comes now belongs to this piece of the message, which has the same name each time the message is read."""
        self._part = name

    def said(self, content: Content, name: str, *, automated: bool = False) -> None:
        """Somebody said something."""
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
        """An agent is there, unless that is known already."""
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
        """An agent is gone."""
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
        """Another agent is being looked for. It goes before the leaving, so that the rules tell the user of both at once."""
        self._add(TransferStarted(key=self._named("transfer"), at=self._at, session_id=self._session_id))

    def queue_moved(self, place: int, wait_seconds: int | None) -> None:
        """The user stands at this place of the queue; 1 is next."""
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
        """An agent asks for a file, or (with an empty request) does so no more."""
        self._add(FileRequested(key=self._named(), at=self._at, session_id=self._session_id, request=request))

    def file_arrived(self, *, accepted: bool) -> None:
        """What became of a file that was uploaded."""
        self._add(FileArrived(key=self._named(), at=self._at, session_id=self._session_id, accepted=accepted))

    def failed(self, reason: str) -> None:
        """Nobody was found: the end of the chat."""
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
    """The event, with the position to go on from."""
    return replace(event, position=position.written())


def _rule(idle: Idle | None) -> IdleRule | None:
    return None if idle is None else IdleRule(idle.warning, idle.timeout)
