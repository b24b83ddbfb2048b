"""BotKit's settings: typed, frozen, complete. `config/load.py` builds them from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from botkit.errors import Problem
from botkit.http.network import DIRECT, Network


class Secret:
    """A text that never appears in a log, a traceback, a repr or an error."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the code that signs or compares with it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The address the service listens on. `prefix` is Kore's apiPrefix: ``""`` or ``"/like/this"``, without a trailing slash.

    `public_url` is the Callback URL of the XO platform, with the prefix and without a trailing slash; empty if not known.
    `health_port` is a second port, for health, readiness and metrics alone; None for no such listener.
    `max_connections_per_address` counts those on which no hook with a valid token has come.
    """

    host: str = "127.0.0.1"
    port: int = 8003
    prefix: str = ""
    public_url: str = ""
    threads: int = 64
    health_port: int | None = None
    max_connections: int = 4096
    max_connections_per_address: int = 1024


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The URL of a database; a relative SQLite path is already resolved against the working directory.

    It may hold a password, so the repr omits it.
    """

    url: str = field(default="sqlite:///var/botkit.db", repr=False)
    direct_url: str = field(default="", repr=False)
    """The same PostgreSQL database without a pooler in between; empty if `url` names no pooler."""
    keep_stories: timedelta = timedelta(days=7)
    """The age at which the steps of a hand-off, which `botkit explain` tells, are deleted."""


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """`insecure_http` allows ``http://`` URLs, for demos and tests on one machine."""

    insecure_http: bool = False


@dataclass(frozen=True, slots=True)
class KoreSettings:
    """The bot's JWT app on the XO platform, and the hosts BotKit may call back.

    `callback_hosts` entries are lower-case ``host`` or ``host:port``. A bare host allows the scheme's default port, and any
    port when `insecure_http` is on.
    """

    client_id: str
    client_secret: Secret
    algorithm: Literal["HS256", "HS512"] = "HS256"
    callback_hosts: tuple[str, ...] = ()
    clock_leeway: timedelta = timedelta(seconds=10)
    accept_apikey: bool = False
    timeout: timedelta = timedelta(seconds=10)
    keep_payloads: bool = False
    """Store the newest payload of every user, not only of users with an agent, so that background jobs can write to them."""
    file_message: str | None = None
    """The words that the bot gets for a file alone, with ``{name}`` and ``{url}``; None: the message stays empty."""


@dataclass(frozen=True, slots=True)
class AgentSystemSettings:
    """One entry of `agents.systems`.

    `settings` has the type that the system's class declares; if it declares none, it is the system's section of the YAML as a
    mapping. It may hold secrets, so the repr omits it.
    """

    name: str
    type: str
    settings: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentsSettings:
    """The bot's agent systems, and the choice between them.

    `fallback` lists the systems to try next, in this order, when one does not accept a hand-off. `fallback_after` limits the time
    that a system which does not answer is retried while another one is left.
    """

    default: str
    systems: Mapping[str, AgentSystemSettings]
    channels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fallback: tuple[str, ...] = ()
    fallback_after: timedelta = timedelta(seconds=15)

    def for_channel(self, channel: str) -> str:
        """The name of the agent system for a channel in Kore's spelling."""
        return self.channels.get(channel, self.default)


@dataclass(frozen=True, slots=True)
class TranscriptSettings:
    """`limit` is the number of messages to request; 0 sends no transcript.

    `other_channels` is how far back the user's sessions on other channels are included; 0 includes this session only.
    """

    limit: int = 50
    timeout: timedelta = timedelta(seconds=8)
    other_channels: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HandoffSettings:
    """Settings of the hand-off. `responses` has overrides only: language → key → text, or None to send no message.

    `end_chat_words` maps a language to words; "" is for every language. `attributes` maps a routing attribute to a fact of
    `handoff.attributes.FACTS`; None means the agent system's own mapping.
    """

    end_chat_command: str | None = None
    platform_closing_messages: tuple[str, ...] = ()
    end_chat_words: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    default_language: str = "en"
    responses: Mapping[str, Mapping[str, str | None]] = field(default_factory=lambda: MappingProxyType({}))
    attributes: Mapping[str, str] | None = None
    accept_timeout: timedelta = timedelta(minutes=10)
    transfer_grace: timedelta = timedelta(seconds=10)
    transcript: TranscriptSettings = TranscriptSettings()


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The retry policy of a failing call: backoff with full jitter between `first_retry` and `slowest_retry`."""

    give_up_after: timedelta = timedelta(minutes=5)
    first_retry: timedelta = timedelta(milliseconds=250)
    slowest_retry: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class BotSettings:
    """One bot: one YAML file. `linked` lists bots whose hooks are this bot's, such as the children of a universal bot."""

    id: str
    name: str
    kore: KoreSettings
    agents: AgentsSettings
    handoff: HandoffSettings = HandoffSettings()
    delivery: DeliverySettings = DeliverySettings()
    file: Path | None = None
    linked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration: one `botkit.yaml` and the bot files it names. `bots` maps bot ids to bots.

    `warnings` are what `botkit check` and `botkit serve` advise to change, although it works.
    """

    server: ServerSettings
    store: StoreSettings
    security: SecuritySettings
    bots: Mapping[str, BotSettings]
    network: Network = DIRECT
    warnings: tuple[Problem, ...] = ()
