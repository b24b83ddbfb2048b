"""What only WSGI has: streams of bodies, and threads that read them."""

from __future__ import annotations

import errno
import io
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from botkit.hooks.bodies import (
    BODY_SECONDS,
    CROWDED_SECONDS,
    HURRIED_SECONDS,
    MANY_PENDING,
    MAX_BYTES,
    MAX_CONCURRENT,
    MAX_OF_CONNECTION,
    Bodies,
)
from botkit.testing.waiting import until
from tests.door import stage as doors
from tests.door.stage import Answer
from tests.door.test_hooks import padded
from tests.hooks.hook_payloads import BOT_ID, as_body, token, user_message

BODY = as_body(user_message())


class Wsgi(doors.Wsgi):
    def post(self, body: bytes = b"", *, auth: str = "", environ: Mapping[str, Any] | None = None) -> Answer:
        """Post a hook; `environ` changes what PEP 3333 calls by that name."""
        return self.respond(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": f"/sdk/bots/{BOT_ID}/on_user_message",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_TOKEN": auth or token(),
                "wsgi.input": io.BytesIO(body),
                **(environ or {}),
            }
        )

    def post_slowly(self, started: Barrier, go_on: Event, environ: Mapping[str, Any] | None = None) -> None:
        """Post a hook whose body arrives only when the test says so."""

        class Waits(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                started.wait(10)
                assert go_on.wait(10)
                return super().read(size)

        body = as_body(user_message())
        assert self.post(body, environ={"wsgi.input": Waits(body), **(environ or {})}).status == 200


@pytest.fixture
def stage() -> Wsgi:
    return Wsgi()


def test_the_caller_is_checked_before_the_body_is_read(stage: Wsgi) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("read before the caller was known")

    answer = stage.post(
        b"x", auth="nonsense", environ={"wsgi.input": Unread(), "CONTENT_LENGTH": str(MAX_BYTES * 2)}
    )
    assert answer.status == 401


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
def test_an_invalid_length_gets_413(stage: Wsgi, length: str) -> None:
    assert stage.post(as_body(user_message()), environ={"CONTENT_LENGTH": length}).status == 413


def test_a_chunked_body_is_read_to_its_end(stage: Wsgi) -> None:
    answer = stage.post(
        as_body(user_message()), environ={"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    )
    assert answer.status == 200


def test_a_chunked_body_is_bounded_too(stage: Wsgi) -> None:
    class Endless:
        sent = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= MAX_BYTES + 1
            self.sent += min(size, 65536)
            assert self.sent <= MAX_BYTES + 65536
            return b"x" * min(size, 65536)

    stream = Endless()
    answer = stage.post(environ={"CONTENT_LENGTH": "", "wsgi.input": stream, "wsgi.input_terminated": True})
    assert answer.status == 413


def test_without_a_length_or_an_end_nothing_is_read(stage: Wsgi) -> None:
    assert stage.post(as_body(user_message()), environ={"CONTENT_LENGTH": ""}).status == 412


def test_a_body_that_comes_in_pieces_is_put_together(stage: Wsgi) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    body = as_body(user_message())
    assert stage.post(body, environ={"wsgi.input": Slow(body)}).status == 200
    assert stage.inputs[0].hook is not None
    assert stage.inputs[0].hook.body == body


@pytest.mark.parametrize(("size", "status"), [(MAX_BYTES + 1, 413), (3, 408)])
def test_an_answer_before_the_end_of_the_body_ends_the_connection_where_the_server_leaves_it_to_us(
    stage: Wsgi, size: int, status: int
) -> None:
    there = stage.post(b"{}", environ={"CONTENT_LENGTH": str(size), "SERVER_SOFTWARE": "Granian"})
    assert there.status == status
    assert there.headers["connection"] == "close"
    # PEP 3333 forbids applications to send this to other servers.
    elsewhere = {"CONTENT_LENGTH": str(size), "SERVER_SOFTWARE": "WSGIServer/0.2"}
    assert "connection" not in stage.post(b"{}", environ=elsewhere).headers


def test_a_chunked_body_over_the_limit_ends_the_connection(stage: Wsgi) -> None:
    answer = stage.post(
        padded(MAX_BYTES + 1),
        environ={"CONTENT_LENGTH": "", "SERVER_SOFTWARE": "Granian", "wsgi.input_terminated": True},
    )
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def test_other_answers_keep_the_connection(stage: Wsgi) -> None:
    for body in (as_body(user_message()), b"{"):
        assert "connection" not in stage.post(body, environ={"SERVER_SOFTWARE": "Granian"}).headers


def test_the_number_of_bodies_read_at_once_is_bounded(stage: Wsgi) -> None:
    for left in (MAX_CONCURRENT, 1):
        started, go_on = Barrier(left + 1), Event()
        threads = [Thread(target=stage.post_slowly, args=(started, go_on)) for _ in range(left)]
        for thread in threads:
            thread.start()
        started.wait(10)
        answer = stage.post(as_body(user_message()))
        assert answer.status == (503 if left == MAX_CONCURRENT else 200)
        go_on.set()
        for thread in threads:
            thread.join(10)
    assert stage.post(as_body(user_message())).status == 200


def test_one_http_2_connection_has_only_a_share_of_the_bodies(stage: Wsgi) -> None:
    def of(port: str) -> dict[str, str]:
        return {"SERVER_PROTOCOL": "HTTP/2", "REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": port}

    started, go_on = Barrier(MAX_OF_CONNECTION + 1), Event()
    threads = [
        Thread(target=stage.post_slowly, args=(started, go_on, of("50000"))) for _ in range(MAX_OF_CONNECTION)
    ]
    for thread in threads:
        thread.start()
    started.wait(10)
    body = as_body(user_message())
    assert stage.post(body, environ=of("50000")).status == 503
    assert stage.post(body, environ=of("50001")).status == 200
    assert stage.post(body).status == 200
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert stage.post(body, environ=of("50000")).status == 200


class Sockets:
    """Hooks in a server that shows its sockets, with a clock of their own."""

    def __init__(self, stage: Wsgi, key: str) -> None:
        self.now = 0.0
        stage.middleware._bodies = Bodies(monotonic=lambda: self.now)
        self._stage = stage
        self._key = key
        self.open: list[socket.socket] = []

    def begin(self) -> tuple[socket.socket, Future[Answer]]:
        """A hook whose body begins; returns the client's side, and its answer."""
        server, client = socket.socketpair()
        self.open += (server, client)
        client.sendall(BODY[:10])
        environ = {"wsgi.input": server.makefile("rb"), self._key: server}
        answer: Future[Answer] = Future()
        Thread(target=lambda: answer.set_result(self._stage.post(BODY, environ=environ))).start()
        until(
            lambda: len(self._stage.middleware._bodies._pending) >= self._count(), "for the body to be read"
        )
        return client, answer

    def _count(self) -> int:
        return min(len(self.open) // 2, MAX_CONCURRENT)


@pytest.fixture(params=["gunicorn.socket", "werkzeug.socket"])
def sockets(
    stage: Wsgi, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sockets]:
    monkeypatch.setattr("botkit.hooks.bodies.LOOK_SECONDS", 0.01)
    sockets = Sockets(stage, request.param)
    yield sockets
    for one in sockets.open:
        one.close()


def test_a_body_that_does_not_come_gets_408_where_the_server_shows_its_socket(sockets: Sockets) -> None:
    _, late = sockets.begin()
    sockets.now = BODY_SECONDS - 1
    client, in_time = sockets.begin()
    sockets.now = BODY_SECONDS
    assert late.result(10).status == 408
    client.sendall(BODY[10:])
    assert in_time.result(10).status == 200


def test_the_time_is_short_while_many_bodies_are_pending(sockets: Sockets) -> None:
    begun = [sockets.begin() for _ in range(MANY_PENDING)]
    sockets.now = HURRIED_SECONDS
    assert [answer.result(10).status for _, answer in begun] == [408] * MANY_PENDING


def test_bodies_that_do_not_come_make_room_for_others(sockets: Sockets) -> None:
    begun = [sockets.begin() for _ in range(MAX_CONCURRENT)]
    sockets.now = CROWDED_SECONDS
    client, one_more = sockets.begin()
    assert begun[0][1].result(10).status == 408
    client.sendall(BODY[10:])
    assert one_more.result(10).status == 200
    for client, answer in begun[1:]:
        client.sendall(BODY[10:])
        assert answer.result(10).status == 200


def test_a_client_that_resets_its_connection_is_one_that_hung_up(stage: Wsgi) -> None:
    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError

    answer = stage.post(BODY, environ={"wsgi.input": Broken()})
    assert answer.status == 408
    assert stage.counted.hooks == [("on_user_message", 408)]


def test_a_body_that_ends_early_gets_408(stage: Wsgi) -> None:
    answer = stage.post(b"{}", environ={"CONTENT_LENGTH": "3"})
    assert answer.status == 408
    assert stage.inputs == []


@pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
def test_answers_that_nobody_reads_hold_a_thread_for_a_limited_time(
    stage: Wsgi, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("botkit.wsgi.middleware.UNREAD_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    with client, server:
        assert stage.post(BODY, environ={key: server}).status == 200
        server.settimeout(30)  # Longer than that; without a limit, the write would end here.
        with pytest.raises(TimeoutError) as ended:
            server.sendall(b"x" * 64_000_000)
        assert ended.value.errno == errno.ETIMEDOUT


def test_a_connection_that_is_no_tcp_is_answered_too(stage: Wsgi) -> None:
    server, client = socket.socketpair()
    with server, client:
        assert stage.post(BODY, environ={"gunicorn.socket": server}).status == 200
