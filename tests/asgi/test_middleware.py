"""What only the ASGI middleware has: bodies that are awaited, the server's lifespan, mounts, and threads for handlers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from botkit.asgi.bodies import MAX_PENDING
from botkit.asgi.interface import Application, Message, Receive, Scope, Send
from botkit.asgi.middleware import BotKitAsgi
from botkit.errors import LedgerError
from botkit.hooks.bodies import BODY_SECONDS, HURRIED_SECONDS, MAX_BYTES
from botkit.testing.clock import settle
from tests.door.stage import Answer, Asgi, http_scope, in_pieces
from tests.hooks.hook_payloads import BOT_ID, as_body, token, user_message
from tests.loop_clock import set_forward
from tests.memory import memory

BODY = as_body(user_message())
PATH = f"/sdk/bots/{BOT_ID}/on_user_message"


def hook(size: int | None = None, *, path: str = PATH, auth: str = "", **more: Any) -> Scope:
    """The scope of a hook; chunked unless it has a size."""
    headers = {"token": auth or token()}
    if size is not None:
        headers["content-length"] = str(size)
    return http_scope("POST", path, headers, **more)


async def never() -> Message:
    """What a client sends who sends nothing."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
def stage() -> Asgi:
    return Asgi()


# --- paths


@pytest.mark.parametrize(
    "scope",
    [
        hook(path=f"/bot{PATH}", root_path="/bot"),  # Starlette's mounts, and uvicorn behind a proxy
        hook(path=f"/bot{PATH}", root_path="/bot/"),
        hook(root_path="/bot"),  # servers that take the root path off
        hook(root_path=""),
    ],
    ids=["left", "slash", "taken off", "none"],
)
async def test_a_mounted_application_has_its_hooks_below_its_mount(stage: Asgi, scope: Scope) -> None:
    assert (await stage.respond(scope, in_pieces(BODY))).status == 200


async def test_websockets_go_to_the_application(stage: Asgi) -> None:
    seen: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    stage.middleware.wrapped = application
    await stage.middleware({"type": "websocket", "path": PATH}, never, never)  # type: ignore[arg-type]
    assert seen == ["websocket"]


# --- bodies


async def test_the_caller_is_checked_before_the_body_is_read(stage: Asgi) -> None:
    assert (await stage.respond(hook(MAX_BYTES * 2, auth="nonsense"), never)).status == 401


async def test_a_body_over_the_limit_is_refused_before_it_is_read(stage: Asgi) -> None:
    assert (await stage.respond(hook(MAX_BYTES + 1), never)).status == 413


async def test_a_chunked_body_is_put_together(stage: Asgi) -> None:
    answer = await stage.respond(hook(), in_pieces(BODY[:7], b"", BODY[7:]))
    assert answer.status == 200
    assert stage.inputs[0].hook is not None
    assert stage.inputs[0].hook.body == BODY


async def test_a_body_in_many_small_pieces_takes_no_more_memory_than_its_size(stage: Asgi) -> None:
    left = 100_000

    async def pieces() -> Message:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": f"{left:06}"[-2:].encode(), "more_body": left > 0}

    with memory() as taken:
        assert (await stage.respond(hook(), pieces)).status == 412
    assert taken() < 4 * 200_000


async def test_a_chunked_body_is_bounded_too(stage: Asgi) -> None:
    taken = 0

    async def endless() -> Message:
        nonlocal taken
        taken += 65536
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    assert (await stage.respond(hook(), endless)).status == 413
    assert taken <= MAX_BYTES + 65536


async def test_a_client_that_hangs_up_within_its_body_is_counted(stage: Asgi) -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert (await stage.respond(hook(len(BODY)), gone)).status == 408
    assert stage.counted.hooks == [("on_user_message", 408)]
    assert stage.inputs == []


async def answers_after(
    seconds: float, stage: Asgi, count: int, monkeypatch: pytest.MonkeyPatch
) -> list[Answer]:
    """The answers of so many hooks whose bodies have not come after so many seconds; the others are cancelled."""
    waiting = [asyncio.create_task(stage.respond(hook(len(BODY)), never)) for _ in range(count)]
    await asyncio.sleep(0)
    set_forward(monkeypatch, seconds)
    stage.middleware.door().bodies._look()
    monkeypatch.undo()
    done, pending = await asyncio.wait(waiting, timeout=0 if seconds < HURRIED_SECONDS else 0.2)
    for task in pending:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return [task.result() for task in done]


@pytest.mark.parametrize(
    ("count", "seconds", "answered"),
    [
        (1, BODY_SECONDS - 1, 0),
        (1, BODY_SECONDS, 1),
        (MAX_PENDING // 4 - 1, HURRIED_SECONDS, 0),
        (MAX_PENDING // 4, HURRIED_SECONDS, MAX_PENDING // 4),
    ],
)
async def test_bodies_that_do_not_come_get_408_the_sooner_the_more_there_are(
    stage: Asgi, count: int, seconds: float, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = await answers_after(seconds, stage, count, monkeypatch)
    assert [answer.status for answer in answers] == [408] * answered


async def test_the_number_of_pending_bodies_is_limited(stage: Asgi) -> None:
    waiting = [asyncio.create_task(stage.respond(hook(len(BODY)), never)) for _ in range(MAX_PENDING)]
    await asyncio.sleep(0)
    with capture_logs() as lines:
        assert (await stage.respond(hook(len(BODY)), in_pieces(BODY))).status == 503
    assert "buffer request bodies" in lines[0]["fix"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await stage.respond(hook(len(BODY)), in_pieces(BODY))).status == 200


async def test_a_hook_whose_client_has_gone_is_committed() -> None:
    stage, submitted = Asgi(commit_seconds=30), asyncio.Event()
    stage.service.outcome = lambda input: submitted.set()
    waiting = asyncio.create_task(stage.respond(hook(len(BODY)), in_pieces(BODY)))
    await submitted.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert stage.service.dropped == []


# --- commits


async def test_an_input_whose_commit_takes_too_long_is_dropped() -> None:
    stage = Asgi(commit_seconds=0.05)
    stage.service.outcome = lambda input: None
    with capture_logs() as lines:
        both = [stage.respond(hook(len(BODY)), in_pieces(BODY)) for _ in range(2)]
        assert [answer.status for answer in await asyncio.gather(*both)] == [500, 500]
    assert {line["reason"] for line in lines} == {"the store took too long"}
    assert stage.service.dropped == stage.inputs


async def test_one_timer_watches_all_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Asgi(commit_seconds=30)
    stage.service.outcome = lambda input: None
    loop = asyncio.get_running_loop()
    timers: list[Callable[[], None]] = []

    def call_later(delay: float, callback: Callable[[], None], *_: Any) -> None:
        if callback == door._drop_overdue:
            timers.append(callback)

    door = stage.middleware.door()
    monkeypatch.setattr(loop, "call_later", call_later)
    waiting = [asyncio.create_task(stage.respond(hook(len(BODY)), in_pieces(BODY))) for _ in range(3)]
    await settle()
    assert len(timers) == 1
    timers.pop()()  # None is overdue yet.
    waiting.append(asyncio.create_task(stage.respond(hook(len(BODY)), in_pieces(BODY))))
    await settle()
    assert len(timers) == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_first_hook_starts_the_service_in_a_thread() -> None:
    stage, threads = Asgi(), list[threading.Thread]()
    stage.service.is_running = False
    start = stage.service.start

    def noted() -> None:
        threads.append(threading.current_thread())
        start()

    stage.service.start = noted  # type: ignore[method-assign]
    assert (await stage.respond(hook(len(BODY)), in_pieces(BODY))).status == 200
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_a_service_that_cannot_be_started_gets_500(stage: Asgi) -> None:
    stage.service.is_running = False
    stage.service.start_error = LedgerError("the disk is gone")
    assert (await stage.respond(hook(len(BODY)), in_pieces(BODY))).status == 500


# --- the server's lifespan


class Lifespan:
    """A server that starts and stops an application."""

    def __init__(self, application: Application) -> None:
        self.sent: list[Message] = []
        self._application = application
        self._to_send: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await self._answers.put(message)

    async def run(self) -> list[str]:
        """Start, and stop if it started. Returns the answers."""
        scope: Scope = {"type": "lifespan", "state": {}}
        task = asyncio.create_task(self._call(scope))
        for kind in ("startup", "shutdown"):
            await self._to_send.put({"type": f"lifespan.{kind}"})
            answer = await self._answers.get()
            if answer["type"] != f"lifespan.{kind}.complete":
                break
        await task
        return [message["type"].removeprefix("lifespan.") for message in self.sent]

    async def _call(self, scope: Scope) -> None:
        try:
            await self._application(scope, self._to_send.get, self._send)
        except Exception as error:  # noqa: BLE001 - as servers do
            self.sent.append({"type": f"lifespan.raised {type(error).__name__}"})


BOTH = ["startup.complete", "shutdown.complete"]


def around(stage: Asgi, application: Application) -> BotKitAsgi:
    return BotKitAsgi(application, stage.endpoint, stage.service, threads=1)


@pytest.mark.parametrize("times", [1, 2])
async def test_the_service_runs_around_the_application(stage: Asgi, times: int) -> None:
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        told.append(f"start {stage.service.starts}")
        yield
        told.append(f"stop {stage.service.closed}")

    middleware = around(stage, Starlette(lifespan=lifespan))
    for number in range(times):
        assert await Lifespan(middleware).run() == BOTH
        assert told[-2:] == [f"start {number + 1}", f"stop {number}"]
        assert stage.service.closed == number + 1
    assert stage.service.calls is not None
    assert stage.service.calls.loop is asyncio.get_running_loop()


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    """As Django's application does."""
    raise ValueError(scope["type"])


async def raises_later(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise ValueError


async def returns(scope: Scope, receive: Receive, send: Send) -> None: ...


@pytest.mark.parametrize("application", [raises, raises_later, returns])
async def test_an_application_without_a_lifespan_is_started_nevertheless(
    stage: Asgi, application: Application
) -> None:
    assert await Lifespan(around(stage, application)).run() == BOTH
    assert (stage.service.starts, stage.service.closed) == (1, 1)


async def test_a_service_that_cannot_start_fails_the_start_of_the_server(stage: Asgi) -> None:
    stage.service.start_error = LedgerError("the disk is gone")
    server = Lifespan(around(stage, Starlette()))
    assert await server.run() == ["startup.failed"]
    assert server.sent[0]["message"] == "BK-3000: the disk is gone"


@pytest.mark.parametrize("application", [Starlette(), raises, returns])
async def test_any_error_at_the_start_is_told_to_the_server(stage: Asgi, application: Application) -> None:
    stage.service.start_error = RuntimeError("this libcurl is too old")
    server = Lifespan(around(stage, application))
    assert await server.run() == ["startup.failed"]
    assert server.sent[0]["message"] == "RuntimeError: this libcurl is too old"


async def test_the_service_starts_and_stops_while_the_threads_of_the_loop_are_taken(stage: Asgi) -> None:
    loop, go_on = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    taken = asyncio.ensure_future(asyncio.to_thread(go_on.wait, 60))
    assert await Lifespan(around(stage, Starlette())).run() == BOTH
    assert not taken.done()
    go_on.set()
    await taken


async def test_an_application_that_cannot_start_stops_the_service(stage: Asgi) -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    assert await Lifespan(around(stage, Starlette(lifespan=lifespan))).run() == [
        "startup.failed",
        "raised RuntimeError",
    ]
    assert (stage.service.starts, stage.service.closed) == (1, 1)


async def test_an_application_whose_shutdown_fails_stops_the_service_too(stage: Asgi) -> None:
    async def fails_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("no database")

    messages: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        assert message == {"type": "lifespan.startup.complete"}

    with pytest.raises(RuntimeError, match="no database"):
        await around(stage, fails_at_the_end)({"type": "lifespan"}, receive, send)
    assert (stage.service.starts, stage.service.closed) == (1, 1)
