"""Salesforce Live Chat, the retired predecessor of MIAW, through its REST API: docs/protocols/salesforce-live-chat.md."""

from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.agents.live_chat.system import LiveChatSystem

__all__ = ["LiveChatSettings", "LiveChatSystem"]
