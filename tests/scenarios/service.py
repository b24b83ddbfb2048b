"""The real `BotKit` of a configuration, in this process, behind a WSGI server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from botkit.config.load import load
from botkit.kit import BotKit
from botkit.testing.serving import Server

HANDLER_SECONDS = 2.0


class Service:
    """Runs from the beginning until `close`, on a free port."""

    def __init__(self, configuration: Path, handlers: Callable[[BotKit], None] | None = None) -> None:
        self.kit = BotKit(load(configuration), handler_seconds=HANDLER_SECONDS)
        if handlers is not None:
            handlers(self.kit)
        app = Flask("scenarios")
        self.kit.init_app(app)
        self._server = Server(app)
        self.kit.start()
        self.url = f"{self._server.url}{self.kit.settings.server.prefix}"

    def close(self) -> None:
        self._server.close()
        self.kit.close()
