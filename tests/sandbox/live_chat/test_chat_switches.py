"""The table of switches matches the settings, the documentation matches the console, and the claims of the suite are true."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import pytest

from botkit_sandbox.live_chat import BUTTON_ID, DEPLOYMENT_ID, LiveChatCloud, control_routes
from botkit_sandbox.live_chat.faults import AT_ONCE, Kind
from botkit_sandbox.live_chat.rest import LiveChatApi
from botkit_sandbox.live_chat.settings import LiveChatSandboxSettings

SUITE = sorted((Path(__file__).parent / "conformance").glob("test_section_*.py"))
DOCUMENT = (Path(__file__).parents[3] / "docs" / "sandbox-live-chat.md").read_text(encoding="utf-8")
SETUP = {"organization_id", "deployment_id", "buttons", "agents", "sensitive_data_rules"}
DEFAULTS = {field.name: field.default for field in dataclasses.fields(LiveChatSandboxSettings)}
TYPES = get_type_hints(LiveChatSandboxSettings)
CHOICES = [name for name, type_ in TYPES.items() if get_origin(type_) is Literal]


class Row(NamedTuple):
    """A line of the table."""

    section: str
    what: str
    default: str
    switch: str
    evidence: str


def table() -> list[Row]:
    lines = DOCUMENT.partition("| section | what happens | default | switch | evidence |\n")[2].splitlines()
    rows = [line.strip("|").split("|") for line in lines[1 : lines.index("")]]
    return [Row(*(cell.strip() for cell in row)) for row in rows]


TABLE = table()
ROWS = {row.switch.strip("`"): row for row in TABLE if row.switch.startswith("`")}


def shown(default: object) -> str:
    words = {None: "none", True: "on", False: "off", "": "empty", (): "empty"}
    if default is None or isinstance(default, bool) or default in ("", ()):
        return words[default]
    return f"`{default}`"


def test_every_setting_but_the_deployments_own_data_is_a_switch_in_the_table() -> None:
    switches = {name for name in DEFAULTS if name not in SETUP}
    assert len(ROWS) == sum(row.switch.startswith("`") for row in TABLE)
    assert set(ROWS) == switches | {"sensitive_data_rules"}


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in SETUP])
def test_the_table_shows_the_default(name: str) -> None:
    assert ROWS[name].default == shown(DEFAULTS[name])


@pytest.mark.parametrize("name", CHOICES)
def test_the_table_names_the_other_values(name: str) -> None:
    for value in get_args(TYPES[name]):
        assert value == DEFAULTS[name] or f"`{value}`" in ROWS[name].what


def test_what_is_no_switch_is_a_fault_or_an_action_of_the_console() -> None:
    actions = {route.path.rpartition("/")[2] for route in control_routes(LiveChatCloud(wire=None, bus=None))}
    others = [row.switch.split(" ") for row in TABLE if not row.switch.startswith("`")]
    assert others
    for where, name in others:
        assert name.strip("`") in {"fault": get_args(Kind), "console": actions}[where]


def test_the_table_follows_the_sections_and_grades_every_line() -> None:
    sections = [tuple(map(int, row.section.split("."))) for row in TABLE]
    assert sections == sorted(sections)
    for row in TABLE:
        assert re.search(r"\b[ABC]\b", row.evidence) or row.evidence in ("sandbox only", "unknown")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_documentation_explains_the_fault(kind: str) -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{kind}` |"))
    assert ("at once" in row) == (kind in AT_ONCE)


def test_the_documentation_names_every_operation() -> None:
    for operation in LiveChatApi(LiveChatCloud(wire=None, bus=None)).operations():
        assert f"`{operation}`" in DOCUMENT


def test_the_documentation_names_every_action_of_the_console() -> None:
    for route in control_routes(LiveChatCloud(wire=None, bus=None)):
        action = route.path.rpartition("/")[2]
        assert action in DOCUMENT


def test_the_ids_are_those_that_the_sandbox_prints() -> None:
    assert (DEPLOYMENT_ID, BUTTON_ID) == ("572SB0000000001", "573SB0000000001")
    for each in (DEPLOYMENT_ID, BUTTON_ID):
        assert each in DOCUMENT


@pytest.mark.parametrize(
    ("switch", "value", "help_"),
    [
        ("duplicate_poll", "refuze", "duplicate_poll is 'refuze', but has to be one of refuse, end"),
        ("init_again", 418, "init_again is 418, but has to be one of 409, 200"),
        ("geo_location", "maybe", "geo_location is 'maybe', but has to be true or false"),
        (
            "poll_hold_seconds",
            -1,
            "poll_hold_seconds is -1, but has to be a number from 0 to 86400",
        ),
        ("queue_limit", -1, "queue_limit is -1, but has to be a whole number from 0 on, or none"),
        ("max_file_mb", 0, "max_file_mb is 0, but has to be a number above 0 to 1024"),
        ("auto_greeting", None, "auto_greeting is None, but has to be a text"),
        ("cors_origins", "x", "cors_origins is 'x', but has to be a list of str"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_may_be(switch: str, value: Any, help_: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(help_)}$"):
        LiveChatCloud(wire=None, bus=None).configure({switch: value})
    with pytest.raises(ValueError, match=f"^{re.escape(help_)}$"):
        LiveChatSandboxSettings(**{switch: value})


def test_a_wrong_name_is_refused_with_the_one_that_is_like_it() -> None:
    with pytest.raises(ValueError, match=r"^no such switch: int_again; is it init_again\?$"):
        LiveChatCloud(wire=None, bus=None).configure({"int_again": 200})


def test_of_several_changes_with_a_mistake_none_is_done() -> None:
    cloud = LiveChatCloud(wire=None, bus=None)
    with pytest.raises(ValueError, match="init_again"):
        cloud.configure({"geo_location": False, "init_again": 418})
    assert cloud.settings.geo_location


def test_a_rule_for_sensitive_data_can_be_set_from_json() -> None:
    cloud = LiveChatCloud(wire=None, bus=None)
    cloud.configure(
        {"sensitive_data_rules": [{"id": "0GO1", "name": "Cards", "pattern": "x", "action": "Remove"}]}
    )
    assert cloud.settings.sensitive_data_rules[0].action == "Remove"


# --- the conformance suite ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SUITE, ids=lambda path: path.stem)
def test_the_suite_knows_the_service_by_http_alone(path: Path) -> None:
    imported = re.findall(r"^(?:from|import) (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [name for name in imported if name.startswith("botkit")]


@pytest.mark.parametrize("path", SUITE, ids=lambda path: path.stem)
def test_each_test_of_the_suite_names_the_section_it_is_from(path: Path) -> None:
    tests = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert tests
    assert [
        node.name for node in tests if not re.match(r"\d+(\.\d+)?\b", ast.get_docstring(node) or "")
    ] == []
