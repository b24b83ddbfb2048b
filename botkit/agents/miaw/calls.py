"""Builds every request of a deployment, and reads the guest's token (docs/protocols/salesforce-miaw.md, 1 to 4).

Only documented fields are sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from botkit.agents.api import File
from botkit.agents.miaw.settings import MiawSettings
from botkit.agents.salesforce import form_with_file, unusable
from botkit.handoff.conversation import FileLimits
from botkit.http import Request, Response
from botkit.http.dates import epoch_seconds
from botkit.http.lenient_json import Members, encoded, flag, members, number, text, try_decoded, whole

ENTRIES_PER_PAGE = 50
"""The maximum (2.4)."""

SEND_FILE = "send a file"
"""The name of the call that carries a file."""
FILE_SECONDS = 30.0
"""The time limit of an upload."""

ENTRY_TYPES = "Message,ParticipantChanged,RoutingResult,SessionStatusChanged"
_CONTEXT = {"appName": "BotKit", "clientVersion": "1.0.0"}
"""The version is that of this client of the API, not of BotKit."""


_MAX_FALLBACK = 1_000


class MiawCalls:
    """Builds the requests of one deployment. Every method takes the guest's access token."""

    def __init__(self, settings: MiawSettings) -> None:
        self._settings = settings
        self._base = f"{settings.organization_base_url}/iamessage/api/v2/conversation"
        self._timeout_seconds = settings.timeout.total_seconds()
        self._deployment = urlencode({"esDeveloperName": settings.developer_name})

    def create(
        self, token: str, conversation_id: str, *, attributes: Mapping[str, str], language: str
    ) -> Request:
        """Create the conversation (2.1). Keys must be spelled as in the deployment: Salesforce silently drops a wrong key."""
        body = {
            "conversationId": conversation_id,
            "esDeveloperName": self._settings.developer_name,
            **_routing(attributes, language),
        }
        return self._post("create the conversation", self._base, token, body)

    def send(
        self,
        token: str,
        conversation_id: str,
        *,
        message_id: str,
        text: str,
        new_session: tuple[Mapping[str, str], str] | None = None,
    ) -> Request:
        """Send a message (3.1).

        Args:
            token: the guest's access token.
            conversation_id: the conversation.
            message_id: a UUID; the same on every attempt.
            text: the user's message.
            new_session: routing attributes and language, to open a new messaging session with this message (after a 417).
        """
        body: dict[str, object] = {
            "message": {
                "id": message_id,
                "messageType": "StaticContentMessage",
                "staticContent": {"formatType": "Text", "text": text},
            },
            "esDeveloperName": self._settings.developer_name,
        }
        if new_session is not None:
            body |= {"isNewMessagingSession": True, **_routing(*new_session)}
        return self._post("send a message", f"{self._base}/{conversation_id}/message", token, body)

    def send_file(
        self, token: str, conversation_id: str, *, message_id: str, file_id: str, file: File
    ) -> Request:
        """Send a file with its message as JSON (3.3)."""
        entry = {
            "esDeveloperName": self._settings.developer_name,
            "message": {"id": message_id, "fileId": file_id},
        }
        parts = [("messageEntry", "application/json", encoded(entry))]
        content_type, body = form_with_file("fileData", file, parts=parts)
        headers = {**_headers(token), "Content-Type": content_type}
        url = f"{self._base}/{conversation_id}/file"
        return Request(SEND_FILE, "POST", url, headers, body, max(self._timeout_seconds, FILE_SECONDS))

    def typing(self, token: str, conversation_id: str, *, entry_id: str, started: bool) -> Request:
        """Show typing, or its end (3.4)."""
        body = {"entryType": f"Typing{'Started' if started else 'Stopped'}Indicator", "id": entry_id}
        return self._post("show typing", f"{self._base}/{conversation_id}/entry", token, body)

    def acknowledge(self, token: str, conversation_id: str, *, acks: Sequence[tuple[str, str]]) -> Request:
        """Send receipts (3.5). `acks`: pairs of the receipt's own id and the entry it is for."""
        body = {
            "acks": [
                {"id": ack_id, "entryType": "Delivery", "conversationEntryId": entry_id}
                for ack_id, entry_id in acks
            ]
        }
        url = f"{self._base}/{conversation_id}/acknowledge-entries"
        return self._post("acknowledge entries", url, token, body)

    def status(self, token: str, conversation_id: str) -> Request:
        """Get the routing status (2.3)."""
        return self._bare("ask the routing status", "GET", f"{self._base}/{conversation_id}", token)

    def end_session(self, token: str, conversation_id: str) -> Request:
        """End the messaging session; the conversation stays open (2.5)."""
        url = f"{self._base}/{conversation_id}/session?{self._deployment}"
        return self._bare("end the session", "DELETE", url, token)

    def close(self, token: str, conversation_id: str) -> Request:
        """Close the conversation for good (2.5)."""
        url = f"{self._base}/{conversation_id}?{self._deployment}"
        return self._bare("close the conversation", "DELETE", url, token)

    def entries(self, token: str, conversation_id: str, *, since_ms: int) -> Request:
        """Get one page of entries, oldest first (2.4). `since_ms` is inclusive; 0 lists all."""
        query = f"limit={ENTRIES_PER_PAGE}&direction=FromStart&entryTypeFilter={ENTRY_TYPES}"
        if since_ms > 0:
            query += f"&startTimestamp={since_ms}"
        return self._bare("list entries", "GET", f"{self._base}/{conversation_id}/entries?{query}", token)

    def stream(self, token: str, *, last_event_id: str) -> Request:
        """Open the event stream (4.1). Any organisation id but the 15-character one gives 400 (pitfall 1)."""
        headers = {
            **_headers(token, "text/event-stream"),
            "Cache-Control": "no-cache",
            "X-Org-Id": self._settings.organization_id_15,
        }
        if last_event_id:
            headers["Last-Event-Id"] = last_event_id
        url = f"{self._settings.organization_base_url}/eventrouter/v1/sse"
        return Request("open the event stream", "GET", url, headers, timeout_seconds=self._timeout_seconds)

    def _post(self, what: str, url: str, token: str, body: object) -> Request:
        headers = {**_headers(token), "Content-Type": "application/json"}
        return Request(what, "POST", url, headers, encoded(body), self._timeout_seconds)

    def _bare(self, what: str, method: str, url: str, token: str) -> Request:
        return Request(what, method, url, _headers(token), timeout_seconds=self._timeout_seconds)


def _routing(attributes: Mapping[str, str], language: str) -> dict[str, object]:
    spelled = locale(language)
    return {"routingAttributes": attributes, **({"language": spelled} if spelled else {})}


def _headers(token: str, accept: str = "application/json") -> dict[str, str]:
    return {"Accept": accept, "Authorization": f"Bearer {token}"}


_WITH_A_REGION = {"en": "en_US", "nl": "nl_NL", "zh": "zh_CN"}
"""Languages that Salesforce knows only with a region; clients send ``en_US`` (2.1)."""


def locale(language: str) -> str:
    """A language in Salesforce's spelling: ``pt-br`` → ``pt_BR``, ``zh_cn`` → ``zh_CN``, ``en`` → ``en_US``, ``de`` → ``de``."""
    base, _, region = language.strip().replace("-", "_").partition("_")
    if not base.isalpha() or not base.isascii():
        return ""
    region = region.upper() if len(region) == 2 else region.title()
    return f"{base.lower()}_{region}" if region else _WITH_A_REGION.get(base.lower(), base.lower())


_HEADER_VALUE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A guest's token.

    `lifetime_seconds` is None if it is unknown. `last_event_id` is the position of the subject's event stream when the token was
    issued (4.5).
    """

    access_token: str = field(repr=False)
    last_event_id: str
    lifetime_seconds: float | None
    configuration: Members = field(default_factory=dict, repr=False)
    """The deployment's configuration (1.1)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment's configuration says of every conversation (1.1).

    `nobody_message` is `fallbackMessage`, if it is switched on.
    """

    configuration: Members = field(default_factory=dict, repr=False)
    file_limits: FileLimits = field(default_factory=FileLimits)
    nobody_message: str = ""


def guest_token_request(settings: MiawSettings) -> Request:
    """Request a token for a new guest: a new subject, so one per conversation (1.6)."""
    body: dict[str, object] = {
        # The call accepts an id of 18 characters, but the event stream needs a token for one of 15 (1.1, 4.1).
        "orgId": settings.organization_id_15,
        "esDeveloperName": settings.developer_name,
        "capabilitiesVersion": "1",
        "platform": settings.platform,
        # Optional by the documentation, but some organisations refuse a token without it (1.1).
        "context": _CONTEXT,
    }
    url = f"{settings.organization_base_url}/iamessage/api/v2/authorization/unauthenticated/access-token"
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    timeout = settings.timeout.total_seconds()
    return Request("get a guest token", "POST", url, headers, encoded(body), timeout)


def read_token(response: Response, *, now: float) -> Token:
    """Read the answer to `guest_token_request`.

    Args:
        now: epoch seconds by our clock, for an answer without Salesforce's time.

    Raises:
        BadReply: it has no usable token.
    """
    answer = members(try_decoded(response.body))
    access_token = text(answer.get("accessToken"))
    if not _HEADER_VALUE.fullmatch(access_token):
        raise unusable("get a guest token", response, "accessToken")
    last_event_id = text(answer.get("lastEventId"))
    configuration = members(members(answer.get("context")).get("configuration"))
    return Token(
        access_token=access_token,
        last_event_id=last_event_id if _HEADER_VALUE.fullmatch(last_event_id) else "",
        lifetime_seconds=_lifetime(access_token, issued=_date(response) or now),
        configuration=members(configuration.get("embeddedServiceConfig")),
    )


def read_deployment(configuration: Members) -> Deployment:
    """Read the `configuration` of a token."""
    return Deployment(
        configuration,
        file_limits=_file_limits(configuration),
        nobody_message=_nobody_message(members(configuration.get("fallbackMessage"))),
    )


def _nobody_message(fallback: Members) -> str:
    if flag(fallback.get("isFallbackMessageEnabled")) is False:
        return ""
    return text(fallback.get("fallbackMessageContent")).strip()[:_MAX_FALLBACK]


def _file_limits(configuration: Members) -> FileLimits:
    """The channel's limits of files, as far as the answer has them; the size is taken to be in megabytes (1.1)."""
    found = members(configuration.get("attachments"))
    types = found.get("allowedFileTypes")
    listed = types.split(",") if isinstance(types, str) else types if isinstance(types, list) else []
    extensions = tuple(one for each in listed if (one := text(each).strip().lstrip(".").casefold()))
    return FileLimits(
        max_bytes=int(number(found.get("maxFileSize")) * 1024 * 1024),
        # Anything else, such as media types, is left to the answer to each file.
        types=extensions if all(one.isalnum() for one in extensions) else (),
        allowed=flag(found.get("endUserToAgent")) is not False,
    )


def _date(response: Response) -> float | None:
    """The time of the answer by Salesforce's clock."""
    stated = next((value for name, value in response.headers.items() if name.lower() == "date"), "")
    return epoch_seconds(stated)


def _lifetime(token: str, *, issued: float) -> float | None:
    """`exp` of the JWT minus `iat`, or minus `issued` without it, so the result does not depend on our own clock.

    If a fresh token seems to have expired, the clocks disagree: its lifetime is unknown. The signature is not checked; only
    Salesforce relies on it (1.6).
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    found = members(try_decoded(claims))
    lifetime = float(whole(found.get("exp"))) - (float(whole(found.get("iat"))) or issued)
    return lifetime if lifetime > 0 else None
