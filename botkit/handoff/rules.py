"""One bot's rules as plain values: its messages, its agent systems and their capabilities, its time limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from botkit.handoff.responses import Responses


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities and limits of one agent system, and how to receive from it.

    Attributes:
        receive: ``stream`` runs `listen`, which `fetch` reconciles; ``poll`` calls `fetch` alone, every `poll_interval`.
        poll_interval: the pause between two polls of one conversation.
        lists_events: whether `fetch` lists the events. Then a stream that may be held back by a proxy is checked by polls.
        max_text: the longest text the system takes, in UTF-16 code units.
        takes_text_before_agent: False holds the user's messages until an agent has accepted.
        files: whether the system takes a user's files as files: never, one after each request of an agent, or always.
        max_file_bytes: the largest file that `send_file` gets.
        meta_infos: the names of the dialog's objects that this system reads; the first one present wins.
        attributes: routing attribute → one of `botkit.handoff.attributes.FACTS`, for bots that configure none.
    """

    receive: Literal["stream", "poll"] = "stream"
    poll_interval: timedelta = timedelta(seconds=2)
    lists_events: bool = True
    max_text: int = 10_000
    takes_text_before_agent: bool = True
    files: Literal["none", "on_request", "always"] = "none"
    max_file_bytes: int = 5 * 1024 * 1024
    meta_infos: tuple[str, ...] = ("miawMetaInfo",)
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rules:
    """One bot's rules. Durations are in seconds.

    Attributes:
        bot_name: the bot's name, as agents see it.
        responses: the standard responses.
        system_for: names the agent system of a channel.
        systems: the agent systems by name.
        attributes: the bot's own routing attributes → facts; None takes those of each system's `Capabilities`.
        end_chat_words: further words that end a hand-off, by language; "" is for every language.
        fallback: the systems to try, in this order, when the first one is out of reach or refuses.
        platform_closing_messages: the bot's messages that announce the end of the platform's session (`text.as_compared`).
        needs_login: whether an address opens only with the bot's own signature, as those of the platform's files do.
        handled_moments: the moments of a hand-off for which the bot has handlers (`handoff/moments.py`).
        file_message: a file alone as a message to the bot, with ``{name}`` and ``{url}``; None passes it on without words.
    """

    bot_name: str
    responses: Responses
    system_for: Callable[[str], str]
    systems: Mapping[str, Capabilities]
    attributes: Mapping[str, str] | None = None
    fallback: tuple[str, ...] = ()
    fallback_after_seconds: float = 15.0
    end_chat_command: str | None = None
    platform_closing_messages: frozenset[str] = frozenset()
    file_message: str | None = None
    needs_login: Callable[[str], bool] = lambda _: False
    handled_moments: frozenset[str] = frozenset()
    end_chat_words: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    default_language: str = "en"
    accept_timeout_seconds: float = 600.0
    transfer_grace_seconds: float = 10.0
    extend_every_seconds: float = 240.0

    def capabilities(self, system: str) -> Capabilities:
        """The capabilities of a system; the default ones where a changed configuration no longer names it."""
        return self.systems.get(system, _DEFAULT)

    def attributes_of(self, system: str) -> Mapping[str, str]:
        """The routing attributes of a hand-off to this system, each with the fact it is filled from."""
        return self.capabilities(system).attributes if self.attributes is None else self.attributes


_DEFAULT = Capabilities()
