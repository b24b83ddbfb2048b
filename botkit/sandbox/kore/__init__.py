"""The emulated Kore XO platform: an exported bot, its users, signed hooks, and every call a BotKit may make back."""

from botkit.sandbox.kore.callbacks import routes
from botkit.sandbox.kore.cloud import KoreCloud
from botkit.sandbox.kore.control import control_routes
from botkit.sandbox.kore.export import BotExport, ExportError, check, load_export, sample_bot_folder
from botkit.sandbox.kore.settings import KoreSandboxSettings

__all__ = [
    "BotExport",
    "ExportError",
    "KoreCloud",
    "KoreSandboxSettings",
    "check",
    "control_routes",
    "load_export",
    "routes",
    "sample_bot_folder",
]
