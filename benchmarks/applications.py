"""Kits with handlers, as users write them, one behind which everything is counted, and one with a profiler.

``python -m benchmarks.applications NAME CONFIGURATION`` serves one exactly as ``botkit serve`` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import counters
from benchmarks.breakdown import PARTS
from benchmarks.tracer import Tracer
from botkit import BotKit
from botkit.asgi.interface import Application, Receive, Scope, Send, respond
from botkit.cli.serve import Log, run
from botkit.config.settings import Settings
from botkit.handlers.contexts import UserMessageContext


def handler(settings: Settings) -> BotKit:
    """A handler that returns None."""
    kit = BotKit(settings, share=False)

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        return None

    return kit


def coroutine(settings: Settings) -> BotKit:
    """A coroutine handler that returns None."""
    kit = BotKit(settings, share=False)

    @kit.on_user_message
    async def look(ctx: UserMessageContext) -> None:
        return None

    return kit


def plain(settings: Settings) -> BotKit:
    """Without handlers, as `botkit serve` makes it."""
    return BotKit(settings, share=False)


def counted() -> Application:
    """Counts what the service does (see `counters`), and answers ``GET /counts`` with it."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # nothing can be counted inside it
    counts = counters.install()
    return _answering(lambda method: {**counts, "garbage": counters.garbage()})


def profiled() -> Application:
    """``POST /profile`` begins to profile (see `tracer`), ``GET /profile`` ends it and answers with the result."""
    tracer = Tracer(PARTS)
    tracer.install()
    return _answering(lambda method: tracer.start() if method == "POST" else tracer.stop())


def _answering(content: Callable[[str], object]) -> Application:
    """An application that answers every request with JSON, from the method."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.dumps(content(scope["method"])).encode()
        await respond(send, 200, [(b"content-length", str(len(body)).encode())], body)

    return answer


KITS: Mapping[str, Callable[[Settings], BotKit]] = {
    "plain": plain,
    "handler": handler,
    "coroutine": coroutine,
    "counted": plain,
    "counted-handler": handler,
    "profiled": plain,
}
BEHIND: Mapping[str, Callable[[], Application]] = {
    "counted": counted,
    "counted-handler": counted,
    "profiled": profiled,
}


if __name__ == "__main__":
    name, configuration = sys.argv[1:]
    run(
        Path(configuration),
        host=None,
        port=0,
        log=Log(as_json=True),
        make_kit=KITS[name],
        behind=BEHIND[name]() if name in BEHIND else None,
    )
