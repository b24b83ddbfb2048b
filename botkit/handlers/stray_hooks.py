"""Hooks under a path that the service does not have: `server.prefix` is forgotten, or the Callback URL has another path."""

from __future__ import annotations

from time import monotonic

from botkit.errors import HookNotFound
from botkit.handlers.refused_hooks import RefusedHooks
from botkit.observability.events import get_logger

_MARK = "/sdk/bots/"
_CALLBACK_URL = "the Callback URL of the bot's JWT app"


class StrayHooks:
    """Logs a warning for each hook that no path of the application takes. They are still answered with 404."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._refused = RefusedHooks(log=get_logger("botkit.hooks"), monotonic=monotonic)

    def not_found(self, method: str, path: str) -> None:
        """A request is answered with 404."""
        before, found, after = path.partition(_MARK)
        if not found or method != "POST":
            return
        reason, fix = f"{_MARK}{after[:100]} is not the path of a hook", _CALLBACK_URL
        if before != self._prefix:
            reason = (
                f"the path begins with {before[:100] or '/'} and not with the prefix {self._prefix or '/'}"
            )
            fix = f"server.prefix, or {_CALLBACK_URL}"
        self._refused.refused(HookNotFound(reason=reason, fix=fix), bot="")
