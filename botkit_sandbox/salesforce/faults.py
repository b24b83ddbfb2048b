"""The faults that can be switched on, for a number of times or until they are cleared.

Faults of requests (not of an event stream that is open already); `path` and `operation` narrow them down:
    status         answer with `status` (and Retry-After, if `retry_after` is given) instead of handling the request;
                   `message` and `code` are the text and the error code of its body
    page           answer a web page with `status` (200 unless given), as a login page or a proxy does; with `location`, a
                   redirect
    delay          wait `delay_ms` first
    refuse         close the connection without an answer
    silence        read the request and never answer; open streams send nothing either, not even a ping
    drop-response  handle the request, then close the connection without an answer
Faults of events, one event at a time, on any stream. With `every`, only each so-many-th event of a user:
    repeat-event   put it on the stream twice
    lose-event     keep it off the stream; the list has it
    late-event     put it on the stream after the next `behind` events of the user; 1 swaps neighbours
    unknown-event  put an event of a type that no client knows after it
                   With ``ids: "renewed"``, a lost event leaves no gap in the ids, and a late one has the id of its new place
    truncate-event send half of it, then break the connection
    delay-event    wait `delay_ms` before writing it
Faults of streams while the fault is on:
    crlf           CR LF line ends
    bom            a byte order mark first (streams opened from now on)
    hold-stream    a proxy holds the stream back; ``held`` says what: all ``events`` (the default), also the ``headers`` of
                   streams opened from now on, a ``buffer`` of 8 KB at a time, or the ``last`` event until the next one
Faults that happen at once and are not kept:
    drop-streams   break every open stream; with ``how: "end"``, end it properly
    expire-tokens  let every token issued so far expire
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from botkit_sandbox.faults import ScopedFault

AT_ONCE = ("drop-streams", "expire-tokens")
Kind = Literal[
    "status",
    "page",
    "delay",
    "refuse",
    "silence",
    "drop-response",
    "repeat-event",
    "lose-event",
    "late-event",
    "unknown-event",
    "truncate-event",
    "delay-event",
    "crlf",
    "bom",
    "hold-stream",
    "drop-streams",
    "expire-tokens",
]


class Fault(ScopedFault, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault of this service. The docstring of the module explains each kind."""

    kind: Kind
    status: int | None = None
    """Of a fault `status` 503, of a `page` 200, or 302 with a `location`, unless given."""
    location: str = ""
    message: str = ""
    code: str = ""
    retry_after: float | None = None
    delay_ms: int = 1_000
    how: Literal["abort", "end"] = "abort"
    held: Literal["events", "headers", "buffer", "last"] = "events"
    every: Annotated[int, msgspec.Meta(ge=1)] = 1
    behind: Annotated[int, msgspec.Meta(ge=1)] = 1
    ids: Literal["kept", "renewed"] = "kept"
