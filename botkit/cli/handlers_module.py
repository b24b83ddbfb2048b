"""`botkit serve --handlers MODULE:KIT`: a kit of the user's own module."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from botkit.config.problems import listed
from botkit.errors import NotConfigured

if TYPE_CHECKING:
    from botkit.kit import BotKit

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def kit_of(named: str) -> BotKit:
    """The kit that `named` names (``module:kit``), which has no configuration yet.

    Raises:
        NotConfigured: there is no such module or kit, or the kit has a configuration of its own.
    """
    from botkit.kit import BotKit

    module_name, _, name = named.partition(":")
    if not _NAME.fullmatch(module_name) or module_name.endswith(".py"):
        raise NotConfigured(
            f"--handlers: {named} is not MODULE:KIT; write app:kit for the kit named kit in app.py"
        )
    sys.path.insert(0, os.getcwd())
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise NotConfigured(
            f"--handlers: there is no module {module_name} in {os.getcwd()}; start BotKit where its file is"
        ) from None
    kit = getattr(module, name or "kit", None)
    if not isinstance(kit, BotKit):
        others = [other for other, value in vars(module).items() if isinstance(value, BotKit)]
        fix = (
            f"write {listed(f'--handlers {module_name}:{other}' for other in others)}"
            if others
            else "write kit = BotKit() in it"
        )
        raise NotConfigured(f"--handlers: {module_name} has no kit {name or 'kit'}: {fix}")
    if kit.is_configured:
        raise NotConfigured(
            f"--handlers: {named} has a configuration of its own, and --config is another: make it with BotKit(), and mount "
            "it in a function that nothing calls when the module is imported"
        )
    return kit
