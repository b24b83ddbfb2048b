"""The protocol class of `botkit serve`: connections, pipelines, bodies that do not come, and odd clients."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from botkit.asgi.bodies import MAX_PENDING
from botkit.asgi.connections import (
    DISCARD_SECONDS,
    HEADER_SECONDS,
    MAX_HEAD_BYTES,
    MAX_PIPELINE,
    OTHER_SECONDS,
)
from botkit.asgi.interface import Receive, Scope, Send, respond
from botkit.handoff.conversation import Conversation
from botkit.hooks.bodies import BODY_SECONDS, CROWDED_SECONDS, MAX_BYTES
from botkit.ledger.interface import Committed, Input
from botkit.ledger.receipts import Receipt
from botkit.testing.clock import settle
from tests.door.stage import Connection, Protocol, answers
from tests.hooks.hook_payloads import BOT_ID, as_body, token, user_message
from tests.loop_clock import set_forward
from tests.memory import memory

BODY = as_body(user_message())
PAGE = b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n"


def request(
    body: bytes = BODY,
    *,
    method: str = "POST",
    path: str = f"/sdk/bots/{BOT_ID}/on_user_message",
    size: int | None = None,
    auth: str | None = None,
    version: str = "1.1",
    more: str = "",
) -> bytes:
    """A hook on the wire; `size` is the length that it says it has, `more` further lines."""
    length = len(body) if size is None else size
    lines = f"{method} {path} HTTP/{version}\r\nhost: here\r\ntoken: {auth or token()}\r\n"
    return f"{lines}content-length: {length}\r\n{more}\r\n".encode() + body


def statuses(said: bytes) -> list[int]:
    return [status for status, _, _ in answers(said)]


def held(stage: Protocol) -> Callable[[], None]:
    """Commits wait; each call of the returned function makes one."""
    waiting: list[Callable[[], None]] = []

    def hold(input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        waiting.append(lambda: then(Committed(Conversation(input.conversation_id), (), ())))
        return lambda: None

    stage.service.submit_then = hold  # type: ignore[method-assign]
    return lambda: waiting.pop(0)()


@pytest.fixture
def stage() -> Protocol:
    return Protocol(commit_seconds=30)


async def test_a_connection_is_used_again(stage: Protocol) -> None:
    connection = stage.connect()
    for count in (1, 2, 3):
        connection.feed(request())
        assert statuses(await connection.answered(count)) == [200] * count
    assert not connection.transport.closed


async def test_a_hook_makes_no_task(stage: Protocol) -> None:
    connection = stage.connect()
    before = asyncio.all_tasks()
    connection.feed(request())
    assert asyncio.all_tasks() == before
    await connection.answered()
    assert asyncio.all_tasks() == before


@pytest.fixture
def garbage() -> Iterator[Callable[[], list[str]]]:
    """The types of our new objects that only a collection could free."""
    gc.freeze()  # What is here already may be garbage of another test.
    gc.set_debug(gc.DEBUG_SAVEALL)

    def collected() -> list[str]:
        gc.collect()
        return [type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("botkit.")]

    yield collected
    gc.set_debug(0)
    gc.garbage.clear()


async def test_the_memory_of_a_hook_is_free_as_soon_as_it_is_answered(
    stage: Protocol, garbage: Callable[[], list[str]]
) -> None:
    """With all of a hook in it, a cycle would keep megabytes until the next collection."""

    def commit(input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        receipt: Receipt[Committed] = Receipt(then)
        committed = Committed(Conversation(input.conversation_id), (), ())
        asyncio.get_running_loop().call_soon(receipt.settle, committed)
        return receipt.drop

    stage.service.submit_then = commit  # type: ignore[method-assign]
    connection = stage.connect()
    connection.feed(request())
    assert statuses(await connection.answered()) == [200]
    assert garbage() == []


async def test_a_request_in_single_bytes_is_one_hook(stage: Protocol) -> None:
    connection = stage.connect()
    for byte in request():
        connection.feed(bytes([byte]))
    assert statuses(await connection.answered()) == [200]
    assert len(stage.inputs) == 1


async def test_chunks_are_put_together(stage: Protocol) -> None:
    connection = stage.connect()
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    pieces = [BODY[:10], BODY[10:500], BODY[500:]]
    connection.feed(head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces))
    assert stage.inputs == []
    connection.feed(b"0\r\n\r\n")
    assert statuses(await connection.answered()) == [200]
    assert stage.inputs[0].hook is not None
    assert stage.inputs[0].hook.body == BODY


async def test_a_body_in_many_small_pieces_takes_no_more_memory_than_its_size(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked"))
    with memory() as taken:
        for _ in range(20):
            connection.feed(b"2\r\n  \r\n" * 5_000)
    assert taken() < 4 * 200_000


async def test_after_chunks_in_http_1_0_the_connection_ends(stage: Protocol) -> None:
    """A proxy of that version passes them on without knowing where they end (RFC 9112, 6.1)."""
    connection = stage.connect()
    head = request(b"", version="1.0", more="transfer-encoding: chunked\r\nconnection: keep-alive\r\n")
    chunked = head.replace(b"content-length: 0\r\n", b"") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    connection.feed(chunked)
    assert statuses(await connection.answered()) == [200]
    assert connection.transport.closed


async def test_hooks_in_a_pipeline_are_answered_in_their_order(stage: Protocol) -> None:
    commit = held(stage)
    connection = stage.connect()
    connection.feed(request() + request(b"{") + request(method="PUT"))
    await asyncio.sleep(0)
    assert connection.transport.sent == b""
    commit()
    assert statuses(await connection.answered(3)) == [200, 412, 405]
    connection.feed(b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n")
    assert statuses(await connection.answered(4)) == [200, 412, 405, 404]


async def test_a_hook_behind_another_request_waits_for_its_answer(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n" + request())
    assert statuses(await connection.answered(2)) == [404, 200]


async def test_a_percent_in_the_path_is_decoded_and_a_query_is_ignored(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(path=f"/%73dk/bots/{BOT_ID}/on_user_message?a=b"))
    assert statuses(await connection.answered()) == [200]


async def test_a_target_with_a_host_is_the_same_hook(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(path=f"http://here/sdk/bots/{BOT_ID}/on_user_message"))
    assert statuses(await connection.answered()) == [200]


# --- connections that end


@pytest.mark.parametrize("how", [{"version": "1.0"}, {"more": "connection: close\r\n"}])
async def test_a_client_that_wants_one_answer_gets_one(stage: Protocol, how: dict[str, str]) -> None:
    connection = stage.connect()
    connection.feed(request(**how))  # type: ignore[arg-type]
    ((status, headers, _),) = answers(await connection.answered())
    assert (status, headers["connection"]) == (200, "close")
    assert connection.transport.closed


async def test_a_client_that_would_rather_speak_http_2_is_answered(stage: Protocol) -> None:
    # Java's HttpClient asks for it with every first request.
    more = (
        "connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    )
    connection = stage.connect()
    for count in (1, 2):
        connection.feed(request(more=more))
        assert statuses(await connection.answered(count)) == [200] * count
    connection.feed(b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n" + more.encode() + b"\r\n")
    assert statuses(await connection.answered(3)) == [200, 200, 404]


UPGRADES = [
    "connection: upgrade\r\nUpgrade: h2c\r\n",
    "connection: upgrade\r\nuPGrade: websocket\r\n",
    "connection: upgrade\r\nupgrade: a\r\nUpgrade: h2c\r\n",
]


@pytest.mark.parametrize("more", UPGRADES)
async def test_no_spelling_of_an_upgrade_hides_the_body(stage: Protocol, more: str) -> None:
    inner = b"GET /hidden HTTP/1.1\r\nhost: here\r\n\r\n"
    head = request(b"", size=len(inner), path="/elsewhere", more=more)
    connection = stage.connect()
    connection.feed(head)
    connection.feed(inner + request(more=more) + request())
    seen = answers(await connection.answered(3))
    assert [status for status, _, _ in seen] == [404, 200, 200]
    assert seen[0][2] == b"wrapped /elsewhere"
    assert [input.hook.body for input in stage.inputs if input.hook] == [BODY, BODY]


async def test_a_question_for_an_upgrade_may_come_in_any_two_reads(stage: Protocol) -> None:
    wire = request(more=UPGRADES[0])
    for cut in range(1, len(wire) - len(BODY) + 2):
        connection = stage.connect()
        connection.feed(wire[:cut])
        connection.feed(wire[cut:])
        assert statuses(await connection.answered()) == [200]


async def test_a_tunnel_is_refused(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(b"CONNECT there:1 HTTP/1.1\r\nhost: there\r\n\r\nGET / HTTP/1.1\r\nhost: here\r\n\r\n")
    assert statuses(await connection.answered()) == [400]
    assert connection.transport.closed


@pytest.mark.parametrize("trailer", [b"a: b\r\n" * 200, b"x" * 1000], ids=["many", "one"])
@pytest.mark.parametrize("auth", ["", "nonsense"])
async def test_trailers_without_end_close_the_connection(stage: Protocol, trailer: bytes, auth: str) -> None:
    connection = stage.connect()
    head = request(b"", auth=auth).replace(b"content-length: 0", b"transfer-encoding: chunked")
    connection.feed(head + b"0\r\nx: ")
    for _ in range(MAX_HEAD_BYTES // 1000 + 2):
        connection.feed(trailer)
    assert connection.transport.closed
    assert len(connection.protocol.headers) < 10


async def test_trailers_are_no_headers(stage: Protocol) -> None:
    connection = stage.connect()
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    connection.feed(head + b"%x\r\n%b\r\n0\r\nx: y\r\n" % (len(BODY), BODY))
    assert not any(name == b"x" for name, _ in connection.protocol.headers)
    connection.feed(b"\r\n" + request())
    assert statuses(await connection.answered(2)) == [200, 200]


@pytest.mark.parametrize(
    "then", [b"no HTTP\r\n\r\n", MAX_PIPELINE * 2 * PAGE, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000]
)
async def test_the_end_of_a_connection_is_no_error_of_the_application(
    stage: Protocol, caplog: pytest.LogCaptureFixture, then: bytes
) -> None:
    connection = stage.connect()
    with caplog.at_level("ERROR", logger="uvicorn.error"):
        connection.feed(PAGE)
        connection.feed(then)
        await settle()
    assert connection.transport.closed
    assert caplog.messages == []


async def test_a_client_that_goes_with_requests_in_its_pipeline_is_no_error_of_the_application(
    stage: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    connection = stage.connect()
    with caplog.at_level("ERROR", logger="uvicorn.error"):
        connection.feed(PAGE * 2)
        connection.transport.close()
        connection.protocol.connection_lost(None)
        await settle()
    assert caplog.messages == []


async def test_an_application_that_answers_too_late_makes_no_error(
    stage: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    server = stage.server()
    connection = server.connect()
    with caplog.at_level("ERROR", logger="uvicorn.error"):
        connection.feed(PAGE)
        server.seconds_pass(OTHER_SECONDS)
        await settle()
    assert connection.transport.closed
    assert caplog.messages == []


async def test_a_pipeline_has_a_limit(stage: Protocol) -> None:
    commit = held(stage)
    connection = stage.connect()
    connection.feed(request() + request() * MAX_PIPELINE)
    assert not connection.transport.closed
    connection.feed(request())
    assert connection.transport.closed
    assert connection.transport.sent == b""  # An answer here would look like that of the first request.
    commit()


async def test_a_client_that_reads_no_answers_is_not_read_either(stage: Protocol) -> None:
    connection = stage.connect()
    connection.protocol.pause_writing()
    connection.feed(request(auth="nonsense"))
    assert connection.transport.paused
    connection.protocol.resume_writing()
    assert not connection.transport.paused


async def test_while_requests_wait_for_an_answer_no_more_are_read(stage: Protocol) -> None:
    """A client that reads its answers in between is no reason to."""
    commit = held(stage)
    connection = stage.connect()
    connection.feed(request() + PAGE)
    assert connection.transport.paused
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    assert connection.transport.paused
    commit()
    assert statuses(await connection.answered(2)) == [200, 404]
    assert not connection.transport.paused


async def test_a_request_behind_another_has_its_own_time(
    stage: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of an idle connection is shorter, and begins with the last answer."""
    answered = asyncio.Event()

    async def second_waits(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/second":
            await answered.wait()
        await respond(send, 200, [(b"content-length", b"0")], b"")

    monkeypatch.setattr("tests.door.stage._asgi_application", second_waits)
    server = stage.server()
    connection = server.connect()
    connection.feed(PAGE + PAGE.replace(b"/elsewhere", b"/second"))
    assert statuses(await connection.answered()) == [200]
    server.seconds_pass(server.connections.keep_alive_seconds + 1)
    answered.set()
    assert statuses(await connection.answered(2)) == [200, 200]


async def test_an_answer_to_head_has_no_body(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(b"", method="HEAD"))
    ((status, headers, rest),) = answers(await connection.answered(), head=True)
    assert (status, headers["allow"], rest) == (405, "POST", b"")


async def test_what_is_no_http_gets_400(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert statuses(await connection.answered()) == [400]
    assert connection.transport.closed


async def test_headers_without_end_get_400(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(b"GET / HTTP/1.1\r\n")
    for number in range(MAX_HEAD_BYTES // 1000 + 2):
        connection.feed(b"x-%d: %b\r\n" % (number, b"x" * 1000))
    assert statuses(await connection.answered()) == [400]
    assert connection.transport.closed


async def test_long_bodies_are_no_long_headers(stage: Protocol) -> None:
    connection = stage.connect()
    payload = user_message()
    payload["context"]["padding"] = "x" * 3 * MAX_HEAD_BYTES
    for count in (1, 2):
        wire = request(as_body(payload))
        for start in range(0, len(wire), MAX_HEAD_BYTES + 1):
            connection.feed(wire[start : start + MAX_HEAD_BYTES + 1])
        assert statuses(await connection.answered(count)) == [200] * count


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"P", b"POST /sdk/", b"GET / HTTP/1.1\r\nhost: here\r\n"])
async def test_a_connection_without_complete_headers_is_closed(stage: Protocol, begun: bytes) -> None:
    server = stage.server()
    connection = server.connect()
    connection.feed(begun)
    server.seconds_pass(HEADER_SECONDS - 1)
    assert not connection.transport.closed
    connection.feed(begun[:0])
    server.seconds_pass(1)
    assert connection.transport.closed


async def test_headers_that_drip_on_a_used_connection_have_the_same_limit(stage: Protocol) -> None:
    server = stage.server()
    connection = server.connect()
    connection.feed(request())
    await connection.answered()
    connection.feed(b"P")
    server.seconds_pass(HEADER_SECONDS - 1)
    connection.feed(b"O")
    assert not connection.transport.closed
    server.seconds_pass(1)
    assert connection.transport.closed


async def test_one_timer_looks_at_all_connections_while_there_are_some(
    stage: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stage.server()
    looks: list[Callable[[], None]] = []

    def call_later(delay: float, callback: Callable[[], None], *_: object) -> None:
        if callback == server.connections._look:
            looks.append(callback)

    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", call_later)
    connections = [server.connect() for _ in range(3)]
    assert len(looks) == 1
    looks.pop()()
    assert len(looks) == 1
    for connection in connections:
        connection.transport.close()
    await settle()
    looks.pop()()
    assert looks == []
    server.connect()
    assert len(looks) == 1


async def test_an_idle_connection_is_closed_after_a_while(stage: Protocol) -> None:
    server = stage.server()
    connection = server.connect()
    connection.feed(request())
    await connection.answered()
    server.seconds_pass(4)
    assert not connection.transport.closed
    server.seconds_pass(1)
    assert connection.transport.closed


async def test_a_client_that_does_not_read_is_cut_off(stage: Protocol) -> None:
    server = stage.server()
    connection = server.connect()
    server.seconds_pass(HEADER_SECONDS)
    assert connection.transport.closed
    assert not connection.transport.aborted
    server.seconds_pass(DISCARD_SECONDS)
    assert connection.transport.aborted


async def answers_a_hook(connection: Connection) -> bool:
    connection.feed(request())
    return statuses(await connection.answered()) == [200]


async def test_silent_connections_make_room_for_new_ones(stage: Protocol) -> None:
    server = stage.server(max_open=8)
    silent = [server.connect() for _ in range(8)]
    assert await answers_a_hook(server.connect())
    assert [one.transport.aborted for one in silent] == [True] + 7 * [False]


async def test_connections_with_a_hook_stay_and_the_strangers_go(stage: Protocol) -> None:
    server = stage.server(max_open=8)
    known = [server.connect() for _ in range(7)]
    assert [await answers_a_hook(one) for one in known] == [True] * 7
    strangers = [server.connect() for _ in range(100)]
    await asyncio.sleep(0)
    assert not any(one.transport.closed for one in known)
    assert [one.transport.closed for one in strangers] == [True] * 99 + [False]
    assert len(server.state.connections) == 8
    assert await answers_a_hook(server.connect())


@pytest.mark.parametrize(
    "wire",
    [
        b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n",
        b"P",
        request(auth="nonsense"),
        request(auth="nonsense", size=10_000),
    ],
    ids=["another request", "the beginning of a request", "a wrong token", "a body that does not come"],
)
async def test_only_a_hook_with_a_valid_token_makes_a_connection_known(stage: Protocol, wire: bytes) -> None:
    server = stage.server(max_open=2)
    stranger = server.connect()
    stranger.feed(wire)
    for _ in range(2):
        server.connect()
    assert stranger.transport.aborted


async def test_a_known_connection_is_one_before_its_body_has_come(stage: Protocol) -> None:
    server = stage.server(max_open=2)
    known = server.connect()
    known.feed(request(BODY[:10], size=len(BODY)))
    for _ in range(10):
        server.connect()
    known.feed(BODY[10:])
    assert statuses(await known.answered()) == [200]


async def test_one_address_has_a_number_of_strangers_of_its_own(stage: Protocol) -> None:
    server = stage.server(max_open=100, max_strangers=3)
    other = server.connect("192.0.2.2")
    of_one = [server.connect("192.0.2.1") for _ in range(5)]
    assert [one.transport.aborted for one in of_one] == [True, True, False, False, False]
    assert not other.transport.aborted
    assert await answers_a_hook(of_one[4])
    # A proxy's connections are not counted once they have carried a hook.
    more = [server.connect("192.0.2.1") for _ in range(3)]
    assert [one.transport.aborted for one in (*of_one[2:], *more)] == [True, True, False, False, False, False]


async def test_where_all_are_known_the_one_that_is_idle_for_longest_goes(stage: Protocol) -> None:
    server = stage.server(max_open=3)
    known = [server.connect() for _ in range(3)]
    for one in known:
        assert await answers_a_hook(one)
        server.seconds_pass(1)
    known[0].feed(request())
    assert statuses(await known[0].answered(2)) == [200, 200]
    assert await answers_a_hook(server.connect())
    assert [one.transport.aborted for one in known] == [False, True, False]


@pytest.mark.parametrize("begun", [request(BODY[:10], size=len(BODY)), b"P", request() + request()])
async def test_where_all_are_busy_a_new_one_is_refused(stage: Protocol, begun: bytes) -> None:
    server = stage.server(max_open=2)
    known = [server.connect() for _ in range(2)]
    assert [await answers_a_hook(one) for one in known] == [True, True]
    held(stage)
    for one in known:
        one.feed(begun)
    assert server.connect().transport.aborted
    assert not any(one.transport.closed for one in known)


async def test_refused_connections_are_logged_once_a_minute(stage: Protocol) -> None:
    server = stage.server(max_open=1)
    with capture_logs() as lines:
        for seconds in (1, 30, 30):
            server.connect()
            server.connect()
            server.seconds_pass(seconds)
    counts = [line["count"] for line in lines if line["event"] == "connections_refused"]
    assert counts == [1, 4]
    assert lines[0]["max_connections"] == 1


async def test_the_listener_for_monitors_takes_no_hooks(stage: Protocol) -> None:
    connection = stage.server(hooks=False).connect()
    connection.feed(request())
    assert statuses(await connection.answered()) == [404]
    connection.feed(request(more=UPGRADES[0]) + b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n")
    assert statuses(await connection.answered(3)) == [404, 404, 404]
    assert stage.inputs == []


# --- bodies that do not come


async def test_a_client_that_waits_for_a_hundred_gets_it_only_if_it_is_the_platform(stage: Protocol) -> None:
    expecting = {"size": len(BODY), "more": "expect: 100-continue\r\n"}
    connection = stage.connect()
    connection.feed(request(b"", **expecting))  # type: ignore[arg-type]
    assert connection.transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.feed(BODY)
    assert statuses(await connection.answered(2)) == [100, 200]
    assert not connection.transport.closed
    stranger = stage.connect()
    stranger.feed(request(b"", auth="nonsense", **expecting))  # type: ignore[arg-type]
    ((status, headers, _),) = answers(await stranger.answered())
    # Nobody knows whether the body will come: the next bytes may be another request.
    assert (status, headers["connection"]) == (401, "close")


async def test_after_a_refusal_the_body_is_thrown_away_and_the_connection_goes_on(stage: Protocol) -> None:
    connection = stage.connect()
    wire = request(auth="nonsense")
    connection.feed(wire[:-100])
    assert statuses(await connection.answered()) == [401]
    connection.feed(wire[-100:] + request())
    assert statuses(await connection.answered(2)) == [401, 200]


async def test_a_body_over_the_limit_is_refused_and_the_client_may_finish(stage: Protocol) -> None:
    server = stage.server()
    connection = server.connect()
    connection.feed(request(b"x" * 100, size=MAX_BYTES + 1))
    ((status, headers, _),) = answers(await connection.answered())
    assert (status, headers["connection"]) == (413, "close")
    assert not connection.transport.closed
    connection.feed(b"x" * (MAX_BYTES - 99))
    assert connection.transport.closed


async def test_a_client_that_does_not_finish_is_closed_soon(stage: Protocol) -> None:
    server = stage.server()
    connection = server.connect()
    connection.feed(request(b"x" * 100, size=MAX_BYTES + 1))
    server.seconds_pass(DISCARD_SECONDS)
    assert connection.transport.closed


async def test_a_client_that_goes_after_its_refusal_is_counted_once(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(b"x" * 100, size=MAX_BYTES + 1))
    connection.transport.close()
    await settle()
    assert stage.counted.hooks == [("on_user_message", 413)]


async def test_a_chunked_body_over_the_limit_is_refused(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked"))
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(MAX_BYTES // 0x10000):
        connection.feed(chunk)
    assert connection.transport.sent == b""
    connection.feed(chunk)
    assert statuses(await connection.answered()) == [413]


async def test_a_body_that_does_not_come_gets_408(stage: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = stage.connect()
    connection.feed(request(BODY[:10], size=len(BODY)))
    set_forward(monkeypatch, BODY_SECONDS)
    ((status, headers, _),) = answers(await connection.answered())
    assert (status, headers["connection"]) == (408, "close")
    assert stage.counted.hooks == [("on_user_message", 408)]


async def test_a_client_that_hangs_up_within_its_body_is_counted(stage: Protocol) -> None:
    connection = stage.connect()
    connection.feed(request(BODY[:10], size=len(BODY)))
    connection.transport.close()
    await asyncio.sleep(0)
    assert stage.counted.hooks == [("on_user_message", 408)]
    assert stage.inputs == []


async def test_the_number_of_pending_bodies_is_limited_and_a_complete_one_is_not_pending(
    stage: Protocol,
) -> None:
    server = stage.server()
    pending = [server.connect() for _ in range(MAX_PENDING)]
    for connection in pending:
        connection.feed(request(BODY[:10], size=len(BODY)))
    one_more = server.connect()
    one_more.feed(request(BODY[:10], size=len(BODY)))
    ((status, headers, _),) = answers(await one_more.answered())
    assert (status, headers["connection"]) == (503, "close")
    complete = server.connect()
    complete.feed(request())
    assert statuses(await complete.answered()) == [200]
    page = server.connect()
    page.feed(b"GET /elsewhere HTTP/1.1\r\nhost: here\r\n\r\n")
    assert statuses(await page.answered()) == [404]
    pending[0].feed(BODY[10:])
    assert statuses(await pending[0].answered()) == [200]
    now_free = server.connect()
    now_free.feed(request(BODY[:10], size=len(BODY)))
    now_free.feed(BODY[10:])
    assert statuses(await now_free.answered()) == [200]


async def test_bodies_that_do_not_come_make_room_for_others(
    stage: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stage.server()
    pending = [server.connect() for _ in range(MAX_PENDING)]
    for connection in pending:
        connection.feed(request(BODY[:10], size=len(BODY)))
    set_forward(monkeypatch, CROWDED_SECONDS)
    one_more = server.connect()
    one_more.feed(request(BODY[:10], size=len(BODY)))
    ((status, headers, _),) = answers(await pending[0].answered())
    assert (status, headers["connection"]) == (408, "close")
    one_more.feed(BODY[10:])
    assert statuses(await one_more.answered()) == [200]
    assert not any(connection.transport.sent for connection in pending[1:])


# --- stopping


async def test_when_the_server_stops_idle_connections_end_and_hooks_are_answered(stage: Protocol) -> None:
    commit = held(stage)
    server = stage.server()
    fresh, busy = server.connect(), server.connect()
    busy.feed(request())
    for connection in (fresh, busy):
        connection.protocol.shutdown()
    assert fresh.transport.closed
    assert not busy.transport.closed
    commit()
    ((status, headers, _),) = answers(await busy.answered())
    assert (status, headers["connection"]) == (200, "close")
    assert busy.transport.closed


async def test_an_answer_to_a_client_that_is_gone_is_not_written(stage: Protocol) -> None:
    commit = held(stage)
    connection: Connection = stage.connect()
    connection.feed(request())
    connection.transport.close()
    await asyncio.sleep(0)
    commit()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection.transport.sent == b""
    assert stage.counted.hooks == [("on_user_message", 200)]


async def test_the_access_log_has_a_line_for_each_hook(stage: Protocol) -> None:
    connection = stage.server(logs_requests=True).connect()
    with capture_logs() as lines:
        connection.feed(request(path=f"/sdk/bots/{BOT_ID}/on_user_message?secret=1"))
        await connection.answered()
        connection.feed(request(method="PUT"))
        await connection.answered(2)
    logged = [line for line in lines if line["event"] == "request"]
    path = f"/sdk/bots/{BOT_ID}/on_user_message"
    assert [(line["method"], line["path"], line["status"]) for line in logged] == [
        ("POST", path, 200),
        ("PUT", path, 405),
    ]


async def test_the_access_log_names_the_hook_and_not_the_request_behind_it(stage: Protocol) -> None:
    commit = held(stage)
    connection = stage.server(logs_requests=True).connect()
    with capture_logs() as lines:
        connection.feed(request() + request(path="/behind"))
        commit()
        await connection.answered(2)
    assert [line["path"] for line in lines if line["event"] == "request"] == [
        f"/sdk/bots/{BOT_ID}/on_user_message"
    ]
