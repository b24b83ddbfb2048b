"""Write sample_bot/ (the export of Acme Assistant) from the readable description of its dialogs below.

Run it from a checkout: python scripts/make_sample_bot.py. The result is the same every time.
"""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

FOLDER = Path(__file__).resolve().parent.parent / "sample_bot"
BOT_NAME = "Acme Assistant"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "acme-assistant.botkit.example")

ORDER_SCRIPT = """\
// A real bot would ask a Service node here; the sample invents a status from the number's last digit.
var number = String(context.entities.OrderNumber).replace(/[^0-9]/g, "");
var states = ["being packed", "on its way", "delivered"];
context.orderNumber = number;
context.orderStatus = states[Number(number.slice(-1)) % states.length];
context.session.BotUserSession.lastOrderNumber = number;
"""

HANDOFF_SCRIPT = """\
// Both scripts of Kore's Salesforce page in one object: each of them alone would overwrite the other.
let miawMetaInfo = {};
miawMetaInfo.endChatShortHandCommand = "endagentchat";
miawMetaInfo.preChatInfo = {
    "Pincode": "500081",
    "City": "Hyderabad",
    "Country": "India"
};
if (context.session.BotUserSession.lastOrderNumber) {
    miawMetaInfo.preChatInfo.Order_Number = context.session.BotUserSession.lastOrderNumber;
}
context.session.BotUserSession.miawMetaInfo = miawMetaInfo;
"""

RECALL_SCRIPT = """\
// BotKit leaves the ids of the last hand-off here, as Kore's own integration does.
var meta = context.session.BotUserSession.agentHandoffMeta;
context.lastChat = "You have not talked to an agent yet.";
if (meta) {
    context.lastChat = "Your last chat with an agent: conversation " + meta.conversationId + ".";
}
"""

DIALOGS: list[dict[str, Any]] = [
    {
        "name": "Greeting",
        "about": "Says hello and what the bot can do",
        "says": ["hi", "hello", "hey there", "good morning", "good afternoon", "start"],
        "nodes": [
            (
                "message",
                "Welcome",
                "Hello {{context.session.UserContext.firstName}}! I am the Acme Assistant.",
            ),
            (
                "message",
                "Offer",
                'Ask me for your order status, or say "talk to an agent" to reach a person.',
            ),
        ],
    },
    {
        "name": "Small talk",
        "about": "Answers a friendly question",
        "says": ["how are you", "who are you", "what can you do", "thank you", "thanks"],
        "nodes": [
            (
                "message",
                "Friendly",
                "I am a bot, and glad to help: with your order, or with a person to talk to.",
            ),
        ],
    },
    {
        "name": "Order status",
        "about": "Asks for the order number and tells how far the order is",
        "says": ["order status", "where is my order", "track my order", "what about my parcel"],
        "nodes": [
            (
                "entity",
                "OrderNumber",
                "What is your order number?",
                "An order number has digits, such as 48213.",
            ),
            ("script", "LookUpOrder", ORDER_SCRIPT),
            ("message", "TellStatus", "Your order {{context.orderNumber}} is {{context.orderStatus}}."),
        ],
    },
    {
        "name": "Talk to an agent",
        "about": "Fills the hand-off data and transfers the conversation to a person",
        "says": [
            "talk to an agent",
            "talk to agent",
            "i want to talk to a human",
            "connect me to a person",
            "live agent",
            "agent",
            "help from a person",
        ],
        "nodes": [
            ("script", "SetHandoffInfo", HANDOFF_SCRIPT),
            ("message", "HandoffMessage", "I am handing you over to one of my human colleagues."),
            ("agentTransfer", "LiveAgent"),
        ],
    },
    {
        "name": "Last chat",
        "about": "Tells the id of the last conversation with an agent",
        "says": ["which chat was that", "my last chat", "what is the id of my chat"],
        "nodes": [
            ("script", "RecallHandoff", RECALL_SCRIPT),
            ("message", "TellLastChat", "{{context.lastChat}}"),
        ],
    },
]


def encoded(text: str) -> str:
    return quote(text, safe="")


def identifier(prefix: str, *parts: str) -> str:
    return f"{prefix}-{uuid.uuid5(NAMESPACE, '/'.join((prefix, *parts)))}"


def reference(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(("ref", *parts))))


def object_id(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:24]


def prompt(text: str) -> list[dict[str, Any]]:
    return [{"channel": "default", "localeData": {"en": {"type": "basic", "text": encoded(text)}}}]


def component(dialog: str, kind: str, name: str, *texts: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "_id": identifier("dc", dialog, name),
        "refId": reference(dialog, name),
        "name": name,
        "type": kind,
        "localeData": {"en": {"label": name}},
        "entityFields": {"cityAdvanced": []},
        "preConditions": [],
        "piiDataEnabled": False,
    }
    match kind:
        case "message":
            made["message"] = prompt(texts[0])
        case "entity":
            made |= {
                "entityType": "number",
                "message": prompt(texts[0]),
                "errorMessage": prompt(texts[1]),
                "isSensitive": False,
            }
        case "script":
            made["script"] = encoded(texts[0])
    return made


def node(identity: str, kind: str, component_id: str, following: str, position: int) -> dict[str, Any]:
    options: dict[str, Any] = {"transitionType": "auto", "message": [], "errorMessage": []}
    if kind == "agentTransfer":
        options |= {
            "customTags": {"session": [], "message": [], "user": []},
            "transitionMode": "initiateCurrentTask",
            "interruptOptions": {"priority": "task"},
            "contextTags": [],
        }
    return {
        "nodeId": identity,
        "type": kind,
        "componentId": component_id,
        "nodeOptions": options,
        "transitions": [
            {"default": following, "metadata": {"color": "#299d8e", "connId": f"dummy{position}"}}
        ],
        "preConditions": [],
        "metadata": {"left": 30 + 150 * position, "top": 120},
    }


def dialog_of(source: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    name = source["name"]
    dialog_id = identifier("dg", name)
    intent = component(name, "intent", name.replace(" ", "_"))
    intent |= {"dialogId": dialog_id, "localeData": {"en": {"intent": name, "desc": source["about"]}}}
    parts = [intent, *(component(name, *part) for part in source["nodes"])]
    ids = ["intent0", *(f"{part['type']}{position}" for position, part in enumerate(parts[1:], start=1))]
    nodes = [
        node(ids[position], part["type"], part["_id"], [*ids, "end"][position + 1], position)
        for position, part in enumerate(parts)
    ]
    dialog = {
        "_id": dialog_id,
        "refId": reference("dialog", name),
        "lname": name.lower(),
        "isHidden": False,
        "isFollowUp": False,
        "localeData": {"en": {"name": name, "shortDesc": source["about"]}},
        "interruptOptions": {"priority": "bot"},
        "contextLifeTime": {"options": "close"},
        "amendConfig": {"priority": "bot"},
        "groups": [],
        "nodes": nodes,
    }
    return dialog, parts


def definition() -> dict[str, Any]:
    made = [dialog_of(source) for source in DIALOGS]
    sentences = [
        {
            "_id": object_id(source["name"], sentence),
            "taskId": parts[0]["_id"],
            "sentence": sentence,
            "type": "DialogIntent",
            "taskName": source["name"],
            "language": "en",
            "entities": [],
        }
        for source, (_, parts) in zip(DIALOGS, made, strict=True)
        for sentence in source["says"]
    ]
    return {
        "_id": identifier("st", BOT_NAME),
        "refId": reference("bot", BOT_NAME),
        "type": "default",
        "purpose": "customer",
        "defaultLanguage": "en",
        "supportedLanguages": ["en"],
        "languagePreferences": {"type": "lifeTime"},
        "localeData": {
            "en": {
                "name": BOT_NAME,
                "description": "Shows how a conversation is handed over to a Salesforce agent",
                "errorCodes": {"pollError": []},
                "nlMeta": {"patterns": 0, "synonyms": 0, "mlUtterances": len(sentences)},
                "keywords": [],
                "synonyms": {},
            }
        },
        "isNLEnabled": True,
        "interruptOptions": {
            "interruptsEnabled": True,
            "numTasksToHold": "1",
            "type": {"option": "developer", "message": ""},
            "holdUxOptions": {"option": "holdCurrTask", "message": ""},
            "resumeUxOptions": {"option": "notifyUser", "message": ""},
        },
        "detectMultiIntent": False,
        "isCsMatchEnabled": False,
        "botEvents": {},
        "sessionInactiveTime": 900000,
        "idpConfigurations": [],
        "actions": [],
        "alerts": [],
        "dialogs": [dialog for dialog, _ in made],
        "dialogComponents": [part for _, parts in made for part in parts],
        "knowledgeTasks": [],
        "paramMaps": [],
        "taskDgParamMaps": [],
        "sentences": sentences,
        "koraResponses": [],
        "customTemplates": [],
        "mlParams": [],
        "contentVariables": [],
        "exportOptions": {
            "tasks": ["botTask", "knowledgeGraph"],
            "nlpData": ["nlpSettings", "utterances", "standardResponses"],
            "settings": ["botSettings", "botVariables", "ivrSettings"],
        },
    }


def icon() -> bytes:
    """A 40x40 PNG: a light speech bubble on blue."""
    side, blue, light = 40, b"\x1b\x5f\xa8\xff", b"\xf4\xf8\xff\xff"

    def pixel(x: int, y: int) -> bytes:
        bubble = 8 <= x < 32 and 9 <= y < 26
        tail = 12 <= x < 20 and 26 <= y < 32 and x - 12 < 32 - y
        dots = 16 <= y < 19 and x in (13, 14, 15, 19, 20, 21, 25, 26, 27)
        return light if (bubble and not dots) or tail else blue

    rows = b"".join(b"\x00" + b"".join(pixel(x, y) for x in range(side)) for y in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in (
        ("botDefinition.json", definition()),
        ("config.json", {"name": BOT_NAME, "envVariables": []}),
    ):
        (FOLDER / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (FOLDER / "icon.png").write_bytes(icon())


if __name__ == "__main__":
    main()
