"""Maps Salesforce's status codes to `botkit.errors` (docs/protocols/salesforce-miaw.md, 2, 3.1 and 6).

A status has another meaning before a conversation exists than in it:

    status    before (token, create)                          in a conversation
    401       refused: wrong organisation                     AccessExpired
    403/404   refused: deployment, host                       ConversationClosed: not ours any more, or over
    410       refused                                         ConversationClosed
    412       refused: the organisation's storage is full     refused (the storage stays full while a user waits)
    417       refused                                         NewSessionRequired
    429, 5xx, 408                                             retryable, Retry-After honoured
    3xx       retryable: a proxy or a login page answered
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from botkit.agents.refusals import advice, reason
from botkit.agents.salesforce import refuse, refuse_setup
from botkit.errors import (
    AccessExpired,
    BadReply,
    ConversationClosed,
    NewSessionRequired,
    ServerTrouble,
)
from botkit.http import Response
from botkit.http.hosts import naming_host
from botkit.http.lenient_json import members, text, try_decoded

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_REDIRECTED = "a redirect; is organization_base_url the scrt host?"

_KNOWN = (
    advice(
        r"isn.t published|not published|^SETUP_ERROR$", "publish the deployment, and again after every change"
    ),
    advice(
        r"deploymentType|deployment type|type.{0,20}\bapi\b|custom client",
        "developer_name has to name a deployment of type Custom Client",
    ),
    advice(
        r"user verification|auth ?mode|unauthenticated",
        "switch User Verification off on the messaging channel, since BotKit's users are guests",
    ),
    advice(
        r"routingAttributes.*(long|length|exceed|characters|max)|attribute.*(long|length|exceed)|10096",
        "shorten the attribute, or raise the maximum length of the channel's parameter",
    ),
    advice(
        r"esDeveloperName|developer name|deployment.*(not found|unknown|not known|does not exist|invalid)",
        "developer_name is the API name of the Embedded Service deployment, not of the channel",
    ),
    advice(r"storage", "the organisation's data or file storage is full"),
    advice(
        r"\borg(anization|anisation)?(Id)?\b.*(not (known|found)|unknown|invalid|exist|match|wrong)|invalid org",
        "organization_id and organization_base_url have to be those of one organisation",
    ),
    advice(r"channel.*(inactive|not active|deactivated)", "activate the messaging channel"),
)
"""What organisations are known to state (1.1, 1.7, 2.1, 6), each with its fix; the first match counts."""

_NAMES = (
    "check organization_id, and developer_name: the API name of the Embedded Service deployment, not of the channel; "
    "`botkit doctor` finds out which of them it is"
)
_UNSTATED = {
    400: f"no reason given; {_NAMES}",
    401: f"no reason given; {_NAMES}",
    403: "no reason given; check that the deployment is published and its channel active",
    404: "no reason given; check organization_base_url",
    412: "no reason given; this status means that the organisation's data or file storage is full",
}


@naming_host
def check_setup(what: str, response: Response, *, now: float, hide: Iterable[str] = ()) -> Response:
    """Return the response if it is a success; for calls before the conversation exists.

    `hide`: values of the request that a refusal may quote.
    """
    if 200 <= response.status < 300:
        return response
    stated = reason(response.body, hide=hide)
    refuse_setup(
        what,
        response,
        now=now,
        redirected=_REDIRECTED,
        stated=stated,
        known=_KNOWN,
        unstated=_UNSTATED.get(response.status, ""),
    )


_EXPIRED = "raise the lifetime of guests' tokens on the messaging channel (anonymousUserJwtExpirationTime, 60 to 4320 minutes)"
_IN_CONVERSATION = {412: "the organisation's data or file storage is full"}
_OF_FILES = {
    **_IN_CONVERSATION,
    400: "switch file attachments on in the messaging channel, or set attachments: false in the agent system",
    413: "the file is larger than the channel takes",
    415: "add the type to the file types that the messaging channel allows",
}


@naming_host
def check(what: str, response: Response, *, now: float, with_file: bool = False) -> Response:
    """Return the response if it is a success; for calls in a conversation.

    `with_file`: the call has carried a file.
    """
    if 200 <= response.status < 300:
        return response
    status, detail = response.status, _detail(response)
    if status == 401 or says_expired(response.body):
        raise AccessExpired(what, status=status, detail=detail, fix=_EXPIRED)
    if status in (403, 404, 410):
        raise ConversationClosed(what, status=status, detail=detail)
    if status == 417:
        raise NewSessionRequired(what, status=status, detail=detail)
    fix = (_OF_FILES if with_file else _IN_CONVERSATION).get(status, "")
    refuse(what, response, now=now, redirected=_REDIRECTED, detail=detail, fix=fix)


@naming_host
def check_stream(what: str, response: Response, *, now: float) -> NoReturn:
    """Raise for an answer that is not an event stream.

    The stream belongs to the token, not to the conversation: 403 and 404 come from the router, do not mean that the conversation
    is over, and are retried. The list of entries shows the end of the conversation.
    """
    status, detail = response.status, _detail(response)
    if status == 401 or says_expired(response.body):
        raise AccessExpired(what, status=status, detail=detail, fix=_EXPIRED)
    if status in (403, 404):
        raise ServerTrouble(what, status=status, detail=detail)
    if status < 300:
        raise BadReply(what, status=status, detail="the answer is not an event stream")
    refuse(what, response, now=now, redirected=_REDIRECTED, detail=detail)


def says_expired(body: bytes) -> bool:
    """Whether the gateway says that the token has expired (1.6)."""
    return b"jwt is expired" in body[:4_096].lower()


def _detail(response: Response) -> str:
    """The error code under either of its names (6), or the gateway's `error`; never the message, which may quote the user."""
    body = members(try_decoded(response.body)) if response.body[:1] == b"{" else {}
    code = text(body.get("errorCode")) or text(body.get("code")) or text(body.get("error"))
    return code if _CODE.fullmatch(code) else ""
