"""Checks of `botkit doctor` as values: what a provider of checks builds, and what a check answers.

The platform, the agent systems and this machine each provide their own checks; `botkit.operate.running` runs them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one check. `passed`, `warned`, `failed` and `undecided` build it.

    Attributes:
        ok: True: passed. False: failed. None: it could not be decided.
        cause: what was seen, as one sentence: of a failure its cause, of a passed check what proves it (may be empty).
        fix: what to change, as one sentence. A passed check with a fix is a warning.
    """

    ok: bool | None
    cause: str = ""
    fix: str = ""


def passed(seen: str = "") -> Outcome:
    """Everything is as it should be; `seen` says what was found."""
    return Outcome(True, seen)


def warned(seen: str, fix: str) -> Outcome:
    """It works, and something about it should be changed."""
    return Outcome(True, seen, fix)


def failed(cause: str, fix: str) -> Outcome:
    """It does not work."""
    return Outcome(False, cause, fix)


def undecided(why: str, fix: str) -> Outcome:
    """It cannot be known from here; `fix` says how to find out. Checks that rest on this one run all the same."""
    return Outcome(None, why, fix)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: a stable dotted name of lower-case words, such as ``salesforce.token``; unique among the checks of one
            agent system, platform or machine. Tools may rely on it.
        run: looks, and answers. It may raise `botkit.errors.CallError`, which is a failure.
        rests_on: names of checks before it, of the same provider; if one of them failed, this one is skipped.
        seconds: the time limit.
    """

    name: str
    run: Callable[[], Awaitable[Outcome]] = field(repr=False)
    rests_on: tuple[str, ...] = ()
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check, with the bot and the agent system it is about (empty where there is none)."""

    check: str
    ok: bool | None
    cause: str
    fix: str
    bot: str = ""
    system: str = ""

    def as_json(self) -> dict[str, object]:
        """The members of `schemas/doctor.json`; `bot` and `system` only where there is one."""
        about = {name: value for name, value in (("bot", self.bot), ("system", self.system)) if value}
        return {"check": self.check, "ok": self.ok, "cause": self.cause, "fix": self.fix, **about}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the doctor tells and offers a provider of checks.

    Attributes:
        bot_name: the bot's name, as agents see it.
        language: the bot's default language.
        attributes: routing attribute → fact (`botkit.handoff.attributes.FACTS`), as this bot sends them.
        own_attributes: whether the bot's file chose them, not the system.
        live: whether a check may do what people on the other side notice, such as opening a conversation.
        reach: checks of the way to an address: the host's name, the connection, TLS, through the proxy if one is set. Takes the
            URL and the first part of the checks' names; the last one is ``<first part>.tls``, or ``….connection`` for ``http:``.
        insecure_http: whether ``security.insecure_http`` accepts ``http://`` addresses.
        export: an export of the bot, if there is one: a zip file, a folder or its JSON file.
        scripts: (name of the node, JavaScript) of the export's scripts that set `preChatInfo`; None without an export.
        patience: seconds to wait for what the other side does by itself, such as routing.
    """

    bot_name: str
    language: str
    attributes: Mapping[str, str]
    live: bool
    reach: Callable[[str, str], Sequence[Check]] = field(repr=False)
    own_attributes: bool = False
    insecure_http: bool = False
    export: Path | None = None
    scripts: Sequence[tuple[str, str]] | None = field(default=None, repr=False)
    patience: float = 10.0
