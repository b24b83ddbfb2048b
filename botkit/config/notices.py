"""What is good to know of a configuration that is in order: said once at a check and at a start, never a problem."""

from __future__ import annotations

from importlib.metadata import entry_points

from botkit.config.settings import LIVE_CHAT_TYPE, Settings

AGENT_SYSTEMS = "botkit.agent_systems"
"""The entry point group that agent systems announce themselves in."""


def installed_types() -> frozenset[str]:
    """The types of agent systems that this installation can use."""
    return frozenset(entry.name for entry in entry_points(group=AGENT_SYSTEMS))


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
    said = (
        f"Salesforce retired Live Chat ({LIVE_CHAT_TYPE}) on 14 February 2026; it is used by {', '.join(used)}. "
        "Publish a Messaging for In-App and Web deployment of type Custom Client, and name it in a system of "
        "type salesforce-miaw"
    )
    if LIVE_CHAT_TYPE not in installed_types():
        said += (
            ". This version cannot use Live Chat: a hand-off to it ends at once with handoffFailedMessage, and "
            "the user is back with the bot"
        )
    return [said]
