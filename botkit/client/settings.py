"""A client's settings, given in code and checked like the configuration's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from botkit.config.settings import BotSettings, KoreSettings, Secret, Settings
from botkit.config.values import parse_callback_host
from botkit.errors import ConfigurationError, Problem, SettingInvalid, UnusableValue

Algorithm = Literal["HS256", "HS512"]


def checked_settings(
    *,
    client_id: str,
    client_secret: Secret,
    algorithm: Algorithm,
    callback_hosts: Iterable[str],
    timeout_seconds: float,
) -> KoreSettings:
    """The settings, if they are valid.

    Raises:
        SettingInvalid: names the first one that is not.
    """
    check_not_empty("client_secret", client_secret.reveal())
    if algorithm not in ("HS256", "HS512"):
        raise SettingInvalid("algorithm must be HS256 or HS512, as set on the platform's app")
    if not timeout_seconds > 0:
        raise SettingInvalid("timeout_seconds must be more than 0")
    return KoreSettings(
        client_id=check_not_empty("client_id", client_id),
        client_secret=client_secret,
        algorithm=algorithm,
        callback_hosts=_hosts(callback_hosts),
        timeout=timedelta(seconds=timeout_seconds),
    )


def chosen_bot(settings: Settings, bot_id: str, *, file: str) -> BotSettings:
    """The bot with this id, or the only bot if no id is given.

    Raises:
        ConfigurationError: there is no such bot, or there are several.
    """
    if not bot_id and len(settings.bots) == 1:
        return next(iter(settings.bots.values()))
    if bot_id not in settings.bots:
        what = f"there is no bot {bot_id}" if bot_id else "there are several bots"
        fix = f"give bot= one of {', '.join(settings.bots)}"
        raise ConfigurationError((Problem(file, 1, "bots", what, fix),))
    return settings.bots[bot_id]


def check_not_empty(name: str, value: str) -> str:
    """The value, if it is not empty.

    Raises:
        SettingInvalid: it is empty.
    """
    if not value:
        raise SettingInvalid(f"{name} is empty: give the one that the XO platform shows")
    return value


def whole_base_url(base_url: str, *, bot_id: str) -> str:
    """Complete a ``https://{host}`` to ``https://{host}/api/botsdk/stream/{bot id}`` (docs/protocols/kore-xo-botkit.md, 2.3)."""
    url = base_url.rstrip("/")
    return url if urlsplit(url).path else f"{url}/api/botsdk/stream/{bot_id}"


def _hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    if isinstance(hosts, str):
        raise SettingInvalid("callback_hosts must be a list: write [...] around the host")
    try:
        parsed = tuple(parse_callback_host(host) for host in hosts)
    except UnusableValue as error:
        raise SettingInvalid(f"one of callback_hosts {error.what}; {error.fix}") from None
    if not parsed:
        raise SettingInvalid("callback_hosts is empty: name the platform's host, such as bots.kore.ai")
    return parsed
