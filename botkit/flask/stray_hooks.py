"""Hooks under a path that the service does not have: `server.prefix` is forgotten, or the Callback URL has another path."""

from __future__ import annotations

from time import monotonic

from flask import Flask, request
from werkzeug.exceptions import NotFound

from botkit.errors import HookNotFound
from botkit.handlers.refused_hooks import RefusedHooks
from botkit.observability.events import get_logger

_MARK = "/sdk/bots/"
_CALLBACK_URL = "the Callback URL of the bot's JWT app"


def log_stray_hooks(app: Flask, *, prefix: str) -> None:
    """Log a warning for each hook that no path of the application takes. They are still answered with 404."""
    refused = RefusedHooks(log=get_logger("botkit.hooks"), monotonic=monotonic)

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> NotFound:
        before, found, after = request.path.partition(_MARK)
        if found and request.method == "POST":
            reason, fix = f"{_MARK}{after[:100]} is not the path of a hook", _CALLBACK_URL
            if before != prefix:
                reason = f"the path begins with {before[:100] or '/'} and not with the prefix {prefix or '/'}"
                fix = f"server.prefix, or {_CALLBACK_URL}"
            refused.refused(HookNotFound(reason=reason, fix=fix), bot="")
        return error
