"""Applications with a kit, as users with handlers write them, one that counts, and one with a profiler.

``python -m benchmarks.applications NAME CONFIGURATION`` serves one exactly as ``botkit serve`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask, Response, jsonify

from benchmarks import counters
from benchmarks.breakdown import PARTS
from benchmarks.tracer import Tracer
from botkit import BotKit
from botkit.cli.serve import Log, run
from botkit.config.settings import Settings
from botkit.handlers.contexts import UserMessageContext
from botkit.kit import create_app


def plain(settings: Settings) -> Flask:
    """No handler."""
    return _mounted(BotKit(settings))


def handler(settings: Settings) -> Flask:
    """A handler that returns None."""
    kit = BotKit(settings)

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        return None

    return _mounted(kit)


def coroutine(settings: Settings) -> Flask:
    """A coroutine handler that returns None."""
    kit = BotKit(settings)

    @kit.on_user_message
    async def look(ctx: UserMessageContext) -> None:
        return None

    return _mounted(kit)


def counted(settings: Settings) -> Flask:
    """No handler; counts what it does (see `counters`), and answers ``GET /counts`` with it."""
    counts = counters.install()
    app = create_app(settings)
    app.add_url_rule("/counts", "counts", lambda: dict(counts))
    return app


def profiled(settings: Settings) -> Flask:
    """No handler; ``POST /profile`` begins to profile (see `tracer`), ``GET /profile`` ends it and answers with the result."""
    tracer = Tracer(PARTS)
    tracer.install()
    app = create_app(settings)

    @app.post("/profile")
    def begin() -> dict[str, object]:
        tracer.start()
        return {}

    @app.get("/profile")
    def end() -> Response:
        return jsonify(tracer.stop())

    return app


def _mounted(kit: BotKit) -> Flask:
    app = Flask(__name__)
    kit.init_app(app)
    return app


APPLICATIONS: Mapping[str, Callable[[Settings], Flask]] = {
    "plain": plain,
    "handler": handler,
    "coroutine": coroutine,
    "counted": counted,
    "profiled": profiled,
}


if __name__ == "__main__":
    run(Path(sys.argv[2]), host=None, port=0, log=Log(as_json=True), make_app=APPLICATIONS[sys.argv[1]])
