"""The security policy states the limits that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botkit.asgi import bodies, connections, handling, pages
from botkit.cli.uvicorn_server import KEEP_ALIVE_SECONDS
from botkit.config.settings import ServerSettings
from botkit.handlers.endpoint import COMMIT_SECONDS
from botkit.hooks.authentication import MAX_TOKEN_CHARACTERS
from botkit.hooks.bodies import (
    BODY_SECONDS,
    HURRIED_SECONDS,
    MANY_PENDING,
    MAX_BYTES,
    MAX_CONCURRENT,
    MAX_OF_CONNECTION,
)
from botkit.wsgi.middleware import UNREAD_SECONDS

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("\n### Limits")[2].partition("\n|---")[2]
ROWS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", TABLE, re.MULTILINE))
LIMITS = {
    "connections in all": [ServerSettings().max_connections],
    "strangers of one address": [ServerSettings().max_connections_per_address],
    "connections to `server.health_port`": [connections.MAX_MONITORS],
    "connections without a request": [KEEP_ALIVE_SECONDS],
    "headers and trailers of a request": [connections.MAX_HEAD_BYTES // 1024, connections.HEADER_SECONDS],
    "requests in a pipeline": [connections.MAX_PIPELINE],
    "token of a hook": [MAX_TOKEN_CHARACTERS],
    "body of a hook": [
        MAX_BYTES // 1024**2,
        BODY_SECONDS,
        HURRIED_SECONDS,
        bodies.MAX_PENDING // 4,
        MANY_PENDING,
    ],
    "bodies of hooks that are pending": [bodies.MAX_PENDING, MAX_CONCURRENT, MAX_OF_CONNECTION],
    "hooks whose handlers wait": [handling.MAX_WAITING, handling.MAX_BEHIND],
    "answers to hooks that the caller does not read": [UNREAD_SECONDS],
    "commit of a hook": [COMMIT_SECONDS],
    "request that is no hook": [connections.OTHER_SECONDS],
    "requests for one of": [pages.MAX_PENDING],
}


def test_every_row_of_the_page_is_compared() -> None:
    assert [next((begin for begin in LIMITS if row.startswith(begin)), row) for row in ROWS] == list(LIMITS)


@pytest.mark.parametrize("begin", LIMITS)
def test_a_row_has_the_numbers_of_the_code(begin: str) -> None:
    stated = next(limit for row, limit in ROWS.items() if row.startswith(begin))
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[0-9,]*[0-9]", stated)]
    assert numbers == LIMITS[begin]
