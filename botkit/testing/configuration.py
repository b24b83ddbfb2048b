"""A complete made-up configuration, for kits without one and for tests that need another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botkit.agents.miaw import MiawSettings
from botkit.agents.registry import DEFAULT_TYPE
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    BotSettings,
    HandoffSettings,
    KoreSettings,
    Secret,
    SecuritySettings,
    ServerSettings,
    Settings,
    StoreSettings,
)
from botkit.testing.payloads import BOT_ID, BOT_NAME, ORIGIN

END_WORD = "endagentchat"


def made_up_settings(
    *,
    bots: Iterable[str] = (),
    agent_systems: Iterable[str] = ("salesforce",),
    handoff: HandoffSettings | None = None,
    keep_payloads: bool = True,
) -> Settings:
    """Valid settings of hosts, accounts and bots that do not exist.

    Args:
        bots: the bots' ids; by default `payloads.BOT_ID` alone.
        agent_systems: the names of each bot's agent systems, the default first.
        handoff: the hand-off settings.
        keep_payloads: whether a job can write to a user without a hook and without an agent (`kore.keep_payloads`).
    """
    names = tuple(agent_systems)
    miaw = MiawSettings("00D000000000001", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")
    kore = KoreSettings(
        "cs-11111111-1111-5111-8111-111111111111",
        Secret("made up, and as long as a secret for HS512 has to be: 64 bytes of it"),
        callback_hosts=(ORIGIN.removeprefix("https://"),),
        keep_payloads=keep_payloads,
    )
    systems = {name: AgentSystemSettings(name, DEFAULT_TYPE, miaw) for name in names}
    bot = BotSettings(
        id=BOT_ID,
        name=BOT_NAME,
        kore=kore,
        agents=AgentsSettings(names[0], MappingProxyType(systems)),
        handoff=handoff or HandoffSettings(end_chat_command=END_WORD),
    )
    ids = tuple(bots) or (BOT_ID,)
    return Settings(
        ServerSettings(),
        StoreSettings(),
        SecuritySettings(),
        MappingProxyType({bot_id: replace(bot, id=bot_id) for bot_id in ids}),
    )


def settings_of_one_bot(
    bot_id: str, *, store: str = "", prefix: str = "", insecure_http: bool = False, **changes: Any
) -> Settings:
    """Made-up settings of one bot.

    Args:
        bot_id: the bot's id.
        store: the store's URL; by default the default store.
        prefix: the prefix of the server's paths.
        insecure_http: whether http:// URLs are allowed.
        **changes: sections of the `BotSettings`, in place of made-up ones.
    """
    made = made_up_settings(bots=[bot_id])
    return replace(
        made,
        server=ServerSettings(prefix=prefix),
        store=StoreSettings(store) if store else StoreSettings(),
        security=SecuritySettings(insecure_http=insecure_http),
        bots=MappingProxyType({bot_id: replace(made.bots[bot_id], **changes)}),
    )


def stored_in(settings: Settings, folder: Path) -> Settings:
    """The settings with a store in this folder, so that the real store is never touched."""
    return replace(settings, store=StoreSettings(f"sqlite:///{folder / 'botkit.db'}"))
