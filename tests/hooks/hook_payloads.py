"""Payloads as the platform sends them, in both channel shapes, and the bot they belong to."""

from __future__ import annotations

import json
from typing import Any

import jwt

from botkit.agents.miaw import MiawSettings
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    BotSettings,
    KoreSettings,
    Secret,
    SecuritySettings,
    ServerSettings,
    Settings,
    StoreSettings,
)

BOT_ID = "st-0a1b2c3d-1111-5222-8333-444455556666"
OTHER_BOT_ID = "st-0a1b2c3d-1111-5222-8333-777788889999"
CLIENT_ID = "cs-0a1b2c3d-1111-5222-8333-444455556666"
SECRET = "a client secret that is long enough for HS256, and for HS512 if it must be: 64 bytes"
HOST = "bots.kore.example"
BASE = f"https://{HOST}/api/botsdk/stream/{BOT_ID}"
USER = "u-11111111-2222-5333-8444-555555555555"
NOW = 1_700_000_000.0


def user_message(
    message: Any = "hello", *, request_id: Any = 1501244156289, **changes: Any
) -> dict[str, Any]:
    """on_user_message: the flat channel."""
    payload = {
        **_addressed(request_id),
        "message": message,
        "agent_transfer": False,
        "channel": {"type": "rtm", "from": USER, "userId": USER, "client": "botbuilder"},
        "context": context(),
    }
    return {**payload, **changes}


def agent_transfer(
    *, meta: dict[str, Any] | None = None, request_id: Any = 1501244156300, **changes: Any
) -> dict[str, Any]:
    """on_agent_transfer: the nested channel."""
    payload = {
        **_addressed(request_id),
        "channel": {
            "_id": "dc-1",
            "channelInfos": {"from": USER, "type": "rtm", "handle": {"userId": USER}, "body": "agent"},
        },
        "context": context(meta=meta),
        "callbackUrl": f"{BASE}/serviceCallback/{request_id}",
    }
    return {**payload, **changes}


def context(*, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """A context as documented, abridged."""
    session: dict[str, Any] = {
        "conversationSessionId": "64b6aa",
        "lastMessage": {"messagePayload": {"meta": {"locale": "de-DE"}, "message": {"body": "agent"}}},
    }
    if meta is not None:
        session["miawMetaInfo"] = meta
    return {
        "bot": "Acme Assistant",
        "intent": "Talk to agent",
        "currentLanguage": "fr",
        "session": {
            "UserContext": {
                "_id": USER,
                "firstName": "Ada",
                "lastName": "Lovelace",
                "emailId": "ada@example.com",
            },
            "BotUserSession": session,
            "opts": {"userId": USER, "streamId": BOT_ID},
        },
    }


def _addressed(request_id: Any) -> dict[str, Any]:
    return {
        "requestId": request_id,
        "botId": BOT_ID,
        "baseUrl": BASE,
        "sendUserMessageUrl": f"{BASE}/sendUserMessage/{request_id}",
        "sendBotMessageUrl": f"{BASE}/sendBotMessage/{request_id}",
    }


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
    """One bot."""
    miaw = MiawSettings("00D000000000001", "https://acme.my.salesforce-scrt.com", "Acme")
    bot = BotSettings(
        id=BOT_ID,
        name="Acme Assistant",
        kore=KoreSettings(CLIENT_ID, Secret(SECRET), callback_hosts=(HOST,), **kore),
        agents=AgentsSettings(
            "salesforce", {"salesforce": AgentSystemSettings("salesforce", "salesforce-miaw", miaw)}
        ),
    )
    return Settings(ServerSettings(prefix=prefix), StoreSettings(store), SecuritySettings(), {bot.id: bot})
