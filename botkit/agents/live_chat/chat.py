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
    """Whether the chat's server answers for it."""

    UP = "up"
    LOST = "lost"
    """It answered 503: ReconnectSession is next."""
    RENEWED = "renewed"
    """There is a new affinity; the session's data and ResyncState are still to come."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    key: str
    digest: str


class Chat:
    """The state of one chat.

    Attributes:
        position: where the receiving side got to.
        link: see `Link`.
        unread: replies that were polled while reconnecting, for the one who listens.
        sequence: the numbers of what is sent.
        posting: held while something is sent; one at a time.
        reconnecting: held while the chat is reconnected.
        listening: somebody takes what polls bring, and comes back when one fails.
        poll: the poll that is under way.
        requested: this process sent the chat request and knows that it was taken.
        asked: when the chat was requested, as far as this process knows (monotonic seconds).
        heard: when the server last answered a poll (monotonic seconds).
        sent: when the last message went out (monotonic seconds).
        trouble: why the last poll failed.
        over: the server said that the chat is over.
        upload_in_doubt: the agent's request for a file that was uploaded, perhaps: no answer came.
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
        """The way to the chat at present."""
        return Session(
            self.credentials.key,
            self.position.affinity or self.credentials.affinity,
            self.position.base or self.credentials.base,
        )

    @property
    def under_way(self) -> bool:
        """Whether the chat request is known to have been taken."""
        position = self.position
        return self.requested or position.requested or bool(position.agents or position.said)

    @property
    def answered(self) -> bool:
        """Whether the chat request was answered, by whatever shows that somebody deals with it."""
        position = self.position
        return position.requested or position.over or bool(position.agents or position.said)

    @property
    def known(self) -> bool:
        """Whether the position is to be trusted: a listener brought it, or the chat began in this process."""
        return self._attached or self._complete

    def attach(self, stored: Position) -> None:
        """Somebody listens, and has taken everything up to `stored`.

        Only the position of a listener is to be trusted: an effect carries the one of the moment it was decided in.
        """
        if self.position.era > stored.era:
            self.position = stored.led_by(self.position)
        elif not self._attached and self._renewed:
            # Reconnected on behalf of an old effect, before anybody knew how many eras there were.
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
        """ReconnectSession gave a new way to the chat."""
        self.position = self.position.renewed(affinity, numbers_start_anew=numbers_start_anew)
        self.link = Link.RENEWED
        self._renewed = True
        if numbers_start_anew:
            self.sequence.begin()

    def move(self, base: str) -> None:
        """Another server answers for the chat (2.19)."""
        self.position = msgspec.structs.replace(self.position, base=base)

    async def interrupt_poll(self) -> None:
        """Give up the poll under way: it leads to a server that is gone, or nobody waits for it any more."""
        if (poll := self.poll) is not None:
            poll.cancel()
            await asyncio.wait({poll})

    # --- what was said by the user, to know after a reconnection what the server has ---

    def begins(self) -> None:
        """This process requests the chat, so it will know of all that is sent."""
        self._complete = True
        self.sequence.begin()

    def accepted(self, text: str) -> None:
        """The server has this message of the user's."""
        self._said[digest(text)] += 1
        self._doubt = None

    def doubts(self, key: str, text: str) -> None:
        """Nobody knows whether the server has this message."""
        self._doubt = _Doubt(key, digest(text))

    def told(self, lines: Lines[Line]) -> None:
        """The server told the whole chat: it knows of the request, and perhaps of the message in doubt."""
        if self.requested:
            # Where the request's answer went with the old server, nothing else would say so.
            self.position = msgspec.structs.replace(self.position, requested=True)
        doubt = self._doubt
        if doubt is None or not self._complete:
            return
        told = sum(line.kind == CHASITOR and digest(line.text) == doubt.digest for line in lines)
        if told > self._said[doubt.digest]:
            self._delivered = doubt.key

    def was_delivered(self, key: str) -> bool:
        """Whether the server's account has shown that this message had arrived."""
        return bool(key) and self._delivered == key


def _in_era(position: Position, era: int) -> Position:
    return type(position)(
        affinity=position.affinity, base=position.base, era=era, ack=position.ack, offset=position.offset
    )


FAR_AHEAD = 1_000_000


@dataclass(frozen=True, slots=True)
class _Open:
    key: str
    number: int
    unsure: bool = False


class Sequence:
    """Numbers of one session's POSTs, which go out one after the other."""

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
        """The number for the request `key`; None when the server does not want one."""
        if self._off:
            return None
        if self._open is None or self._open.key != key:
            last = self._last
            if self._open is not None:
                # Nobody knows whether the other one was accepted. If it was not, the server will say so.
                last = self._open.number
            self._open = _Open(key, FAR_AHEAD if last is None else last + 1)
        return self._open.number

    def accepted(self) -> None:
        """The server took it."""
        if self._open is not None:
            self._last = self._open.number
            self._open = None

    def unsure(self) -> None:
        """No answer, or one that does not tell whether it was taken."""
        if self._open is not None:
            self._open = replace(self._open, unsure=True)

    def refused(self, actual: int | None) -> bool:
        """It is not the next number; `actual` is the last one the server accepted, where it says so.

        Returns:
            Whether the request was taken by an earlier attempt; otherwise it may be sent again with its new number.
        """
        if self._open is None:
            return False
        if actual is None:
            self._off = True  # The header is optional in practice (1): better without than stuck.
            self._open = None
            return False
        if self._open.unsure and actual >= self._open.number:
            self._last = actual
            self._open = None
            return True
        self._open = _Open(self._open.key, actual + 1)
        return False
