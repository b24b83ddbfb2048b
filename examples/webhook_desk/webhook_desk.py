# Install it: .venv/bin/pip install --no-build-isolation -e examples/webhook_desk
# Watch it:   .venv/bin/python examples/webhook_desk/try_it.py    Kore emulated, BotKit and a desk, on pages to play with
"""A webhook desk as an agent system: posts the user's messages as JSON, and polls a numbered list of what agents did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

import msgspec

from botkit.agents import (
    Access,
    AgentJoined,
    AgentSaid,
    AgentSessionEnded,
    AgentSystem,
    BadReply,
    Batch,
    CallRefused,
    Capabilities,
    Content,
    ConversationClosed,
    FromAgents,
    Granted,
    PositionAdvanced,
    RateLimited,
    Request,
    ServerTrouble,
    Transport,
    UnusableValue,
)


@dataclass(frozen=True, slots=True)
class Settings:  # the keys beside `type` in the bot's YAML; `schema` below says what may stand there
    url: str
    key: str = field(repr=False)
    poll_interval: timedelta = timedelta(seconds=2)


class Event(msgspec.Struct):  # one thing an agent did, as the desk lists it; `at` is in seconds since 1970
    number: int
    type: str
    at: float
    agent: str = ""
    text: str = ""


class WebhookDesk(AgentSystem):
    """One desk (`type: webhook-desk`). Everything it needs to know about a conversation is in the arguments."""

    settings_type = Settings
    settings: Settings
    schema: ClassVar[Mapping[str, Any]] = {
        "required": ["url", "key"],
        "additionalProperties": False,
        "properties": {
            "url": {"title": "Desk URL", "type": "string", "examples": ["https://desk.example"]},
            "key": {"title": "Key", "type": "string", "minLength": 4, "writeOnly": True, "examples": ["${DESK_KEY}"]},
            "poll_interval": {"$ref": "#/$defs/duration", "minDuration": "10ms", "maxDuration": "1m"},
        },
    }  # fmt: skip

    def __init__(self, name: str, settings: object, transport: Transport) -> None:
        super().__init__(name, settings, transport)
        self._transport = transport

    @classmethod
    def parsers(cls, *, insecure_http: bool) -> Mapping[str, Callable[[str], object]]:
        return {"url": partial(_parse_url, insecure_http=insecure_http)}

    @classmethod
    def capabilities_for(cls, settings: Settings) -> Capabilities:
        return Capabilities(receive="poll", poll_interval=settings.poll_interval, max_text=4_000)

    @classmethod
    def summary(cls, settings: Settings) -> str:
        return f"at {settings.url}"

    async def open(self, session_id: str) -> Granted:
        return Granted(Access(credentials=""), expires_at=None)  # the desk's key opens every conversation

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        await self._call("", {"id": session_id, "user": dict(attributes), "language": language})

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        # If an answer was lost, this is called again with the same id, by which the desk recognises the repetition.
        await self._call(f"/{session_id}/messages", {"id": message_id, "text": text})

    async def end(self, session_id: str, access: Access) -> None:
        with suppress(ConversationClosed):  # nothing is left to end, which is the wanted result
            await self._call(f"/{session_id}/end", {})

    async def fetch(self, session_id: str, access: Access) -> Batch:
        body = await self._call(f"/{session_id}/events?after={access.position or 0}")
        try:
            events = msgspec.json.decode(body, type=list[Event])
        except msgspec.DecodeError:
            raise BadReply("read the desk's events", detail="not a list of events") from None
        return Batch([_event(session_id, event) for event in events])

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        return "present"  # asked after an agent has left, which this desk never reports

    async def _call(self, path: str, body: dict[str, object] | None = None) -> bytes:
        url = f"{self.settings.url}/conversations{path}"
        headers = {"Authorization": f"Bearer {self.settings.key}", "Content-Type": "application/json"}
        method, data = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
        answer = await self._transport.send(Request("ask the desk", method, url, headers, data))
        if answer.status in (200, 201, 202, 204):
            return answer.body
        kinds = {404: ConversationClosed, 410: ConversationClosed, 429: RateLimited}
        kind = kinds.get(answer.status, ServerTrouble if answer.status >= 500 else CallRefused)
        raise kind("ask the desk", status=answer.status)


def _parse_url(text: str, *, insecure_http: bool) -> str:
    schemes = ("https://", "http://") if insecure_http else ("https://",)
    if not text.startswith(schemes):
        raise UnusableValue(
            "is not an https address", "write the desk's address, such as https://desk.example"
        )
    return text.rstrip("/")


def _event(session_id: str, event: Event) -> FromAgents:
    # The number is the idempotency key of the event, and the position to go on from.
    number = str(event.number)
    common: Any = {
        "key": f"{session_id}/{number}",
        "position": number,
        "session_id": session_id,
        "at": event.at,
    }
    match event.type:
        case "joined":
            return AgentJoined(subject=event.agent, name=event.agent, **common)
        case "said":
            return AgentSaid(content=Content(event.text), agent_name=event.agent, **common)
        case "ended":
            return AgentSessionEnded(**common)
        case _:  # an event of a newer desk
            return PositionAdvanced(**common)
