"""Kits in ASGI applications, with a store and a relay of their own: hooks, pages, and where the relay lives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from structlog.testing import capture_logs

from botkit import BotKit
from botkit.asgi.interface import Application, Message
from botkit.errors import NotConfigured
from botkit.testing.waiting import until
from tests.config.folder import BOT, SERVER, Folder
from tests.hooks.hook_payloads import BOT_ID, as_body, settings, token, user_message

PATH = f"/sdk/bots/{BOT_ID}/on_user_message"
TOKEN = {"token": token(expires=4_000_000_000.0)}

pytestmark = pytest.mark.usefixtures("collected")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[BotKit]:
    kit = BotKit(settings(store=f"sqlite:///{tmp_path / 'botkit.db'}"), share=False)
    yield kit
    kit.close()


@asynccontextmanager
async def running(application: Application) -> AsyncIterator[None]:
    """What a server does at its start and its stop."""
    to_send: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(application({"type": "lifespan"}, to_send.get, answers.put))
    await to_send.put({"type": "lifespan.startup"})
    assert (await answers.get())["type"] == "lifespan.startup.complete"
    yield
    await to_send.put({"type": "lifespan.shutdown"})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    await task


def client(application: Application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://here")


async def hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def post(http: httpx.AsyncClient, path: str = PATH, number: int = 1) -> int:
    body = as_body(user_message(request_id=number))
    return (await http.post(path, content=body, headers=TOKEN)).status_code


def relay_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "botkit-relay"]


async def test_hooks_pages_and_the_application_share_one_server(kit: BotKit) -> None:
    app = kit.asgi(kit.asgi_pages(Starlette(routes=[Route("/hello", hello)])))
    before = relay_threads()
    async with running(app), client(app) as http:
        assert await post(http) == 200
        assert (await http.get("/hello")).text == "hello"
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/readyz")).json() == {"status": "ready", "store": True, "relay": True}
        metrics = await http.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "botkit_hooks_total" in metrics.text
        exemplars = await http.get("/metrics", headers={"accept": "application/openmetrics-text"})
        assert exemplars.headers["content-type"].startswith("application/openmetrics-text")
        assert (await http.get("/nothing")).status_code == 404
        assert relay_threads() == before
    assert (await client(app).get("/readyz")).status_code == 503


async def test_a_page_is_only_read(kit: BotKit) -> None:
    async with client(kit.asgi_pages(Starlette())) as http:
        answer = await http.post("/healthz")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        head = await http.head("/healthz")
        assert (head.status_code, int(head.headers["content-length"])) == (200, len('{"status":"ok"}\n'))


async def test_without_pages_their_paths_are_the_applications(kit: BotKit) -> None:
    app = kit.asgi(Starlette(routes=[Route("/healthz", hello)]))
    async with client(app) as http:
        assert (await http.get("/healthz")).text == "hello"


async def test_below_a_mount_the_first_hook_starts_the_service_with_a_relay_in_a_thread(kit: BotKit) -> None:
    inner = kit.asgi(kit.asgi_pages(Starlette()))
    app = Starlette(routes=[Mount("/bot", app=inner)])
    before = relay_threads()
    async with client(app) as http:
        assert await post(http, f"/bot{PATH}") == 200
        assert (await http.get("/bot/readyz")).status_code == 200
    assert len(relay_threads()) == len(before) + 1


async def test_handlers_run_in_threads_and_coroutines_on_a_loop_of_theirs(kit: BotKit) -> None:
    seen: list[threading.Thread] = []

    @kit.on_user_message
    def function(_: object) -> None:
        seen.append(threading.current_thread())

    @kit.on_user_message
    async def coroutine(_: object) -> None:
        seen.append(threading.current_thread())

    app = kit.asgi(Starlette())
    async with running(app), client(app) as http:
        assert await post(http) == 200
    assert len(seen) == 2
    assert threading.current_thread() not in seen


async def test_a_server_may_start_again(kit: BotKit) -> None:
    app = kit.asgi(Starlette())
    for number in (1, 2):
        async with running(app), client(app) as http:
            assert await post(http, number=number) == 200
    with capture_logs() as lines:
        async with client(app) as http:
            assert await post(http, number=3) == 500
    (line,) = [line for line in lines if line["event"].startswith("hook")]
    assert (line["code"], "lifespan, whose next one" in line["reason"]) == ("BK-3002", True)


def test_a_loop_for_each_request_is_no_obstacle(kit: BotKit) -> None:
    app = kit.asgi(kit.asgi_pages(Starlette()))

    async def one(number: int) -> int:
        async with client(app) as http:
            return await post(http, number=number)

    assert [asyncio.run(one(number)) for number in range(3)] == [200, 200, 200]
    until(lambda: b"botkit_hooks_total" in kit.telemetry.exposition())


def test_a_loop_that_was_stopped_without_a_word_does_not_hang_the_end(kit: BotKit) -> None:
    app = kit.asgi(Starlette())

    async def start() -> None:
        await app.start()
        async with client(app) as http:
            assert await post(http) == 200

    asyncio.run(start())
    kit.close()


@pytest.mark.parametrize("with_lifespan", [False, True])
def test_a_service_that_lost_its_loop_starts_again(kit: BotKit, with_lifespan: bool) -> None:
    app = kit.asgi(Starlette())

    async def start() -> None:
        await app.start()

    async def one() -> int:
        async with running(app) if with_lifespan else nullcontext(), client(app) as http:
            status = await post(http)
            assert await asyncio.to_thread(kit.ready) == {"store": True, "relay": True}
            return status

    before = relay_threads()
    asyncio.run(start())
    assert asyncio.run(one()) == 200
    assert len(relay_threads()) == len(before) + (0 if with_lifespan else 1)


def test_a_kit_without_a_configuration_takes_it_with_the_application(tmp_path: Path) -> None:
    kit = BotKit()
    with pytest.raises(NotConfigured, match=r"second argument of init_app or asgi"):
        kit.asgi(Starlette())
    with pytest.raises(NotConfigured):
        kit.asgi_pages(Starlette())
    configured = BotKit(settings(store=f"sqlite:///{tmp_path / 'botkit.db'}"))
    with pytest.raises(NotConfigured, match="of its own"):
        configured.asgi(Starlette(), "config/botkit.yaml")


@pytest.mark.parametrize("with_pages", [False, True])
def test_a_second_kit_with_the_same_prefix_is_refused(tmp_path: Path, kit: BotKit, with_pages: bool) -> None:
    inner = kit.asgi_pages(kit.asgi(Starlette())) if with_pages else kit.asgi(Starlette())
    second, folder = BotKit(), Folder(tmp_path)
    folder.server(SERVER)
    folder.bot(BOT)
    with pytest.raises(NotConfigured, match="prefix of its own"):
        second.asgi(inner, tmp_path / "botkit.yaml")
    assert not second.is_configured


def test_kits_with_prefixes_of_their_own_share_an_application(tmp_path: Path, kit: BotKit) -> None:
    own = settings(store=f"sqlite:///{tmp_path / 'second.db'}", prefix="/second")
    BotKit(own).asgi(kit.asgi(Starlette()))
