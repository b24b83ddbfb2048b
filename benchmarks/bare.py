"""This machine's floor: the same work with nothing of BotKit in it.

``python -m benchmarks.bare WHAT …`` runs one of the functions below.
Each says with a line what it has to say, and stays until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import aiohttp

CONNECTIONS = 32
THREADS = 64
_BODY = b"x" * 3000


def echo() -> None:
    """A WSGI application that reads and answers, on granian as `botkit serve` runs it. Prints its port."""
    from botkit.cli.serve import _reserve, _server

    port = _reserve("127.0.0.1", 0)
    print(port, flush=True)
    _server("127.0.0.1", port, THREADS).serve(target_loader=_echo_loader, wrap_loader=False)


def _echo_loader() -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return application


def posts(url: str, seconds: str) -> None:
    """`CONNECTIONS` tasks that post over one aiohttp session. Prints posts per second."""
    end = time.perf_counter() + float(seconds)

    async def post(session: aiohttp.ClientSession) -> int:
        mine = 0
        while time.perf_counter() < end:
            async with session.post(url, data=_BODY) as response:
                await response.read()
            mine += 1
        return mine

    async def main() -> float:
        async with aiohttp.ClientSession() as session:
            return sum(await asyncio.gather(*(post(session) for _ in range(CONNECTIONS)))) / float(seconds)

    print(asyncio.run(main()), flush=True)


if __name__ == "__main__":
    WHAT: dict[str, Callable[..., None]] = {"echo": echo, "posts": posts}
    WHAT[sys.argv[1]](*sys.argv[2:])
