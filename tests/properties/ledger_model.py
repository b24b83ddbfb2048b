"""What a ledger has to remember, as dictionaries; and a connection whose next COMMIT fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.decide import decide
from botkit.handoff.effects import (
    ArmTimer,
    CancelTimer,
    CountMetric,
    DropLane,
    EndSession,
    OutboundEffect,
    PassToBot,
    PassToUser,
    SkipUserMessage,
    lane,
)
from botkit.handoff.events import AgentTransfer, FromPlatform, PlatformSessionClosed, UserMessage
from botkit.ledger.interface import HookBody, Input
from tests.handoff.story import rules

RULES = rules()
INNER = (ArmTimer, CancelTimer, DropLane, CountMetric)
CARRY_HOOK = (PassToBot, PassToUser, SkipUserMessage)


@dataclass(frozen=True)
class Row:
    """One effect of the model's outbox."""

    conversation_id: ConversationId
    lane: str
    effect: OutboundEffect
    hook: HookBody | None


@dataclass
class Model:
    """What a ledger has to remember."""

    conversations: dict[ConversationId, Conversation] = field(default_factory=dict)
    names: dict[ConversationId, set[str]] = field(default_factory=dict)
    newest: dict[ConversationId, HookBody] = field(default_factory=dict)
    keys: set[tuple[ConversationId, str]] = field(default_factory=set)
    outbox: list[Row] = field(default_factory=list)

    def state(self, conversation_id: ConversationId) -> Conversation:
        return self.conversations.get(conversation_id, Conversation(conversation_id))

    def live(self) -> list[Conversation]:
        return [one for one in self.conversations.values() if one.session is not None]

    def whose(self, input: Input) -> list[ConversationId]:
        """The conversations that an input is about: several for a closure that names no channel.

        A live one on this channel under any of the names; but two user ids of the platform are two people.
        """
        wanted, event = input.conversation_id, input.event
        if input.hook is None or not isinstance(event, FromPlatform):
            return [wanted]
        live = [one for one in self.live() if self.is_of(one.id, input)]
        if wanted.channel:
            exact = [one.id for one in live if one.id == wanted]
            same = [one.id for one in live if one.id.channel == wanted.channel]
            unknown = [one.id for one in live if not one.id.channel]
            elsewhere: list[ConversationId] = []
            if getattr(event, "agent_transfer", None) and self.state(wanted) == Conversation(wanted):
                sessions = event.sessions
                elsewhere = [one.id for one in live if not sessions or self.is_of_session(one, sessions)]
                elsewhere = elsewhere if len(elsewhere) == 1 else []
            return [*exact, *(same or unknown or elsewhere), wanted][:1]
        of_session = [one for one in live if self.is_of_session(one, event.sessions)]
        newest_first = sorted(of_session or live, key=opened_at, reverse=True)
        found = [one.id for one in newest_first] or [wanted]
        return found if isinstance(event, PlatformSessionClosed) else found[:1]

    def is_of(self, conversation_id: ConversationId, input: Input) -> bool:
        """Whether a live conversation is of the user of an input."""
        user_id = input.conversation_id.user_id
        if conversation_id.user_id != user_id and conversation_id.user_id[:2] == user_id[:2] == "u-":
            return False
        return bool(self.names[conversation_id] & {user_id, *input.aliases})

    def is_of_session(self, conversation: Conversation, sessions: tuple[str, ...]) -> bool:
        session = conversation.session
        assert session is not None
        return bool(sessions) and session.platform_session_id in ("", *sessions)

    def apply(self, input: Input, settled: Iterable[Row]) -> bool:
        """Apply an input; False if it was known."""
        for row in settled:
            if row in self.outbox:
                self.outbox.remove(row)
        event = input.event
        assert event is not None
        key = (input.conversation_id, event.key)
        if event.key and key in self.keys:
            return False
        if event.key:
            self.keys.add(key)
        for where in self.whose(input):
            self.decide(where, input)
        return True

    def decide(self, where: ConversationId, input: Input) -> None:
        event = input.event
        assert event is not None
        was_live = self.state(where).session is not None
        decision = decide(RULES, self.state(where), event)
        after = decision.conversation
        self.conversations[where] = after
        for effect in decision.effects:
            if isinstance(effect, DropLane):
                gone = f"agent:{effect.session_id}"
                self.outbox = [
                    row for row in self.outbox if row.lane != gone or isinstance(row.effect, EndSession)
                ]
            elif not isinstance(effect, INNER):
                hook = input.hook if isinstance(effect, CARRY_HOOK) else None
                self.outbox.append(Row(where, lane(effect), effect, hook))
        if after.session is not None and input.hook is not None:
            names = self.names.setdefault(where, set())
            names.update({where.user_id, input.conversation_id.user_id, *input.aliases})
        if (was_live or after.session is not None) and isinstance(event, UserMessage | AgentTransfer):
            assert input.hook is not None
            self.newest[where] = input.hook


def opened_at(conversation: Conversation) -> float:
    assert conversation.session is not None
    return conversation.session.opened_at


class Writer:
    """The ledger's connection; `fails` makes the next COMMIT fail before or after it has happened."""

    fails: str = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        fails = ""
        if sql == "COMMIT":
            fails, Writer.fails = Writer.fails, ""
        if fails == "before":
            raise sqlite3.OperationalError("database or disk is full")
        cursor = self._connection.execute(sql, *values)
        if fails == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
