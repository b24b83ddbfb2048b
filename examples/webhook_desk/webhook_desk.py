# Install it: .venv/bin/pip install --no-build-isolation -e examples/webhook_desk
# Watch it:   .venv/bin/python examples/webhook_desk/try_it.py    Kore emulated, BotKit and a desk, on pages to play with
"""A webhook desk as an agent system: what the user says is posted as JSON, what agents did is polled as a numbered list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Literal

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
)


class Settings(msgspec.Struct, forbid_unknown_fields=True):  # what stands beside `type` in the bot's YAML
    url: str
    key: str
    poll_seconds: float = 2.0


class Event(msgspec.Struct):  # what the desk says an agent did; `at` is in seconds since 1970
    number: int
    type: str
    at: float
    agent: str = ""
    text: str = ""


class WebhookDesk(AgentSystem):
    """One desk (`type: webhook-desk`). Whatever it needs to know of a conversation is in the arguments."""

    def __init__(self, name: str, settings: object, transport: Transport) -> None:
        super().__init__(name, settings, transport)
        self._settings = msgspec.convert(settings, Settings)
        self._transport = transport

    @classmethod
    def capabilities_for(cls, settings: Any) -> Capabilities:
        seconds = msgspec.convert(settings, Settings).poll_seconds
        return Capabilities(receive="poll", poll_interval=timedelta(seconds=seconds), max_text=4_000)

    async def open(self, session_id: str) -> Granted:
        return Granted(Access(credentials=""), expires_at=None)  # the desk's key opens every conversation

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        await self._call("", {"id": session_id, "user": dict(attributes), "language": language})

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        # When an answer was lost, this is called again with the same id, by which the desk knows a repetition.
        await self._call(f"/{session_id}/messages", {"id": message_id, "text": text})

    async def end(self, session_id: str, access: Access) -> None:
        with suppress(ConversationClosed):  # nothing left to end, which is what was wanted
            await self._call(f"/{session_id}/end", {})

    async def fetch(self, session_id: str, access: Access) -> Batch:
        body = await self._call(f"/{session_id}/events?after={access.position or 0}")
        try:
            events = msgspec.json.decode(body, type=list[Event])
        except msgspec.DecodeError:
            raise BadReply("read the desk's events", detail="not a list of events") from None
        return Batch([_meaning(session_id, event) for event in events])

    def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        raise NotImplementedError("a desk is polled")

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        return "present"  # asked when an agent has left, which this desk never says

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None: ...

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None: ...

    async def _call(self, path: str, body: dict[str, object] | None = None) -> bytes:
        url = f"{self._settings.url.rstrip('/')}/conversations{path}"
        headers = {"Authorization": f"Bearer {self._settings.key}", "Content-Type": "application/json"}
        method, data = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
        answer = await self._transport.send(Request("ask the desk", method, url, headers, data))
        if answer.status in (200, 201, 202, 204):
            return answer.body
        kinds = {404: ConversationClosed, 410: ConversationClosed, 429: RateLimited}
        kind = kinds.get(answer.status, ServerTrouble if answer.status >= 500 else CallRefused)
        raise kind("ask the desk", status=answer.status)


def _meaning(session_id: str, event: Event) -> FromAgents:
    # The number is the key by which a repetition is known, and the position to go on from.
    at = str(event.number)
    common: Any = {"key": f"{session_id}/{at}", "position": at, "session_id": session_id, "at": event.at}
    match event.type:
        case "joined":
            return AgentJoined(subject=event.agent, name=event.agent, **common)
        case "said":
            return AgentSaid(content=Content(event.text), agent_name=event.agent, **common)
        case "ended":
            return AgentSessionEnded(**common)
        case _:  # what a newer desk may say
            return PositionAdvanced(**common)
