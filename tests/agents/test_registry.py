"""Which agent systems there are: BotKit's own, and those of other packages."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from botkit.agents import registry as agent_systems
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.miaw import MiawSystem
from botkit.config.settings import MiawSettings
from botkit.handoff.rules import SystemLimits
from botkit.http import Transport

MIAW = MiawSettings("00D000000000001", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")


class Desk:
    """Somebody else's system, which says nothing of its limits."""

    def __init__(self, name: str, settings: object, transport: Transport) -> None: ...


class ShortDesk(Desk):
    """One that does."""

    @classmethod
    def limits(cls, settings: object) -> SystemLimits:
        return SystemLimits(max_text=160)


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        "desk": f"{__name__}:Desk",
        "short-desk": f"{__name__}:ShortDesk",
        "salesforce-miaw": f"{__name__}:Desk",
    }
    found = [EntryPoint(name, value, agent_systems.GROUP) for name, value in entries.items()]
    monkeypatch.setattr(agent_systems, "entry_points", lambda group: found)


def test_our_own_systems_are_always_there() -> None:
    assert agent_systems.system_class("salesforce-miaw") is MiawSystem
    assert agent_systems.system_class("salesforce-live-chat") is LiveChatSystem


def test_a_package_brings_another() -> None:
    assert agent_systems.system_class("desk") is not None
    assert agent_systems.installed_types() == {
        "salesforce-miaw",
        "salesforce-live-chat",
        "desk",
        "short-desk",
    }


def test_a_type_nobody_brings_is_none() -> None:
    assert agent_systems.system_class("acme-desk") is None
    assert agent_systems.limits("acme-desk", {}) == SystemLimits()


def test_a_class_tells_its_limits_before_it_is_connected() -> None:
    assert agent_systems.limits("short-desk", {}) == SystemLimits(max_text=160)
    assert agent_systems.limits("desk", {}) == SystemLimits()


@pytest.mark.parametrize(("attachments", "files"), [(True, "always"), (False, "none")])
def test_miaw_takes_files_unless_that_is_switched_off(attachments: bool, files: str) -> None:
    settings = MiawSettings(MIAW.organization_id, MIAW.base_url, MIAW.developer_name, attachments=attachments)
    assert agent_systems.limits("salesforce-miaw", settings).files == files


def test_the_package_announces_what_it_brings_like_any_other() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"][agent_systems.GROUP] == dict(agent_systems.OWN)
