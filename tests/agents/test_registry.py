"""The registry of agent systems: BotKit's own, and those of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from botkit.agents import DEFAULT_ATTRIBUTES, AgentSystem, Capabilities
from botkit.agents import registry as agent_systems
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.miaw import MiawSettings, MiawSystem

MIAW = MiawSettings("00D000000000001", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")


class Desk(AgentSystem):
    """A third party's system without settings of its own."""

    capabilities = Capabilities(receive="poll")


class ShortDesk(Desk):
    """A system whose capabilities depend on its settings."""

    @classmethod
    def capabilities_for(cls, settings: Any) -> Capabilities:
        return Capabilities(receive="poll", max_text=settings["longest"], attributes={"Name": "name"})


class SilentDesk(AgentSystem):
    """A system that promises a stream, and has no method for it."""


class FullDesk(Desk):
    """A system that promises to take files, and has no method for it."""

    capabilities = Capabilities(receive="poll", files="always")


class OtherDesk:
    """A class that is no agent system."""


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        "desk": f"{__name__}:Desk",
        "short-desk": f"{__name__}:ShortDesk",
        "silent-desk": f"{__name__}:SilentDesk",
        "full-desk": f"{__name__}:FullDesk",
        "other-desk": f"{__name__}:OtherDesk",
        "salesforce-miaw": f"{__name__}:Desk",
    }
    found = [EntryPoint(name, value, agent_systems.GROUP) for name, value in entries.items()]
    monkeypatch.setattr(agent_systems, "entry_points", lambda group: found)


def test_our_own_systems_are_always_there() -> None:
    assert agent_systems.system_class("salesforce-miaw") is MiawSystem
    assert agent_systems.system_class("salesforce-live-chat") is LiveChatSystem


def test_a_package_brings_another() -> None:
    assert agent_systems.system_class("desk") is not None
    assert {"salesforce-miaw", "salesforce-live-chat", "desk"} < agent_systems.installed_types()


def test_an_unknown_type_has_no_class() -> None:
    assert agent_systems.system_class("acme-desk") is None
    assert agent_systems.capabilities("acme-desk", {}) == Capabilities(attributes=DEFAULT_ATTRIBUTES)


def test_a_class_that_is_no_agent_system_is_named() -> None:
    with pytest.raises(TypeError, match=r"OtherDesk is not a subclass of botkit\.agents\.AgentSystem"):
        agent_systems.system_class("other-desk")


def test_a_class_tells_its_capabilities_before_it_is_connected() -> None:
    short = agent_systems.capabilities("short-desk", {"longest": 160})
    assert (short.max_text, short.attributes) == (160, {"Name": "name"})
    assert agent_systems.capabilities("desk", {}) == Capabilities(
        receive="poll", attributes=DEFAULT_ATTRIBUTES
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("silent-desk", 'SilentDesk: receive="stream" needs a method listen'),
        ("full-desk", 'FullDesk: files="always" needs a method send_file'),
    ],
)
def test_a_capability_without_its_method_is_an_error_that_names_both(kind: str, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        agent_systems.capabilities(kind, {})


@pytest.mark.parametrize(("attachments", "files"), [(True, "always"), (False, "none")])
def test_miaw_takes_files_unless_that_is_switched_off(attachments: bool, files: str) -> None:
    settings = MiawSettings(
        MIAW.organization_id, MIAW.organization_base_url, MIAW.developer_name, attachments=attachments
    )
    assert agent_systems.capabilities("salesforce-miaw", settings).files == files
