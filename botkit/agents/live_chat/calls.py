"""Builds every request of a chat (docs/protocols/salesforce-live-chat.md, 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace

from botkit.agents.api import File
from botkit.agents.live_chat.masking import Rule
from botkit.agents.live_chat.settings import LiveChatSettings, may_upload_to
from botkit.agents.salesforce import form_with_file, short_id
from botkit.errors import CallRefused, HostNotAllowed
from botkit.http import Request
from botkit.http.lenient_json import encoded

NO_AFFINITY = "null"
"""The literal affinity that SessionId and ReconnectSession need (1)."""


class Credentials(msgspec.Struct, frozen=True):
    """The result of SessionId, stored in `Access.credentials`."""

    key: str
    id: str
    affinity: str
    poll_seconds: float
    base: str

    def __repr__(self) -> str:
        return "Credentials(…)"


@dataclass(frozen=True, slots=True)
class Session:
    """A chat's present server and keys."""

    key: str = field(repr=False)
    affinity: str = field(repr=False)
    base: str


@dataclass(frozen=True, slots=True)
class Post:
    """A numbered request: its name for errors, and the noun and body of the API (``/Chasitor/<noun>``)."""

    what: str
    noun: str
    body: Mapping[str, object] = field(repr=False)


def init(body: Mapping[str, object]) -> Post:
    """Request a chat (2.3). The body is `prechat.chat_request`'s."""
    return Post("request a chat", "ChasitorInit", body)


def message(text: str) -> Post:
    """Send a message (2.5)."""
    return Post("send a message", "ChatMessage", {"text": text})


def typing(*, started: bool) -> Post:
    """Show typing, or its end (2.6)."""
    return Post("show typing", "ChasitorTyping" if started else "ChasitorNotTyping", {})


def custom_event(kind: str, data: str) -> Post:
    """Send a custom event (2.8)."""
    return Post("send a custom event", "CustomEvent", {"type": kind, "data": data})


def end_by_client() -> Post:
    """End the chat (2.9)."""
    return Post("end the chat", "ChatEnd", {"reason": "client"})


def idle_warning(*, triggered: bool) -> Post:
    """Report an idle warning, or its end (2.10)."""
    body = {"idleTimeoutWarningEvent": "triggered" if triggered else "cleared"}
    return Post("report an idle warning", "ChasitorIdleTimeoutWarningEvent", body)


def rules_triggered(rules: Sequence[Rule]) -> Post:
    """Report the sensitive-data rules that were applied (2.20)."""
    body = {"rules": [{"id": rule.id, "name": rule.name} for rule in rules]}
    return Post("report masking", "SensitiveDataRuleTriggered", body)


class LiveChatCalls:
    """Builds the calls of one deployment."""

    def __init__(self, settings: LiveChatSettings) -> None:
        self._settings = settings
        self._timeout = settings.timeout.total_seconds()
        self._version = str(settings.api_version)

    # --- before the chat exists ---

    def availability(self, base: str) -> Request:
        """Ask for availability (2.15). Ids are in brackets, as on IBM's and the vendor's pages."""
        settings = self._settings
        query = urlencode(
            {
                "org_id": short_id(settings.organization_id),
                "deployment_id": short_id(settings.deployment_id),
                "Availability.ids": f"[{','.join(settings.targets)}]",
            },
            safe="[],",
        )
        return self._get("ask for availability", f"{base}/Visitor/Availability?{query}", {})

    def session_id(self, base: str) -> Request:
        """Begin a session (2.1)."""
        return self._get("begin a session", f"{base}/System/SessionId", {"X-LIVEAGENT-AFFINITY": NO_AFFINITY})

    # --- receiving ---

    def messages(self, session: Session, *, ack: int, seconds: float) -> Request:
        """Poll for messages (2.4). `seconds` is the time limit."""
        url = f"{session.base}/System/Messages?ack={ack}"
        request = self._get("poll for messages", url, _keys(session))
        return replace(request, timeout_seconds=seconds, long_poll=True)

    def reconnect(self, session: Session, *, offset: int) -> Request:
        """Reconnect the session; only after a 503 (2.11)."""
        headers = {**_keys(session), "X-LIVEAGENT-AFFINITY": NO_AFFINITY}
        url = f"{session.base}/System/ReconnectSession?ReconnectSession.offset={offset}"
        return self._get("reconnect the session", url, headers)

    def resync(self, session: Session) -> Request:
        """Resume the session: the last step of a reconnection, without a sequence number (2.13)."""
        body = {"organizationId": short_id(self._settings.organization_id)}
        return self.post(session, Post("resume the session", "ChasitorResyncState", body), sequence=None)

    # --- sending ---

    def post(self, session: Session, post: Post, *, sequence: int | None) -> Request:
        """A numbered request of the user's side; without a number if `sequence` is None."""
        headers = {**self._headers, **_keys(session), "Content-Type": "application/json"}
        if sequence is not None:
            headers["X-LIVEAGENT-SEQUENCE"] = str(sequence)
        url = f"{session.base}/Chasitor/{post.noun}"
        return Request(post.what, "POST", url, headers, encoded(post.body), self._timeout)

    def delete(self, session: Session) -> Request:
        """End the session (2.2). The key may hold slashes, so it is quoted."""
        url = f"{session.base}/System/SessionId/{quote(session.key, safe='')}"
        headers = {**self._headers, **_keys(session)}
        return Request("end the session", "DELETE", url, headers, timeout_seconds=self._timeout)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "X-LIVEAGENT-API-VERSION": self._version}

    def _get(self, what: str, url: str, headers: Mapping[str, str]) -> Request:
        return Request(what, "GET", url, {**self._headers, **headers}, timeout_seconds=self._timeout)


def _keys(session: Session) -> dict[str, str]:
    return {"X-LIVEAGENT-AFFINITY": session.affinity, "X-LIVEAGENT-SESSION-KEY": session.key}


MAX_FILE_BYTES = 25_000_000
"""Salesforce documents no limit; this one is ours."""
_SECONDS = 60.0


class FileRequest(msgspec.Struct, frozen=True, array_like=True):
    """An agent's request for one file."""

    upload_url: str
    token: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A request written by `written`; None for anything else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError):
            return None

    def written(self) -> str:
        """The request as opaque text for `FileRequested`."""
        return msgspec.json.encode(self).decode()


def upload_request(
    settings: LiveChatSettings, credentials: Credentials, wanted: FileRequest, *, base: str, file: File
) -> Request:
    """Upload one file (2.21).

    Raises:
        HostNotAllowed: the servlet is not on one of Salesforce's hosts.
        CallRefused: the file is too large.
    """
    what = "upload a file"
    if not may_upload_to(base, wanted.upload_url):
        raise HostNotAllowed(what, detail="the upload address is not on a host of Salesforce's")
    if len(file.data) > MAX_FILE_BYTES:
        raise CallRefused(what, detail=f"the file is larger than {MAX_FILE_BYTES} bytes")
    query = urlencode(
        {
            "orgId": short_id(settings.organization_id),
            "chatKey": credentials.id,
            "fileToken": wanted.token,
            "encoding": "UTF-8",
        }
    )
    content_type, body = form_with_file("file", file)
    joint = "&" if "?" in wanted.upload_url else "?"
    headers = {"Content-Type": content_type}
    return Request(what, "POST", f"{wanted.upload_url}{joint}{query}", headers, body, _SECONDS)
