"""The hook of an Agent Transfer node, as the XO platform posts it (protocols/kore-xo-botkit.md, 2.3)."""

from __future__ import annotations

import json
import random
from typing import Any

from benchmarks.processes import BOT_ID

BODY_BYTES = 3_000
_FIRST_REQUEST = 1_501_244_150_000


def transfer_hook(number: int, platform_url: str) -> bytes:
    """User `number` asks for an agent; about `BODY_BYTES` long."""
    base = f"{platform_url}/api/botsdk/stream/{BOT_ID}"
    request = _FIRST_REQUEST + number
    user = f"u-00000000-0000-5000-8000-{number:012d}"
    payload: dict[str, Any] = {
        "requestId": request,
        "botId": BOT_ID,
        "componentId": "default",
        "channel": {
            "_id": "dc-00000000-0000-5000-8000-000000000000",
            "channelInfos": {
                "from": user,
                "type": "rtm",
                "client": "botbuilder",
                "handle": {"userId": user},
                "botInfo": {"taskBotId": BOT_ID, "chatBot": "Acme Assistant"},
            },
        },
        "context": {
            "bot": "Acme Assistant",
            "botid": BOT_ID,
            "currentLanguage": "en",
            "intent": "Talk to an agent",
            "history": [],
            "session": {
                "UserContext": {
                    "_id": user,
                    "firstName": "Ada",
                    "lastName": "Lovelace",
                    "emailId": "ada@example.com",
                },
                "BotUserSession": {
                    "conversationSessionId": "64b6543210fedcba98765432",
                    "miawMetaInfo": {
                        "preChatInfo": {"Case_Number": f"{number:08d}", "Priority": "High"},
                        "endChatShortHandCommand": "endagentchat",
                    },
                },
                "opts": {"userId": user, "streamId": BOT_ID},
            },
        },
        "baseUrl": base,
        "callbackUrl": f"{base}/serviceCallback/{request}",
        **{
            f"{call}Url": f"{base}/{call}/{request}"
            for call in ("sendUserMessage", "sendBotMessage", "skipUserMessage", "skipBotMessage")
        },
    }
    # Each entry differs from the next one as it would: a context does not compress as well as a repetition.
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
