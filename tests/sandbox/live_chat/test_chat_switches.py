"""The table of switches is complete, and the documentation shows it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from botkit.sandbox.live_chat import BUTTON_ID, DEPLOYMENT_ID, LiveChatCloud, control_routes
from botkit.sandbox.live_chat.faults import AT_ONCE, Kind
from botkit.sandbox.live_chat.rest import LiveChatApi
from botkit.sandbox.live_chat.settings import LiveChatSandboxSettings
from botkit.sandbox.live_chat.switches import SWITCHES

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sandbox-live-chat.md").read_text(encoding="utf-8")
SETUP = {"organization_id", "deployment_id", "buttons", "agents", "sensitive_data_rules"}
DEFAULTS = {field.name: field.default for field in dataclasses.fields(LiveChatSandboxSettings)}


def shown(default: object) -> str:
    words = {None: "none", True: "on", False: "off", "": "empty", (): "empty"}
    if default is None or isinstance(default, bool) or default in ("", ()):
        return words[default]
    return f"`{default}`"


def test_every_setting_but_the_deployments_own_data_is_a_switch_in_the_table():
    assert [switch.name for switch in SWITCHES] == [name for name in DEFAULTS if name not in SETUP]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_the_documentation_shows_the_switch_with_its_default(switch):
    row = f"| `{switch.name}` | {shown(DEFAULTS[switch.name])} | {switch.what} | {switch.evidence} | {switch.section} |"
    assert row in DOCUMENT.splitlines()


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_documentation_explains_the_fault(kind):
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{kind}` |"))
    assert ("at once" in row) == (kind in AT_ONCE)


def test_the_documentation_names_every_operation():
    for operation in LiveChatApi(LiveChatCloud(wire=None, bus=None)).operations():
        assert f"`{operation}`" in DOCUMENT


def test_the_documentation_names_every_action_of_the_console():
    for route in control_routes(LiveChatCloud(wire=None, bus=None)):
        action = route.path.rpartition("/")[2]
        assert action in DOCUMENT


def test_the_ids_are_those_that_the_sandbox_prints():
    assert (DEPLOYMENT_ID, BUTTON_ID) == ("572SB0000000001", "573SB0000000001")
    for each in (DEPLOYMENT_ID, BUTTON_ID):
        assert each in DOCUMENT
