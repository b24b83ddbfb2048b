"""Live Chat, the retired predecessor of MIAW, by its REST API: protocols/salesforce-live-chat.md."""

from botkit.agents.live_chat.system import LiveChatSystem

__all__ = ["LiveChatSystem"]
