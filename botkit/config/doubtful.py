"""Warns of values that are well formed but probably wrong: made up by `botkit init`, or damaged by copying."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from botkit.config.validation import Checked
from botkit.config.values import parse_callback_host
from botkit.errors import UnusableValue
from botkit.handoff.languages import closest
from botkit.handoff.translations import MESSAGES
from botkit.http.addresses import names_this_machine

MADE_UP_BOT_ID = "st-11111111-1111-5111-8111-111111111111"
MADE_UP_CLIENT_ID = "cs-11111111-1111-5111-8111-111111111111"
MADE_UP_ORGANIZATION_ID = "00D000000000001"
MADE_UP_BASE_URL = "https://your-domain.my.salesforce.com"
MADE_UP_SECRET = "made-up-"  # noqa: S105 (how one begins, not one)
"""How a made-up Client Secret begins; the rest is random."""

_MADE_UP = {MADE_UP_BOT_ID, MADE_UP_CLIENT_ID, MADE_UP_ORGANIZATION_ID, MADE_UP_BASE_URL}
_UNFILLED = re.compile(r"\$\{[^}]*\}")


def warn_of_doubtful_values(checked: Checked, *, insecure_http: bool) -> None:
    """Warn of the doubtful values in a bot's file. No message has a value that may be a secret."""
    if not insecure_http:
        _warn_of_this_machine(checked)
    systems = checked.mapping("agents", "systems")
    places: list[tuple[str | int, ...]] = [("bot", "id"), ("kore", "client_id"), ("kore", "client_secret")]
    places += [
        ("agents", "systems", name, key)
        for name in systems
        for key in checked.mapping("agents", "systems", name)
    ]
    for place in places:
        text = checked.text(*place) or ""
        if text in _MADE_UP or text.startswith(MADE_UP_SECRET) or "…" in text:
            checked.warn(place, "is still a made-up value", "write your own value")
    for key in ("client_id", "client_secret"):
        _warn_of_copying(checked, key)
    _warn_of_language(checked)


def _warn_of_this_machine(checked: Checked) -> None:
    for index in range(len(checked.items("kore", "callback_hosts"))):
        place = ("kore", "callback_hosts", index)
        try:
            host = urlsplit(f"//{parse_callback_host(checked.text(*place) or '')}").hostname
        except UnusableValue:
            continue  # It is reported.
        if names_this_machine(host or ""):
            what = f"{checked.shown(place)}is this machine or on its link, and is not called"
            fix = "write the platform's host; on a machine for tests, set security.insecure_http: true in botkit.yaml"
            checked.warn(place, what, fix)


def _warn_of_copying(checked: Checked, key: str) -> None:
    text = checked.text("kore", key) or ""
    place = ("kore", key)
    if _UNFILLED.fullmatch(text.strip()):
        what = "is ${…} itself: nothing is filled in where this text stands, in .env or in the environment"
        checked.warn(place, what, "write the value there")
    elif text != text.strip():
        checked.warn(place, "begins or ends with blanks", "remove them; they were copied along")
    elif text and key == "client_id" and not text.startswith("cs-"):
        fix = "copy the Client ID from the bot's BotKit app on the platform"
        checked.warn(place, "does not begin with cs-, as Client IDs do", fix)


def _warn_of_language(checked: Checked) -> None:
    place = ("handoff", "default_language")
    language = checked.text(*place)
    own = checked.mapping("handoff", "responses")
    if (
        language
        and not checked.text("handoff", "responses_file")
        and not closest(language, {*MESSAGES, *own})
    ):
        what = f"{checked.shown(place)}has no messages, so users without a language of their own read English"
        checked.warn(
            place, what, f"write one of {', '.join(MESSAGES)}, or add its messages to handoff.responses"
        )
