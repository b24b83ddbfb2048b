"""A conversation told step by step against the pure core, with a clock that only moves when told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from botkit.agents import DEFAULT_ATTRIBUTES
from botkit.handoff.conversation import Access, AgentSession, Conversation, ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import Effect, SendToAgent, SendToUser
from botkit.handoff.events import (
    AccessGranted,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentTransfer,
    BotMessage,
    Content,
    Event,
    MessageAccepted,
    MessageRefused,
    MetaInfo,
    RoutingKnown,
    SessionStarted,
    TimerFired,
    TranscriptLine,
    UserMessage,
    UserProfile,
)
from botkit.handoff.responses import Responses
from botkit.handoff.rules import Capabilities, Rules

SESSION = "0f4f5c1e-6f5f-4b51-9d8e-000000000001"
SECOND_SESSION = "0f4f5c1e-6f5f-4b51-9d8e-000000000002"
LIVE_CHAT = Capabilities(takes_text_before_agent=False, meta_infos=("liveChatMetaInfo", "miawMetaInfo"))
T = TypeVar("T")


def rules(
    *, responses: Mapping[str, Mapping[str, str | None]] | None = None, language: str = "en", **changes: Any
) -> Rules:
    """Rules of a bot with one agent system, with changes."""
    plain = Rules(
        bot_name="Acme Assistant",
        responses=Responses(responses or {}, language),
        system_for=lambda channel: "legacy" if channel == "facebook" else "salesforce",
        systems={"salesforce": Capabilities(), "legacy": LIVE_CHAT},
        attributes=DEFAULT_ATTRIBUTES,
        default_language=language,
    )
    return replace(plain, **changes)


@dataclass
class Story:
    """`effects` are those of the last step; `log` has all of them."""

    rules: Rules = field(default_factory=rules)
    conversation: Conversation = field(default_factory=lambda: Conversation(ConversationId("st-1", "u-1")))
    now: float = 1_000.0
    effects: tuple[Effect, ...] = ()
    log: list[Effect] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def happens(self, event: Event) -> Story:
        decision = decide(self.rules, self.conversation, event)
        self.conversation, self.effects = decision.conversation, decision.effects
        self.log.extend(decision.effects)
        return self

    def _happening(self) -> dict[str, Any]:
        return {"key": f"k{next(self._numbers)}", "at": Instant(self.now)}

    @property
    def session(self) -> AgentSession:
        assert self.conversation.session is not None
        return self.conversation.session

    # --- events

    def user(self, text: str | None, *, agent_transfer: bool | None = None, **more: Any) -> Story:
        return self.happens(
            UserMessage(**self._happening(), text=text, agent_transfer=agent_transfer, **more)
        )

    def bot(self, text: str) -> Story:
        return self.happens(BotMessage(**self._happening(), text=text))

    def transfer(
        self,
        *,
        session_id: str = SESSION,
        meta: MetaInfo | None = None,
        profile: UserProfile | None = None,
        request_number: int | None = None,
        live_chat_meta: MetaInfo | None = None,
        agent_system: str | None = None,
        node_name: str = "",
    ) -> Story:
        infos = {"miawMetaInfo": meta, "liveChatMetaInfo": live_chat_meta}
        return self.happens(
            AgentTransfer(
                **self._happening(),
                session_id=session_id,
                profile=profile or UserProfile(user_id="u-1", first_name="Ada", language="en"),
                agent_system=agent_system,
                meta_infos=tuple((name, info) for name, info in infos.items() if info is not None),
                request_number=request_number,
                node_name=node_name,
            )
        )

    def granted(self, *lines: TranscriptLine, expires_at: float | None = None) -> Story:
        return self.happens(
            AccessGranted(
                **self._happening(),
                session_id=self.session.id,
                access=Access("token", position="7"),
                expires_at=None if expires_at is None else Instant(expires_at),
                transcript=lines,
            )
        )

    def started(self) -> Story:
        return self.happens(SessionStarted(**self._happening(), session_id=self.session.id))

    def joined(self, name: str = "Jane Doe", subject: str = "005A") -> Story:
        return self.happens(
            AgentJoined(**self._happening(), session_id=self.session.id, subject=subject, name=name)
        )

    def left(self, name: str = "Jane Doe", subject: str = "005A") -> Story:
        return self.happens(
            AgentLeft(**self._happening(), session_id=self.session.id, subject=subject, name=name)
        )

    def said(self, text: str, name: str = "Jane Doe") -> Story:
        return self.happens(
            AgentSaid(
                **self._happening(), session_id=self.session.id, content=Content(text=text), agent_name=name
            )
        )

    def from_agents(self, kind: type[Any], **more: Any) -> Story:
        return self.happens(kind(**self._happening(), session_id=self.session.id, **more))

    def took(self, message_id: str) -> Story:
        return self.happens(
            MessageAccepted(**self._happening(), session_id=self.session.id, message_id=message_id)
        )

    def refused(self, message_id: str) -> Story:
        return self.happens(
            MessageRefused(**self._happening(), session_id=self.session.id, message_id=message_id)
        )

    def routing(self, status: Any) -> Story:
        return self.happens(RoutingKnown(**self._happening(), session_id=self.session.id, status=status))

    def timer(self, name: str) -> Story:
        """The named timer comes due, and the clock with it."""
        due = next(timer.due for timer in self.session.timers if timer.name == name)
        self.now = max(self.now, due)
        return self.happens(
            TimerFired(key="", at=Instant(self.now), session_id=self.session.id, name=name, due=due)
        )

    def with_agent(self, **transfer: Any) -> Story:
        """A hand-off up to the presence of an agent."""
        return self.transfer(**transfer).granted().started().joined()

    # --- effects

    def of(self, kind: type[T]) -> list[T]:
        """Effects of one kind in the last step."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def told(self) -> list[str]:
        """The messages to the user in the last step."""
        return [effect.content.text for effect in self.of(SendToUser)]

    @property
    def sent(self) -> list[str]:
        """The messages to the agent in the last step."""
        return [effect.text for effect in self.of(SendToAgent)]

    @property
    def all_sent(self) -> list[str]:
        return [effect.text for effect in self.log if isinstance(effect, SendToAgent)]

    @property
    def kinds(self) -> list[str]:
        return [type(effect).__name__ for effect in self.effects]

    def timers(self) -> dict[str, float]:
        return {timer.name: timer.due for timer in self.session.timers}
