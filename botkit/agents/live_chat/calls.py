"""Builds every request of a chat (docs/protocols/salesforce-live-chat.md, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, urlencode

import msgspec

from botkit.agents.api import File
from botkit.agents.live_chat.settings import LiveChatSettings, may_upload_to
from botkit.agents.salesforce import form_with_file, short_id
from botkit.errors import CallRefused, HostNotAllowed
from botkit.http import Request
from botkit.http.lenient_json import encoded

NO_AFFINITY = "null"
"""The literal affinity that SessionId and ReconnectSession need (1)."""


class Credentials(msgspec.Struct, frozen=True):
    """The result of SessionId, which `Access.credentials` stores."""

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


class LiveChatCalls:
    """Builds the calls of one deployment."""

    def __init__(self, settings: LiveChatSettings) -> None:
        self._settings = settings
        self._timeout = settings.timeout.total_seconds()
        self._version = str(settings.api_version)

    # --- before there is a chat ---

    def availability(self, base: str) -> Request:
        """2.15. Ids in brackets, as IBM and the vendor's pages write them."""
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
        """2.1."""
        return self._get("begin a session", f"{base}/System/SessionId", {"X-LIVEAGENT-AFFINITY": NO_AFFINITY})

    # --- receiving ---

    def messages(self, session: Session, *, ack: int, seconds: float) -> Request:
        """2.4. `seconds` is the time limit."""
        url = f"{session.base}/System/Messages?ack={ack}"
        request = self._get("poll for messages", url, _keys(session))
        return replace(request, timeout_seconds=seconds, long_poll=True)

    def reconnect(self, session: Session, *, offset: int) -> Request:
        """2.11. Only after a 503."""
        headers = {**_keys(session), "X-LIVEAGENT-AFFINITY": NO_AFFINITY}
        url = f"{session.base}/System/ReconnectSession?ReconnectSession.offset={offset}"
        return self._get("reconnect the session", url, headers)

    def resync(self, session: Session) -> Request:
        """2.13: the last step of a reconnection, without a sequence."""
        body = {"organizationId": short_id(self._settings.organization_id)}
        return self._post("resume the session", session, "Chasitor/ChasitorResyncState", body, None)

    # --- sending; `sequence` None leaves the number out ---

    def init(self, session: Session, body: Mapping[str, object], *, sequence: int | None) -> Request:
        """2.3. The body is `prechat.chat_request`'s."""
        return self._post("request a chat", session, "Chasitor/ChasitorInit", body, sequence)

    def message(self, session: Session, text: str, *, sequence: int | None) -> Request:
        """2.5."""
        return self._post("send a message", session, "Chasitor/ChatMessage", {"text": text}, sequence)

    def typing(self, session: Session, *, started: bool, sequence: int | None) -> Request:
        """2.6."""
        noun = "ChasitorTyping" if started else "ChasitorNotTyping"
        return self._post("show typing", session, f"Chasitor/{noun}", {}, sequence)

    def custom_event(self, session: Session, kind: str, data: str, *, sequence: int | None) -> Request:
        """2.8."""
        return self._post(
            "send a custom event", session, "Chasitor/CustomEvent", {"type": kind, "data": data}, sequence
        )

    def idle_warning(self, session: Session, *, triggered: bool, sequence: int | None) -> Request:
        """2.10."""
        body = {"idleTimeoutWarningEvent": "triggered" if triggered else "cleared"}
        return self._post(
            "report an idle warning", session, "Chasitor/ChasitorIdleTimeoutWarningEvent", body, sequence
        )

    def rules_triggered(
        self, session: Session, rules: list[tuple[str, str]], *, sequence: int | None
    ) -> Request:
        """2.20. `rules`: pairs of id and name."""
        body = {"rules": [{"id": rule_id, "name": name} for rule_id, name in rules]}
        return self._post("report masking", session, "Chasitor/SensitiveDataRuleTriggered", body, sequence)

    def end(self, session: Session, reason: str, *, sequence: int | None) -> Request:
        """2.9."""
        return self._post("end the chat", session, "Chasitor/ChatEnd", {"reason": reason}, sequence)

    def delete(self, session: Session) -> Request:
        """2.2. The key may hold slashes, so it is quoted."""
        url = f"{session.base}/System/SessionId/{quote(session.key, safe='')}"
        headers = {**self._headers, **_keys(session)}
        return Request("end the session", "DELETE", url, headers, timeout_seconds=self._timeout)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "X-LIVEAGENT-API-VERSION": self._version}

    def _get(self, what: str, url: str, headers: Mapping[str, str]) -> Request:
        return Request(what, "GET", url, {**self._headers, **headers}, timeout_seconds=self._timeout)

    def _post(
        self, what: str, session: Session, noun: str, body: Mapping[str, object], sequence: int | None
    ) -> Request:
        headers = {**self._headers, **_keys(session), "Content-Type": "application/json"}
        if sequence is not None:
            headers["X-LIVEAGENT-SEQUENCE"] = str(sequence)
        return Request(what, "POST", f"{session.base}/{noun}", headers, encoded(body), self._timeout)


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
