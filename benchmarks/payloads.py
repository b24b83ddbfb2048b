"""The bodies of the hooks that benchmarks post, as the XO platform posts them (docs/protocols/kore-xo-botkit.md, 2.3).

`botkit.testing.payloads` is for tests. These bodies have a fixed length, so that results of different versions compare.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

BODY_BYTES = 3_000
FIRST_REQUEST = 1_501_244_150_000
_CALLS = ("sendUserMessage", "sendBotMessage", "skipUserMessage", "skipBotMessage")


def user_id(number: int) -> str:
    """The id of user `number`."""
    return f"u-00000000-0000-5000-8000-{number:012d}"


def user_message(*, bot_id: str, platform_url: str, request: int = FIRST_REQUEST) -> bytes:
    """User 0 sends a message to the bot."""
    user = user_id(0)
    payload = {
        "requestId": request,
        "botId": bot_id,
        "componentId": "default",
        "message": "I would like to know where my order is, please",
        "agent_transfer": False,
        "channel": {
            "type": "rtm",
            "from": user,
            "userId": user,
            "client": "botbuilder",
            "botInfo": {"taskBotId": bot_id},
        },
        "context": _context(
            bot_id,
            user,
            intent="Order status",
            session={"lastMessage": {"messagePayload": {"meta": {"locale": "en-US", "timezone": "UTC"}}}},
        ),
        **_urls(platform_url, bot_id, request),
    }
    entry = {
        "nodeId": "message2",
        "state": "processed",
        "type": "message",
        "componentName": "Greeting",
        "timestamp": 0,
    }
    spare = BODY_BYTES - len(json.dumps(payload))
    payload["context"]["history"] = [entry] * max(0, spare // (len(json.dumps(entry)) + 2))
    return json.dumps(payload).encode()


def agent_transfer(number: int, *, bot_id: str, platform_url: str) -> bytes:
    """User `number` reaches an Agent Transfer node."""
    user, request = user_id(number), FIRST_REQUEST + number
    base = _base(platform_url, bot_id)
    payload = {
        "requestId": request,
        "botId": bot_id,
        "componentId": "default",
        "channel": {
            "_id": "dc-00000000-0000-5000-8000-000000000000",
            "channelInfos": {
                "from": user,
                "type": "rtm",
                "client": "botbuilder",
                "handle": {"userId": user},
                "botInfo": {"taskBotId": bot_id, "chatBot": "Acme Assistant"},
            },
        },
        "context": _context(
            bot_id,
            user,
            intent="Talk to an agent",
            session={
                "miawMetaInfo": {
                    "preChatInfo": {"Case_Number": f"{number:08d}", "Priority": "High"},
                    "endChatShortHandCommand": "endagentchat",
                }
            },
        ),
        "callbackUrl": f"{base}/serviceCallback/{request}",
        **_urls(platform_url, bot_id, request),
    }
    # The entries differ, as real ones do: a repetition would compress better than a real context.
    chance = random.Random(number)
    history: list[dict[str, object]] = []
    while len(json.dumps(payload)) < BODY_BYTES - 150:
        history.append(
            {
                "nodeId": f"dg-{chance.getrandbits(64):016x}",
                "state": "processed",
                "type": chance.choice(("message", "entity", "script", "intent")),
                "componentName": chance.choice(
                    ("Greeting", "Order number", "Look it up", "Talk to an agent")
                ),
                "timestamp": 1_501_244_000_000 + chance.randrange(10**8),
            }
        )
        payload["context"]["history"] = history
    return json.dumps(payload).encode()


def _base(platform_url: str, bot_id: str) -> str:
    return f"{platform_url}/api/botsdk/stream/{bot_id}"


def _urls(platform_url: str, bot_id: str, request: int) -> dict[str, Any]:
    base = _base(platform_url, bot_id)
    return {"baseUrl": base, **{f"{call}Url": f"{base}/{call}/{request}" for call in _CALLS}}


def _context(bot_id: str, user: str, *, intent: str, session: Mapping[str, object]) -> dict[str, Any]:
    return {
        "bot": "Acme Assistant",
        "botid": bot_id,
        "currentLanguage": "en",
        "intent": intent,
        "history": [],
        "session": {
            "UserContext": {
                "_id": user,
                "firstName": "Ada",
                "lastName": "Lovelace",
                "emailId": "ada@example.com",
            },
            "BotUserSession": {"conversationSessionId": "64b6543210fedcba98765432", **session},
            "opts": {"userId": user, "streamId": bot_id},
        },
    }
