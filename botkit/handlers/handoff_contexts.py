"""The contexts of handlers for moments of a hand-off, and their decorators: it started, an agent joined, it ended.

Such a handler is told of what has happened; it answers nothing and delays nothing. It may write to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from botkit.handlers.context import BufferedCalls
from botkit.handlers.conversation import BotGateway, ConversationHandle
from botkit.handlers.options import HandlerOptions
from botkit.handlers.verdicts import Sent
from botkit.handoff import moments
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import CallHandlers
from botkit.handoff.events import ApiCall
from botkit.handoff.reference import reference
from botkit.hooks.events import HookEvent
from botkit.hooks.paths import DEFAULT_COMPONENT, HookPath

__all__ = [
    "AgentJoinedContext",
    "Durations",
    "HandoffContext",
    "HandoffEndedContext",
    "HandoffStartedContext",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a hand-off, as the runner of handlers takes it.

    Attributes:
        conversation_id: the user, the bot and the channel.
        effect: what the handlers are told.
    """

    conversation_id: ConversationId
    effect: CallHandlers

    @property
    def path(self) -> HookPath:
        """The bot and the event, as for a hook."""
        return HookPath(self.conversation_id.bot_id, self.effect.event, DEFAULT_COMPONENT)

    @property
    def kind(self) -> HookEvent:
        """No call answers it."""
        return HookEvent(name=self.effect.event)


class HandoffContext(BufferedCalls):
    """A hand-off, as its handlers see it. Its calls are made when the handler has returned: all of them, or none if it raises."""

    def __init__(self, moment: Moment, gateway: BotGateway) -> None:
        super().__init__()
        self._moment = moment
        self._told = moment.effect
        self._gateway = gateway

    @property
    def event(self) -> str:
        """``on_handoff_started``, ``on_agent_joined`` or ``on_handoff_ended``."""
        return self._told.event

    @property
    def bot_id(self) -> str:
        """``st-…``"""
        return self._moment.conversation_id.bot_id

    @property
    def user_id(self) -> str:
        """The canonical name of the user: `ctx.user.id` of hooks."""
        return self._moment.conversation_id.user_id

    @property
    def channel(self) -> str:
        """The platform's name of the channel, in lower case; empty if it is not known."""
        return self._moment.conversation_id.channel

    @property
    def language(self) -> str:
        """The user's language as the platform spells it; empty if unknown."""
        return self._told.language

    @property
    def agent_system(self) -> str:
        """The agent system of the bot's file. If another one has taken over, the later contexts have that one."""
        return self._told.system

    @property
    def reference(self) -> str:
        """The reference of the hand-off, such as ``7K3M-9Q2X``: in log lines, for the agent, and for `botkit explain`."""
        return reference(self._told.session_id)

    @property
    def conversation_id(self) -> str:
        """The id of the agent session: a UUID. MIAW uses it as the id of the conversation."""
        return self._told.session_id

    @property
    def messaging_session_id(self) -> str:
        """The id under which the agents' side files the session (MIAW: the MessagingSession, ``0Mw…``); empty until known."""
        return self._told.record

    @property
    def at(self) -> datetime:
        """When it happened, in UTC."""
        return datetime.fromtimestamp(self._told.at, UTC)

    @property
    def started_at(self) -> datetime:
        """When the hand-off started, in UTC."""
        return datetime.fromtimestamp(self._told.opened_at, UTC)

    @property
    def conversation(self) -> ConversationHandle:
        """A handle to write to this user later, from anywhere."""
        return self._gateway.conversation(self.user_id, channel=self.channel)

    def _check(self, api_call: ApiCall) -> None:
        self.conversation._check(api_call)

    def _channel_type(self) -> str:
        return self.conversation._channel_type()


class HandoffStartedContext(HandoffContext):
    """on_handoff_started: the user is being handed over. No agent has accepted yet."""


class AgentJoinedContext(HandoffContext):
    """on_agent_joined: an agent is present, the first one or another."""

    @property
    def agent(self) -> str:
        """The name of the agent who joined; empty if it is not known."""
        return self._told.agent

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of all agents so far."""
        return self._told.agents

    @property
    def waiting(self) -> timedelta:
        """The time from the start until the first agent joined."""
        return timedelta(seconds=max(0.0, self._told.joined_at - self._told.opened_at))


@dataclass(frozen=True, slots=True)
class Durations:
    """The durations of a hand-off.

    Attributes:
        waiting: from the start until the first agent joined; without any agent, until the end.
        talking: from then until the end; 0 without any agent.
        total: from the start until the end.
    """

    waiting: timedelta
    talking: timedelta
    total: timedelta


class HandoffEndedContext(HandoffContext):
    """on_handoff_ended: the user is with the bot again."""

    @property
    def why(self) -> str:
        """Why it ended, as the label of `botkit_handoff_total`: ``agent``, ``user``, ``nobody_accepted``, ``refused`` …"""
        return self._told.why

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of all agents, in the order in which they joined; the first 20."""
        return self._told.agents

    @property
    def durations(self) -> Durations:
        """How long the user waited and talked."""
        told = self._told
        joined = told.joined_at or told.at
        return Durations(
            waiting=timedelta(seconds=max(0.0, joined - told.opened_at)),
            talking=timedelta(seconds=max(0.0, told.at - joined)),
            total=timedelta(seconds=max(0.0, told.at - told.opened_at)),
        )


HANDOFF_CONTEXTS: Mapping[str, type[HandoffContext]] = {
    moments.STARTED: HandoffStartedContext,
    moments.JOINED: AgentJoinedContext,
    moments.ENDED: HandoffEndedContext,
}
"""By the name of the event."""

Told = Sent | None | Coroutine[Any, Any, Sent | None]
"""The return value of such a handler: nothing, or the result of a call."""
OnHandoffStarted = TypeVar("OnHandoffStarted", bound=Callable[[HandoffStartedContext], Told])
OnAgentJoined = TypeVar("OnAgentJoined", bound=Callable[[AgentJoinedContext], Told])
OnHandoffEnded = TypeVar("OnHandoffEnded", bound=Callable[[HandoffEndedContext], Told])


class HandoffDecorators:
    """The decorators for moments of a hand-off. See `HandlerDecorators`."""

    if TYPE_CHECKING:

        def _register(self, event: str, argument: Any, /, **options: Unpack[HandlerOptions]) -> Any: ...

    @overload
    def on_handoff_started(self, function: OnHandoffStarted, /) -> OnHandoffStarted: ...
    @overload
    def on_handoff_started(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnHandoffStarted], OnHandoffStarted]: ...
    def on_handoff_started(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A user is being handed over."""
        return self._register(moments.STARTED, function, **options)

    @overload
    def on_agent_joined(self, function: OnAgentJoined, /) -> OnAgentJoined: ...
    @overload
    def on_agent_joined(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnAgentJoined], OnAgentJoined]: ...
    def on_agent_joined(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """An agent has joined a hand-off: the first one, another after a transfer, or one more."""
        return self._register(moments.JOINED, function, **options)

    @overload
    def on_handoff_ended(self, function: OnHandoffEnded, /) -> OnHandoffEnded: ...
    @overload
    def on_handoff_ended(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnHandoffEnded], OnHandoffEnded]: ...
    def on_handoff_ended(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A hand-off has ended, for any reason; also one that no agent ever took."""
        return self._register(moments.ENDED, function, **options)
