"""Lets the agent system named by `type` check its section of a bot's file, and builds its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, SchemaError
from yaml.nodes import MappingNode, Node, ScalarNode

from botkit.agents import registry
from botkit.agents.api import AgentSystem
from botkit.config.filling import Filled
from botkit.config.problems import listed, suggestion
from botkit.config.schema import Schema, SchemaNode, schema_for
from botkit.config.settings import AgentSystemSettings, Settings
from botkit.config.validation import Checked, complain_of_type, typed
from botkit.config.yaml_file import locate

_SYSTEMS = ("agents", "systems")


@dataclass(slots=True)
class AgentSystems:
    """The agent systems that one bot's file names."""

    classes: dict[str, type[AgentSystem]] = field(default_factory=dict)
    """Name → class, of the systems whose type is installed and usable."""
    _broken: dict[str, str] = field(default_factory=dict)
    """Type → the reason why its package is unusable."""
    _types: dict[str, str] = field(default_factory=dict)

    @classmethod
    def named_in(cls, root: Node) -> AgentSystems:
        """Find the classes of the types that a file names."""
        found = cls()
        _, systems = locate(root, _SYSTEMS)
        for key, _ in systems.value if isinstance(systems, MappingNode) else ():
            _, node = locate(root, (*_SYSTEMS, key.value, "type"))
            if isinstance(node, Filled) and node.broken:
                continue
            kind = node.value if isinstance(node, ScalarNode) else "" if node else registry.DEFAULT_TYPE
            found._types[key.value] = kind
            try:
                system = registry.system_class(kind)
                if kind not in registry.OWN:  # Tests check those.
                    Draft202012Validator.check_schema((system and system.schema) or {})
            except SchemaError:
                found._broken[kind] = "its schema is not a JSON Schema"
            except Exception as error:  # noqa: BLE001 (a package may raise anything when it is imported)
                found._broken[kind] = str(error) if isinstance(error, TypeError) else type(error).__name__
            else:
                if system is not None:
                    found.classes[key.value] = system
        return found

    def schema(self) -> Schema:
        """The schema of the file, with the fragment of each system's type."""
        fragments: dict[str, tuple[str, SchemaNode]] = {
            name: (self._types[name], system.schema)
            for name, system in self.classes.items()
            if system.schema is not None
        }
        return schema_for(fragments)

    def check(self, checked: Checked, *, insecure_http: bool) -> dict[str, AgentSystemSettings]:
        """Report problems that the schema cannot find. Returns the settings of the systems without problems."""
        built: dict[str, AgentSystemSettings] = {}
        for name in checked.mapping(*_SYSTEMS):
            section = checked.under(*_SYSTEMS, name)
            system = self.classes.get(name)
            if system is None:
                self._unusable(section)
                continue
            parsers = system.parsers(insecure_http=insecure_http)
            for key, parse in parsers.items():
                section.try_parse(parse, key)
            system.check(section)
            if not section.has_problems():
                try:
                    settings = _settings(section, system, parsers)
                except msgspec.ValidationError as error:
                    complain_of_type(section, error)
                else:
                    built[name] = AgentSystemSettings(name, self._types[name], settings)
        return built

    def _unusable(self, section: Checked) -> None:
        kind = section.text("type")
        if kind is None:
            return
        shown = section.shown(("type",))
        if kind in self._broken:
            what = f"{shown}cannot be used: {self._broken[kind]}"
            section.complain(("type",), what, "reinstall or correct the package that provides it")
            return
        known = sorted(registry.installed_types())
        otherwise = f"write {listed(known)}, or install the package that provides it"
        fix = suggestion(kind if shown else None, known, otherwise)
        section.complain(("type",), f"{shown}is not an agent system that is installed", fix)


def notices(settings: Settings) -> list[str]:
    """Each agent system's notice about its use in this configuration, once per type; never a problem."""
    used: dict[str, list[str]] = {}
    for bot in settings.bots.values():
        for system in bot.agents.systems.values():
            used.setdefault(system.type, []).append(f"{bot.name}: {system.name}")
    classes = ((registry.system_class(kind), names) for kind, names in used.items())
    return [notice for system, names in classes if system is not None and (notice := system.notice(names))]


def summary(system: AgentSystemSettings) -> str:
    """A short description of a system's settings, without secrets."""
    kind = registry.system_class(system.type)
    return "" if kind is None else kind.summary(system.settings)


def _settings(
    section: Checked, system: type[AgentSystem], parsers: Mapping[str, Callable[[str], object]]
) -> object:
    values: dict[str, Any] = {key: value for key, value in section.settings().items() if key != "type"}
    for key, parse in parsers.items():
        if isinstance(value := values.get(key), str):
            values[key] = parse(value)
        elif isinstance(value, list):
            values[key] = [parse(item) for item in value]
    if system.settings_type is None:
        return MappingProxyType(values)
    return typed(values, system.settings_type)
