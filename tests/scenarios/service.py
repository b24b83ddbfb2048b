"""The real `BotKit` of a configuration, in this process, behind a door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from botkit.config.load import load
from botkit.kit import BotKit
from tests.doors import DoorName, opened

HANDLER_SECONDS = 2.0


class Service:
    """Runs from the beginning until `close`, on a free port."""

    def __init__(
        self,
        configuration: Path,
        handlers: Callable[[BotKit], None] | None = None,
        *,
        door: DoorName = "wsgi",
    ) -> None:
        self.kit = BotKit(load(configuration), handler_seconds=HANDLER_SECONDS)
        if handlers is not None:
            handlers(self.kit)
        self._door = opened(door)
        self._door.open(self.kit)
        self.url = f"{self._door.url}{self.kit.settings.server.prefix}"

    def close(self) -> None:
        self._door.close()
        self._door.stop()
