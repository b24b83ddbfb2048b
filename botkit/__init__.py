"""BotKit for Kore.ai: hands a bot's conversations over to Salesforce agents.

from botkit import BotKit

BotKit.from_config("config/botkit.yaml").init_app(app)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botkit.kit import BotKit as BotKit
    from botkit.kit import create_app as create_app

__version__ = "0.1.0"
__all__ = ["BotKit", "__version__", "create_app"]


def __getattr__(name: str) -> Any:
    """Load a public name at its first use: the command line and the pure core need none of them."""
    if name in ("BotKit", "create_app"):
        return getattr(import_module("botkit.kit"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
