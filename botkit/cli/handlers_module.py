"""`botkit serve --handlers MODULE:KIT`: the application around a kit of the user's own module."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path

from flask import Flask

from botkit.config.settings import Settings
from botkit.errors import NotConfigured

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def with_handlers(named: str, config: Path, settings: Settings) -> Flask:
    """An application with the kit that `named` names (``module:kit``), in the worker process.

    Raises:
        NotConfigured: there is no such module or kit, or the kit has a configuration of its own.
    """
    from botkit.flask.stray_hooks import log_stray_hooks
    from botkit.kit import BotKit

    module_name, _, name = named.partition(":")
    if not _NAME.fullmatch(module_name) or module_name.endswith(".py"):
        raise NotConfigured(
            f"--handlers: {named} is not MODULE:KIT; write app:kit for the kit named kit in app.py"
        )
    sys.path.insert(0, os.getcwd())
    try:
        kit = getattr(import_module(module_name), name or "kit", None)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise NotConfigured(
            f"--handlers: there is no module {module_name} in {os.getcwd()}; start BotKit where its file is"
        ) from None
    if not isinstance(kit, BotKit):
        raise NotConfigured(
            f"--handlers: {module_name} has no kit {name or 'kit'}: write kit = BotKit() in it"
        )
    if kit.is_configured:
        raise NotConfigured(
            f"--handlers: {named} has a configuration of its own, and --config is another: make it with BotKit(), and mount "
            "it in a function that nothing calls when the module is imported"
        )
    app = Flask("botkit")
    kit.init_app(app, config)
    log_stray_hooks(app, prefix=settings.server.prefix)
    return app
