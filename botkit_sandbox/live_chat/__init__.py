"""Salesforce Chat ("Live Chat", legacy), emulated: the long-polling API that public Live Agent clients speak.

Section numbers in this package are those of docs/protocols/salesforce-live-chat.md.
"""

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.control import control_routes
from botkit_sandbox.live_chat.rest import add_routes, routes
from botkit_sandbox.live_chat.settings import BUTTON_ID, DEPLOYMENT_ID, Button, LiveChatSandboxSettings

__all__ = [
    "BUTTON_ID",
    "DEPLOYMENT_ID",
    "Button",
    "LiveChatCloud",
    "LiveChatSandboxSettings",
    "add_routes",
    "control_routes",
    "routes",
]
