"""The agent systems of this installation: BotKit's own, and those that other packages register as entry points.

An entry point of the group ``botkit.agent_systems`` has a `type` of bots' files as its name and a subclass of `AgentSystem`
as its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from botkit.agents.api import DEFAULT_ATTRIBUTES, AgentSystem
from botkit.handoff.rules import Capabilities

GROUP = "botkit.agent_systems"
OWN: Mapping[str, str] = MappingProxyType(
    {
        "salesforce-miaw": "botkit.agents.miaw:MiawSystem",
        "salesforce-live-chat": "botkit.agents.live_chat:LiveChatSystem",
    }
)
"""BotKit's own systems; entry points cannot replace them."""

DEFAULT_TYPE = "salesforce-miaw"
"""The type of a system whose section of a bot's file names none."""


def installed_types() -> frozenset[str]:
    """The types of agent systems that are installed."""
    return frozenset({*_registered(), *OWN})


def system_class(kind: str) -> type[AgentSystem] | None:
    """The class of a type of agent system, or None where no such type is installed.

    Raises:
        TypeError: the entry point names something that is not an agent system.
        Exception: importing its package failed.
    """
    # Nothing is looked up for BotKit's own: that reads the metadata of every installed package.
    entry = EntryPoint(kind, OWN[kind], GROUP) if kind in OWN else _registered().get(kind)
    if entry is None:
        return None
    found: object = entry.load()
    if not (isinstance(found, type) and issubclass(found, AgentSystem)):
        raise TypeError(f"{entry.value} is not a subclass of botkit.agents.AgentSystem")
    return found


def capabilities(kind: str, settings: object) -> Capabilities:
    """The capabilities of a system of this type under these settings.

    Raises:
        TypeError: the capabilities promise a method that the class does not have.
    """
    found = system_class(kind)
    if found is None:
        return Capabilities(attributes=DEFAULT_ATTRIBUTES)
    able = found.capabilities_for(settings)
    if able.receive == "stream" and found.listen is AgentSystem.listen:
        raise TypeError(f'{found.__name__}: receive="stream" needs a method listen; poll needs none')
    if able.files != "none" and found.send_file is AgentSystem.send_file:
        raise TypeError(f'{found.__name__}: files="{able.files}" needs a method send_file')
    return able if able.attributes else replace(able, attributes=DEFAULT_ATTRIBUTES)


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
