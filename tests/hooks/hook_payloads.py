"""The bot of the tests of hooks: its payloads (made by `botkit.testing.payloads`), tokens and settings."""

from __future__ import annotations

import json
from typing import Any

import jwt

from botkit.config.settings import (
    HandoffSettings,
    KoreSettings,
    Secret,
    Settings,
)
from botkit.testing.configuration import settings_of_one_bot
from botkit.testing.payloads import Payloads, User

BOT_ID = "st-0a1b2c3d-1111-5222-8333-444455556666"
OTHER_BOT_ID = "st-0a1b2c3d-1111-5222-8333-777788889999"
CLIENT_ID = "cs-0a1b2c3d-1111-5222-8333-444455556666"
SECRET = "a client secret that is long enough for HS256, and for HS512 if it must be: 64 bytes"
HOST = "bots.kore.example"
BASE = f"https://{HOST}/api/botsdk/stream/{BOT_ID}"
NOW = 1_700_000_000.0
_PAYLOADS = Payloads(bot=BOT_ID, origin=f"https://{HOST}", user=User(language="fr"))
USER = _PAYLOADS.user.id
_LOCALE = {"session": {"BotUserSession": {"lastMessage": {"messagePayload": {"meta": {"locale": "de-DE"}}}}}}


def user_message(
    message: Any = "hello", *, request_id: Any = 1501244156289, **changes: Any
) -> dict[str, Any]:
    """on_user_message: the flat channel. `changes` replace members."""
    members = {"message": message, **changes}
    return _PAYLOADS.user_message(request_id=request_id, context=_LOCALE, members=members)


def agent_transfer(
    *, meta: dict[str, Any] | None = None, request_id: Any = 1501244156300, **changes: Any
) -> dict[str, Any]:
    """on_agent_transfer: the nested channel. `changes` replace members."""
    return _PAYLOADS.agent_transfer(
        "agent",
        request_id=request_id,
        intent="Talk to agent",
        context=_LOCALE,
        session={} if meta is None else {"miawMetaInfo": meta},
        members=changes,
    )


def context(*, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """The context of an agent transfer."""
    found: dict[str, Any] = agent_transfer(meta=meta)["context"]
    return found


def as_body(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def token(
    *,
    secret: str = SECRET,
    app_id: str = CLIENT_ID,
    expires: float | None = NOW + 60,
    algorithm: str = "HS256",
    **more: Any,
) -> str:
    """A token as the platform signs it."""
    claims: dict[str, Any] = {"appId": app_id, **more}
    if expires is not None:
        claims["exp"] = expires
    return jwt.encode(claims, secret, algorithm=algorithm)


def settings(*, store: str = "sqlite:///unused.db", prefix: str = "", **kore: Any) -> Settings:
    """The settings of this bot; `kore` changes its `kore` section."""
    return settings_of_one_bot(
        BOT_ID,
        store=store,
        prefix=prefix,
        kore=KoreSettings(CLIENT_ID, Secret(SECRET), callback_hosts=(HOST,), **kore),
        handoff=HandoffSettings(),
    )
