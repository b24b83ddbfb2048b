"""The emulated Kore XO platform: an exported bot, its users, signed hooks, and every call that a BotKit may make.

Numbers in parentheses, such as (4.2), are sections of docs/protocols/kore-xo-botkit.md.
"""

from botkit_sandbox.kore.callbacks import routes
from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.control import control_routes
from botkit_sandbox.kore.export import BotExport, check, load_export, sample_bot_folder
from botkit_sandbox.kore.settings import KoreSandboxSettings

__all__ = [
    "BotExport",
    "KoreCloud",
    "KoreSandboxSettings",
    "check",
    "control_routes",
    "load_export",
    "routes",
    "sample_bot_folder",
]
