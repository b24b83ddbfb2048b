"""What Live Chat's status codes mean (protocols/salesforce-live-chat.md 5), as `botkit.errors`.

status    beginning (Visitor, SessionId)              in a chat
2xx       fine: guides promise 202, servers say 200   fine
403       refused                                     ConversationClosed: ended, expired, or not polled in time
409       refused                                     OutOfSync: a second poll, or a sequence number that is not next
503       retryable                                   AffinityLost: the chat's server is gone, and has to be found again
429, 408, other 5xx                                   retryable, Retry-After honoured
3xx       retryable: a proxy or a login page spoke
other     refused
"""

from __future__ import annotations

import re

from botkit.errors import (
    BadReply,
    CallRefused,
    ConversationClosed,
    RateLimited,
    ServerTrouble,
)
from botkit.http import Response
from botkit.http.retry import retry_after

_ACTUAL = re.compile(rb"Actual\W{0,3}(\d{1,9})\b", re.IGNORECASE)

_HINTS = {
    400: "check organization_id, deployment_id, button_id and api_version",
    403: "check organization_id, deployment_id and button_id, and that the organisation still has Live Chat",
    404: "check live_agent_url; Salesforce retired Live Chat on 14 February 2026",
    405: "check live_agent_url",
    410: "Salesforce retired Live Chat on 14 February 2026",
}


class AffinityLost(ServerTrouble):
    """The chat's server does not answer for it any more; the session has to be reconnected (3.9)."""


class OutOfSync(ServerTrouble):
    """Two polls at once, or a sequence number that is not the next one. `actual` is the last that was accepted (3.8)."""

    actual: int | None = None


def check_setup(what: str, response: Response, *, now: float) -> Response:
    """Return the response if it is a success; for calls before there is a chat."""
    if 200 <= response.status < 300:
        return response
    _raise_retryable(what, response, now)
    raise CallRefused(what, status=response.status, detail=_HINTS.get(response.status, ""))


def check(what: str, response: Response, *, now: float) -> Response:
    """Return the response if it is a success; for calls in a chat."""
    status = response.status
    if 200 <= status < 300:
        return response
    if status == 403:
        raise ConversationClosed(what, status=status)
    if status == 409:
        error = OutOfSync(what, status=status)
        found = _ACTUAL.search(response.body[:2_000])
        error.actual = int(found[1]) if found else None
        raise error
    if status == 503:
        raise AffinityLost(what, status=status, retry_after=retry_after(response.headers, now=now))
    _raise_retryable(what, response, now)
    raise CallRefused(what, status=status)


def _raise_retryable(what: str, response: Response, now: float) -> None:
    status = response.status
    wait = retry_after(response.headers, now=now)
    if status == 429:
        raise RateLimited(what, status=status, retry_after=wait)
    if status >= 500 or status == 408:
        raise ServerTrouble(what, status=status, retry_after=wait)
    if 300 <= status < 400:
        raise BadReply(what, status=status, detail="a redirect; is live_agent_url the Chat API Endpoint?")
