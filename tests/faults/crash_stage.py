"""A BotKit that crashes at its k-th point, between a platform and a desk that do not crash.

A point is a moment between two durable actions: before and after each call to a peer, before its answer is noticed, before the
results of calls are submitted, while a result waits for another commit, before and after each COMMIT, and before the relay is
told of it. A crash looks like kill -9 to peers and store: from then on nothing is sent, committed or answered, and uncommitted
writes are gone.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from botkit.agents import AgentSystem, Batch, Capabilities, File, Granted
from botkit.asgi.middleware import BotKitAsgi
from botkit.config.settings import DeliverySettings, Settings
from botkit.errors import Unreachable
from botkit.handlers.endpoint import HookEndpoint
from botkit.handoff.conversation import Access, ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import (
    CallHandlers,
    CallUser,
    ClearAgentSession,
    ExtendRequest,
    PassToBot,
    PassToUser,
    PlatformEffect,
    SendToUser,
)
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    ApiCall,
    Content,
    FromAgents,
    TranscriptLine,
    TransferStarted,
)
from botkit.handoff.moments import ENDED, MOMENTS
from botkit.hooks.parser import HookParser
from botkit.ledger.interface import Committed, Decide, HookBody, Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.ledger.sqlite.store import Store
from botkit.loop_calls import LoopCalls
from botkit.observability.metrics import Telemetry
from botkit.relay.gateways import Gateways
from botkit.relay.relay import Relay
from botkit.service.rules import rules_for
from botkit.wsgi.middleware import BotKitMiddleware
from tests.faults.services import metric
from tests.hooks.hook_payloads import BOT_ID, as_body, settings, token
from tests.hooks.no_handlers import no_handlers
from tests.relay.relay_doubles import begun

CrashDoor = Literal["wsgi", "asgi"]


class Points:
    """Counts points, and tells at which one the process crashes."""

    def __init__(self, *, fatal: int = 0) -> None:
        self.names: list[str] = []
        self.dead = False
        self.buried = False
        self.died = threading.Event()
        self._fatal = fatal
        self._lock = threading.Lock()

    def survived(self, name: str) -> bool:
        """Whether the process is still alive after this point."""
        with self._lock:
            if not self.dead:
                self.names.append(name)
                if len(self.names) == self._fatal:
                    self.dead = True
                    self.died.set()
            return not self.dead

    async def passed(self, name: str) -> None:
        """The same for coroutines: a task of a crashed process waits until the process is closed.

        Raises: Unreachable then.
        """
        if not self.survived(name):
            while not self.buried:  # noqa: ASYNC110 - set in another thread
                await asyncio.sleep(0.002)
            raise Unreachable(name, detail="the process is dead")


# --- what does not die -------------------------------------------------------------------------------------------


@dataclass
class Platform:
    """The XO platform: accepts every call, and shows every message, also repeated ones."""

    shown: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    to_bot: list[str] = field(default_factory=list)
    cleared: int = 0
    asked: int = 0
    """The number of times that the handler of the end has written to the user."""
    moments: list[str] = field(default_factory=list)
    """The moments of the hand-off for which the bot's handlers have been called."""


@dataclass
class Desk:
    """The agent system: deduplicates by id, and keeps its events for later reads."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    arrived: dict[str, str] = field(default_factory=dict)
    events: list[FromAgents] = field(default_factory=list)

    def happens(self, kind: type[Any], **more: Any) -> None:
        number = len(self.events) + 1
        session = self.opened[-1]
        place = {"position": str(number), "high_water_ms": 1_000_000 + number}
        event = kind(key=f"{session}/e{number}", at=Instant(time.time()), session_id=session, **place, **more)
        self.events.append(event)

    def joins(self, name: str) -> None:
        self.happens(AgentJoined, subject=name, name=name)

    def says(self, text: str, name: str) -> None:
        self.happens(AgentSaid, content=Content(text=text), agent_name=name)

    def transfers(self, name: str) -> None:
        self.happens(TransferStarted)
        self.happens(AgentLeft, subject=name, name=name)


# --- what stands between the process and them --------------------------------------------------------------------


class _Calls:
    """Calls of one process to a peer, with a point before and after each."""

    def __init__(self, points: Points) -> None:
        self._points = points

    @asynccontextmanager
    async def _call(self, name: str) -> AsyncIterator[None]:
        await self._points.passed(f"before {name}")
        yield
        await self._points.passed(f"after {name}")


class _PlatformCalls(_Calls):
    """Carries effects to the platform."""

    def __init__(self, points: Points, platform: Platform) -> None:
        super().__init__(points)
        self._platform = platform

    async def times_shown(self, effect: PlatformEffect, hook: HookBody, *, since: Instant) -> int | None:
        async with self._call("times_shown"):
            match effect:
                case SendToUser(content, agent_name):
                    return (self._platform.shown if agent_name else self._platform.told).count(content.text)
                case _:
                    return None

    async def send(
        self, effect: PlatformEffect, hook: HookBody, *, idempotency_key: str, patience: float = 1.0
    ) -> None:
        match effect:
            case PassToBot():
                async with self._call("pass_to_bot"):
                    self._platform.to_bot.append(_text(hook))
            case PassToUser():
                async with self._call("pass_to_user"):
                    self._platform.shown.append(_text(hook))
            case SendToUser(content, agent_name):
                async with self._call("send_to_user"):
                    (self._platform.shown if agent_name else self._platform.told).append(content.text)
            case ClearAgentSession():
                async with self._call("clear_agent_session"):
                    self._platform.cleared += 1
            case ExtendRequest():
                pass
            case CallUser():
                async with self._call("call of a handler"):
                    self._platform.asked += 1
            case _:
                async with self._call(type(effect).__name__):
                    pass

    def begin(
        self,
        effect: PlatformEffect,
        hook: HookBody,
        *,
        idempotency_key: str,
        done: Callable[[Exception | None], None],
    ) -> Callable[[], None]:
        def answered(error: Exception | None) -> None:
            if self._points.survived(f"before the answer to {type(effect).__name__}"):
                done(error)

        return begun(self.send(effect, hook, idempotency_key=idempotency_key), answered)

    async def transcript(self, hook: HookBody, *, limit: int, session_id: str) -> tuple[TranscriptLine, ...]:
        return ()

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        raise AssertionError("nobody sends a file")


class _DeskCalls(_Calls, AgentSystem):
    """Implements an agent system on the desk."""

    capabilities = Capabilities(poll_interval=timedelta(seconds=0.02))

    def __init__(self, points: Points, desk: Desk) -> None:
        super().__init__(points)
        self._desk = desk

    async def open(self, session_id: str) -> Granted:
        async with self._call("open"):
            return Granted(Access("credentials"), None)

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        async with self._call("start"):
            if session_id not in self._desk.opened:
                self._desk.opened.append(session_id)

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        async with self._call("send"):
            self._desk.arrived.setdefault(message_id, text)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Nothing."""

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Nothing."""

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        return "searching"

    async def end(self, session_id: str, access: Access) -> None:
        async with self._call("end"):
            if session_id not in self._desk.closed:
                self._desk.closed.append(session_id)

    async def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        place = int(access.position or 0)
        yield Batch(())
        while True:
            fresh = self._desk.events[place:]
            place += len(fresh)
            if fresh and not self._points.dead:
                yield Batch(fresh)
            await asyncio.sleep(0.002)

    async def fetch(self, session_id: str, access: Access) -> Batch:
        return Batch(tuple(self._desk.events))


class _Writer:
    """The ledger's connection, with points around COMMIT. A crashed process can only roll back."""

    def __init__(self, connection: sqlite3.Connection, points: Points) -> None:
        self._connection = connection
        self._points = points

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "ROLLBACK":
            return self._connection.execute(sql)
        if self._points.dead or (sql == "COMMIT" and not self._points.survived("before COMMIT")):
            raise sqlite3.OperationalError("the process is dead")
        cursor = self._connection.execute(sql, *values)
        if sql == "COMMIT" and not self._points.survived("after COMMIT"):
            raise sqlite3.OperationalError("the process is dead")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Ledger(SqliteLedger):
    """A ledger with points around the submission of the results of calls. A crashed process submits nothing."""

    def __init__(self, url: str, decide: Decide, points: Points) -> None:
        super().__init__(url, decide, lock_timeout_seconds=0)
        self._points = points

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        if input.completes and not self._points.survived("before results are submitted"):
            return lambda: None
        drop = super().submit_then(input, then)
        if input.may_wait:
            self._points.survived("while a result waits")
        return drop


class _Wsgi:
    """The middleware; the relay has a thread of its own."""

    calls: LoopCalls | None = None

    def __init__(self, points: Points) -> None:
        self._points = points
        self._middleware: BotKitMiddleware

    def open(self, endpoint: HookEndpoint) -> None:
        self._middleware = BotKitMiddleware(lambda environ, start_response: [], endpoint)

    def post(self, path: str, body: bytes) -> bool:
        answers: list[str] = []
        environ: Any = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "HTTP_TOKEN": token(expires=time.time() + 60),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }

        def start_response(status: str, headers: object, exc_info: object = None) -> None:
            if self._points.survived("before an answer to a hook"):
                answers.append(status)

        self._middleware(environ, start_response)  # type: ignore[arg-type]
        return answers == ["200 OK"]

    def close(self) -> None:
        """Nothing runs."""


class _Asgi:
    """The middleware on a loop, on which the relay lives too."""

    def __init__(self, points: Points, ledger: SqliteLedger) -> None:
        self._points = points
        self._ledger = ledger
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.calls: LoopCalls
        self._app: BotKitAsgi

    def open(self, endpoint: HookEndpoint) -> None:
        self._app = BotKitAsgi(_nothing_here, endpoint, self, threads=2)
        self.calls = asyncio.run_coroutine_threadsafe(self._calls(), self._loop).result(45.0)

    async def _calls(self) -> LoopCalls:
        return self._app.door().calls

    def post(self, path: str, body: bytes) -> bool:
        answers: list[int] = []
        headers = {"token": token(expires=time.time() + 60), "content-length": str(len(body))}
        scope: Any = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if "status" in message and self._points.survived("before an answer to a hook"):
                answers.append(message["status"])

        asyncio.run_coroutine_threadsafe(self._app(scope, receive, send), self._loop).result(45.0)
        return answers == [200]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result(45.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(45.0)
        self._loop.close()

    # --- what the middleware needs of a service

    is_running = True

    def start(self) -> None:
        """The test starts ledger and relay."""

    def start_on(self, calls: LoopCalls) -> None:
        """See `start`."""

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        return self._ledger.submit_then(input, then)


async def _nothing_here(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("only hooks are posted")


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Life:
    """One process, from its start to its crash."""

    def __init__(
        self, store: Path, points: Points, platform: Platform, desk: Desk, *, door: CrashDoor
    ) -> None:
        self.points = points
        configured = _settings(store)
        bot = configured.bots[BOT_ID]
        rules = replace(rules_for(bot), handled_moments=frozenset(MOMENTS))
        self.ledger = _Ledger(
            configured.store.url, lambda before, event: decide(rules, before, event), points
        )
        desk_calls = _DeskCalls(points, desk)
        gateways = Gateways(
            {bot.id: _PlatformCalls(points, platform)},
            {(bot.id, name): desk_calls for name in bot.agents.systems},
        )

        @asynccontextmanager
        async def connect(_: Settings) -> AsyncIterator[Gateways]:
            yield gateways

        telemetry = self._telemetry = Telemetry()

        async def call_handlers(_: ConversationId, effect: CallHandlers) -> tuple[ApiCall, ...]:
            await points.passed("before a handler")
            platform.moments.append(f"{effect.event} {effect.agent}".strip())
            await points.passed("after a handler")
            return (ApiCall("send_user_message", "{}"),) if effect.event == ENDED else ()

        self._front = _Asgi(points, self.ledger) if door == "asgi" else _Wsgi(points)
        self._front.open(
            HookEndpoint(
                parsers={bot.id: HookParser(bot, insecure_http=False)},
                dispatch=no_handlers(),
                submit=self.ledger.submit,
                prefix="",
                metrics=telemetry,
                now=time.time,
                monotonic=time.monotonic,
            )
        )
        self._relay = Relay(
            configured,
            self.ledger,
            metrics=telemetry,
            chance=lambda: 0.0,
            connect=connect,
            call_handlers=call_handlers,
            calls=self._front.calls,
        )
        writer = Store.writer
        with patch.object(Store, "writer", lambda store: _Writer(writer(store), points)):
            self.ledger.start(self._on_commit)
        self._relay.start()

    @property
    def possible_duplicates(self) -> float:
        """Those that this process has counted."""
        return metric(self._telemetry.exposition().decode(), "botkit_possible_duplicates_total")

    def hook(self, event: str, payload: dict[str, Any]) -> bool:
        """Post a hook. Returns whether it was acknowledged."""
        return self._front.post(f"/sdk/bots/{BOT_ID}/{event}", as_body(payload))

    def end(self) -> None:
        """Close the crashed process. Nothing of it reaches a peer or the store any more."""
        self.points.dead = self.points.buried = True
        self._relay.close(timeout=0.02)
        self.ledger.close()
        self._front.close()

    def _on_commit(self, batch: Sequence[Committed]) -> None:
        if self.points.survived("before the relay hears of a commit"):
            self._relay.on_commit(batch)


class Lives:
    """Processes one after another on the same store. The first ones crash at their `fatal` points; the last one does not."""

    def __init__(self, store: Path, *fatal: int, door: CrashDoor = "wsgi") -> None:
        self._store = store
        self._door: CrashDoor = door
        self._fatal = list(fatal)
        self.platform = Platform()
        self.desk = Desk()
        self._counted_before = 0.0
        self.crashes = 0
        self._request_ids = itertools.count(1_700_000_000_000)
        self.life = self._begin()

    def again(self) -> None:
        """Close the crashed process, and start the next."""
        self._counted_before = self.possible_duplicates
        self.life.end()
        self.crashes += 1
        self.life = self._begin()

    @property
    def possible_duplicates(self) -> float:
        """Those that all processes have counted."""
        return self._counted_before + self.life.possible_duplicates

    def posts(self, event: str, make: Callable[..., dict[str, Any]], *args: Any, **more: Any) -> None:
        """The platform posts a hook until it is acknowledged; a repetition has the same requestId."""
        payload = make(*args, request_id=next(self._request_ids), **more)
        while not self.life.hook(event, payload):
            assert self.life.points.dead, "a living process takes hooks"
            self.again()

    def until(self, what: str, seen: Callable[[], object]) -> None:
        """Wait for a condition. If the process crashes meanwhile, start the next."""
        deadline = time.monotonic() + 45.0
        while not seen():
            if self.life.points.dead:
                self.again()
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            self.life.points.died.wait(0.002)

    def _begin(self) -> Life:
        points = Points(fatal=self._fatal.pop(0) if self._fatal else 0)
        if self._store.exists():
            # Closing marked the store as closed; a killed process leaves no such mark.
            with closing(sqlite3.connect(self._store)) as connection, connection:
                connection.execute("UPDATE meta SET value = 'no' WHERE name = 'stopped'")
        return Life(self._store, points, self.platform, self.desk, door=self._door)


def _settings(store: Path) -> Settings:
    plain = settings(store=f"sqlite:///{store}")
    (bot,) = plain.bots.values()
    quick = DeliverySettings(first_retry=timedelta(seconds=0.01), slowest_retry=timedelta(seconds=0.01))
    # Short texts, in French, the language of the user in the payloads.
    words = {
        "lookingForAgentMessage": "looking",
        "endChatFromUserInstruction": "send {command}",
        "agentJoinedMessage": "{agent} joined",
        "agentLeftMessage": "{agent} left",
        "conversationClosedMessage": "ended",
    }
    handoff = replace(bot.handoff, end_chat_command="bye", responses={"fr": words})
    return replace(plain, bots={bot.id: replace(bot, delivery=quick, handoff=handoff)})


def _text(hook: HookBody) -> str:
    return str(json.loads(hook.body).get("message"))
