"""One bot's file, from YAML to `BotSettings`: its schema, and the rules that a schema cannot express.

A rule reads only values that are present and well formed, so one run reports the problems of all rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yaml.nodes import Node

from botkit.config.agent_systems import AgentSystems
from botkit.config.doubtful import warn_of_doubtful_values
from botkit.config.filling import Filling
from botkit.config.problems import Problems, listed, nearest, suggestion
from botkit.config.schema import responses_schema
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    BotSettings,
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
)
from botkit.config.validation import Checked, check, typed
from botkit.config.values import KORE_CHANNELS, parse_callback_host, parse_duration
from botkit.config.yaml_file import Plain, read_yaml
from botkit.errors import UnusableValue
from botkit.handoff.end_words import plain

OPT_OUT_KEYWORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})
"""Salesforce's default keywords with which a user of a text channel refuses further messages."""

PLACEHOLDERS = ("agent", "command", "file", "message", "minutes", "position", "reason", "reference")
"""The placeholders of standard responses; `handoff/responses.py` fills them."""


@dataclass(frozen=True, slots=True)
class BotFile:
    """A bot's file that was read and checked."""

    checked: Checked
    systems: Mapping[str, AgentSystemSettings]
    responses: Checked | None

    def settings(self) -> BotSettings:
        """The typed settings. The file must have no problem."""
        value: Any = self.checked.settings()
        kore, agents, handoff = value["kore"], value["agents"], value.get("handoff", {})
        hosts = dict.fromkeys(map(parse_callback_host, kore["callback_hosts"]))
        command, words = handoff.get("end_chat_command"), handoff.get("end_chat_words", {})
        named: dict[str, Any] = {"default": next(iter(self.systems)), **agents, "systems": {}}
        return BotSettings(
            **{**value["bot"], "linked": tuple(value["bot"].get("linked", ()))},
            kore=typed({**kore, "callback_hosts": list(hosts)}, KoreSettings),
            agents=replace(typed(named, AgentsSettings), systems=MappingProxyType(dict(self.systems))),
            handoff=typed(
                {
                    **handoff,
                    "end_chat_command": command and command.strip(),
                    "end_chat_words": words if isinstance(words, dict) else {"": words},
                    "responses": self._responses(),
                },
                HandoffSettings,
            ),
            delivery=typed(value.get("delivery", {}), DeliverySettings),
            file=self.checked.file,
        )

    def _responses(self) -> Mapping[str, Mapping[str, str | None]]:
        """The messages of the responses file, each overridden by the message of the bot's own YAML.

        zh_tw in one file and zh-TW in the other are one language; the first spelling is used.
        """
        merged: dict[str, dict[str, str | None]] = {}
        spelling: dict[str, str] = {}
        from_file: Plain = self.responses.value if self.responses else {}
        for source in (from_file, self.checked.mapping("handoff", "responses")):
            pasted: Any = source
            for language, messages in pasted.items():
                key = spelling.setdefault(_folded(language), language)
                merged.setdefault(key, {}).update(messages)
        return merged


def read_bot_file(
    file: Path, *, environ: Mapping[str, str], problems: Problems, insecure_http: bool
) -> BotFile | None:
    """Read and check one bot's file; add to `problems`. None if it cannot be read at all."""
    root = read_filled(file, environ=environ, problems=problems)
    if root is None:
        return None
    systems = AgentSystems.named_in(root)
    checked = check(file, root, systems.schema(), problems)
    checked.try_parse(parse_callback_host, "kore", "callback_hosts")
    built = systems.check(checked, insecure_http=insecure_http)
    _check_system_names(checked)
    _check_channels(checked)
    _check_retries(checked)
    _check_end_words(checked.under("handoff"))
    _check_responses(checked.under("handoff", "responses"))
    warn_of_doubtful_values(checked, insecure_http=insecure_http)
    return BotFile(checked, built, _responses_file(checked, environ))


def read_filled(file: Path, *, environ: Mapping[str, str], problems: Problems) -> Node | None:
    """The tree of a YAML file, with values from the environment and from files filled in."""
    root = read_yaml(file, problems)
    return None if root is None else Filling(file, environ, problems).fill(root)


def _responses_file(checked: Checked, environ: Mapping[str, str]) -> Checked | None:
    place = ("handoff", "responses_file")
    name = checked.text(*place)
    if not name:
        return None
    file = checked.file.parent / name
    if not file.is_file():
        what = f"{checked.shown(place)}is not a file"
        checked.complain(place, what, "name a JSON or YAML file, relative to this file")
        return None
    root = read_filled(file, environ=environ, problems=checked.problems)
    if root is None:
        return None
    responses = check(file, root, responses_schema(), checked.problems)
    _check_responses(responses)
    return responses


def _check_responses(responses: Checked) -> None:
    """Report a language in two spellings, such as zh_tw and zh-TW, and unknown placeholders, which users would see."""
    first: dict[str, str] = {}
    known = listed(f"{{{name}}}" for name in PLACEHOLDERS)
    otherwise = f"write {known}, or {{ … }} with spaces to show braces"
    for language in responses.mapping():
        other = first.setdefault(_folded(language), language)
        if other != language:
            responses.complain(
                (language,), f"is the same language as {other}", "put the messages under one of them"
            )
        for key in responses.mapping(language):
            for word in re.findall(r"\{([A-Za-z_]+)\}", responses.text(language, key) or ""):
                if word not in PLACEHOLDERS:
                    meant = nearest(word, PLACEHOLDERS)
                    fix = f"did you mean {{{meant}}}?" if meant else otherwise
                    responses.complain((language, key), f"{{{word}}} is not a placeholder", fix)


def _folded(language: str) -> str:
    return language.replace("_", "-").casefold()


def _check_system_names(checked: Checked) -> None:
    """Report names under `agents` that are not keys of `agents.systems`, and a system that `fallback` names twice."""
    systems = list(checked.mapping("agents", "systems"))
    fallback = checked.items("agents", "fallback")
    for index, name in enumerate(fallback):
        if isinstance(name, str) and name in fallback[:index]:
            checked.complain(("agents", "fallback", index), f"{name} appears twice", "remove one of the two")
    if not systems:
        return
    if checked.at("agents", "default") is None and len(systems) > 1:
        # If default has a wrong type, the schema has reported it, and `complain` ignores this problem.
        fix = f"add default: with one of {listed(systems)}"
        checked.complain(("agents", "default"), "is missing, and there are several systems", fix)
    places: list[tuple[str | int, ...]] = [
        ("agents", "default"),
        *(("agents", "channels", channel) for channel in checked.mapping("agents", "channels")),
        *(("agents", "fallback", index) for index in range(len(fallback))),
    ]
    for place in places:
        name = checked.text(*place)
        if name and name not in systems:
            shown = checked.shown(place)
            otherwise = f"write {listed(systems)}, or add it to agents.systems"
            fix = suggestion(name if shown else None, systems, otherwise)
            checked.complain(place, f"{shown}is not one of agents.systems", fix)


def _check_channels(checked: Checked) -> None:
    """Report channels that the platform does not have: they would have no effect."""
    others = checked.items("agents", "other_channels")
    for channel in checked.mapping("agents", "channels"):
        if channel in KORE_CHANNELS or channel in others:
            continue
        fix = suggestion(channel, KORE_CHANNELS, f"write one of {listed(KORE_CHANNELS)}")
        fix += "; if the platform really sends this name, add it to agents.other_channels"
        checked.complain(("agents", "channels", channel), "is not a channel of Kore's", fix)


def _check_end_words(handoff: Checked) -> None:
    """Warn of words that Salesforce takes for an opt-out on some channels: the user would get no message any more."""
    places: list[tuple[str | int, ...]] = [("end_chat_command",)]
    lists = (
        ["end_chat_words"],
        *(["end_chat_words", language] for language in handoff.mapping("end_chat_words")),
    )
    places += [(*path, index) for path in lists for index in range(len(handoff.items(*path)))]
    for place in places:
        if plain(handoff.text(*place) or "") in OPT_OUT_KEYWORDS:
            what = f"{handoff.shown(place)}is an opt-out keyword of Salesforce's on some channels"
            handoff.warn(place, what, "choose another word, such as endagentchat")


def _check_retries(checked: Checked) -> None:
    usual = DeliverySettings()
    try:
        first, slowest = (
            parse_duration(value)
            if isinstance(value := checked.at("delivery", key), str | int | float)
            else default
            for key, default in (("first_retry", usual.first_retry), ("slowest_retry", usual.slowest_retry))
        )
    except UnusableValue:
        return  # the schema has reported it
    if first > slowest:
        key = "first_retry" if checked.at("delivery", "first_retry") is not None else "slowest_retry"
        what = "makes the first retry wait longer than the slowest one"
        checked.complain(("delivery", key), what, "write a first_retry of at most slowest_retry")
