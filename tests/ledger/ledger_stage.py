"""A ledger in a temporary file, with simple rules."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from botkit.handoff.conversation import Access, AgentSession, Conversation, ConversationId, Instant, Phase
from botkit.handoff.decision import Decision
from botkit.handoff.effects import (
    ClearAgentSession,
    CountMetric,
    DropLane,
    Effect,
    EndSession,
    OpenAccess,
    PassToBot,
    PassToUser,
    SendToAgent,
    SendToUser,
)
from botkit.handoff.events import (
    AgentTransfer,
    BotMessage,
    Content,
    Event,
    OtherHook,
    PlatformSessionClosed,
    UserMessage,
    UserProfile,
)
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.sqlite import SqliteLedger

BOT = "st-0a1b2c3d-1111-5222-8333-444455556666"
SESSION = "0b0c9a8e-0000-4000-8000-000000000001"
ACCESS = Access("credentials")


class Choked(Exception):
    """Raised by the rules at the word "choke"."""


def rules(conversation: Conversation, event: Event) -> Decision:
    """A transfer opens a session, a closure ends it, a message goes to the agent or to the bot."""
    session = conversation.session
    match event:
        case UserMessage(text="choke"):
            raise Choked
        case UserMessage(text="lost"):
            return Decision(
                replace(conversation, ended_at=event.at), (SendToUser(Content("sorry")), ClearAgentSession())
            )
        case UserMessage() if session is not None:
            sent = SendToAgent(session.id, session.system, ACCESS, f"m-{event.text}", event.text or "")
            return Decision(conversation, (sent,))
        case UserMessage():
            return Decision(conversation, (PassToBot(),))
        case BotMessage():
            return Decision(conversation, (PassToUser(),))
        case AgentTransfer():
            opened = AgentSession(event.session_id, "salesforce", Phase.OPENING, event.at, "en")
            effects: tuple[Effect, ...] = (
                SendToUser(Content("wait")),
                OpenAccess(opened.id, "salesforce"),
                CountMetric("opened"),
            )
            return Decision(replace(conversation, session=opened), effects)
        case PlatformSessionClosed() if session is not None:
            ended = replace(conversation, session=None, ended_session=session.id, ended_at=event.at)
            return Decision(
                ended,
                (DropLane(session.id), EndSession(session.id, session.system, ACCESS), ClearAgentSession()),
            )
        case OtherHook(name="forget"):
            return Decision(Conversation(conversation.id))
        case _:
            return Decision(conversation)


class Inputs:
    """Makes inputs, each with a key of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def of(
        self,
        user: str,
        event: Callable[..., Event],
        *,
        names: tuple[str, ...] = (),
        body: bytes = b"{}",
        **fields: Any,
    ) -> Input:
        number = next(self._numbers)
        fields = {"key": f"key-{number}", "at": Instant(1000.0 + number), **fields}
        return Input(ConversationId(BOT, user), event(**fields), HookBody(body), names)

    def says(self, user: str, text: str, **more: Any) -> Input:
        return self.of(user, UserMessage, text=text, agent_transfer=None, **more)

    def transfers(self, user: str, **more: Any) -> Input:
        fields = {"session_id": SESSION, "profile": UserProfile(), **more}
        return self.of(user, AgentTransfer, **fields)

    def closes(self, user: str, **more: Any) -> Input:
        return self.of(user, PlatformSessionClosed, **more)


class Stage:
    """A ledger that can be closed and opened again on the same file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "botkit.db"
        self.inputs = Inputs()
        self.told: list[Sequence[Committed]] = []
        self.decide: Callable[[Conversation, Event], Decision] = rules
        self.ledger = self.open()

    def open(self) -> SqliteLedger:
        self.ledger = SqliteLedger(
            f"sqlite:///{self.path}",
            lambda conversation, event: self.decide(conversation, event),
            lock_timeout_seconds=0.0,
        )
        self.ledger.start(self.told.append)
        return self.ledger

    def reopen(self) -> SqliteLedger:
        self.ledger.close()
        return self.open()

    def submit(self, input: Input) -> Committed:
        return self.ledger.submit(input).result(10)

    def submit_all(self, *inputs: Input) -> list[Future[Committed]]:
        return [self.ledger.submit(one) for one in inputs]

    def kinds(self) -> list[str]:
        """The outbox, oldest first."""
        return [type(item.effect).__name__ for item in self.ledger.undelivered()]

    def conversation(self, user: str) -> Conversation | None:
        return self.ledger.conversation(ConversationId(BOT, user))


class paused:
    """Blocks the ledger's thread, so that inputs submitted meanwhile share one commit."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._go_on = threading.Event()
        self._reached = threading.Event()

    def __enter__(self) -> None:
        def hold(conversation: Conversation, event: Event) -> Decision:
            self._stage.decide = rules
            self._reached.set()
            assert self._go_on.wait(10)
            return Decision(conversation)

        self._stage.decide = hold
        self._stage.ledger.submit(self._stage.inputs.says("u-nobody", "hold"))
        assert self._reached.wait(10)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
