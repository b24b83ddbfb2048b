"""The access log."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from botkit.wsgi.access_log import AccessLog


def _call(app: Any, path: str = "/healthz") -> tuple[bytes, list[EventDict]]:
    clock = itertools.count(0, 0.25)
    logged = AccessLog(app, monotonic=lambda: next(clock))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "token=secret"}
    with capture_logs() as lines:
        parts = logged(environ, lambda status, headers, exc_info=None: None)  # type: ignore[arg-type]
        body = b"".join(parts)
        if (close := getattr(parts, "close", None)) is not None:
            close()
    return body, lines


def _list(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"12", b"345"]


def _stream(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("404 Not Found", [])
    yield b"1234567"


@pytest.mark.parametrize(("app", "status", "size"), [(_list, 200, 5), (_stream, 404, 7)])
def test_a_request_has_one_line_without_its_query(app: Any, status: int, size: int) -> None:
    body, lines = _call(app)
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


def test_a_path_is_cut_and_cleaned() -> None:
    _, (line,) = _call(_list, "/a\n\x1b\u202e b" + "x" * 1_000)
    assert line["path"].startswith("/a????bx")
    assert len(line["path"]) == 200


def test_an_application_that_fails_has_a_line_too() -> None:
    def fails(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError

    clock = itertools.count(0, 0.25)
    logged = AccessLog(fails, monotonic=lambda: next(clock))
    with capture_logs() as lines, pytest.raises(RuntimeError):
        logged({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
    assert [line["status"] for line in lines] == [500]
