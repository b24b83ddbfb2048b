"""Guest access: asking for a token, and what it says of itself (protocols/salesforce-miaw.md 1)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import msgspec

from botkit.agents.miaw.settings import MiawSettings
from botkit.agents.miaw.wire import decoded, members, text, whole
from botkit.errors import BadReply
from botkit.http import Request, Response

_HEADER_VALUE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A guest's token.

    `lifetime_seconds` is None when the token does not say how long it is good. `last_event_id` marks where the subject's event
    stream stood when the token was made (4.5).
    """

    access_token: str = field(repr=False)
    last_event_id: str
    lifetime_seconds: float | None


def guest_token_request(settings: MiawSettings) -> Request:
    """Ask for a token for a new guest: a new subject, so one per conversation (1.6)."""
    body: dict[str, object] = {
        # 18 characters are taken here, but the token then differs from what the event stream wants (1.1, 4.1).
        "orgId": settings.organization_id_15,
        "esDeveloperName": settings.developer_name,
        "capabilitiesVersion": "1",
        "platform": settings.platform,
    }
    return Request(
        what="get a guest token",
        method="POST",
        url=f"{settings.organization_base_url}/iamessage/api/v2/authorization/unauthenticated/access-token",
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=msgspec.json.encode(body),
        timeout_seconds=settings.timeout.total_seconds(),
    )


def read_token(response: Response, *, now: float) -> Token:
    """Read the answer.

    Args:
        now: our clock, in seconds since the epoch, for an answer that does not tell Salesforce's.

    Raises:
        BadReply: there is no usable token in it.
    """
    answer = members(decoded(response.body))
    access_token = text(answer.get("accessToken"))
    if not _HEADER_VALUE.fullmatch(access_token):
        raise BadReply("get a guest token", status=response.status, detail="no accessToken in the answer")
    last_event_id = text(answer.get("lastEventId"))
    return Token(
        access_token=access_token,
        last_event_id=last_event_id if _HEADER_VALUE.fullmatch(last_event_id) else "",
        lifetime_seconds=_lifetime(access_token, issued=_date(response) or now),
    )


def _date(response: Response) -> float | None:
    """When Salesforce answered, by its own clock."""
    stated = next((value for name, value in response.headers.items() if name.lower() == "date"), "")
    try:
        return parsedate_to_datetime(stated).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _lifetime(token: str, *, issued: float) -> float | None:
    """`exp` of the JWT, counted from `iat` or else from `issued`, so that our own clock may be off.

    A fresh token that seems to have expired only shows that the clocks disagree: then it is good until a call is refused. Its
    signature is the platform's own business; nobody but Salesforce relies on it (1.6).
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    found = members(decoded(claims))
    lifetime = float(whole(found.get("exp"))) - (float(whole(found.get("iat"))) or issued)
    return lifetime if lifetime > 0 else None
