"""The position of a chat: the state that outlives the process.

Every event carries it in `Access.position` as compact JSON, so the ledger stores it together with the event's effects. It
includes the sensitive-data rules, because a text must be masked after a restart as well.

After a 503, the new server sends the whole chat again (ChasitorSessionData), but without the earlier message numbers
(docs/protocols/salesforce-live-chat.md, 3.9 and 7). `unseen` finds the new messages by content: it compares the last messages we
read with the list at every place, and takes the longest run of equal messages. Between equal runs, the place that fits the count
of read messages wins, then the earliest: a message is rather shown twice than lost. Without a match, every message is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec

from botkit.agents.live_chat.masking import Rule
from botkit.agents.live_chat.wording import read_words
from botkit.http.lenient_json import Members, items, text, whole

REMEMBERED_MESSAGES = 8
_DIGEST_CHARACTERS = 8
DEFAULT_CONNECTION_TIMEOUT_SECONDS = 150.0
"""The value in three captured ChatRequestSuccess messages (3.6)."""


class Present(msgspec.Struct, frozen=True, array_like=True):
    """An agent in the chat. A `guest` joined by conference; a transfer does not remove them."""

    subject: str
    name: str = ""
    guest: bool = False


class Idle(msgspec.Struct, frozen=True, array_like=True):
    """How long the user may be silent after the agent's last message, in seconds; the client enforces it (9)."""

    warning: float
    timeout: float


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a chat has been read, and its state then.

    Attributes:
        affinity: the token of the chat's server; another one after each reconnection. Empty: the first one.
        base: the address after a SwitchServer. Empty: the address the chat was opened with.
        era: the number of reconnections; message numbers restart with each.
        ack: the last message read in this era; -1 for none.
        offset: opaque; ReconnectSession needs it.
        requested: the chat request got an answer.
        session_seconds: how long the session outlives the last poll.
        agents: the agents in the chat.
        accepted: how often an agent accepted the chat or took it over.
        away: the agent whose connection was lost; they may return unannounced.
        idle: the idle times, if they are enforced.
        rules: the sensitive-data rules.
        messages_read: the number of messages of agents that were read.
        digests: digests of the newest ones.
        over: the chat has ended.
    """

    affinity: str = msgspec.field(name="a", default="")
    base: str = msgspec.field(name="b", default="")
    era: int = msgspec.field(name="e", default=0)
    ack: int = msgspec.field(name="k", default=-1)
    offset: int = msgspec.field(name="o", default=0)
    requested: bool = msgspec.field(name="q", default=False)
    session_seconds: float = msgspec.field(name="l", default=DEFAULT_CONNECTION_TIMEOUT_SECONDS)
    agents: tuple[Present, ...] = msgspec.field(name="p", default=())
    away: Present | None = msgspec.field(name="w", default=None)
    idle: Idle | None = msgspec.field(name="i", default=None)
    rules: tuple[Rule, ...] = msgspec.field(name="r", default=())
    messages_read: int = msgspec.field(name="n", default=0)
    digests: tuple[str, ...] = msgspec.field(name="d", default=())
    over: bool = msgspec.field(name="z", default=False)
    accepted: int = msgspec.field(name="c", default=0)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A position written by `written`; None for any other text, such as an empty one."""
        try:
            return msgspec.json.decode(text, type=cls) if text else None
        except (msgspec.DecodeError, UnicodeError):
            return None

    def written(self) -> str:
        """The text for `Access.position`."""
        return msgspec.json.encode(self).decode()

    def with_message(self, text: str) -> Self:
        """The position after one more message of an agent."""
        digests = (*self.digests, digest(text))[-REMEMBERED_MESSAGES:]
        return msgspec.structs.replace(self, messages_read=self.messages_read + 1, digests=digests)

    def renewed(self, affinity: str, *, numbers_start_anew: bool) -> Self:
        """The position after a reconnection: the same state with a new count of messages."""
        ack = -1 if numbers_start_anew else self.ack
        return msgspec.structs.replace(self, affinity=affinity, era=self.era + 1, ack=ack)

    def with_connection_of(self, other: Self) -> Self:
        """This position's state with the connection of `other`, which was reconnected later."""
        return msgspec.structs.replace(
            self, affinity=other.affinity, base=other.base, era=other.era, ack=other.ack, offset=other.offset
        )


def digest(text: str) -> str:
    """Identifies a message by its text, without letter case and spacing, which may differ between two reports of it."""
    plain = " ".join(text.split()).casefold()
    return hashlib.blake2b(plain.encode(errors="replace"), digest_size=_DIGEST_CHARACTERS // 2).hexdigest()


AGENT = "Agent"
CHASITOR = "Chasitor"
TRANSFERRED = "OperatorTransferred"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chat, as the new server sends it; `number` is its place in the list."""

    number: int
    kind: str
    name: str
    text: str = field(repr=False)


def read_session_data(message: Members) -> tuple[Line, ...]:
    """The lines of a ChasitorSessionData, in the order of their numbers if they have any."""
    told = items(message.get("chatMessages"))
    numbers = [one.get("sequence") for one in told]
    if all(type(number) is int for number in numbers) and len(set(numbers)) == len(numbers):
        told = sorted(told, key=lambda one: whole(one.get("sequence")))
    return tuple(
        Line(
            n, text(one.get("type")), text(one.get("name")), text(one.get("content")) or text(one.get("text"))
        )
        for n, one in enumerate(told)
    )


def unseen(lines: Sequence[Line], *, read: Sequence[str], count: int) -> tuple[Line, ...]:
    """The lines after the last one that was read.

    Args:
        lines: the chat as the server sent it.
        read: digests of the newest messages of agents that were read, oldest first.
        count: the number of messages that were read.
    """
    spoken = [line for line in lines if line.kind == AGENT]
    digests = [digest(read_words(line.text).text) for line in spoken]
    best = (0, False, 0)
    for end in range(1, len(digests) + 1):
        run = 0
        while run < min(end, len(read)) and digests[end - 1 - run] == read[-1 - run]:
            run += 1
        if run:
            best = max(best, (run, end == count, -end))
    found = -best[2]
    last = spoken[found - 1].number if found else -1
    return tuple(line for line in lines if line.number > last)
