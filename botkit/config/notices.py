"""What is good to know of a configuration that is in order: said once at a check and at a start, never a problem."""

from __future__ import annotations

from botkit.config.settings import LIVE_CHAT_TYPE, Settings


def notices(settings: Settings) -> list[str]:
    """One sentence or two for each thing worth knowing."""
    used = [
        f"{bot.name}: {system.name}"
        for bot in settings.bots.values()
        for system in bot.agents.systems.values()
        if system.type == LIVE_CHAT_TYPE
    ]
    if not used:
        return []
    return [
        f"Salesforce retired Live Chat ({LIVE_CHAT_TYPE}) on 14 February 2026; it is used by {', '.join(used)}. "
        "Publish a Messaging for In-App and Web deployment of type Custom Client, and name it in a system of "
        "type salesforce-miaw"
    ]
