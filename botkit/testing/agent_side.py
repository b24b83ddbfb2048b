"""The agents' half of a `KitTester`: events of agents, committed as an agent system's would be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

from botkit.errors import KitTesterMisused
from botkit.handoff.conversation import AgentSession, ConversationId
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    Content,
    IdleRule,
    QueueMoved,
    RoutingFailed,
    TransferStarted,
)
from botkit.testing.fakes import Routing
from botkit.testing.harness import ServiceHarness
from botkit.testing.payload_parts import User
from botkit.testing.records import StepResult

Answer = tuple[int, Mapping[str, Any]]
"""Status and JSON of a hook's answer."""


class Whose(TypedDict, total=False):
    """Selects a conversation; by default the one of the last step.

    Attributes:
        user: a user, or the user's id.
        bot: the bot's id.
        channel: the channel, by Kore's name.
    """

    user: User | str
    bot: str
    channel: str


class AgentSide:
    """Steps of agents. `KitTester` inherits them, and says how a step runs.

    Every step raises:
        KitTesterMisused: there is no agent session, or it has no agent of this name.
    """

    _service: ServiceHarness

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def _step(self, do: Callable[[], Answer | None]) -> StepResult:
        raise NotImplementedError

    def _someone(self, whose: Whose) -> ConversationId:
        raise NotImplementedError

    def agent_joins(
        self,
        name: str = "Jane",
        *,
        idle: IdleRule | None = None,
        messaging_session_id: str = "",
        **whose: Unpack[Whose],
    ) -> StepResult:
        """An agent accepts the session.

        Args:
            name: the agent's name.
            idle: the limits of the user's silence, for agent systems that leave them to the client.
            messaging_session_id: the id under which the agents' side files the session, from now on.
            **whose: see `Whose`.
        """
        __tracebackhide__ = True
        return self._tells(
            whose,
            AgentJoined,
            "present",
            subject=_subject(name),
            name=name,
            idle=idle,
            record=messaging_session_id,
        )

    def agent_says(self, said: str | Content, *, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent sends a message: text, or text with options and links.

        Args:
            said: the message.
            name: the agent; by default the one who joined last.
            **whose: see `Whose`.
        """
        __tracebackhide__ = True
        content = Content(text=said) if isinstance(said, str) else said
        return self._tells(whose, AgentSaid, content=content, agent_name=self._agent(name, whose))

    def agent_types(self, *, started: bool = True, **whose: Unpack[Whose]) -> StepResult:
        """An agent starts or stops typing."""
        __tracebackhide__ = True
        self._agent("", whose)
        return self._tells(whose, AgentTyping, started=started)

    def agent_leaves(self, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent leaves. If no agent is left and none is searched for, the session ends after some time `passes`."""
        __tracebackhide__ = True
        name = self._agent(name, whose)
        return self._tells(whose, AgentLeft, "over", subject=_subject(name), name=name)

    def agent_hands_on(self, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent transfers the user to another agent, who has not joined yet."""
        __tracebackhide__ = True
        name = self._agent(name, whose)
        self._tells(whose, TransferStarted, "searching")
        return self._tells(whose, AgentLeft, "searching", subject=_subject(name), name=name)

    def agent_ends(self, **whose: Unpack[Whose]) -> StepResult:
        """An agent, or the agent system, ends the session."""
        __tracebackhide__ = True
        return self._tells(whose, AgentSessionEnded, "over")

    def nobody_accepts(self, **whose: Unpack[Whose]) -> StepResult:
        """Routing fails: no agent is available."""
        __tracebackhide__ = True
        return self._tells(whose, RoutingFailed, "over", reason="NoAgents")

    def queue_moves(
        self, place: int, *, wait_seconds: int | None = None, **whose: Unpack[Whose]
    ) -> StepResult:
        """The user's place in the queue changes; 1 is next."""
        __tracebackhide__ = True
        return self._tells(whose, QueueMoved, place=place, wait_seconds=wait_seconds)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _tells(
        self, whose: Whose, make: Callable[..., Any], status: Routing | None = None, **members: Any
    ) -> StepResult:
        __tracebackhide__ = True
        conversation_id, session = self._session(whose)
        if status is not None:
            self._service.agents(conversation_id.bot_id, session.system).status[session.id] = status
        event = make(
            key=f"{session.id}/entry-{next(self._numbers)}",
            at=self._service.clock.now(),
            session_id=session.id,
            **members,
        )
        return self._step(lambda: self._service.happens(conversation_id, event))

    def _session(self, whose: Whose) -> tuple[ConversationId, AgentSession]:
        conversation_id = self._someone(whose)
        session = self._service.session(conversation_id)
        if session is None:
            raise KitTesterMisused(
                f"{conversation_id.user_id} has no agent session: begin with kit_tester.transfers()"
            )
        return conversation_id, session

    def _agent(self, name: str, whose: Whose) -> str:
        """The name, if this agent is in the session; without a name, the agent who joined last."""
        there = [agent.name for agent in self._session(whose)[1].agents]
        if name in there or (there and not name):
            return name or there[-1]
        call = f"kit_tester.agent_joins({name!r})" if name else "kit_tester.agent_joins()"
        raise KitTesterMisused(f"no agent{name and f' named {name}'} is there: {call}")


def _subject(name: str) -> str:
    return f"agent/{name}"
