"""One bot's file, from YAML to `BotSettings`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botkit.config.base_url import normalize_base_url
from botkit.config.bot_rules import check_bot, check_responses
from botkit.config.durations import parse_duration
from botkit.config.filling import Filling
from botkit.config.given import given
from botkit.config.hosts import parse_callback_host
from botkit.config.live_chat_file import live_chat_settings
from botkit.config.nodes import Plain
from botkit.config.organization_id import parse_organization_id
from botkit.config.problems import Problems
from botkit.config.schema import Schema, bot_schema, responses_schema
from botkit.config.settings import (
    DEFAULT_SYSTEM_TYPE,
    LIVE_CHAT_TYPE,
    AgentsSettings,
    AgentSystemSettings,
    BotSettings,
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
    MiawSettings,
    Secret,
    TranscriptSettings,
)
from botkit.config.validation import Checked, check
from botkit.config.yaml_file import read_yaml

Responses = Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class BotFile:
    """A bot's file that was read and checked; settings can be made of it when nobody had a problem."""

    checked: Checked
    responses: Checked | None
    insecure_http: bool

    def bot_id(self) -> str | None:
        """The bot's id, if it says one."""
        return self.checked.text("bot", "id")

    def settings(self) -> BotSettings:
        """The typed settings. Only to be asked for when the file has no problem."""
        return _bot(self)


def read_bot_file(
    file: Path,
    *,
    environ: Mapping[str, str],
    problems: Problems,
    insecure_http: bool,
    known_types: Collection[str],
) -> BotFile | None:
    """Read and check one bot's file; what is wrong goes to `problems`. None when it cannot be read at all."""
    checked = read_checked(file, bot_schema(), environ=environ, problems=problems)
    if checked is None:
        return None
    check_bot(checked, insecure_http=insecure_http, known_types=known_types)
    return BotFile(checked, _responses_file(checked, environ), insecure_http)


def read_checked(
    file: Path, schema: Schema, *, environ: Mapping[str, str], problems: Problems
) -> Checked | None:
    """A YAML file read, filled and held against its schema."""
    root = read_yaml(file, problems)
    if root is None:
        return None
    return check(file, Filling(file, environ, problems).fill(root), schema, problems)


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
    responses = read_checked(file, responses_schema(), environ=environ, problems=checked.problems)
    if responses is not None:
        check_responses(responses)
    return responses


def _bot(bot_file: BotFile) -> BotSettings:
    value: Any = bot_file.checked.value
    kore = value["kore"]
    return BotSettings(
        id=value["bot"]["id"],
        name=value["bot"]["name"],
        kore=KoreSettings(
            client_id=kore["client_id"],
            client_secret=Secret(kore["client_secret"]),
            callback_hosts=tuple(dict.fromkeys(map(parse_callback_host, kore["callback_hosts"]))),
            **given(
                kore,
                algorithm=str,
                clock_leeway=parse_duration,
                accept_apikey=bool,
                timeout=parse_duration,
                keep_payloads=bool,
            ),
        ),
        agents=_agents(value["agents"], insecure_http=bot_file.insecure_http),
        handoff=_handoff(value.get("handoff", {}), _responses(bot_file)),
        delivery=DeliverySettings(
            **given(
                value.get("delivery", {}),
                give_up_after=parse_duration,
                first_retry=parse_duration,
                slowest_retry=parse_duration,
            )
        ),
        file=bot_file.checked.file,
    )


def _agents(agents: Any, *, insecure_http: bool) -> AgentsSettings:
    systems = {
        name: _system(name, system, insecure_http=insecure_http) for name, system in agents["systems"].items()
    }
    return AgentsSettings(
        default=agents.get("default") or next(iter(systems)),
        systems=MappingProxyType(systems),
        channels=MappingProxyType(dict(agents.get("channels", {}))),
        **given(agents, fallback=tuple, fallback_after=parse_duration),
    )


def _system(name: str, system: Any, *, insecure_http: bool) -> AgentSystemSettings:
    kind = system.get("type", DEFAULT_SYSTEM_TYPE)
    if kind == LIVE_CHAT_TYPE:
        return AgentSystemSettings(name, kind, live_chat_settings(system, insecure_http=insecure_http))
    if kind != DEFAULT_SYSTEM_TYPE:
        own = {key: value for key, value in system.items() if key != "type"}
        return AgentSystemSettings(name, kind, MappingProxyType(own))
    miaw = MiawSettings(
        organization_id=parse_organization_id(system["organization_id"]),
        base_url=normalize_base_url(system["organization_base_url"], insecure_http=insecure_http),
        developer_name=system["developer_name"],
        **given(
            system,
            receive=str,
            poll_interval=parse_duration,
            timeout=parse_duration,
            platform=str,
            attachments=bool,
        ),
    )
    return AgentSystemSettings(name, kind, miaw)


def _handoff(handoff: Any, responses: Responses) -> HandoffSettings:
    transcript = given(handoff.get("transcript", {}), limit=int, timeout=parse_duration)
    return HandoffSettings(
        responses=responses,
        transcript=TranscriptSettings(**transcript),
        **given(
            handoff,
            end_chat_command=str.strip,
            default_language=str,
            attributes=_frozen,
            accept_timeout=parse_duration,
            transfer_grace=parse_duration,
        ),
    )


def _responses(bot_file: BotFile) -> Responses:
    """The file's messages with those of the bot's own YAML over them, language by language, message by message.

    A language keeps the spelling it was first written in; zh_tw in the one and zh-TW in the other are one language.
    """
    merged: dict[str, dict[str, str | None]] = {}
    spelling: dict[str, str] = {}
    from_file: Plain = bot_file.responses.value if bot_file.responses else {}
    for source in (from_file, bot_file.checked.mapping("handoff", "responses")):
        pasted: Any = source
        for language, messages in pasted.items():
            key = spelling.setdefault(language.replace("_", "-").casefold(), language)
            merged.setdefault(key, {}).update(messages)
    return MappingProxyType({language: MappingProxyType(texts) for language, texts in merged.items()})


def _frozen(mapping: dict[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(mapping))
