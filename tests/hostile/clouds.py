"""Both emulated sides, on the loop of the harness. They note who attempts what, and when, and do wrong what they are told to.

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
from itertools import islice
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.platform import OK, answer
from botkit.boottime import boottime
from botkit_sandbox import salesforce
from botkit_sandbox.salesforce import SalesforceSandboxSettings
from botkit_sandbox.salesforce.stream import PATH as STREAM_PATH
from botkit_sandbox.salesforce.transcripts import transcript_item
from tests.hostile.controls import BEGUN_HEADER
from tests.hostile.desk import HostileDesk
from tests.hostile.misdeeds import FarSide
from tests.hostile.platform import Answer, listening, refusal

Attempt = tuple[float, str, str]
"""When it was begun (epoch seconds), the name of the member, and what was attempted."""
_USER = re.compile(r"u-00000000-0000-5000-8000-(\d{12})")
_QUOTED = "This did not reach the agent:\n"


def user_id(number: int) -> str:
    """The platform's id of user `number`."""
    return f"u-00000000-0000-5000-8000-{number:012d}"


def email_of(number: int) -> str:
    """Tells the user on Salesforce's side."""
    return f"{number}@example.com"


class Clouds:
    """The XO platform, which shows what it gets, and MIAW, whose agents accept at once.

    Args:
        ping_seconds: between two pings on an event stream.
    """

    def __init__(self, *, ping_seconds: float) -> None:
        self.platform = FarSide()
        self.salesforce = FarSide()
        self.shown: defaultdict[int, list[str]] = defaultdict(list)
        """What each user was shown, in order."""
        self.passed: defaultdict[int, list[str]] = defaultdict(list)
        """What the bot got of each user, in order."""
        self.given_back: set[int] = set()
        """Users who are the bot's again."""
        self.refused_users: dict[int, int] = {}
        """What Salesforce answers to every call for these users."""
        self._awaited: dict[str, asyncio.Future[float]] = {}
        self.attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
        """What was attempted for each user. Reads are no attempts: who is no owner any more commits nothing of what it reads."""
        self.platform_url = ""
        self.salesforce_urls: dict[str, str] = {}
        """The address of MIAW for each member."""
        self.desk = HostileDesk(
            wire=None,
            bus=None,
            settings=SalesforceSandboxSettings(auto_accept=True, ping_seconds=ping_seconds),
        )
        self._history: defaultdict[int, list[dict[str, object]]] = defaultdict(list)
        """The platform's record of each user's messages, oldest first."""
        self._member_at: dict[int, str] = {}
        self._member_with: dict[str, str] = {}
        self._user_of: dict[str, int] = {}
        """Users by the ids of their conversations."""
        self._conversations_of: defaultdict[int, list[str]] = defaultdict(list)
        """The conversations of each user, the newest last."""
        self._subject_of: dict[int, str] = {}
        self._streams: defaultdict[str, list[tuple[float, asyncio.Transport]]] = defaultdict(list)
        """Open event streams by the subjects of their tokens, each with the time when it was opened (epoch)."""
        self._entries_before: dict[int, int] = {}
        self._platform: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, members: Sequence[str]) -> None:
        """Listen."""
        self._platform = await listening(self._on_call)
        self.platform_url = f"http://127.0.0.1:{self._platform.sockets[0].getsockname()[1]}"
        app = salesforce.routes(self.desk)
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
        if self._platform is not None:
            self._platform.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def system(self, url: str) -> Mapping[str, object]:
        """The section of the agent system in the configuration of a member that reaches MIAW there."""
        return {
            "type": "salesforce-miaw",
            "organization_id": self.desk.settings.organization_id,
            "organization_base_url": url,
            "developer_name": self.desk.settings.developer_name,
        }

    def calm(self) -> None:
        """Do nothing wrong any more."""
        self.platform.choose = self.salesforce.choose = None
        self.desk.calm()

    @property
    def injected(self) -> int:
        """How many faults both sides have injected."""
        return self.platform.injected + self.salesforce.injected + self.desk.injected

    # --- agents ------------------------------------------------------------------------------------------------------

    def say(self, number: int, text: str) -> None:
        """The user's agent sends a message."""
        conversation = self.desk.conversations[self._conversations_of[number][-1]]
        self.desk.agent_says(conversation.id, next(iter(conversation.present)), text)

    def end(self, number: int) -> None:
        """The user's agent ends the conversation."""
        conversation = self.desk.conversations[self._conversations_of[number][-1]]
        self.desk.agent_ends(conversation.id, next(iter(conversation.present)))

    def helped(self, number: int) -> bool:
        """Whether an agent is with the user."""
        found = self._conversations_of.get(number, [])
        return bool(found) and bool(self.desk.conversations[found[-1]].present)

    def expire_token(self, number: int) -> None:
        """Let Salesforce's access token for this user expire."""
        self.desk.expire_tokens(self._conversations_of[number][-1])

    def arrived(self, number: int) -> list[str]:
        """What the agents got of the user since `forget`, in order."""
        return self._everything(number)[self._entries_before.get(number, 0) :]

    def quoted_back(self, number: int) -> list[str]:
        """What the user was told to have reached no agent."""
        return [
            text.removeprefix(_QUOTED) for text in self.shown[number] if text and text.startswith(_QUOTED)
        ]

    def listened_to(self, number: int, since: float = 0.0) -> bool:
        """Whether an event stream of the user's conversation is open that was not opened before `since` (epoch).

        A stream of a process that was killed looks open until this loop reads its end.
        """
        streams = self._streams[self._subject_of.get(number, "")]
        return any(at >= since and not transport.is_closing() for at, transport in streams)

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
        found: list[str] = []
        for conversation in self._conversations_of.get(number, ()):
            items = (transcript_item(entry) for entry in self.desk.conversations[conversation].entries)
            found += [str(item["text"]) for item in items if item is not None and item["role"] == "EndUser"]
        return found

    def forget(self) -> None:
        """Begin new histories."""
        self.shown.clear()
        self.passed.clear()
        self.attempts.clear()
        self._entries_before = {number: len(self._everything(number)) for number in self._conversations_of}

    # --- the platform ----------------------------------------------------------------------------------------------------

    def _on_call(self, head: bytes, body: bytes) -> Answer:
        line, _, headers = head.decode().partition("\r\n")
        path = line.split(" ")[1]
        found = _USER.search(path) or _USER.search(body.decode())
        if found is None:
            return OK, None
        number, call = int(found[1]), path.split("/")[5].partition("?")[0]
        misdeed = self.platform.misdeed(call)
        if misdeed is not None and (misdeed.status or misdeed.breaks == "before"):
            return refusal(misdeed), misdeed
        if line.startswith("GET"):
            return answer(self._page(number, path)), misdeed
        begun = headers.partition(f"\r\n{BEGUN_HEADER}: ")[2].partition("\r\n")[0]
        self.attempts[number].append((_begun_at(begun), self._signed_by(headers), call))
        text = json.loads(body).get("message")
        if call == "clearAgentSession":
            self.given_back.add(number)
        if call in ("sendUserMessage", "sendBotMessage"):
            self._record(number, text, "outgoing" if call == "sendUserMessage" else "incoming")
            seen = self.shown if call == "sendUserMessage" else self.passed
            seen[number].append(text)
            if (awaited := self._awaited.pop(text, None)) is not None and not awaited.done():
                awaited.set_result(time.time())
        return OK, misdeed

    def _record(self, number: int, text: str, direction: str) -> None:
        records = self._history[number]
        records.append(
            {
                "_id": f"ms-{number}-{len(records)}",
                "type": direction,
                "components": [{"_id": f"cp-{len(records)}", "cT": "text", "data": {"text": text}}],
                "timestampValue": int(time.time() * 1000),
            }
        )

    def _page(self, number: int, path: str) -> bytes:
        """The answer to getMessages: newest first."""
        asked = dict(re.findall(r"[?&](skip|limit)=(\d+)", path))
        skip, limit = int(asked.get("skip", 0)), int(asked.get("limit", 20))
        newest = self._history[number][::-1]
        page = newest[skip : skip + limit]
        more = skip + len(page) < len(newest)
        return json.dumps({"total": len(newest), "moreAvailable": more, "messages": page}).encode()

    def _signed_by(self, headers: str) -> str:
        token = next(
            line.split(":", 1)[1].strip()
            for line in headers.split("\r\n")
            if line.lower().startswith("auth:")
        )
        if token not in self._member_with:
            self._member_with[token] = str(_claims(token)["appId"]).removeprefix("cs-")
        return self._member_with[token]

    # --- Salesforce --------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request.transport is not None
        member = self._member_at[request.transport.get_extra_info("sockname")[1]]
        at = time.time()
        conversation = request.match_info.get("conversation", "")
        operation = str(request.match_info.route.name)
        if request.method != "GET" and conversation in self._user_of:
            begun = _begun_at(request.headers.get(BEGUN_HEADER, ""))
            self.attempts[self._user_of[conversation]].append((begun, member, operation))
        misdeed = self.salesforce.misdeed(operation)
        if status := self.refused_users.get(self._user_of.get(conversation, -1)):
            self.salesforce.injected += 1
            return web.json_response({"message": "refused"}, status=status)
        if misdeed is not None and misdeed.status:
            advice = {"Retry-After": misdeed.retry_after} if misdeed.retry_after else {}
            return web.json_response({"message": "refused"}, status=misdeed.status, headers=advice)
        if misdeed is not None and misdeed.breaks == "before":
            request.transport.abort()
            return web.Response(status=503)
        if request.path == STREAM_PATH:
            claims = _claims(request.headers["Authorization"].removeprefix("Bearer "))
            subject = str(claims["sub"])
            open_ones = [one for one in self._streams[subject] if not one[1].is_closing()]
            self._streams[subject] = [*open_ones, (at, request.transport)]
            return await handler(request)
        response = await handler(request)
        self._find_users()
        if misdeed is not None and misdeed.breaks == "after" and request.transport is not None:
            request.transport.abort()
        if misdeed is not None and misdeed.delay_seconds:
            await asyncio.sleep(misdeed.delay_seconds)
        return response

    def _find_users(self) -> None:
        """Note whose the conversations are that were opened meanwhile."""
        new = len(self.desk.conversations) - len(self._user_of)
        for one in reversed(list(islice(reversed(self.desk.conversations.values()), new))):
            number = int(one.attributes["_email"].partition("@")[0])
            self._user_of[one.id] = number
            self._conversations_of[number].append(one.id)
            self._subject_of[number] = one.owner.subject


def _begun_at(begun: str) -> float:
    """The epoch seconds of a `BEGUN_HEADER`; now, if it is empty."""
    return time.time() - boottime() + float(begun) if begun else time.time()


def _claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
