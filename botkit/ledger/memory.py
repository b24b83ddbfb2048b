"""What the ledger keeps at hand: every conversation it remembers, and who is meant by a name.

`Remembered` is what is durable. `Staged` is one group commit in the making: it sees through to what is durable, and is either
applied as a whole, after the commit, or thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from botkit.handoff.conversation import Conversation, ConversationId

MAX_NAMES = 32
"""So many names of one user are remembered; the platform uses three or four."""

_PLATFORM_USER: Final = "u-"
"""How the platform's own user ids begin (protocols/kore-xo-botkit.md, 2.3)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A conversation as remembered, with every name its user was seen under."""

    conversation: Conversation
    names: frozenset[str]


class Remembered:
    """The durable conversations; those with a live agent session are found by every name of their user.

    Changed by the ledger's thread only; read by any.
    """

    def __init__(self, stored: Iterable[Stored] = ()) -> None:
        self._by_id: dict[ConversationId, Stored] = {}
        self._by_name: dict[tuple[str, str], ConversationId] = {}
        for one in stored:
            self.put(one.conversation.id, one)

    def get(self, conversation_id: ConversationId) -> Stored | None:
        return self._by_id.get(conversation_id)

    def named(self, bot_id: str, name: str) -> ConversationId | None:
        return self._by_name.get((bot_id, name))

    @property
    def anyone_live(self) -> bool:
        """Whether there is any agent session at all."""
        return bool(self._by_name)

    def all(self) -> list[Stored]:
        return list(self._by_id.values())

    def put(self, conversation_id: ConversationId, stored: Stored | None) -> None:
        before = self._by_id.pop(conversation_id, None)
        bot_id = conversation_id.bot_id
        if before is not None:
            for name in before.names:
                if self._by_name.get((bot_id, name)) == conversation_id:
                    del self._by_name[bot_id, name]
        if stored is None:
            return
        self._by_id[conversation_id] = stored
        if stored.conversation.session is not None:
            for name in stored.names:
                self._by_name[bot_id, name] = conversation_id


class Staged:
    """Changes of one group commit over what is remembered."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self.changes: dict[ConversationId, Stored | None] = {}
        self._names: dict[tuple[str, str], ConversationId] = {}

    def get(self, conversation_id: ConversationId) -> Stored | None:
        if conversation_id in self.changes:
            return self.changes[conversation_id]
        return self._remembered.get(conversation_id)

    def put(self, conversation_id: ConversationId, stored: Stored | None) -> None:
        self.changes[conversation_id] = stored
        if stored is not None and stored.conversation.session is not None:
            for name in stored.names:
                self._names[conversation_id.bot_id, name] = conversation_id

    def resolve(self, given: ConversationId, names: Iterable[str]) -> ConversationId:
        """Whose conversation this is: a live one under any of the names wins over none under the canonical one."""
        if not self._names and not self._remembered.anyone_live:
            return given
        own = self.get(given)
        if own is not None and own.conversation.session is not None:
            return given
        for name in (given.user_id, *names):
            found = self._live(given.bot_id, name)
            if found is not None and not _two_people(given.user_id, found.user_id):
                return found
        return given

    def apply(self) -> None:
        """The commit is durable: so is this."""
        for conversation_id, stored in self.changes.items():
            self._remembered.put(conversation_id, stored)

    def _live(self, bot_id: str, name: str) -> ConversationId | None:
        for found in (self._names.get((bot_id, name)), self._remembered.named(bot_id, name)):
            if found is not None:
                stored = self.get(found)
                if stored is not None and stored.conversation.session is not None and name in stored.names:
                    return found
        return None


def _two_people(one: str, other: str) -> bool:
    """Two different user ids of the platform are two people, even where a channel gives both the same address."""
    return one != other and one.startswith(_PLATFORM_USER) and other.startswith(_PLATFORM_USER)
