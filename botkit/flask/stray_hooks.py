"""Hooks under another path than the service's: somebody has forgotten `server.prefix`, or the platform has an old address."""

from __future__ import annotations

from time import monotonic

from flask import Flask, request
from werkzeug.exceptions import NotFound

from botkit.errors import HookNotFound
from botkit.handlers.refused_hooks import RefusedHooks
from botkit.observability.events import get_logger

_MARK = "/sdk/bots/"


def log_stray_hooks(app: Flask, *, prefix: str) -> None:
    """Log a warning for each hook that no path of the application takes. They are still answered with 404."""
    refused = RefusedHooks(log=get_logger("botkit.hooks"), monotonic=monotonic)

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> NotFound:
        before, found, _ = request.path.partition(_MARK)
        if found and request.method == "POST" and before != prefix:
            reason = f"the path begins with {before[:100] or '/'} and not with the prefix {prefix or '/'}"
            fix = "server.prefix, or the Callback URL of the bot's JWT app"
            refused.refused(HookNotFound(reason=reason, fix=fix), bot="")
        return error
