"""What must be right in a bot's file beyond its schema: names that refer to each other, hosts, ids and URLs.

Every rule looks only at values that are there and well formed, so that all rules can speak in one run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeVar

from botkit.config.base_url import normalize_base_url
from botkit.config.channels import KORE_CHANNELS
from botkit.config.durations import parse_duration
from botkit.config.hosts import parse_callback_host
from botkit.config.live_agent_url import normalize_live_agent_url
from botkit.config.live_chat_file import check_live_chat
from botkit.config.nodes import Plain
from botkit.config.organization_id import parse_organization_id
from botkit.config.problems import listed, nearest
from botkit.config.settings import DEFAULT_SYSTEM_TYPE, LIVE_CHAT_TYPE, DeliverySettings
from botkit.config.validation import Checked
from botkit.errors import UnusableValue

PLACEHOLDERS = ("agent", "command", "message", "minutes", "position")
"""What is filled in in standard responses; `handoff/responses.py` does it."""

T = TypeVar("T")


def check_bot(checked: Checked, *, insecure_http: bool, known_types: Collection[str]) -> None:
    """Complain of everything in one bot's file that its schema cannot see."""
    hosts = checked.at("kore", "callback_hosts")
    for index in range(len(hosts) if isinstance(hosts, list) else 0):
        _try(checked, parse_callback_host, "kore", "callback_hosts", index)
    _systems(checked, insecure_http=insecure_http, known_types=known_types)
    _references(checked)
    _fallback(checked)
    _channels(checked)
    _retries(checked)
    check_responses(checked, "handoff", "responses")


def check_responses(checked: Checked, *path: str | int) -> None:
    """Complain of what is wrong with standard responses beyond their schema."""
    check_languages(checked, *path)
    for language in checked.mapping(*path):
        for key in checked.mapping(*path, language):
            _placeholders(checked, *path, language, key)


def _placeholders(checked: Checked, *path: str | int) -> None:
    """A word in braces that is no placeholder would be shown to users as it stands."""
    for word in re.findall(r"\{([A-Za-z_]+)\}", checked.text(*path) or ""):
        if word in PLACEHOLDERS:
            continue
        meant = nearest(word, PLACEHOLDERS)
        known = listed(f"{{{name}}}" for name in PLACEHOLDERS)
        fix = (
            f"did you mean {{{meant}}}?" if meant else f"write {known}, or {{ … }} with spaces to show braces"
        )
        checked.complain(path, f"{{{word}}} is no placeholder", fix)


def check_languages(checked: Checked, *path: str | int) -> None:
    """Complain of a language that stands there twice in two spellings, such as zh_tw and zh-TW."""
    first: dict[str, str] = {}
    for language in checked.mapping(*path):
        folded = language.replace("_", "-").casefold()
        if folded in first:
            what = f"is the same language as {first[folded]}"
            checked.complain((*path, language), what, "put the messages under one of them")
        first.setdefault(folded, language)


def _try(checked: Checked, parse: Callable[[str], T], *path: str | int) -> None:
    text = checked.text(*path)
    if text is None:
        return
    try:
        parse(text)
    except UnusableValue as unusable:
        shown = checked.shown(path)
        checked.complain(path, f"{shown}{unusable.what}", unusable.fix if shown else unusable.discreet_fix)


def _systems(checked: Checked, *, insecure_http: bool, known_types: Collection[str]) -> None:
    for name in checked.mapping("agents", "systems"):
        place = ("agents", "systems", name)
        kind = checked.text(*place, "type") or DEFAULT_SYSTEM_TYPE
        if kind == DEFAULT_SYSTEM_TYPE:
            _try(checked, parse_organization_id, *place, "organization_id")
            _try(
                checked,
                lambda text: normalize_base_url(text, insecure_http=insecure_http),
                *place,
                "organization_base_url",
            )
        elif kind == LIVE_CHAT_TYPE:
            _try(checked, parse_organization_id, *place, "organization_id")
            _try(
                checked,
                lambda text: normalize_live_agent_url(text, insecure_http=insecure_http),
                *place,
                "live_agent_url",
            )
            check_live_chat(checked, place)
        elif kind not in known_types:
            _unknown_type(checked, (*place, "type"), kind, known_types)


def _unknown_type(checked: Checked, path: tuple[str, ...], kind: str, known: Collection[str]) -> None:
    shown = checked.shown(path)
    known = {DEFAULT_SYSTEM_TYPE, LIVE_CHAT_TYPE, *known}
    types = listed(sorted(known))
    meant = nearest(kind, known) if shown else None
    fix = f"did you mean {meant}?" if meant else f"write {types}, or install the package that provides it"
    checked.complain(path, f"{shown}is not an agent system that is installed", fix)


def _references(checked: Checked) -> None:
    systems = list(checked.mapping("agents", "systems"))
    if not systems:
        return
    if checked.at("agents", "default") is None and len(systems) > 1:
        # A default that is there but unfit has been complained of by the schema, and this says nothing then.
        fix = f"add default: with one of {listed(systems)}"
        checked.complain(("agents", "default"), "is missing, and there are several systems", fix)
    fallback = _items(checked, "agents", "fallback")
    places: list[tuple[str | int, ...]] = [
        ("agents", "default"),
        *(("agents", "channels", c) for c in checked.mapping("agents", "channels")),
        *(("agents", "fallback", index) for index in range(len(fallback))),
    ]
    for place in places:
        name = checked.text(*place)
        if name and name not in systems:
            shown = checked.shown(place)
            meant = nearest(name, systems) if shown else None
            fix = (
                f"did you mean {meant}?" if meant else f"write {listed(systems)}, or add it to agents.systems"
            )
            checked.complain(place, f"{shown}is not one of agents.systems", fix)


def _fallback(checked: Checked) -> None:
    """Each system is asked once: a name that stands twice means a mistake."""
    fallback = _items(checked, "agents", "fallback")
    for index, name in enumerate(fallback):
        if isinstance(name, str) and name in fallback[:index]:
            checked.complain(
                ("agents", "fallback", index), f"{name} stands here twice", "remove one of the two"
            )


def _channels(checked: Checked) -> None:
    """A channel the platform never names would send nobody anywhere."""
    others = _items(checked, "agents", "other_channels")
    for channel in checked.mapping("agents", "channels"):
        if channel in KORE_CHANNELS or channel in others:
            continue
        meant = nearest(channel, KORE_CHANNELS)
        fix = f"did you mean {meant}?" if meant else f"write one of {listed(KORE_CHANNELS)}"
        fix += "; if the platform really sends this name, add it to agents.other_channels"
        checked.complain(("agents", "channels", channel), "is not a channel of Kore's", fix)


def _items(checked: Checked, *path: str) -> list[Plain]:
    found = checked.at(*path)
    return found if isinstance(found, list) else []


def _retries(checked: Checked) -> None:
    try:
        first, slowest = (
            parse_duration(value)
            if isinstance(value := checked.at("delivery", key), str | int | float)
            else default
            for key, default in (
                ("first_retry", DeliverySettings().first_retry),
                ("slowest_retry", DeliverySettings().slowest_retry),
            )
        )
    except UnusableValue:
        return  # the schema has told which of the two is no duration
    if first > slowest:
        key = "first_retry" if checked.at("delivery", "first_retry") is not None else "slowest_retry"
        what = "makes the first retry wait longer than the slowest one"
        checked.complain(("delivery", key), what, "write a first_retry of at most slowest_retry")
