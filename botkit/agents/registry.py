"""Which agent systems this installation has: BotKit's own, and those that packages announce as entry points.

A package's entry in the group ``botkit.agent_systems`` has the `type` of a bot's YAML as its name, and a class as its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from botkit.agents import AgentSystemFactory, StatesLimits
from botkit.handoff.rules import SystemLimits

GROUP = "botkit.agent_systems"
OWN: Mapping[str, str] = MappingProxyType(
    {
        "salesforce-miaw": "botkit.agents.miaw:MiawSystem",
        "salesforce-live-chat": "botkit.agents.live_chat:LiveChatSystem",
    }
)
"""Always there, and not to be replaced by another package's entry of the same name."""


def installed_types() -> frozenset[str]:
    """The types of agent systems that can be used."""
    return frozenset(_entries())


def system_class(kind: str) -> AgentSystemFactory | None:
    """The class of a type of agent system, or None where no such type is installed."""
    entry = _entries().get(kind)
    if entry is None:
        return None
    found: AgentSystemFactory = entry.load()
    return found


def limits(kind: str, settings: object) -> SystemLimits:
    """What the rules need to know of a system of this type under these settings."""
    found = system_class(kind)
    return found.limits(settings) if isinstance(found, StatesLimits) else SystemLimits()


def _entries() -> dict[str, EntryPoint]:
    announced = {entry.name: entry for entry in entry_points(group=GROUP)}
    return announced | {kind: EntryPoint(kind, value, GROUP) for kind, value in OWN.items()}
