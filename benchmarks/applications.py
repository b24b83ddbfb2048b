"""WSGI applications around a kit, as somebody with handlers of their own would write them.

``python -m benchmarks.applications NAME CONFIGURATION`` serves one exactly as ``botkit serve`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask

from botkit import BotKit
from botkit.cli.serve import run
from botkit.config.settings import Settings
from botkit.handlers.contexts import UserMessageContext


def plain(settings: Settings) -> Flask:
    """No handler."""
    return _around(BotKit(settings))


def handler(settings: Settings) -> Flask:
    """A handler that leaves everything as it is."""
    kit = BotKit(settings)

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        return None

    return _around(kit)


def coroutine(settings: Settings) -> Flask:
    """The same as a coroutine."""
    kit = BotKit(settings)

    @kit.on_user_message
    async def look(ctx: UserMessageContext) -> None:
        return None

    return _around(kit)


def _around(kit: BotKit) -> Flask:
    app = Flask(__name__)
    kit.init_app(app)
    return app


APPLICATIONS: Mapping[str, Callable[[Settings], Flask]] = {
    "plain": plain,
    "handler": handler,
    "coroutine": coroutine,
}


if __name__ == "__main__":
    run(Path(sys.argv[2]), host=None, port=0, as_json=True, make_app=APPLICATIONS[sys.argv[1]])
