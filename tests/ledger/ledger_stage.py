"""A ledger with simple rules, and what its relay knows. Each kind of store has a stage of its own."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
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
    agent_lane,
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
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.sqlite import SqliteLedger
from botkit.testing.waiting import async_until, until

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


class Outcomes(list[Committed | Exception]):
    """The outcomes in the order in which they were told, each with the name of its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    def __call__(self, outcome: Committed | Exception) -> None:
        self.threads.append(threading.current_thread().name)
        self.append(outcome)

    def only(self) -> Committed | Exception:
        until(lambda: bool(self))
        (outcome,) = self
        return outcome


class Relay:
    """What the relay of a ledger knows from its calls alone."""

    def __init__(self) -> None:
        self.told: list[Sequence[Committed]] = []
        self.items: dict[int, OutboxItem] = {}
        """Effects by id, in the order in which they came."""

    def on_commit(self, batch: Sequence[Committed]) -> None:
        self.told.append(batch)
        for committed in batch:
            for effect in committed.local_effects:
                if isinstance(effect, DropLane):
                    self._drop(agent_lane(effect.session_id))
            self.items.update((item.id, item) for item in committed.items)

    def _drop(self, lane: str) -> None:
        for item in list(self.items.values()):
            if item.lane == lane and not isinstance(item.effect, EndSession):
                del self.items[item.id]

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        self.items.update((item.id, item) for item in undelivered)

    def is_catching_up(self) -> bool:
        return False

    def lose(self, leaves: Callable[[ConversationId], bool], *, orderly: bool) -> Future[None]:
        self.items = {number: item for number, item in self.items.items() if not leaves(item.conversation_id)}
        gone: Future[None] = Future()
        gone.set_result(None)
        return gone

    def gone(self) -> None:
        """What is lost is dropped at once."""


class Stage(ABC):
    """A ledger that can be closed and opened again on the same store."""

    ledger: Any
    limits: tuple[str, str]
    """Where the limits of queued inputs and of stored effects are."""

    def __init__(self) -> None:
        self.inputs = Inputs()
        self.decide: Callable[[Conversation, Event], Decision] = rules
        self.relay = Relay()
        self.open()

    @abstractmethod
    def new_ledger(self, decide: Decide) -> Any:
        """A ledger on the store, not started."""

    def open(self) -> Any:
        self.relay = Relay()
        self.ledger = self.new_ledger(lambda conversation, event: self.decide(conversation, event))
        self.ledger.start(self.relay.on_commit, self.relay)
        return self.ledger

    def reopen(self) -> Any:
        self.ledger.close()
        return self.open()

    @property
    def told(self) -> list[Sequence[Committed]]:
        """What the relay was told of, commit by commit."""
        return self.relay.told

    def news(self) -> list[Committed]:
        """What the relay was told of."""
        return [committed for batch in self.told for committed in batch]

    @abstractmethod
    def submit(self, input: Input) -> Committed:
        """Submit an input, and wait for its consequences."""

    def submit_together(self, inputs: Sequence[Input]) -> Sequence[Committed]:
        """Submit inputs at once, of which each is about one conversation; what follows from each."""
        before = len(self.news())
        accepted = [future.result(10) for future in self.submit_all(*inputs)]
        self.settle()
        news = iter(self.news()[before:])
        return [one if one.duplicate else next(news) for one in accepted]

    def submit_all(self, *inputs: Input) -> list[Future[Committed]]:
        return [self.ledger.submit(one) for one in inputs]

    async def turns(self, outcomes: Outcomes, *, turns: int, inputs: int) -> None:
        """Submit so many inputs in each turn of a loop."""
        for turn in range(turns):
            for number in range(inputs):
                self.ledger.submit_then(self.inputs.says("u-ada", f"{turn} {number}"), outcomes)
            await async_until(lambda turn=turn: len(outcomes) >= (turn + 1) * inputs)  # type: ignore[misc]

    @abstractmethod
    def settle(self) -> None:
        """Wait until every input that was acknowledged is decided."""

    @abstractmethod
    def undelivered(self) -> Sequence[OutboxItem]:
        """The effects in the store, in the order in which the relay has them."""

    def kinds(self) -> list[str]:
        """The outbox, oldest first."""
        return [type(item.effect).__name__ for item in self.undelivered()]

    def conversation(self, user: str) -> Conversation | None:
        return self.ledger.conversation(ConversationId(BOT, user))

    def in_doubt(self) -> list[int]:
        """The effects that a former process may have carried out."""
        return [item.id for item in self.undelivered() if item.in_doubt]

    @abstractmethod
    def paused(self) -> AbstractContextManager[None]:
        """Hooks that are submitted meanwhile wait, and share one commit."""

    @abstractmethod
    def crash(self) -> None:
        """Kill it without any end, and start it again."""

    @abstractmethod
    def count_keys(self) -> int:
        """How many keys of inputs are stored."""

    @abstractmethod
    def age_keys(self, seconds: float) -> None:
        """Let the stored keys be older by so much."""

    @abstractmethod
    def break_store(self) -> None:
        """Let commits fail, at least those of large hooks."""

    @abstractmethod
    def mend_store(self) -> None:
        """Let commits succeed again."""

    def finish(self) -> None:
        """Close it. What the relay has in hand is what the next start finds."""
        try:
            if self.ledger.healthy():
                self._restart_and_compare()
        finally:
            self.ledger.close()

    def _restart_and_compare(self) -> None:
        before, live = self.undelivered(), self.ledger.open_conversations()
        self.reopen()
        assert _by_conversation(self.undelivered()) == _by_conversation(before)
        found = self.ledger.open_conversations()
        assert sorted(found, key=lambda one: one.id) == sorted(live, key=lambda one: one.id)


def _by_conversation(items: Sequence[OutboxItem]) -> dict[ConversationId, list[OutboxItem]]:
    """Effects without their hooks. Their order counts within a conversation."""
    found: dict[ConversationId, list[OutboxItem]] = {}
    for item in items:
        found.setdefault(item.conversation_id, []).append(replace(item, hook=None, in_doubt=False))
    return found


class SqliteStage(Stage):
    """On a file in a folder."""

    ledger: SqliteLedger
    limits = ("botkit.ledger.sqlite.ledger.MAX_QUEUED", "botkit.ledger.sqlite.ledger.MAX_UNDELIVERED")

    def __init__(self, folder: Path) -> None:
        self.path = folder / "botkit.db"
        super().__init__()

    def new_ledger(self, decide: Decide) -> SqliteLedger:
        return SqliteLedger(f"sqlite:///{self.path}", decide, lock_timeout_seconds=0.0)

    def submit(self, input: Input) -> Committed:
        return self.ledger.submit(input).result(10)

    def settle(self) -> None:
        self.ledger.submit(Input(ConversationId("", ""), None)).exception(10)

    def undelivered(self) -> Sequence[OutboxItem]:
        self.settle()
        return self.ledger.undelivered()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Blocks the ledger's thread."""
        go_on, reached = threading.Event(), threading.Event()

        def hold(conversation: Conversation, event: Event) -> Decision:
            self.decide = rules
            reached.set()
            assert go_on.wait(10)
            return Decision(conversation)

        self.decide = hold
        self.ledger.submit(self.inputs.says("u-nobody", "hold"))
        assert reached.wait(10)
        try:
            yield
        finally:
            go_on.set()

    def crash(self) -> None:
        """Go on with a copy of the files as they are now."""
        former = self.path
        self.path = former.with_name(f"after-{former.name}")
        for suffix in ("", "-wal"):
            if (source := Path(f"{former}{suffix}")).exists():
                shutil.copyfile(source, f"{self.path}{suffix}")
        self.reopen()

    def count_keys(self) -> int:
        with closing(sqlite3.connect(self.path)) as connection:
            (keys,) = connection.execute("SELECT count(*) FROM inbox").fetchone()
        return keys

    def age_keys(self, seconds: float) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("UPDATE inbox SET at = at - ?", (seconds,))

    def break_store(self) -> None:
        (pages,) = self.ledger._writer.execute("PRAGMA page_count").fetchone()
        self.ledger._writer.execute(f"PRAGMA max_page_count = {pages}")

    def mend_store(self) -> None:
        self.ledger._writer.execute("PRAGMA max_page_count = 1000000")
