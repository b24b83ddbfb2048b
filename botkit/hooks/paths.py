"""The paths of hooks: ``{prefix}/sdk/bots/{botId}[/components/{componentId}]/{eventName}``.

docs/protocols/kore-xo-botkit.md, 2.1. Every other path belongs to the wrapped application.
"""

from __future__ import annotations

import re

from botkit.handoff.record import Record

DEFAULT_COMPONENT = "default"
"""The component of bot-level events, as Kore's SDK names it."""

_BOT_ID = re.compile(r"st-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_REMEMBERED = 1024
_NAME = re.compile(r"[\w.~-]{1,128}", re.ASCII)


class HookPath(Record, frozen=True):
    """The parts of a hook's path."""

    bot_id: str
    event: str
    component_id: str = DEFAULT_COMPONENT


class HookPaths:
    """Parses paths under one prefix (Kore's apiPrefix, without a trailing slash)."""

    def __init__(self, prefix: str) -> None:
        self._start = f"{prefix}/sdk/bots/"
        self._known: dict[str, HookPath] = {}

    def parse(self, path: str) -> HookPath | None:
        """The parts of a path; None if it is not the path of a hook."""
        if (known := self._known.get(path)) is not None:
            return known
        if not path.startswith(self._start):
            return None
        found = self._read(path)
        # The platform repeats few paths. The limit stops callers who invent paths from filling the memory.
        if found is not None and len(self._known) < _REMEMBERED:
            self._known[path] = found
        return found

    def _read(self, path: str) -> HookPath | None:
        parts = path[len(self._start) :].removesuffix("/").split("/")
        match parts:
            case [bot_id, event]:
                component_id = DEFAULT_COMPONENT
            case [bot_id, "components", component_id, event]:
                pass
            case _:
                return None
        if not _BOT_ID.fullmatch(bot_id) or not _NAME.fullmatch(event) or not _NAME.fullmatch(component_id):
            return None
        return HookPath(bot_id, event, component_id)
