"""How far a chat has been read, and what was learned on the way: the part of a chat that outlives the process.

It goes into `Access.position` as compact JSON with every event, so it stands in the ledger together with what the event
caused. Sensitive-data rules are part of it because nothing may leave unmasked after a restart either.
"""

from __future__ import annotations

import hashlib
from typing import Self

import msgspec

from botkit.agents.live_chat.sensitive import Rule

REMEMBERED_SAYINGS = 8
_DIGEST_CHARACTERS = 8
DEFAULT_CONNECTION_TIMEOUT_SECONDS = 150.0
"""What three captured ChatRequestSuccess messages say (protocols/salesforce-live-chat.md 3.6)."""


class Present(msgspec.Struct, frozen=True, array_like=True):
    """An agent who is in the chat. `guest` came by conference, and does not leave by a transfer."""

    subject: str
    name: str = ""
    guest: bool = False


class Idle(msgspec.Struct, frozen=True, array_like=True):
    """How long the user may be silent, counted from the agent's last message; enforced by the client (9). Seconds."""

    warning: float
    timeout: float


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the receiving side got to.

    Attributes:
        affinity: the token that leads to the chat's server; another one after each reconnection. Empty: the first.
        base: the address after a SwitchServer; empty: the one the chat was opened with.
        era: how often the chat was reconnected; the numbers of messages start anew with each.
        ack: the last message read in this era; -1 for none.
        offset: opaque; ReconnectSession wants it.
        requested: the chat request was answered.
        lives: seconds that the session outlives the last poll.
        agents: who is there.
        accepted: how often an agent took the chat, the first time included.
        away: the agent whose connection was lost, and who may come back without a word.
        idle: the idle times, where they are enforced.
        rules: the sensitive-data rules.
        said: how many messages of agents were read in all.
        sayings: digests of the newest of them.
        over: the chat has ended.
    """

    affinity: str = msgspec.field(name="a", default="")
    base: str = msgspec.field(name="b", default="")
    era: int = msgspec.field(name="e", default=0)
    ack: int = msgspec.field(name="k", default=-1)
    offset: int = msgspec.field(name="o", default=0)
    requested: bool = msgspec.field(name="q", default=False)
    lives: float = msgspec.field(name="l", default=DEFAULT_CONNECTION_TIMEOUT_SECONDS)
    agents: tuple[Present, ...] = msgspec.field(name="p", default=())
    away: Present | None = msgspec.field(name="w", default=None)
    idle: Idle | None = msgspec.field(name="i", default=None)
    rules: tuple[Rule, ...] = msgspec.field(name="r", default=())
    said: int = msgspec.field(name="n", default=0)
    sayings: tuple[str, ...] = msgspec.field(name="d", default=())
    over: bool = msgspec.field(name="z", default=False)
    accepted: int = msgspec.field(name="c", default=0)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A position written by `written`; None for anything else, such as an empty one."""
        try:
            return msgspec.json.decode(text, type=cls) if text else None
        except (msgspec.DecodeError, UnicodeError):
            return None

    def written(self) -> str:
        """As it is kept in `Access.position`."""
        return msgspec.json.encode(self).decode()

    def heard(self, text: str) -> Self:
        """With one more message of an agent."""
        kept = (*self.sayings, digest(text))[-REMEMBERED_SAYINGS:]
        return msgspec.structs.replace(self, said=self.said + 1, sayings=kept)

    def renewed(self, affinity: str, *, numbers_start_anew: bool) -> Self:
        """After a reconnection: everything that was learned, and a new count of messages."""
        ack = -1 if numbers_start_anew else self.ack
        return msgspec.structs.replace(self, affinity=affinity, era=self.era + 1, ack=ack)

    def led_by(self, other: Self) -> Self:
        """What was learned here, on the way the other, which was reconnected later, is going."""
        return msgspec.structs.replace(
            self, affinity=other.affinity, base=other.base, era=other.era, ack=other.ack, offset=other.offset
        )


def digest(text: str) -> str:
    """Tells one saying from another; blanks and letter case do not count, since they may differ between two reports."""
    plain = " ".join(text.split()).casefold()
    return hashlib.blake2b(plain.encode(errors="replace"), digest_size=_DIGEST_CHARACTERS // 2).hexdigest()
