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
from botkit.handoff.events import AgentTransfer, UserMessage
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

    def whose(self, input: Input) -> ConversationId:
        """A live conversation under any of the names; but two user ids of the platform are two people."""
        if self.state(input.conversation_id).session is not None:
            return input.conversation_id
        for name in (input.conversation_id.user_id, *input.aliases):
            for one in self.live():
                both = {one.id.user_id, input.conversation_id.user_id}
                if name in self.names[one.id] and not all(user.startswith("u-") for user in both):
                    return one.id
        return input.conversation_id

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
        where = self.whose(input)
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
        return True


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
