"""Salesforce Messaging for In-App and Web (MIAW, "Enhanced Chat"), API version 2: docs/protocols/salesforce-miaw.md."""

from botkit.agents.miaw.settings import MiawSettings
from botkit.agents.miaw.system import MiawSystem

__all__ = ["MiawSettings", "MiawSystem"]
