"""The bot of the scenarios: the sample bot, with dialogs for every way to hand over."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botkit_sandbox.kore import load_export, sample_bot_folder

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "scenarios.botkit.example")

END_WORD_SCRIPT = """
let miawMetaInfo = {};
miawMetaInfo.endChatShortHandCommand = "stop talking";
context.session.BotUserSession.miawMetaInfo = miawMetaInfo;
"""
"""The first script of Kore's page, alone, with a word of our own."""

PRE_CHAT_SCRIPT = """
let miawMetaInfo = {};
miawMetaInfo.preChatInfo = {
    "Pincode": "1010",
    "City": "Wien",
    "Country": "Österreich"
};
context.session.BotUserSession.miawMetaInfo = miawMetaInfo;
"""
"""The second one, alone."""

ODD_VALUES_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {
    preChatInfo: {
        Number: 12, Fraction: 2.5, Big: 9007199254740991, Yes: true, No: false, Nothing: null, Empty: "",
        List: [1, "two"], Object: {a: {b: "c"}}, "name with spaces": " kept as it is ", "größe": "名前"
    },
    endChatShortHandCommand: 42
};
"""

PRE_CHAT_WINS_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {
    caseId: "5003X0001",
    preChatInfo: {_firstName: "Augusta", _subject: "", _email: "augusta@example.com"}
};
"""

PRE_CHAT_AS_TEXT_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {preChatInfo: JSON.stringify({City: "Łódź", Visits: 3})};
"""

SENSELESS_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {preChatInfo: [1, 2], endChatShortHandCommand: {word: "x"}, agentSystem: 7};
"""

OTHER_SYSTEM_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {agentSystem: "second"};
"""

LIVE_CHAT_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {agentSystem: "legacy"};
"""

BOTH_KINDS_SCRIPT = """
context.session.BotUserSession.miawMetaInfo = {
    preChatInfo: {City: "Pune", Country: "India"}, endChatShortHandCommand: "stop talking"
};
context.session.BotUserSession.liveChatMetaInfo = {
    preChatInfo: {City: "Poona"}, endChatShortHandCommand: "goodbye chat"
};
"""

MENU = json.dumps(
    {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "What is it about?",
            "buttons": [
                {"type": "postback", "title": "Billing", "payload": "billing"},
                {"type": "postback", "title": "Delivery", "payload": "delivery"},
            ],
        },
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """A node: its kind, and the message or script in it."""

    kind: str
    text: str = ""
    name: str = ""


AGENT = Part("agentTransfer")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A dialog, and the sentence that starts it."""

    sentence: str
    parts: Sequence[Part]


CHAPTERS = (
    Chapter("just a human please", (AGENT,)),
    Chapter("human with my own word", (Part("script", END_WORD_SCRIPT), AGENT)),
    Chapter("human who knows where", (Part("script", PRE_CHAT_SCRIPT), AGENT)),
    Chapter("human fond of odd values", (Part("script", ODD_VALUES_SCRIPT), AGENT)),
    Chapter("human about an open case", (Part("script", PRE_CHAT_WINS_SCRIPT), AGENT)),
    Chapter("human given stringified data", (Part("script", PRE_CHAT_AS_TEXT_SCRIPT), AGENT)),
    Chapter("human given senseless data", (Part("script", SENSELESS_SCRIPT), AGENT)),
    Chapter("human of another department", (Part("script", OTHER_SYSTEM_SCRIPT), AGENT)),
    Chapter("human of the old kind", (Part("script", LIVE_CHAT_SCRIPT), AGENT)),
    Chapter("human of either kind", (Part("script", BOTH_KINDS_SCRIPT), AGENT)),
    Chapter("human at the node of that name", (Part("agentTransfer", name="Legacy"),)),
    Chapter("menu", (Part("message", MENU),)),
    Chapter(
        "stock at once please",
        (Part("SDKWebHook", name="StockAtOnce"), Part("message", "We have {{context.stock}}.")),
    ),
    Chapter("price please", (Part("SDKWebHook", name="Price"), Part("message", "It is {{context.price}}."))),
    Chapter(
        "stock please", (Part("SDKWebHook", name="Stock"), Part("message", "We have {{context.stock}}."))
    ),
)


def write_bot(folder: Path, *, name: str = "Acme Assistant", bot_id: str | None = None) -> Path:
    """Write the export of a bot with this name and id into `folder`."""
    sample = load_export(sample_bot_folder())
    definition: dict[str, Any] = copy.deepcopy(dict(sample.definition))
    definition["_id"] = bot_id or definition["_id"]
    definition["localeData"]["en"]["name"] = name
    for chapter in CHAPTERS:
        _add(definition, chapter)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "botDefinition.json").write_text(json.dumps(definition), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"name": name, "envVariables": []}), encoding="utf-8")
    return folder


def _add(definition: dict[str, Any], chapter: Chapter) -> None:
    dialog_id = _id("dg", chapter.sentence)
    kinds = [Part("intent"), *chapter.parts]
    components = [_component(chapter, number, part) for number, part in enumerate(kinds)]
    components[0] |= {"dialogId": dialog_id, "localeData": {"en": {"intent": chapter.sentence, "desc": ""}}}
    names = [f"{part.kind}{number}" for number, part in enumerate(kinds)]
    nodes = [
        {
            "nodeId": names[number],
            "type": part.kind,
            "componentId": components[number]["_id"],
            "nodeOptions": {"transitionType": "auto", "message": [], "errorMessage": []},
            "transitions": [{"default": names[number + 1] if number + 1 < len(names) else "end"}],
        }
        for number, part in enumerate(kinds)
    ]
    definition["dialogs"].append(
        {
            "_id": dialog_id,
            "refId": _id("", chapter.sentence, "dialog"),
            "lname": chapter.sentence.lower(),
            "isHidden": False,
            "isFollowUp": False,
            "localeData": {"en": {"name": chapter.sentence, "shortDesc": ""}},
            "nodes": nodes,
        }
    )
    definition["dialogComponents"] += components
    definition["sentences"].append(
        {
            "_id": _id("", chapter.sentence, "sentence").replace("-", "")[:24],
            "taskId": components[0]["_id"],
            "sentence": chapter.sentence,
            "type": "DialogIntent",
            "taskName": chapter.sentence,
            "language": "en",
            "entities": [],
        }
    )


def _component(chapter: Chapter, number: int, part: Part) -> dict[str, Any]:
    made: dict[str, Any] = {
        "_id": _id("dc", chapter.sentence, str(number)),
        "refId": _id("", chapter.sentence, str(number)),
        "name": part.name or f"Part{number}",
        "type": part.kind,
        "localeData": {"en": {"label": f"Part{number}"}},
    }
    if part.kind == "script":
        made["script"] = quote(part.text, safe="")
    elif part.kind == "message":
        wording = {"en": {"type": "basic", "text": quote(part.text, safe="")}}
        made["message"] = [{"channel": "default", "localeData": wording}]
    return made


def _id(prefix: str, *parts: str) -> str:
    made = str(uuid.uuid5(_NAMESPACE, "/".join((prefix, *parts))))
    return f"{prefix}-{made}" if prefix else made
