"""Calls by callback: `done` is called once, later, and not after a cancellation; and what calls leave behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from queue import Empty, SimpleQueue

import pytest
import uvloop
from aiohttp import web
from aiohttp.test_utils import TestServer

from botkit.errors import CallError, CallRefused, HostNotAllowed, Unreachable
from botkit.http import Request, Response, permits
from botkit.http.curl import CurlTransport
from botkit.http.curl.call import CallHandle
from botkit.http.curl.multi import Multi
from botkit.testing.waiting import async_until
from tests.http.connect_proxy import serving

Outcome = Response | CallError
HALF_A_PAIR = "\ud800"
"""Text that cannot be encoded."""


class Server:
    """A server that holds calls to /slow until `release` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = asyncio.Event()
        self.broken_off = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        try:
            if request.path.startswith("/slow"):
                await self.release.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return web.Response(text=request.path)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def base(server: Server) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    running = TestServer(app)
    await running.start_server()
    yield f"http://127.0.0.1:{running.port}"
    server.release.set()
    await running.close()


@pytest.fixture
async def carrier() -> AsyncIterator[CurlTransport]:
    async with CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True, calls_per_host=2) as transport:
        yield transport


async def test_a_call_waits_until_its_task_may_make_it(
    base: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permits, "LOOK_SECONDS", 0.0)
    may_call, asked = False, 0

    def ask() -> bool:
        nonlocal asked
        asked += 1
        return may_call

    async def call() -> Response:
        permits.only_while(ask)
        return await transport.send(Request("call", "GET", f"{base}/quick"))

    async with CurlTransport(allowed_hosts=None, insecure_http=True) as transport:
        waiting = asyncio.create_task(call())
        await async_until(lambda: asked > 1)
        await transport.send(Request("call", "GET", f"{base}/other"))
        assert server.asked == ["/other"]
        may_call = True
        assert (await waiting).status == 200


async def test_done_is_called_once_and_not_before_begin_has_returned(
    carrier: CurlTransport, base: str
) -> None:
    outcomes: list[Outcome] = []
    loop = asyncio.get_running_loop()
    for number in range(5):
        carrier.begin(Request("call", "GET", f"{base}/{number}"), outcomes.append)
        assert outcomes == []
    await async_until(lambda: len(outcomes) == 5)
    loop.call_soon(outcomes.append, Unreachable("last"))
    await async_until(lambda: len(outcomes) == 6)
    assert sorted(one.body for one in outcomes if isinstance(one, Response)) == [
        f"/{number}".encode() for number in range(5)
    ]


async def test_a_failure_is_an_outcome(carrier: CurlTransport, unused_tcp_port: int) -> None:
    outcomes: list[Outcome] = []
    carrier.begin(Request("call", "GET", f"http://127.0.0.1:{unused_tcp_port}/"), outcomes.append)
    await async_until(lambda: outcomes)
    assert isinstance(outcomes[0], Unreachable)
    assert outcomes[0].cause == "refused"


def test_a_lone_call_goes_out_at_once_and_those_of_the_same_turn_in_the_next() -> None:
    """The loop does not go on while the server looks what has come."""
    arrived: SimpleQueue[bytes] = SimpleQueue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            arrived.put(head.split()[1])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    async def talk(base: str) -> None:
        outcomes: list[Outcome] = []
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as calls:

            def begin(path: str) -> None:
                calls.begin(Request("call", "GET", f"{base}/{path}"), outcomes.append)

            for path in ("first", "second"):
                begin(path)  # Two connections are kept.
            await async_until(lambda: len(outcomes) == 2)
            assert {arrived.get(timeout=5), arrived.get(timeout=5)} == {b"/first", b"/second"}
            begin("lone")
            assert arrived.get(timeout=5) == b"/lone"
            begin("next")
            with pytest.raises(Empty):
                arrived.get(timeout=0.05)
            await async_until(lambda: len(outcomes) == 4)
            assert arrived.get(timeout=5) == b"/next"

    with serving(serve) as port:
        asyncio.run(talk(f"http://127.0.0.1:{port}"))


async def test_what_cannot_be_sent_is_refused_at_once(carrier: CurlTransport, base: str) -> None:
    with pytest.raises(HostNotAllowed):
        carrier.begin(Request("call", "GET", "http://elsewhere.example/"), lambda _: None)
    with pytest.raises(CallRefused):
        carrier.begin(Request("call", "GET", base, {"a": "b\nc"}), lambda _: None)
    with pytest.raises(CallRefused):
        carrier.begin(Request("call", "GET", base, {"a": HALF_A_PAIR}), lambda _: None)
    with pytest.raises(CallRefused):
        carrier.begin(Request("call", HALF_A_PAIR, base), lambda _: None)


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {"a": HALF_A_PAIR}), (HALF_A_PAIR, {}), ("GET", {"a": "b\nc"})]
)
async def test_a_waiting_call_that_cannot_be_sent_keeps_no_other_from_its_outcome(
    server: Server, base: str, method: str, headers: dict[str, str]
) -> None:
    first: list[Outcome] = []
    second: list[Outcome] = []
    third: list[Outcome] = []
    async with CurlTransport(allowed_hosts=None, insecure_http=True, calls_per_host=1) as carrier:
        carrier.begin(Request("call", "GET", f"{base}/slow"), first.append)
        carrier.begin(Request("call", method, f"{base}/x", headers), second.append)
        carrier.begin(Request("call", "GET", f"{base}/last"), third.append)
        server.release.set()
        await async_until(lambda: first and second and third)
    assert isinstance(first[0], Response)
    assert isinstance(second[0], CallRefused)
    assert isinstance(third[0], Response)


async def test_a_call_whose_response_cannot_be_read_ends_and_gives_its_turn_away(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> Response:
        raise MemoryError

    outcomes: list[Outcome] = []
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with CurlTransport(allowed_hosts=None, insecure_http=True, calls_per_host=1) as carrier:
        with monkeypatch.context() as patch:
            patch.setattr(CallHandle, "_response", no_memory)
            for _ in range(2):
                carrier.begin(Request("call", "GET", f"{base}/x"), outcomes.append)
            await async_until(lambda: len(outcomes) == 2)
        assert (await carrier.send(Request("call", "GET", f"{base}/y"))).body == b"/y"
    assert [str(one) for one in outcomes] == ["call: no answer (the response cannot be read)"] * 2
    assert [type(error) for error in reported] == [MemoryError, MemoryError]


async def test_a_handle_with_a_long_body_is_not_kept(carrier: CurlTransport, base: str) -> None:
    kept = []
    for size in (100_000, 1_000):
        await carrier.send(Request("call", "POST", f"{base}/x", body=b"x" * size))
        assert carrier._calls is not None
        kept.append(len(carrier._calls._free))
    assert kept == [0, 1]


@pytest.mark.parametrize("long_poll", [False, True])
async def test_a_cancelled_call_is_broken_off_and_tells_nothing(
    carrier: CurlTransport, server: Server, base: str, long_poll: bool
) -> None:
    outcomes: list[Outcome] = []
    request = Request("call", "GET", f"{base}/slow", long_poll=long_poll)
    cancel = carrier.begin(request, outcomes.append)
    await async_until(lambda: server.asked == ["/slow"])
    cancel()
    cancel()
    await async_until(lambda: server.broken_off == 1)
    assert (await carrier.send(Request("call", "GET", f"{base}/next"))).body == b"/next"
    assert outcomes == []


async def test_a_call_that_waits_can_be_cancelled(carrier: CurlTransport, server: Server, base: str) -> None:
    outcomes: list[Outcome] = []
    running = [carrier.begin(Request("call", "GET", f"{base}/slow/{n}"), outcomes.append) for n in range(2)]
    waiting = carrier.begin(Request("call", "GET", f"{base}/never"), outcomes.append)
    last = asyncio.create_task(carrier.send(Request("call", "GET", f"{base}/last")))
    await async_until(lambda: len(server.asked) == 2)
    waiting()
    running[0]()
    assert (await last).body == b"/last"
    assert "/never" not in server.asked
    assert outcomes == []


async def test_what_has_waited_too_long_while_the_process_stood_still_is_not_sent(
    carrier: CurlTransport, server: Server, base: str
) -> None:
    outcomes: list[Outcome] = []
    running = [asyncio.create_task(carrier.send(Request("call", "GET", f"{base}/slow/{n}"))) for n in (1, 2)]
    await async_until(lambda: len(server.asked) == 2)
    carrier.begin(Request("call", "POST", f"{base}/never"), outcomes.append)
    later = Request("call", "GET", f"{base}/later", timeout_seconds=60.0)
    last = asyncio.create_task(carrier.send(later))
    turns = carrier._turns_of(base.split("/")[2])
    await async_until(lambda: len(turns._waiting) == 2)
    stopped = next(iter(turns._waiting))
    turns._waiting[stopped] = asyncio.get_running_loop().time() - 5.0
    server.release.set()
    assert (await last).body == b"/later"
    await asyncio.gather(*running)
    assert "/never" not in server.asked
    (late,) = outcomes
    assert isinstance(late, Unreachable)
    assert late.cause == "waiting"


async def test_cancelling_a_call_that_has_ended_harms_no_other(
    carrier: CurlTransport, server: Server, base: str
) -> None:
    """The handle of the first call carries the second one by then."""
    outcomes: list[Outcome] = []
    cancel = carrier.begin(Request("call", "GET", f"{base}/one"), outcomes.append)
    await async_until(lambda: len(outcomes) == 1)
    second = asyncio.create_task(carrier.send(Request("call", "GET", f"{base}/slow")))
    await async_until(lambda: len(server.asked) == 2)
    cancel()
    server.release.set()
    assert (await second).body == b"/slow"


async def test_a_callback_may_cancel_a_call_that_has_ended_in_the_same_turn(
    carrier: CurlTransport, server: Server, base: str
) -> None:
    """The handle of the cancelled call then carries a third one, which must not get its response."""
    outcomes: list[Outcome] = []
    third: list[Outcome] = []
    cancels: list[Callable[[], None]] = []

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        for cancel in cancels:
            cancel()
        carrier.begin(Request("call", "GET", f"{base}/third"), third.append)

    cancels += [carrier.begin(Request("call", "GET", f"{base}/slow/{n}"), done) for n in range(2)]
    await async_until(lambda: len(server.asked) == 2)
    server.release.set()
    await async_until(lambda: third)
    assert len(outcomes) == 1
    assert [one.body for one in third if isinstance(one, Response)] == [b"/third"]
    assert (await carrier.send(Request("call", "GET", f"{base}/last"))).body == b"/last"


async def test_a_callback_may_begin_the_next_call(carrier: CurlTransport, base: str) -> None:
    paths: list[bytes] = []
    finished = asyncio.Event()

    def done(outcome: Outcome) -> None:
        assert isinstance(outcome, Response)
        paths.append(outcome.body)
        if len(paths) < 4:
            carrier.begin(Request("call", "GET", f"{base}/{len(paths)}"), done)
        else:
            finished.set()

    carrier.begin(Request("call", "GET", f"{base}/0"), done)
    await asyncio.wait_for(finished.wait(), 30)
    assert paths == [b"/0", b"/1", b"/2", b"/3"]


async def test_a_callback_that_fails_keeps_no_other_from_its_response(
    carrier: CurlTransport, base: str
) -> None:
    outcomes: list[Outcome] = []
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def fails(_: Outcome) -> None:
        raise ValueError("mine")

    for done in (fails, outcomes.append, fails, outcomes.append):
        carrier.begin(Request("call", "GET", f"{base}/x"), done)
    await async_until(lambda: len(outcomes) == 2 and len(reported) == 2)
    assert [str(error) for error in reported] == ["mine", "mine"]


async def test_calls_in_progress_fail_when_the_carrier_is_closed(server: Server, base: str) -> None:
    outcomes: list[Outcome] = []
    carrier = CurlTransport(allowed_hosts=None, insecure_http=True, calls_per_host=1)
    for long_poll in (False, False, True):
        carrier.begin(Request("call", "GET", f"{base}/slow", long_poll=long_poll), outcomes.append)
    stream = carrier.stream(Request("listen", "GET", f"{base}/slow"), silence_seconds=60)
    opening = asyncio.create_task(stream.__aenter__())
    await async_until(lambda: len(server.asked) == 3)
    await carrier.close()
    await async_until(lambda: len(outcomes) == 3)
    assert [str(one) for one in outcomes] == ["call: no answer (the carrier was closed)"] * 3
    with pytest.raises(Unreachable, match="the carrier was closed"):
        carrier.begin(Request("call", "GET", f"{base}/slow"), outcomes.append)
    with pytest.raises(Unreachable, match="the carrier was closed"):
        await opening


async def test_a_look_up_without_end_does_not_hold_up_the_close(base: str) -> None:
    closing, looked_up = threading.Event(), threading.Event()

    class Slow:
        """Closes as libcurl does while a name server does not answer."""

        def close(self) -> None:
            closing.set()
            looked_up.wait(60)

    carrier = CurlTransport(allowed_hosts=None, insecure_http=True)
    await carrier.send(Request("call", "GET", f"{base}/x"))
    assert carrier._calls is not None
    real, carrier._calls._multi._multi = carrier._calls._multi._multi, Slow()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    turning = asyncio.create_task(turn())
    await asyncio.wait_for(carrier.close(), 30)
    turning.cancel()
    assert closing.is_set()
    assert not looked_up.is_set()
    assert turns > 1
    looked_up.set()
    real.close()


async def test_a_cancelled_task_breaks_its_call_off(
    carrier: CurlTransport, server: Server, base: str
) -> None:
    sending = asyncio.create_task(carrier.send(Request("call", "GET", f"{base}/slow")))
    await async_until(lambda: server.asked)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await async_until(lambda: server.broken_off == 1)


async def test_a_call_that_has_ended_is_not_held_in_memory(carrier: CurlTransport, base: str) -> None:
    class Caller:
        def done(self, _: Outcome) -> None:
            finished.set()

    finished = asyncio.Event()
    caller = Caller()
    carrier.begin(Request("call", "GET", f"{base}/x"), caller.done)
    await asyncio.wait_for(finished.wait(), 30)
    await asyncio.sleep(0)
    seen = weakref.ref(caller)
    del caller
    gc.collect()
    assert seen() is None


async def test_each_method_is_sent_as_itself_on_a_handle_that_sent_another(
    carrier: CurlTransport, base: str
) -> None:
    received: list[tuple[str, bytes, str | None]] = []

    async def record(request: web.Request) -> web.Response:
        received.append((request.method, await request.read(), request.headers.get("Content-Length")))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/", record)
    other = TestServer(app)
    await other.start_server()
    sent: list[tuple[str, bytes | None]] = [
        ("POST", b"1"), ("GET", None), ("DELETE", None), ("HEAD", None), ("PUT", b"22"), ("GET", None),
        ("POST", None), ("PATCH", b"333"), ("HEAD", None), ("DELETE", b"4"), ("POST", b""), ("OPTIONS", None),
    ]  # fmt: skip
    for method, body in sent:
        await carrier.send(Request("call", method, f"http://127.0.0.1:{other.port}/", body=body))
    await other.close()
    assert [(method, body) for method, body, _ in received] == [
        (method, body or b"") for method, body in sent
    ]
    for method, body, length in received:
        assert length == (None if method in ("GET", "HEAD", "OPTIONS") else str(len(body)))


def test_calls_and_streams_work_on_uvloop() -> None:
    """The sockets are watched through a descriptor of the selector's, which uvloop knows nothing of."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    async def talk(url: str) -> list[bytes]:
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
            request = Request("call", "GET", url)
            bodies = [(await carrier.send(request)).body]
            bodies += [
                response.body for response in await asyncio.gather(*(carrier.send(request) for _ in "ab"))
            ]
            async with carrier.stream(request, silence_seconds=60) as stream:
                return [*bodies, await stream.read()]

    with serving(serve) as port, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk(f"http://127.0.0.1:{port}/")) == [b"fine"] * 4


def test_a_timer_of_libcurl_that_is_due_already_is_no_trouble_on_uvloop() -> None:
    """uvloop returns a handle without a time then."""

    async def set_timers() -> list[float]:
        went_off: list[float] = []
        multi = Multi()
        multi._on_turn = lambda: went_off.append(multi._loop.time())  # type: ignore[method-assign]
        multi._set_timer(multi._loop.time())
        multi._wake_in(1)
        await async_until(lambda: went_off)
        await multi.close()
        return went_off

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert len(runner.run(set_timers())) == 1


def test_a_libcurl_that_does_not_bound_responses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycurl.version_info", lambda: (0, "7.88.1", 0x07_58_01))
    with pytest.raises(RuntimeError, match=r"older than 8\.4"):
        CurlTransport(allowed_hosts=None)


def test_a_carrier_that_is_not_used_needs_no_loop() -> None:
    carrier = CurlTransport(allowed_hosts=None)
    asyncio.run(carrier.close())
