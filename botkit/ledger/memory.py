"""The ledger's memory: every stored conversation, the names of its user, and a cache of the newest payloads.

`Remembered` mirrors the durable state. `Staged` overlays the changes of one group commit, which are applied as a whole after the
commit, or dropped.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Self

from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.platform_session import is_another
from botkit.handoff.record import Record
from botkit.ledger.interface import HookBody

MAX_NAMES = 32
"""Max names stored of one user; the platform uses three or four."""

PLATFORM_USER: Final = "u-"
"""The prefix of the platform's own user ids (docs/protocols/kore-xo-botkit.md, 2.3)."""


class Stored(Record, frozen=True):
    """A stored conversation, with every known name of its user."""

    conversation: Conversation
    names: frozenset[str]


class Remembered:
    """The durable conversations; those with a live agent session are found by every name of their user.

    Only the ledger's thread changes it; any thread may read it.
    """

    def __init__(self, stored: Iterable[Stored] = ()) -> None:
        self._by_id: dict[ConversationId, Stored] = {}
        self._by_name: dict[tuple[str, str], tuple[ConversationId, ...]] = {}
        for one in stored:
            self.put(one.conversation.id, one)

    def get(self, conversation_id: ConversationId) -> Stored | None:
        return self._by_id.get(conversation_id)

    def named(self, bot_id: str, name: str) -> tuple[ConversationId, ...]:
        """The live conversations of the user with this name: one for each channel."""
        return self._by_name.get((bot_id, name), ())

    def live_of(self, bot_id: str, name: str) -> ConversationId | None:
        """The live conversation of the user with this name; of several, the one opened last."""
        return max(self.named(bot_id, name), key=lambda one: _opened_at(self.get(one)), default=None)

    @property
    def anyone_live(self) -> bool:
        """Whether any agent session lives."""
        return bool(self._by_name)

    def all(self) -> list[Stored]:
        return list(self._by_id.values())

    def put(self, conversation_id: ConversationId, stored: Stored | None) -> None:
        before, bot_id = self._by_id.get(conversation_id), conversation_id.bot_id
        # Replaced in one step: another thread that reads it meanwhile must not miss a live conversation.
        if stored is None:
            self._by_id.pop(conversation_id, None)
        else:
            self._by_id[conversation_id] = stored
        found_by, former = _names_of_live(stored), _names_of_live(before)
        if found_by is former:
            return
        for name in found_by - former:
            self._by_name[bot_id, name] = (*self.named(bot_id, name), conversation_id)
        for name in former - found_by:
            left = tuple(one for one in self.named(bot_id, name) if one != conversation_id)
            if left:
                self._by_name[bot_id, name] = left
            else:
                self._by_name.pop((bot_id, name), None)


class Staged:
    """The changes of one group commit, over the durable state."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self.changes: dict[ConversationId, Stored | None] = {}
        self._names: dict[tuple[str, str], tuple[ConversationId, ...]] = {}

    def get(self, conversation_id: ConversationId) -> Stored | None:
        if conversation_id in self.changes:
            return self.changes[conversation_id]
        return self._remembered.get(conversation_id)

    def durable(self, conversation_id: ConversationId) -> Stored | None:
        """The version before this commit."""
        return self._remembered.get(conversation_id)

    def put(self, conversation_id: ConversationId, stored: Stored | None) -> None:
        self.changes[conversation_id] = stored
        if stored is not None and stored.conversation.session is not None:
            for name in stored.names:
                staged = self._names.get((conversation_id.bot_id, name), ())
                if conversation_id not in staged:
                    self._names[conversation_id.bot_id, name] = (*staged, conversation_id)

    def resolve(
        self,
        wanted: ConversationId,
        names: Iterable[str] = (),
        sessions: Sequence[str] = (),
        *,
        in_agent_mode: bool = False,
    ) -> tuple[ConversationId, ...]:
        """The conversations that a hook may mean, the most likely first. It is one, unless the hook names no channel.

        Args:
            wanted: the bot, the canonical name of the user, and the channel.
            names: the other names of the user.
            sessions: every id of the platform's session.
            in_agent_mode: whether the platform says that an agent has the user there.

        A live conversation on the same channel is found by any name of the user. One whose channel is not known (a store of an
        earlier version) has any channel. A hook without a channel means the live conversation of its session, else any.
        A user who is with an agent on a channel where no hand-off ever began is in the only live conversation, unless that is of
        another session: hooks may spell one channel in two ways.
        """
        if not self._names and not self._remembered.anyone_live:
            return (wanted,)
        if wanted.channel and self._is_live(wanted):
            return (wanted,)
        live = self._live(wanted, names)
        if wanted.channel:
            found = [one for one in live if one.channel == wanted.channel]
            found = found or [one for one in live if not one.channel]
            if not found and in_agent_mode and self.get(wanted) is None:
                found = [one for one in live if self._is_of_session(one, sessions)]
                found = found if len(found) == 1 else []
            return (*found[:1], wanted)[:1]
        of_session = [one for one in live if self._is_of_session(one, sessions)] if sessions else []
        found = sorted(of_session or live, key=lambda one: -_opened_at(self.get(one)))
        return tuple(found) or (wanted,)

    def apply(self) -> None:
        """The commit is durable: update the memory."""
        for conversation_id, stored in self.changes.items():
            self._remembered.put(conversation_id, stored)

    def _live(self, wanted: ConversationId, names: Iterable[str]) -> list[ConversationId]:
        """The live conversations under any name of the user, those under the most reliable name first."""
        bot_id = wanted.bot_id
        found: list[ConversationId] = []
        for name in (wanted.user_id, *names):
            for one in (*self._names.get((bot_id, name), ()), *self._remembered.named(bot_id, name)):
                if (
                    one not in found
                    and self._is_live(one, name)
                    and not _two_people(wanted.user_id, one.user_id)
                ):
                    found.append(one)
        return found

    def _is_live(self, conversation_id: ConversationId, name: str = "") -> bool:
        stored = self.get(conversation_id)
        return (
            stored is not None
            and stored.conversation.session is not None
            and (not name or name in stored.names)
        )

    def _is_of_session(self, conversation_id: ConversationId, sessions: Sequence[str]) -> bool:
        stored = self.get(conversation_id)
        session = stored.conversation.session if stored is not None else None
        return session is not None and not is_another(session, sessions)


def _names_of_live(stored: Stored | None) -> frozenset[str]:
    """The names that find a conversation: those of its user while an agent session lives."""
    return stored.names if stored is not None and stored.conversation.session is not None else frozenset()


def _opened_at(stored: Stored | None) -> float:
    session = stored.conversation.session if stored is not None else None
    return session.opened_at if session is not None else 0.0


def _two_people(one: str, other: str) -> bool:
    """Two different user ids of the platform are two people, even if a channel gives both the same address."""
    return one != other and one.startswith(PLATFORM_USER) and other.startswith(PLATFORM_USER)


_COMPRESSED_FROM, _COMPRESSED_TO = 4 * 1024, 64 * 1024
"""Bytes. Smaller payloads are not worth compressing; larger ones would delay the next commits."""


class _Cached(Record, frozen=True):
    body: bytes
    compressed: bool
    component_id: str

    _hidden = frozenset({"body"})

    @classmethod
    def of(cls, hook: HookBody) -> Self:
        if _COMPRESSED_FROM <= len(hook.body) <= _COMPRESSED_TO:
            return cls(zlib.compress(hook.body, 1), True, hook.component_id)
        return cls(hook.body, False, hook.component_id)

    def hook(self) -> HookBody:
        return HookBody(zlib.decompress(self.body) if self.compressed else self.body, self.component_id)


class PayloadCache:
    """The newest payloads: a least-recently-used cache, bounded by bytes, in front of the table.

    Large payloads are compressed: a context is repetitive JSON, and there is one for every open conversation. That takes a
    quarter of the memory. With small ones it would save little, for a fiftieth of an agent message's processor time.
    """

    def __init__(self, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._cached: OrderedDict[ConversationId, _Cached] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, conversation_id: ConversationId) -> HookBody | None:
        with self._lock:
            found = self._cached.get(conversation_id)
            if found is None:
                return None
            self._cached.move_to_end(conversation_id)
        return found.hook()

    def put(self, conversation_id: ConversationId, hook: HookBody) -> None:
        cached = _Cached.of(hook)
        with self._lock:
            self._forget(conversation_id)
            self._cached[conversation_id] = cached
            self._size += len(cached.body)
            while self._size > self._max_bytes:
                self._forget(next(iter(self._cached)))

    def drop(self, conversation_id: ConversationId) -> None:
        with self._lock:
            self._forget(conversation_id)

    def _forget(self, conversation_id: ConversationId) -> None:
        gone = self._cached.pop(conversation_id, None)
        if gone is not None:
            self._size -= len(gone.body)
