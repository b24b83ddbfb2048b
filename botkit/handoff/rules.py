"""What a bot's configuration means to the rules: plain values, no files, no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from botkit.handoff.responses import Responses


@dataclass(frozen=True, slots=True)
class SystemLimits:
    """What the rules need to know of an agent system.

    `max_text` is in UTF-16 code units. `files` says whether the system takes a user's files as files. `meta_infos` are the
    dialog's objects that speak to this system, the one that wins first.
    """

    max_text: int = 10_000
    takes_text_before_agent: bool = True
    files: Literal["none", "on_request", "always"] = "none"
    meta_infos: tuple[str, ...] = ("miawMetaInfo",)


@dataclass(frozen=True, slots=True)
class Rules:
    """One bot's rules. Durations are in seconds; `system_for` names the agent system of a channel.

    `fallback` names the systems that are tried, in this order, when the first one is out of reach or refuses.
    """

    bot_name: str
    responses: Responses
    system_for: Callable[[str], str]
    systems: Mapping[str, SystemLimits]
    attributes: Mapping[str, str]
    fallback: tuple[str, ...] = ()
    fallback_after_seconds: float = 15.0
    end_chat_command: str | None = None
    default_language: str = "en"
    accept_timeout_seconds: float = 600.0
    transfer_grace_seconds: float = 10.0
    extend_every_seconds: float = 240.0
