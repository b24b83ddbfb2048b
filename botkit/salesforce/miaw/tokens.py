"""Guest access: asking for a token, and what it says of itself (protocols/salesforce-miaw.md 1)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

import msgspec

from botkit.config.settings import MiawSettings
from botkit.errors import BadReply
from botkit.http import Request, Response
from botkit.salesforce.miaw.wire import decoded, members, text, whole

_HEADER_VALUE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A guest's token. `expires_at` is in epoch seconds; None when the token does not say.

    `last_event_id` marks where the subject's event stream stood when the token was made (4.5).
    """

    access_token: str = field(repr=False)
    last_event_id: str
    expires_at: float | None


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
        url=f"{settings.base_url}/iamessage/api/v2/authorization/unauthenticated/access-token",
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=msgspec.json.encode(body),
        timeout_seconds=settings.timeout.total_seconds(),
    )


def read_token(response: Response) -> Token:
    """Read the answer.

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
        expires_at=_expiry(access_token),
    )


def _expiry(token: str) -> float | None:
    """`exp` of the JWT. Its signature is the platform's own business; nobody but Salesforce relies on it (1.6)."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    seconds = whole(members(decoded(claims)).get("exp"))
    return float(seconds) if seconds > 0 else None
