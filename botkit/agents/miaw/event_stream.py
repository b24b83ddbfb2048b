"""Parses the event-stream format of the WHATWG HTML standard (9.2.6), chunk by chunk.

Other libraries mishandle a stream that begins with a byte order mark or ends in the middle of an event. This parser never returns
an event without its final blank line.
"""

from __future__ import annotations

import re

from botkit.handoff.record import Record
from botkit.http.parts import joined

MAX_EVENT_BYTES = 1_000_000
"""A larger event (or a longer line) is skipped; the list of entries still has it."""

_BOM = b"\xef\xbb\xbf"
_USUAL = re.compile(
    rb"(?:id: ?(?P<id>[^\r\n\0]*)\r?\n)?event: ?+(?P<type>[^\r\n]+)\r?\ndata: ?(?P<data>[^\r\n]*)\r?\n\r?\n"
)
"""Nearly every chunk of Salesforce's streams: one whole event (docs/protocols/salesforce-miaw.md, 4.2)."""


class ServerEvent(Record, frozen=True):
    """One event. `data` is unchanged UTF-8; `id` is the stream's last event id at this event."""

    type: str
    data: bytes
    id: str

    _hidden = frozenset({"data"})


class EventStream:
    """Parses one connection's bytes. `last_event_id` may start with that of an earlier connection.

    Attributes:
        last_event_id: the Last-Event-Id for a reconnection.
        retry_ms: the reconnection time that the server asked for, if any.
        oversized: the number of events skipped for their size.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_id",
        "_partial",
        "_skipping_line",
        "_too_big",
        "_type",
        "last_event_id",
        "oversized",
        "retry_ms",
    )

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self.oversized = 0
        self._id = last_event_id
        self._type = ""
        self._data: bytes | bytearray | None = None
        self._too_big = False
        self._partial: bytes | bytearray = b""
        """The unfinished line."""
        self._skipping_line = False
        self._after_cr = False
        self._at_start = True

    @property
    def between_lines(self) -> bool:
        """Whether the last byte fed ended a line."""
        return not self._partial and not self._skipping_line

    @property
    def _between_events(self) -> bool:
        """Whether nothing of the next event has been fed, except perhaps its id."""
        return self._data is None and not (
            self._partial or self._type or self._skipping_line or self._too_big or self._after_cr
        )

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Add the next bytes; return the events they complete."""
        if self._between_events and len(chunk) <= MAX_EVENT_BYTES and (usual := _USUAL.fullmatch(chunk)):
            # The hot path: what is below gives the same, line by line.
            event_id, kind, data = usual.group("id", "type", "data")
            self._at_start = False
            if event_id is not None:
                self._id = event_id.decode(errors="replace")
            self.last_event_id = self._id
            return [ServerEvent(kind.decode(errors="replace"), data, self._id)]
        if self._after_cr and chunk:
            # The last chunk ended with CR, which ended its line; an LF after it belongs to the same line end.
            self._after_cr = False
            if chunk[0] == 0x0A:
                chunk = chunk[1:]
        events: list[ServerEvent] = []
        if not chunk:
            return events
        lines = chunk.splitlines()  # bytes split at LF, CR and CRLF only, as the standard says
        last = chunk[-1]
        unfinished = b"" if last in b"\r\n" else lines.pop()
        self._after_cr = last == 0x0D
        for line in lines:
            if self._partial or self._skipping_line:
                whole = self._completed(line)
                if whole is None:
                    continue
                line = whole
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(_BOM)
            if line:
                self._field(line)
            elif (event := self._dispatched()) is not None:
                events.append(event)
        if unfinished:
            self._append(unfinished)
        return events

    def _append(self, piece: bytes) -> None:
        if self._skipping_line:
            return
        self._partial = joined(self._partial, piece)
        if len(self._partial) > MAX_EVENT_BYTES:
            self._partial = b""
            self._skipping_line = self._too_big = True

    def _completed(self, rest: bytes) -> bytes | None:
        """The whole line that `rest` ends; None if it was too long."""
        if self._skipping_line:
            self._skipping_line = self._at_start = False
            return None
        line = bytes(joined(self._partial, rest))
        self._partial = b""
        return line

    def _field(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            if not self._too_big:
                self._data = value if self._data is None else joined(self._data, b"\n" + value)
                if len(self._data) >= MAX_EVENT_BYTES:
                    self._too_big, self._data = True, None
        elif name == b"event":
            self._type = value.decode(errors="replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit() and len(value) < 10:
            self.retry_ms = int(value)
        # a comment (an empty name) and unknown fields are ignored

    def _dispatched(self) -> ServerEvent | None:
        self.last_event_id = self._id
        event = None
        if self._too_big:
            self.oversized += 1
        elif self._data is not None:
            event = ServerEvent(self._type or "message", bytes(self._data), self._id)
        self._type = ""
        self._data = None
        self._too_big = False
        return event
