"""The faults that can be switched on, for a number of times or until they are cleared.

Faults of requests; `path`, `operation` and `conversation_id` narrow them down:
    status          answer with `status` instead of handling the request; after a 503 the client may call ReconnectSession
                    `message` is the text of its body
    page            answer a web page with `status` 200, as a login page or a proxy does; with `location`, a redirect
    delay           wait `delay_ms` first
    refuse          close the connection without an answer
    silence         read the request and never answer
    drop-response   handle the request, then close the connection without an answer
    empty-polls     polls return only 204
    lose-message    answer a ChatMessage with OK, but discard it
    lose-quick      the same for a message that follows the one before within `within_ms`
    request-fail    the next ChasitorInit is followed by ChatRequestFail with `reason`
    switch-server   Visitor requests are answered with SwitchServer to `url`
Faults that happen at once and are not kept:
    pod-restart     every session (or one) moves: 503 until ReconnectSession
    expire-sessions every session (or one) becomes unknown: 403
    drop-polls      waiting polls lose their connection
"""

from __future__ import annotations

from typing import Literal

from botkit_sandbox.faults import ScopedFault

AT_ONCE = ("pod-restart", "expire-sessions", "drop-polls")
Kind = Literal[
    "status",
    "page",
    "delay",
    "refuse",
    "silence",
    "drop-response",
    "empty-polls",
    "lose-message",
    "lose-quick",
    "request-fail",
    "switch-server",
    "pod-restart",
    "expire-sessions",
    "drop-polls",
]
FailReason = Literal["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"]


class Fault(ScopedFault, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault of this service. The docstring of the module explains each kind."""

    kind: Kind
    status: int = 503
    message: str = ""
    location: str = ""
    delay_ms: int = 1_000
    within_ms: int = 15
    reason: FailReason = "Unavailable"
    url: str = ""
