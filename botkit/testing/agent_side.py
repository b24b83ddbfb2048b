"""The agents' side of a `KitTester`: what agents do, told to the ledger as their system would tell it."""

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
from botkit.testing.agents import Routing
from botkit.testing.people import User
from botkit.testing.records import StepResult
from botkit.testing.service import PlayedService

Answer = tuple[int, Mapping[str, Any]]
"""How a hook was answered: status and JSON."""


class Whose(TypedDict, total=False):
    """Whose agents: by default those of the user who was last heard of.

    Attributes:
        user: a user, or only their id.
        bot: the bot's id.
    """

    user: User | str
    bot: str


class AgentSide:
    """What agents can do. Who inherits says how a step is made.

    All steps raise:
        KitTesterMisused: there is no agent session, or no agent of this name in it.
    """

    _service: PlayedService

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def _step(self, do: Callable[[], Answer | None]) -> StepResult:
        raise NotImplementedError

    def _someone(self, whose: Whose) -> ConversationId:
        raise NotImplementedError

    def agent_joins(
        self, name: str = "Jane", *, idle: IdleRule | None = None, **whose: Unpack[Whose]
    ) -> StepResult:
        """An agent accepts.

        Args:
            name: theirs.
            idle: how long the user may be silent, where the agent system leaves that to its client.
            **whose: see `Whose`.
        """
        __tracebackhide__ = True
        return self._tells(whose, AgentJoined, "present", subject=_subject(name), name=name, idle=idle)

    def agent_says(self, said: str | Content, *, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent says something: text, or text with options and links.

        Args:
            said: what.
            name: who, where there are several.
            **whose: see `Whose`.
        """
        __tracebackhide__ = True
        content = Content(text=said) if isinstance(said, str) else said
        return self._tells(whose, AgentSaid, content=content, agent_name=self._agent(name, whose))

    def agent_types(self, *, started: bool = True, **whose: Unpack[Whose]) -> StepResult:
        """An agent is typing, or stopped."""
        __tracebackhide__ = True
        self._agent("", whose)
        return self._tells(whose, AgentTyping, started=started)

    def agent_leaves(self, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent leaves. The last one's leaving is the end, unless another is looked for: known after some time `passes`."""
        __tracebackhide__ = True
        name = self._agent(name, whose)
        return self._tells(whose, AgentLeft, "over", subject=_subject(name), name=name)

    def agent_hands_on(self, name: str = "", **whose: Unpack[Whose]) -> StepResult:
        """An agent transfers the user to another, who is yet to join."""
        __tracebackhide__ = True
        name = self._agent(name, whose)
        self._tells(whose, TransferStarted, "searching")
        return self._tells(whose, AgentLeft, "searching", subject=_subject(name), name=name)

    def agent_ends(self, **whose: Unpack[Whose]) -> StepResult:
        """An agent ends it, or the agents' side does."""
        __tracebackhide__ = True
        return self._tells(whose, AgentSessionEnded, "over")

    def nobody_accepts(self, **whose: Unpack[Whose]) -> StepResult:
        """The agents' side has nobody for this user."""
        __tracebackhide__ = True
        return self._tells(whose, RoutingFailed, "over", reason="NoAgents")

    def queue_moves(
        self, place: int, *, wait_seconds: int | None = None, **whose: Unpack[Whose]
    ) -> StepResult:
        """The user is now at this place of the queue: 1 is next."""
        __tracebackhide__ = True
        return self._tells(whose, QueueMoved, place=place, wait_seconds=wait_seconds)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _tells(
        self, whose: Whose, happening: Callable[..., Any], status: Routing | None = None, **what: Any
    ) -> StepResult:
        __tracebackhide__ = True
        conversation_id, session = self._session(whose)
        if status is not None:
            self._service.agents(conversation_id.bot_id, session.system).status[session.id] = status
        event = happening(
            key=f"{session.id}/entry-{next(self._numbers)}",
            at=self._service.clock.now(),
            session_id=session.id,
            **what,
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
        """The name of an agent who is there: this one, or the one who joined last."""
        there = [agent.name for agent in self._session(whose)[1].agents]
        if name in there or (there and not name):
            return name or there[-1]
        call = f"kit_tester.agent_joins({name!r})" if name else "kit_tester.agent_joins()"
        raise KitTesterMisused(f"no agent{name and f' named {name}'} is there: {call}")


def _subject(name: str) -> str:
    return f"agent/{name}"
