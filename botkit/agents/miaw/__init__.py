"""Messaging for In-App and Web (MIAW, "Enhanced Chat"), API version 2: protocols/salesforce-miaw.md."""

from botkit.agents.miaw.system import MiawSystem

__all__ = ["MiawSystem"]
