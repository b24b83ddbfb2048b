"""The state of one chat in this process, shared by its listener and its senders, and the sequence numbers of its requests.

`position` has everything that must outlive the process; the ledger stores it with every event. The other attributes only make
delivery more exact while the process runs. Sections are those of docs/protocols/salesforce-live-chat.md.
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


class Chat:
    """The state of one chat.

    Attributes:
        position: how far the chat has been read.
        link: see `Link`.
        unread: replies that were polled while reconnecting, for the listener.
        sequence: the numbers of our requests.
        posting: held while a request is sent; one at a time.
        reconnecting: held while the chat is reconnected.
        listening: a listener polls, and returns after a failed poll.
        poll: the poll that is under way.
        requested: this process sent the chat request, and the server accepted it.
        asked: the time of the chat request, or when this process first saw the chat (monotonic seconds).
        tried: the time at which the last poll, or what comes before it, began (monotonic seconds).
        heard: the time of the server's last answer to a poll (monotonic seconds).
        sent: the time of the last message (monotonic seconds).
        gaps_in_vain: how often messages that an answer had left out did not come with the next one.
        trouble: the error of the last poll.
        over: the server reported the end of the chat.
        upload_in_doubt: the agent's request for a file whose upload got no answer.
    """

    __slots__ = (
        "_accepted", "_attached", "_complete", "_delivered", "_renewed", "_unanswered", "asked", "credentials", "gaps_in_vain",
        "heard", "link", "listening", "over", "poll", "position", "posting", "reconnecting", "requested", "sent", "sequence",
        "session_id", "tried", "trouble", "unread", "upload_in_doubt",
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
        self.asked = self.tried = self.heard = now
        self.sent = float("-inf")
        self.gaps_in_vain = 0
        self.trouble: CallError | None = None
        self.over = position.over
        self.upload_in_doubt = ""
        self._attached = False
        self._renewed = False
        self._complete = False
        self._accepted: Counter[str] = Counter()
        self._unanswered: tuple[str, str] | None = None  # key and digest of a message without an answer
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
        return self.requested or position.requested or bool(position.agents or position.messages_read)

    @property
    def answered(self) -> bool:
        """Whether the chat request was answered, directly or by an event that follows only an accepted request."""
        position = self.position
        return position.requested or position.over or bool(position.agents or position.messages_read)

    @property
    def known(self) -> bool:
        """Whether the position is reliable: it came from a listener, or the chat began in this process."""
        return self._attached or self._complete

    def attach(self, stored: Position) -> None:
        """A listener starts. The ledger has all events up to `stored`.

        Only a listener's position is reliable: an effect has the position of the time when it was decided.
        """
        if self.position.era > stored.era:
            self.position = stored.with_connection_of(self.position)
        elif not self._attached and self._renewed:
            # An old effect reconnected the chat before the number of eras was known.
            era = stored.era + 1
            self.position = msgspec.structs.replace(stored.with_connection_of(self.position), era=era)
            self.unread = [replace(reply, era=era) for reply in self.unread]
        else:
            self.position = stored
        self._attached = True
        self.over = self.over or stored.over

    def stored(self, position: Position) -> None:
        """The events up to this position are in the ledger."""
        here = self.position
        self.position = position if position.era == here.era else position.with_connection_of(here)
        self.over = self.over or position.over

    def renew(self, affinity: str, *, numbers_start_anew: bool) -> None:
        """ReconnectSession gave the chat a new affinity."""
        self.position = self.position.renewed(affinity, numbers_start_anew=numbers_start_anew)
        self.link = Link.RENEWED
        self._renewed = True
        if numbers_start_anew:
            self.sequence.begin()

    async def interrupt_poll(self) -> None:
        """Cancel the poll that is under way: its server is gone, or its result is not needed any more."""
        if (poll := self.poll) is not None:
            poll.cancel()
            await asyncio.wait({poll})

    # --- the user's messages: after a reconnection, they show which of them the server has ---

    def begin(self) -> None:
        """This process requests the chat, so it knows every message of the user."""
        self._complete = True
        self.sequence.begin()

    def accepted(self, text: str) -> None:
        """The server has this message of the user."""
        self._accepted[digest(text)] += 1
        self._unanswered = None

    def unanswered(self, key: str, text: str) -> None:
        """Whether the server has this message is unknown."""
        self._unanswered = (key, digest(text))

    def history_arrived(self, lines: Lines[Line]) -> None:
        """The server sent the whole chat: it has the request, and perhaps the message in doubt."""
        if self.requested:
            # The answer to the request may be lost with the old server; then nothing else shows that it was accepted.
            self.position = msgspec.structs.replace(self.position, requested=True)
        if self._unanswered is None or not self._complete:
            return
        key, unsure = self._unanswered
        count = sum(line.kind == CHASITOR and digest(line.text) == unsure for line in lines)
        if count > self._accepted[unsure]:
            self._delivered = key

    def was_delivered(self, key: str) -> bool:
        """Whether the chat that the server sent contains this message."""
        return bool(key) and self._delivered == key


FAR_AHEAD = 1_000_000
"""The first guess after a restart, when the last number is unknown. If it were too low, the server could drop a new message as a
duplicate. If it is too high, the server refuses it and states the right number, or accepts it because it does not check."""


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
                # It is unknown whether the other request was accepted. If not, the server refuses this number.
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
            self._off = True  # the header is optional in practice (1); with it, no request would be accepted
            self._open = None
            return False
        if self._open.unsure and actual >= self._open.number:
            self._last = actual
            self._open = None
            return True
        self._open = _Open(self._open.key, actual + 1)
        return False
