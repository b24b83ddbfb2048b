"""A visitor's client of the Live Chat API. Like public clients, it uses plain HTTP and knows only the address."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

DEADLINE = 30.0
BASE = "/chat/rest"
ORGANIZATION, DEPLOYMENT = "00DSB0000000001", "572SB0000000001"
BUTTON, SECOND_BUTTON = "573SB0000000001", "573SB0000000002"
JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"
INVALID = "Session required but was invalid or not found"
NOUNS = {
    "ChatMessage": {"text": "hi"},
    "ChasitorTyping": {},
    "ChasitorNotTyping": {},
    "ChasitorSneakPeek": {"position": 0, "text": "h"},
    "CustomEvent": {"type": "page", "data": "{}"},
    "ChasitorIdleTimeoutWarningEvent": {"idleTimeoutWarningEvent": "triggered"},
    "SensitiveDataRuleTriggered": {"rules": [{"id": "0GO1", "name": "Cards"}]},
    "ChatEnd": {"reason": "client"},
}


@dataclass
class Answer:
    """An answer of the service."""

    status: int
    text: str
    headers: Any = None

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def types(self) -> list[str]:
        return [each["type"] for each in self.json["messages"]]

    @property
    def texts(self) -> list[str]:
        return [each["message"]["text"] for each in self.json["messages"] if each["type"] == "ChatMessage"]

    def message(self, kind: str) -> dict[str, Any]:
        return next(each["message"] for each in self.json["messages"] if each["type"] == kind)


class Visitor:
    """A session, and the calls of the API. Headers and bodies can be changed; None, and ... in bodies, leave one out."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self.http, self.base_url = http, base_url
        self.key = self.id = ""
        self.affinity = "null"
        self.version = "58"
        self.ack: int | None = -1
        self.offset: int | None = None
        self.sequence = 0
        self.heard: list[dict[str, Any]] = []

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        data: Any = None,
    ) -> Answer:
        sent: dict[str, str | None] = {
            "X-LIVEAGENT-API-VERSION": self.version,
            "X-LIVEAGENT-AFFINITY": self.affinity,
            "X-LIVEAGENT-SESSION-KEY": self.key or None,
        }
        sent |= headers or {}
        if body is not None:
            data = io.BytesIO(json.dumps(body).encode())
        url = path if path.startswith("http") else self.base_url + BASE + path
        kept = {name: value for name, value in sent.items() if value is not None}
        async with self.http.request(method, url, headers=kept, data=data) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def begin(self) -> Visitor:
        answer = await self.call("GET", "/System/SessionId")
        assert answer.status == 200, answer.text
        self.key, self.id = answer.json["key"], answer.json["id"]
        self.affinity = answer.json["affinityToken"]
        return self

    def request_body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "organizationId": ORGANIZATION,
            "deploymentId": DEPLOYMENT,
            "buttonId": BUTTON,
            "sessionId": self.id,
            "userAgent": "tests",
            "language": "en-US",
            "screenResolution": "1900x1080",
            "visitorName": "Ada Lovelace",
            "prechatDetails": [
                {"label": "Email", "value": "ada@acme.example", "transcriptFields": ["Email__c"]}
            ],
            "prechatEntities": [],
            "receiveQueueUpdates": True,
            "isPost": True,
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    async def request(self, **changes: Any) -> Answer:
        return await self.post("ChasitorInit", self.request_body(**changes))

    async def post(self, noun: str, body: Any = None, *, sequence: int | str | None = "next") -> Answer:
        """A POST with the next sequence number, with another one, or (None) without."""
        number = self.sequence + 1 if sequence == "next" else sequence
        headers = {"X-LIVEAGENT-SEQUENCE": None if number is None else str(number)}
        prefix = "System" if noun == "MultiNoun" else "Chasitor"
        answer = await self.call("POST", f"/{prefix}/{noun}", {} if body is None else body, headers=headers)
        if sequence == "next" and answer.status == 200:
            self.sequence += 1
        return answer

    async def batch(self, *nouns: tuple[str, Any], payload: str = "object") -> Answer:
        """A MultiNoun of (noun, payload) pairs."""
        parts = [{"prefix": "Chasitor", "noun": noun, payload: body} for noun, body in nouns]
        return await self.post("MultiNoun", {"nouns": parts})

    async def say(self, text: str) -> Answer:
        return await self.post("ChatMessage", {"text": text})

    async def poll(self, **headers: str | None) -> Answer:
        """Poll once. The next poll acknowledges the messages."""
        query = "" if self.ack is None else f"?ack={self.ack}"
        answer = await self.call("GET", f"/System/Messages{query}", headers=headers)
        if answer.status == 200:
            self.offset = answer.json["offset"]
            self.heard += answer.json["messages"]
            if self.ack is not None:
                self.ack = answer.json["sequence"]
        return answer

    async def until(self, kind: str) -> dict[str, Any]:
        """Poll until a message of this type arrives. Returns its payload."""
        async with asyncio.timeout(DEADLINE):
            seen = 0
            while True:
                for number, each in enumerate(self.heard[seen:], start=seen):
                    if each["type"] == kind:
                        self.heard = self.heard[number + 1 :]
                        return each["message"]
                seen = len(self.heard)
                answer = await self.poll()
                assert answer.status in (200, 204), answer.text

    async def reconnect(self, offset: int | str | None = "last") -> Answer:
        given = self.offset if offset == "last" else offset
        query = "" if given is None else f"?ReconnectSession.offset={given}"
        answer = await self.call(
            "GET", f"/System/ReconnectSession{query}", headers={"X-LIVEAGENT-AFFINITY": "null"}
        )
        if answer.status == 200:
            self.affinity, self.sequence = answer.json["messages"][0]["message"]["affinityToken"], 0
        return answer

    async def resync(self, *, organization: str = ORGANIZATION) -> Answer:
        return await self.post("ChasitorResyncState", {"organizationId": organization}, sequence=None)

    async def delete(self) -> Answer:
        return await self.call("DELETE", f"/System/SessionId/{self.key}")
