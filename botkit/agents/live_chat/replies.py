"""Reads Live Chat's responses: status codes as `botkit.errors`, and the answers before the chat exists.

Sections are those of docs/protocols/salesforce-live-chat.md; status codes are in 5:

status    before a chat (Visitor, SessionId)              in a chat
2xx       success: documented as 202, in practice 200     success
403       refused                                         ConversationClosed: ended, expired, or not polled in time
409       refused                                         OutOfSync: a second poll, or an unexpected sequence number
503       retryable                                       AffinityLost: the chat's server is gone; reconnect
429, 408, other 5xx                                       retryable, Retry-After honoured
3xx       retryable: a proxy or a login page answered
other     refused
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from botkit.agents.live_chat.calls import Credentials
from botkit.agents.refusals import advice, reason
from botkit.agents.salesforce import refuse, refuse_setup, short_id, unusable
from botkit.errors import ConversationClosed, ServerTrouble
from botkit.http import Response
from botkit.http.hosts import naming_host
from botkit.http.lenient_json import Members, flag, items, members, text, try_decoded, whole
from botkit.http.retry import retry_after

_ACTUAL = re.compile(rb"Actual\W{0,3}(\d{1,9})\b", re.IGNORECASE)

_REDIRECTED = "a redirect; is live_agent_url the Chat API Endpoint?"

_KNOWN = (
    advice(
        r"no such.*(deployment|button)|deployment.*(invalid|not found)", "check deployment_id and button_id"
    ),
    advice(r"organi[sz]ation|\borg\b", "check organization_id and live_agent_url"),
    advice(r"X-LIVEAGENT-API-VERSION|api version", "check api_version"),
    advice(r"pre-?chat|prechat", "check entities and details: a property that the guide requires is missing"),
    advice(
        r"session required", "the session expired before the chat was requested, or Live Chat was removed"
    ),
)
"""What the service is known to state (5), each with its fix; the first match counts."""

_UNSTATED = {
    400: "no reason given; check organization_id, deployment_id, button_id and api_version",
    403: "no reason given; check organization_id, deployment_id and button_id",
    404: "check live_agent_url; Salesforce retired Live Chat on 14 February 2026",
    405: "check live_agent_url",
    410: "Salesforce retired Live Chat on 14 February 2026",
}
_RETIRED = (404, 405, 410)
"""Statuses whose usual texts say nothing."""


class AffinityLost(ServerTrouble):
    """The chat's server is gone; the session has to be reconnected (3.9)."""


class OutOfSync(ServerTrouble):
    """Two polls at once, or an unexpected sequence number. `actual` is the last one the server accepted (3.8)."""

    actual: int | None = None


@naming_host
def check_setup(what: str, response: Response, *, now: float, hide: Iterable[str] = ()) -> Response:
    """Return the response if it is a success; for calls before the chat exists.

    `hide`: values of the request that a refusal may quote.
    """
    status = response.status
    if 200 <= status < 300:
        return response
    stated = "" if status in _RETIRED else reason(response.body, hide=hide)
    refuse_setup(
        what,
        response,
        now=now,
        redirected=_REDIRECTED,
        stated=stated,
        known=_KNOWN,
        unstated=_UNSTATED.get(status, ""),
    )


@naming_host
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
    refuse(what, response, now=now, redirected=_REDIRECTED)


_POLL_SECONDS = 40
"""The clientPollTimeout in every capture (1)."""
_MAX_POLL_SECONDS = 300


def message_of(response: Response, kind: str) -> Members:
    """The message of this type in a wrapped answer, such as ``{"messages":[{"type":"Availability","message":{}}]}``."""
    for item in items(members(try_decoded(response.body)).get("messages")):
        if text(item.get("type")) == kind:
            return members(item.get("message"))
    return {}


def read_availability(response: Response, targets: Sequence[str]) -> bool | None:
    """Whether one of the targets is available; None if unknown. A missing `isAvailable` is false (2.15)."""
    results = {
        short_id(text(result.get("id"))): flag(result.get("isAvailable")) is True
        for result in items(message_of(response, "Availability").get("results"))
    }
    asked = [results[target] for target in targets if target in results]
    return any(asked) if asked else None


def read_session(response: Response, *, base: str) -> Credentials:
    """The session's keys.

    Raises:
        BadReply: the key or the affinity token is missing.
    """
    body = members(try_decoded(response.body))
    key, affinity = text(body.get("key")), text(body.get("affinityToken"))
    if not key or not affinity:
        raise unusable("begin a session", response, "affinityToken" if key else "key")
    # A number and a text were both observed (1).
    seconds = min(whole(body.get("clientPollTimeout")) or _POLL_SECONDS, _MAX_POLL_SECONDS)
    return Credentials(key, text(body.get("id")) or key.partition("!")[0], affinity, seconds, base)
