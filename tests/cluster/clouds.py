"""Both emulated sides of a cluster, on the loop of the harness. They note who attempts what, and when.

A member is told by how it calls: each has a JWT app of its own at the platform, and an address of its own for Salesforce.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.platform import OK, answer, sink
from botkit_sandbox import salesforce
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings
from botkit_sandbox.salesforce.stream import PATH as STREAM_PATH
from botkit_sandbox.salesforce.transcripts import transcript_item

Attempt = tuple[float, str, str]
"""Epoch seconds, the name of the member, and what was attempted."""
_USER = re.compile(r"u-00000000-0000-5000-8000-(\d{12})")
_NO_MESSAGES = answer(b'{"total":0,"moreAvailable":false,"messages":[]}')


def user_id(number: int) -> str:
    """The platform's id of user `number`."""
    return f"u-00000000-0000-5000-8000-{number:012d}"


def email_of(number: int) -> str:
    """Tells the user on Salesforce's side."""
    return f"{number}@example.com"


class Clouds:
    """The XO platform, which shows what it gets, and MIAW, whose agents accept at once."""

    def __init__(self) -> None:
        self.shown: defaultdict[int, list[str]] = defaultdict(list)
        """What each user was shown, in order."""
        self.passed: defaultdict[int, list[str]] = defaultdict(list)
        """What the bot got of each user, in order."""
        self._awaited: dict[str, asyncio.Future[float]] = {}
        self.attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
        """What was attempted for each user. Reads are no attempts: who is no owner any more commits nothing of what it reads."""
        self.platform_url = ""
        self.salesforce_urls: dict[str, str] = {}
        """The address of MIAW for each member."""
        self._cloud = SalesforceCloud(
            wire=None, bus=None, settings=SalesforceSandboxSettings(auto_accept=True)
        )
        self._member_at: dict[int, str] = {}
        self._member_with: dict[str, str] = {}
        self._user_of: dict[str, int] = {}
        """Users by the ids of their conversations."""
        self._conversation_of: dict[int, str] = {}
        self._subject_of: dict[int, str] = {}
        self._streams: defaultdict[str, list[asyncio.Transport]] = defaultdict(list)
        """Open event streams by the subjects of their tokens."""
        self._entries_before: dict[int, int] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, members: Sequence[str]) -> None:
        """Listen."""
        self.platform_url = f"http://127.0.0.1:{await sink(self._on_call)}"
        app = salesforce.routes(self._cloud)
        app.middlewares.insert(0, self._noted)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        for number, member in enumerate(members):
            await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=2048).start()
            port = self._runner.addresses[number][1]
            self._member_at[port] = member
            self.salesforce_urls[member] = f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def system(self, member: str) -> Mapping[str, object]:
        """The section of the agent system in this member's configuration."""
        return {
            "type": "salesforce-miaw",
            "organization_id": self._cloud.settings.organization_id,
            "organization_base_url": self.salesforce_urls[member],
            "developer_name": self._cloud.settings.developer_name,
        }

    # --- agents ------------------------------------------------------------------------------------------------------

    def say(self, number: int, text: str) -> None:
        """The user's agent sends a message."""
        conversation = self._cloud.conversations[self._conversation_of[number]]
        self._cloud.agent_says(conversation.id, next(iter(conversation.present)), text)

    def helped(self, number: int) -> bool:
        """Whether an agent is with the user."""
        found = self._conversation_of.get(number)
        return found is not None and bool(self._cloud.conversations[found].present)

    def arrived(self, number: int) -> list[str]:
        """What the agents got of the user since `forget`, in order."""
        return self._everything(number)[self._entries_before.get(number, 0) :]

    def listened_to(self, number: int) -> bool:
        """Whether an event stream of the user's conversation is open."""
        streams = self._streams[self._subject_of.get(number, "")]
        return any(not transport.is_closing() for transport in streams)

    async def arrival(self, number: int, text: str, deadline: float) -> float:
        """Wait until the platform has a message, at most until the deadline. Returns when; both in epoch seconds."""
        if text in self.shown[number] or text in self.passed[number]:
            return time.time()
        self._awaited[text] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._awaited[text], max(0.0, deadline - time.time()))
        except TimeoutError:
            return time.time()

    def _everything(self, number: int) -> list[str]:
        if number not in self._conversation_of:
            return []
        entries = self._cloud.conversations[self._conversation_of[number]].entries
        items = (transcript_item(entry) for entry in entries)
        return [str(item["text"]) for item in items if item is not None and item["role"] == "EndUser"]

    def forget(self) -> None:
        """Begin new histories."""
        self.shown.clear()
        self.passed.clear()
        self.attempts.clear()
        self._entries_before = {number: len(self._everything(number)) for number in self._conversation_of}

    # --- who calls -----------------------------------------------------------------------------------------------------

    def _on_call(self, head: bytes, body: bytes) -> bytes:
        line, _, headers = head.decode().partition("\r\n")
        path = line.split(" ")[1]
        found = _USER.search(path) or _USER.search(body.decode())
        if line.startswith("GET"):
            return _NO_MESSAGES
        if found is None:
            return OK
        number, call = int(found[1]), path.split("/")[5]
        self.attempts[number].append((time.time(), self._signed_by(headers), call))
        text = json.loads(body).get("message")
        if call in ("sendUserMessage", "sendBotMessage"):
            seen = self.shown if call == "sendUserMessage" else self.passed
            seen[number].append(text)
            if (awaited := self._awaited.pop(text, None)) is not None and not awaited.done():
                awaited.set_result(time.time())
        return OK

    def _signed_by(self, headers: str) -> str:
        token = next(
            line.split(":", 1)[1].strip()
            for line in headers.split("\r\n")
            if line.lower().startswith("auth:")
        )
        if token not in self._member_with:
            self._member_with[token] = str(_claims(token)["appId"]).removeprefix("cs-")
        return self._member_with[token]

    @web.middleware
    async def _noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request.transport is not None
        member = self._member_at[request.transport.get_extra_info("sockname")[1]]
        at = time.time()
        conversation = request.match_info.get("conversation", "")
        if request.method != "GET" and conversation in self._user_of:
            made = (at, member, str(request.match_info.route.name))
            self.attempts[self._user_of[conversation]].append(made)
        if request.path != STREAM_PATH:
            response = await handler(request)
            self._find_users()
            return response
        claims = _claims(request.headers["Authorization"].removeprefix("Bearer "))
        subject = str(claims["sub"])
        open_ones = [one for one in self._streams[subject] if not one.is_closing()]
        self._streams[subject] = [*open_ones, request.transport]
        return await handler(request)

    def _find_users(self) -> None:
        """Note whose the conversations are that were opened meanwhile."""
        if len(self._user_of) == len(self._cloud.conversations):
            return
        for one in list(self._cloud.conversations.values())[len(self._user_of) :]:
            number = int(one.attributes["_email"].partition("@")[0])
            self._user_of[one.id] = number
            self._conversation_of[number] = one.id
            self._subject_of[number] = one.owner.subject


def _claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
