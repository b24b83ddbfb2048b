"""A small Live Chat service as a transport, in memory.

It keeps the rules a client can notice: messages have numbers from 0, a poll acknowledges, unacknowledged messages come
again, a poll hangs until there is something, sequence numbers are checked, and a lost server is answered with 503 until the
session is reconnected.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botkit.errors import CallError, Unreachable
from botkit.http import Request, Response, Stream

BASE = "https://d.la1-c1.salesforceliveagent.com/chat/rest"
KEY = "0f0f0f0f-0000-4000-8000-000000000001!1700000000000!AbC/d+e="
CHAT_ID = "0f0f0f0f-0000-4000-8000-000000000001"
Answer = Response | CallError


def ok(body: object = None, status: int = 200) -> Response:
    return Response(status, {}, b"OK" if body is None else json.dumps(body).encode())


@dataclass
class LiveChat:
    """The server of one session."""

    asked: list[Request] = field(default_factory=list)
    scripted: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    available: bool | None = True
    affinity: str = "aff0"
    eras: int = 0
    log: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    agents_said: list[str] = field(default_factory=list)
    user_said: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    last: int = 0
    checks_sequence: bool = True
    lost: bool = False
    over: bool = False
    said_503: bool = False
    repeats: bool = True
    """Whether a poll with an old ack gets the messages again."""
    wrong_affinity: int = 503
    drop: Counter[str] = field(default_factory=Counter)
    """Resources whose next answers get lost."""
    left_out: set[int] = field(default_factory=set)
    """The numbers of messages that the next answer leaves out."""
    hold_seconds: float | None = None
    hanging: int = 0
    max_hanging: int = 0
    handed: int = -1
    meanwhile: Callable[[str], object] = lambda noun: None
    """Callbacks that run while a request for a resource is under way."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    # --- what the agents' side does ---

    def tell(self, kind: str, **message: Any) -> None:
        self.log.append((kind, message))
        self.stir()

    def accept(self, name: str = "Ada", user_id: str = "005A") -> None:
        self.tell("ChatEstablished", name=name, userId=user_id, items=[], sneakPeekEnabled=False)

    def say(self, text: str, name: str = "Ada", agent_id: str = "005A") -> None:
        self.agents_said.append(text)
        self._record("Agent", name, text)
        self.tell("ChatMessage", text=text, name=name, agentId=agent_id)

    def finish(self) -> None:
        self.over = True
        self.tell("ChatEnded", reason="agent", attachedRecords=[])

    def lose(self) -> None:
        """The chat's server disappears."""
        self.lost = True
        self.stir()

    def stir(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def script(self, noun: str, *answers: Answer) -> None:
        self.scripted[noun].extend(answers)

    def calls(self, *skip: str) -> list[str]:
        names = [_noun(request) for request in self.asked]
        return [name for name in names if name not in skip]

    def bodies(self, noun: str) -> list[Any]:
        return [json.loads(one.body) for one in self.asked if _noun(one) == noun and one.body is not None]

    def headers(self, noun: str, name: str) -> list[str | None]:
        return [one.headers.get(name) for one in self.asked if _noun(one) == noun]

    # --- the carrier ---

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        noun = _noun(request)
        self.meanwhile(noun)
        if self.scripted[noun]:
            return _given(self.scripted[noun].popleft())
        answer = await self._answer(noun, request)
        if self.drop[noun]:
            self.drop[noun] -= 1
            raise broken()
        return answer

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        raise NotImplementedError

    async def _answer(self, noun: str, request: Request) -> Response:
        affinity = request.headers.get("X-LIVEAGENT-AFFINITY")
        match noun:
            case "Availability":
                result: dict[str, Any] = {"id": "573B"} | ({"isAvailable": True} if self.available else {})
                return ok({"messages": [{"type": "Availability", "message": {"results": [result]}}]})
            case "SessionId" if request.method == "GET":
                return ok(
                    {"key": KEY, "id": CHAT_ID, "clientPollTimeout": 40, "affinityToken": self.affinity}
                )
            case "ReconnectSession":
                return self._reconnected()
        if not self.lost and affinity != self.affinity and self.wrong_affinity == 403:
            return Response(403, {}, b"Session required but was invalid or not found")
        if self.lost or affinity != self.affinity:
            self.said_503 = True
            return Response(503)
        if noun == "Messages":
            return await self._polled(int(parse_qs(urlsplit(request.url).query)["ack"][0]))
        if self.over:
            return Response(403, {}, b"Session required but was invalid or not found")
        return self._posted(noun, request)

    def _reconnected(self) -> Response:
        if not self.said_503:
            return Response(405)
        self.lost = self.said_503 = False
        self.eras += 1
        self.affinity = f"aff{self.eras}"
        self.last = 0
        self.handed = -1
        pending = [one for one in self.log if one[0] == "ChatEnded"]
        self.log = [("ChasitorSessionData", {"queuePosition": 0, "chatMessages": list(self.told)}), *pending]
        body = {
            "type": "ReconnectSession",
            "message": {"resetSequence": True, "affinityToken": self.affinity},
        }
        return ok({"messages": [body]})

    async def _polled(self, ack: int) -> Response:
        if not self.repeats:
            ack = max(ack, self.handed)
        self.hanging += 1
        self.max_hanging = max(self.max_hanging, self.hanging)
        try:
            while len(self.log) <= ack + 1:
                if self.over:
                    return Response(403, {}, b"Session required but was invalid or not found")
                changed = self.changed
                try:
                    async with asyncio.timeout(self.hold_seconds):
                        await changed.wait()
                except TimeoutError:
                    return Response(204)
                if self.lost:
                    self.said_503 = True
                    return Response(503)
        finally:
            self.hanging -= 1
        self.handed = len(self.log) - 1
        fresh = [
            {"type": kind, "message": message}
            for number, (kind, message) in enumerate(self.log)
            if number > ack and number not in self.left_out
        ]
        self.left_out = set()
        return ok({"messages": fresh, "sequence": len(self.log) - 1, "offset": 1_000 + len(self.log)})

    def _posted(self, noun: str, request: Request) -> Response:
        number = request.headers.get("X-LIVEAGENT-SEQUENCE")
        body = json.loads(request.body or b"{}")
        if number is not None and self.checks_sequence:
            if int(number) == self.last:
                return ok()
            if int(number) != self.last + 1:
                text = f"Out of sync Ack. Expected {number}. Actual {self.last}"
                return Response(409, {}, text.encode())
            self.last = int(number)
        self.posts.append((noun, body))
        match noun:
            case "ChatMessage":
                self.user_said.append(body["text"])
                self._record("Chasitor", "", body["text"])
            case "ChatEnd":
                self.over = True
                self.tell("ChatEnded", reason="client", attachedRecords=[])
            case "ChasitorInit":
                self.tell(
                    "ChatRequestSuccess", connectionTimeout=150_000, queuePosition=1, sensitiveDataRules=[]
                )
        return ok()

    def _record(self, kind: str, name: str, text: str) -> None:
        line = {"type": kind, "name": name, "content": text, "timestamp": 1_700_000_000_000 + len(self.told)}
        self.told.append(line | {"sequence": len(self.told) + 1})


def _noun(request: Request) -> str:
    path = urlsplit(request.url).path
    return "SessionId" if "/SessionId" in path else path.rpartition("/")[2]


def _given(answer: Answer) -> Response:
    if isinstance(answer, CallError):
        raise answer
    return answer


def broken() -> Unreachable:
    return Unreachable("call", detail="the server closed the connection")
