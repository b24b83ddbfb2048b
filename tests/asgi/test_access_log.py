"""The access log."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from botkit.asgi.access_log import AccessLog
from botkit.asgi.interface import Application, Message, Receive, Scope, Send, respond


async def _nothing(*_: object) -> Any:
    """Nothing is read here; what is sent is thrown away."""


def _request(path: str, send: Send = _nothing) -> tuple[Scope, Receive, Send]:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"token=secret"}
    return scope, _nothing, send


async def _call(app: Application, path: str = "/healthz") -> tuple[bytes, list[EventDict]]:
    clock = itertools.count(0, 0.25)
    logged = AccessLog(app, monotonic=lambda: next(clock))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as lines:
        await logged(*_request(path, send))
    return b"".join(message.get("body", b"") for message in sent), lines


async def _whole(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, [], b"12345")


async def _in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404})
    await send({"type": "http.response.body", "body": b"1234", "more_body": True})
    await send({"type": "http.response.body", "body": b"567"})


@pytest.mark.parametrize(("app", "status", "size"), [(_whole, 200, 5), (_in_pieces, 404, 7)])
async def test_a_request_has_one_line_without_its_query(app: Application, status: int, size: int) -> None:
    body, lines = await _call(app)
    assert len(body) == size
    assert lines == [
        {
            "event": "request",
            "log_level": "info",
            "method": "GET",
            "path": "/healthz",
            "status": status,
            "ms": 250.0,
            "bytes": size,
        }
    ]


async def test_a_path_is_cut_and_cleaned() -> None:
    _, (line,) = await _call(_whole, "/a\n\x1b\u202e b" + "x" * 1_000)
    assert line["path"].startswith("/a????bx")
    assert len(line["path"]) == 200


async def test_an_application_that_fails_has_a_line_too() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    with capture_logs() as lines, pytest.raises(RuntimeError):
        await AccessLog(fails, monotonic=lambda: 0.0)(*_request("/"))
    assert [line["status"] for line in lines] == [500]
