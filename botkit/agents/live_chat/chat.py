"""One chat as this process knows it, shared by its listener and its senders; and the sequence numbers of what is sent.

`position` has everything that must outlive the process; the ledger stores it with every event. The rest makes things exact
while the process lives. Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence as Lines
from dataclasses import dataclass, replace
from enum import Enum

import msgspec

from botkit.agents.live_chat.calls import Credentials, Session
from botkit.agents.live_chat.messages import Reply
from botkit.agents.live_chat.position import CHASITOR, Line, Position, digest
from botkit.errors import CallError


class Link(Enum):
    """The state of the connection to the chat's server."""

    UP = "up"
    LOST = "lost"
    """The server answered 503: ReconnectSession is next."""
    RENEWED = "renewed"
    """There is a new affinity; the session's data and ResyncState follow."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A message without an answer: the server may have it."""

    key: str
    digest: str


class Chat:
    """The state of one chat.

    Attributes:
        position: how far the chat has been read.
        link: see `Link`.
        unread: replies that were polled while reconnecting, for the listener.
        sequence: the numbers of our requests.
        posting: held while a request is sent; one at a time.
        reconnecting: held while the chat is reconnected.
        listening: a listener takes the replies of polls, and comes back when one fails.
        poll: the poll that is under way.
        requested: this process sent the chat request, and the server accepted it.
        asked: the time of the chat request, as far as this process knows it (monotonic seconds).
        heard: the time of the server's last answer to a poll (monotonic seconds).
        sent: the time of the last message (monotonic seconds).
        trouble: the error of the last poll.
        over: the server reported the end of the chat.
        upload_in_doubt: the agent's request for a file whose upload got no answer.
    """

    __slots__ = (
        "_attached", "_complete", "_delivered", "_doubt", "_renewed", "_said", "asked", "credentials", "heard", "link",
        "listening", "over", "poll", "position", "posting", "reconnecting", "requested", "sent", "sequence", "session_id",
        "trouble", "unread", "upload_in_doubt",
    )  # fmt: skip

    def __init__(self, session_id: str, credentials: Credentials, position: Position, *, now: float) -> None:
        self.session_id = session_id
        self.credentials = credentials
        self.position = position
        self.link = Link.UP
        self.unread: list[Reply] = []
        self.sequence = Sequence()
        self.posting = asyncio.Lock()
        self.reconnecting = asyncio.Lock()
        self.listening = False
        self.poll: asyncio.Task[Reply | None] | None = None
        self.requested = False
        self.asked = self.heard = now
        self.sent = float("-inf")
        self.trouble: CallError | None = None
        self.over = position.over
        self.upload_in_doubt = ""
        self._attached = False
        self._renewed = False
        self._complete = False
        self._said: Counter[str] = Counter()
        self._doubt: _Doubt | None = None
        self._delivered = ""

    @property
    def session(self) -> Session:
        """The chat's present server and keys."""
        return Session(
            self.credentials.key,
            self.position.affinity or self.credentials.affinity,
            self.position.base or self.credentials.base,
        )

    @property
    def under_way(self) -> bool:
        """Whether the server is known to have accepted the chat request."""
        position = self.position
        return self.requested or position.requested or bool(position.agents or position.said)

    @property
    def answered(self) -> bool:
        """Whether the chat request got an answer, or anything else that only an accepted request brings."""
        position = self.position
        return position.requested or position.over or bool(position.agents or position.said)

    @property
    def known(self) -> bool:
        """Whether the position is reliable: it came from a listener, or the chat began in this process."""
        return self._attached or self._complete

    def attach(self, stored: Position) -> None:
        """A listener starts, and the ledger has everything up to `stored`.

        Only a listener's position is reliable: an effect carries the position at the time of its decision.
        """
        if self.position.era > stored.era:
            self.position = stored.led_by(self.position)
        elif not self._attached and self._renewed:
            # An old effect reconnected the chat before the number of eras was known.
            era = stored.era + 1
            here = _in_era(self.position, era)
            self.position = stored.led_by(here)
            self.unread = [replace(reply, era=era) for reply in self.unread]
        else:
            self.position = stored
        self._attached = True
        self.over = self.over or stored.over

    def taken(self, position: Position) -> None:
        """The events up to this position are in the ledger."""
        here = self.position
        self.position = position if position.era == here.era else position.led_by(here)
        self.over = self.over or position.over

    def renew(self, affinity: str, *, numbers_start_anew: bool) -> None:
        """ReconnectSession gave the chat a new affinity."""
        self.position = self.position.renewed(affinity, numbers_start_anew=numbers_start_anew)
        self.link = Link.RENEWED
        self._renewed = True
        if numbers_start_anew:
            self.sequence.begin()

    def move(self, base: str) -> None:
        """Another server answers for the chat (2.19)."""
        self.position = msgspec.structs.replace(self.position, base=base)

    async def interrupt_poll(self) -> None:
        """Cancel the poll that is under way: its server is gone, or nobody waits for it any more."""
        if (poll := self.poll) is not None:
            poll.cancel()
            await asyncio.wait({poll})

    # --- the user's messages, to know after a reconnection which of them the server has ---

    def begins(self) -> None:
        """This process requests the chat, so it knows every message that is sent."""
        self._complete = True
        self.sequence.begin()

    def accepted(self, text: str) -> None:
        """The server has this message of the user."""
        self._said[digest(text)] += 1
        self._doubt = None

    def doubts(self, key: str, text: str) -> None:
        """Whether the server has this message is unknown."""
        self._doubt = _Doubt(key, digest(text))

    def told(self, lines: Lines[Line]) -> None:
        """The server sent the whole chat: it has the request, and perhaps the message in doubt."""
        if self.requested:
            # If the old server took the answer to the request with it, nothing else would tell.
            self.position = msgspec.structs.replace(self.position, requested=True)
        doubt = self._doubt
        if doubt is None or not self._complete:
            return
        told = sum(line.kind == CHASITOR and digest(line.text) == doubt.digest for line in lines)
        if told > self._said[doubt.digest]:
            self._delivered = doubt.key

    def was_delivered(self, key: str) -> bool:
        """Whether the chat that the server sent contains this message."""
        return bool(key) and self._delivered == key


def _in_era(position: Position, era: int) -> Position:
    return type(position)(
        affinity=position.affinity, base=position.base, era=era, ack=position.ack, offset=position.offset
    )


FAR_AHEAD = 1_000_000
"""The first guess after a restart, when the last number is unknown. Too low a guess could make a new message look like an old
one and be dropped. Too high a guess is refused with the right number, or accepted by a server that does not check."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A request that is not accepted yet."""

    key: str
    number: int
    unsure: bool = False


class Sequence:
    """Sequence numbers of one session's POSTs: one more for each new request, the same for a repeated one (3.8).

    The server drops duplicates by them, and refuses an unexpected number with the last one it accepted.
    """

    __slots__ = ("_last", "_off", "_open")

    def __init__(self) -> None:
        self._last: int | None = None
        self._open: _Open | None = None
        self._off = False

    def begin(self) -> None:
        """The session is new, or was reconnected: the next number is 1."""
        self._last = 0
        self._open = None

    def number(self, key: str) -> int | None:
        """The number of the request `key`; None if the server does not use numbers."""
        if self._off:
            return None
        if self._open is None or self._open.key != key:
            last = self._last
            if self._open is not None:
                # Whether the other request was accepted is unknown. If it was not, the server will say so.
                last = self._open.number
            self._open = _Open(key, FAR_AHEAD if last is None else last + 1)
        return self._open.number

    def accepted(self) -> None:
        """The server accepted the request."""
        if self._open is not None:
            self._last = self._open.number
            self._open = None

    def unsure(self) -> None:
        """The outcome of the request is unknown."""
        if self._open is not None:
            self._open = replace(self._open, unsure=True)

    def refused(self, actual: int | None) -> bool:
        """The server expected another number; `actual` is the last one it accepted, if it says so.

        Returns:
            Whether an earlier attempt was accepted; otherwise the request may be sent again with its new number.
        """
        if self._open is None:
            return False
        if actual is None:
            self._off = True  # the header is optional in practice (1): better without it than stuck
            self._open = None
            return False
        if self._open.unsure and actual >= self._open.number:
            self._last = actual
            self._open = None
            return True
        self._open = _Open(self._open.key, actual + 1)
        return False
