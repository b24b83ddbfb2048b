"""The table of switches is complete, and the documentation shows it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.faults import Kind
from botkit_sandbox.salesforce.ids import is_conversation_id, is_uuid, long_id, short_id
from botkit_sandbox.salesforce.rest import routes
from botkit_sandbox.salesforce.settings import SWITCHES, SalesforceSandboxSettings, Switch

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sandbox-salesforce.md").read_text(encoding="utf-8")
SETUP = {"organization_id", "developer_name", "web_developer_name", "channel_name", "agents", "keysets"}
DEFAULTS = {field.name: field.default for field in dataclasses.fields(SalesforceSandboxSettings)}


def shown(default: object) -> str:
    words = {None: "none", True: "on", False: "off", "": "empty", (): "empty"}
    if default is None or isinstance(default, bool) or default in ("", ()):
        return words[default]
    return ", ".join(default) if isinstance(default, tuple) else f"`{default}`"


def test_every_setting_but_the_organizations_own_data_is_a_switch_in_the_table() -> None:
    assert [switch.name for switch in SWITCHES] == [name for name in DEFAULTS if name not in SETUP]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_the_documentation_shows_the_switch_with_its_default(switch: Switch) -> None:
    row = f"| `{switch.name}` | {shown(DEFAULTS[switch.name])} | {switch.what} | {switch.evidence} | {switch.section} |"
    assert row in DOCUMENT.splitlines()


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_documentation_explains_the_fault(kind: str) -> None:
    assert f"| `{kind}` |" in DOCUMENT


def test_the_documentation_names_every_operation() -> None:
    app = routes(SalesforceCloud(wire=None, bus=None))
    for operation in app.router.named_resources():
        assert f"`{operation}`" in DOCUMENT


def test_the_long_form_of_a_record_id_follows_the_case_of_its_letters() -> None:
    assert long_id("001A0000006Vm9r") == "001A0000006Vm9rIAC"
    assert short_id("001A0000006Vm9rIAC") == "001A0000006Vm9r"
    assert long_id("00DSB0000000001") == "00DSB00000000012AA"


def test_message_ids_may_be_uuids_of_any_version_but_conversation_ids_only_of_version_4() -> None:
    version_5 = "886313e1-3b8a-5372-9b90-0c9aee199e5d"
    assert is_uuid(version_5)
    assert not is_conversation_id(version_5)
    assert is_conversation_id("f47ac10b-58cc-4372-a567-0e02b2c3d479")
