"""Agent systems of other packages: their settings are checked like ours, with line numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from botkit.agents import AgentSystem, Section, UnusableValue
from botkit.agents import registry as agent_systems
from tests.config.folder import BOT, Folder


class PlainDesk(AgentSystem):
    """A system that declares nothing."""


def _parse_url(text: str) -> str:
    if not text.startswith("https://"):
        raise UnusableValue("is no https address", "write https:// before the host")
    return text.rstrip("/")


@dataclass(frozen=True)
class DeskSettings:
    url: str
    key: str = field(repr=False)
    pause: timedelta = timedelta(seconds=2)
    queues: tuple[str, ...] = ()


class Desk(AgentSystem):
    """A system that declares everything."""

    settings_type = DeskSettings
    schema: ClassVar[Mapping[str, Any]] = {
        "required": ["url", "key"],
        "additionalProperties": False,
        "properties": {
            "url": {"type": "string"},
            "key": {"type": "string", "writeOnly": True, "minLength": 8, "title": "Key"},
            "pause": {"$ref": "#/$defs/duration", "minDuration": "1s", "maxDuration": "1m"},
            "queues": {"type": "array", "items": {"$ref": "#/$defs/queue"}},
        },
        "$defs": {"queue": {"type": "string", "pattern": "^[a-z]+$"}},
    }

    @classmethod
    def parsers(cls, *, insecure_http: bool) -> Mapping[str, Callable[[str], object]]:
        return {"url": _parse_url}

    @classmethod
    def check(cls, section: Section) -> None:
        if section.mapping() and section.text("url") == section.text("key"):
            section.complain(("key",), "is the url", "write the desk's key")


class TypedDesk(AgentSystem):
    """A system with typed settings and no schema."""

    settings_type = DeskSettings


class BrokenDesk(AgentSystem):
    """A system with an invalid schema."""

    schema: ClassVar[Mapping[str, Any]] = {"type": "text"}


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "plain-desk": f"{__name__}:PlainDesk",
        "desk": f"{__name__}:Desk",
        "typed-desk": f"{__name__}:TypedDesk",
        "broken-desk": f"{__name__}:BrokenDesk",
        "gone-desk": "package_that_is_gone:Desk",
        "other-desk": f"{__name__}:Folder",
    }
    found = [EntryPoint(name, value, agent_systems.GROUP) for name, value in values.items()]
    monkeypatch.setattr(agent_systems, "entry_points", lambda group: found)


def _with_system(folder: Folder, kind: str, *settings: str) -> None:
    lines = "".join(f"      {line}\n" for line in settings)
    folder.bot(BOT.split("    salesforce:")[0] + f"    desk:\n      type: {kind}\n{lines}")


def _settings(folder: Folder) -> object:
    return folder.load_bot().agents.systems["desk"].settings


def test_a_system_that_declares_nothing_gets_its_part_of_the_yaml(folder: Folder) -> None:
    folder.environ["DESK"] = "007"
    _with_system(folder, "plain-desk", "key: '${DESK}'", "n: [1, {a: true}]", "timeout: 2s")
    system = folder.load_bot().agents.systems["desk"]
    assert system.settings == {"key": "007", "n": [1, {"a": True}], "timeout": "2s"}
    assert "007" not in repr(system)


def test_declared_settings_arrive_parsed_and_typed(folder: Folder) -> None:
    folder.environ["KEY"] = "12345678"
    _with_system(folder, "desk", "url: https://desk.example/", "key: ${KEY}", "pause: 5s", "queues: [a, b]")
    assert _settings(folder) == DeskSettings(
        "https://desk.example", "12345678", timedelta(seconds=5), ("a", "b")
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("url: 5", "13: SYSTEM.url: is a number, not a text; put it in quotes"),
        ("url: http://x", "13: SYSTEM.url: “http://x” is no https address; write https:// before the host"),
        ("url: ${URL}", "13: SYSTEM.url: is no https address; write https:// before the host"),
        ("key: secret", "13: SYSTEM.key: is shorter than 8 characters; copy all of it"),
        ("key: https://x.example", "13: SYSTEM.key: is the url; write the desk's key"),
        ("pause: 2m", "13: SYSTEM.pause: “2m” is too large; write at most 1m"),
        ("queues: [a, B]", "13: SYSTEM.queues[1]: “B” is not a valid value; write it as ^[a-z]+$"),
        ("ulr: x", "13: SYSTEM.ulr: is not known here; did you mean url?"),
    ],
)
def test_a_mistake_has_its_line_its_path_and_a_fix(folder: Folder, line: str, said: str) -> None:
    folder.environ["URL"] = "gopher://x"
    rest = {"url": "url: https://x.example", "key": "key: its-own-key"}
    rest.pop(line.partition(":")[0], None)
    _with_system(folder, "desk", line, *rest.values())
    assert folder.problem() == f"bots/acme.yaml:{said}".replace("SYSTEM", "agents.systems.desk")


def test_a_missing_key_is_reported_at_the_system(folder: Folder) -> None:
    _with_system(folder, "desk", "url: https://x.example")
    assert folder.problem() == "bots/acme.yaml:11: agents.systems.desk.key: is missing; add key: … (Key)"


def test_without_a_schema_the_types_of_the_settings_are_checked(folder: Folder) -> None:
    _with_system(folder, "typed-desk", "url: x", "key: k", "queues: [a, 5]")
    assert folder.problem() == (
        "bots/acme.yaml:15: agents.systems.desk.queues[1]: expected str, got int; correct the value"
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("broken-desk", "“broken-desk” cannot be used: its schema is not a JSON Schema"),
        ("gone-desk", "“gone-desk” cannot be used: ModuleNotFoundError"),
        ("other-desk", "is not a subclass of botkit.agents.AgentSystem"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_problem_of_the_type(folder: Folder, kind: str, said: str) -> None:
    _with_system(folder, kind, "key: x")
    problem = folder.problem()
    assert problem.startswith("bots/acme.yaml:12: agents.systems.desk.type: “")
    assert said in problem


def test_two_types_with_settings_of_one_name_are_checked_each_by_its_own_schema(folder: Folder) -> None:
    desk = "    desk:\n      type: plain-desk\n      timeout: forever\n      organization_id: 5\n"
    folder.bot(BOT.replace("agents:\n", "agents:\n  default: salesforce\n") + desk)
    assert _settings(folder) == {"timeout": "forever", "organization_id": 5}
