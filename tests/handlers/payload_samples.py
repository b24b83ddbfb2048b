"""The known payloads of the platform as bytes, for replaying: docs/protocols/kore-xo-botkit.md, 2.3 to 2.6, 4.4 and 9.

The shapes are the document's; names, ids and words are made up. Each sample has a user of its own, so that no replay meets
what another has left behind.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.hooks.hook_payloads import BASE, BOT_ID, HOST

COMPONENT = "dc-0a1b2c3d-1111-5222-8333-444455556666"

TO_BOT, TO_USER, ALERT = ("sendBotMessage",), ("sendUserMessage",), ("sendAlertMessage",)
HANDED_OVER = ("sendUserMessage", "sendUserMessage", "clearAgentSession", "getMessages")
"""No agent is available in these replays: the user is told that an agent is being looked for, then that none is available, and
is given back to the bot."""


@dataclass(frozen=True)
class Sample:
    """One hook, and the calls that it causes by default, as the last segments of their paths."""

    name: str
    event: str
    body: bytes
    calls: tuple[str, ...] = ()
    component: str = "default"

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def __str__(self) -> str:
        return f"{self.event}-{self.name}".replace(" ", "_")


REQUEST_ID = 1501244156289


def _user(name: str) -> str:
    return f"u-{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"


def urls(*, base: str | None = BASE, request_id: Any = REQUEST_ID, **more: str) -> dict[str, Any]:
    """`baseUrl` and the URLs that every event has."""
    end = f"{base or BASE}/{{}}/{request_id}".format
    found = {
        "sendUserMessageUrl": end("sendUserMessage"),
        "sendBotMessageUrl": end("sendBotMessage"),
        "skipUserMessageUrl": end("skipUserMessage"),
        "skipBotMessageUrl": end("skipBotMessage"),
        "resetBotUrl": end("resetBot"),
        "getBotVariableUrl": end("getBotVariable"),
        "clearConversationSessionUrl": end("clearConversationSession"),
        "sendFeedbackMessageUrl": end("sendFeedbackMessage"),
    }
    return ({"baseUrl": base} if base else {}) | found | {name: end(path) for name, path in more.items()}


def context(user: str, **more: Any) -> dict[str, Any]:
    """`context`, with all members of the documented sample (2.3)."""
    return {
        "bot": "Acme Assistant",
        "botid": BOT_ID,
        "taskid": "dg-0a1b2c3d-1111-5222-8333-444455556666",
        "intent": "Agent",
        "intentType": "dialog",
        "entities": {"Name": 12345},
        "userInputs": {"originalInput": {"sentence": " agent", "timestamp": 1501244143000}},
        "history": [
            {"originalSentence": "agent", "timestamp": 0},
            {"dialogState": "started", "timestamp": 0},
            {
                "nodeId": "agentTransfer3",
                "state": "processing",
                "type": "agentTransfer",
                "componentName": "agenttransfer",
                "timestamp": 0,
            },
            {"dialogState": "transferredToAgent", "timestamp": 0},
        ],
        "dialog_tone": [{"tone_name": "positive", "level": 1}],
        "message_tone": [{"tone_name": "angry", "level": 2, "count": 1}],
        "currentTags": {"tags": ["billing"]},
        "historicTags": [{"tags": ["greeting"]}],
        "currentLanguage": "en",
        "session": {
            "EnterpriseContext": {},
            "BotContext": {},
            "UserContext": {
                "_id": user,
                "emailId": "ada@example.com",
                "firstName": "Ada",
                "lastName": "Lovelace",
                "orgId": "o-1",
                "dept": "Engines",
                "jTitle": "Analyst",
                "profImage": "no-avatar",
                "profColour": "#2ecc71",
                "activationStatus": "active",
                "workinghours": {},
                "customData": None,
                "identities": [
                    {"val": "ada@example.com", "type": "email"},
                    {"val": f"kore/{user}", "type": "mapped"},
                ],
            },
            "UserSession": {},
            "BotUserSession": {
                "isReturningUser": True,
                "conversationSessionId": "64b6aa",
                "lastUserMessageTime": "2021-07-12T07:07:17.278Z",
                "lastMessage": {
                    "channel": "rtm",
                    "messagePayload": {
                        "clientMessageId": 0,
                        "message": {"body": "1234"},
                        "resourceid": "/bot.message",
                        "botInfo": {"chatBot": "Acme Assistant", "taskBotId": BOT_ID},
                        "client": "botbuilder",
                        "meta": {"timezone": "America/New_York", "locale": "en-US"},
                        "id": 0,
                    },
                },
            },
            "opts": {"userId": user, "streamId": BOT_ID},
        },
        **more,
    }


def flat(user: str, **more: Any) -> dict[str, Any]:
    """The channel of message hooks."""
    return {
        "type": "rtm",
        "from": user,
        "userId": user,
        "sessionId": "64b6aa",
        "client": "botbuilder",
        **more,
    }


def nested(user: str, **more: Any) -> dict[str, Any]:
    """The channel of component hooks."""
    return {
        "_id": "dc-64b6aa",
        "channelInfos": {
            "requestId": "ms-1",
            "message": "agent",
            "body": "1234",
            "client": "botbuilder",
            "handle": {
                "spanId": "1",
                "traceId": "2",
                "taskBotId": BOT_ID,
                "clientId": "cs-1",
                "userId": user,
                "handleId": "3",
            },
            "botInfo": {"taskBotId": BOT_ID, "chatBot": "Acme Assistant"},
            "from": user,
            "type": "rtm",
            **more,
        },
        "__v": 0,
    }


def _message(name: str, hook: str, /, *, leave_out: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    user = _user(f"{hook} {name}")
    whole = {
        "requestId": REQUEST_ID,
        "botId": BOT_ID,
        "componentId": "default",
        "taskId": "dg-1",
        "nodeId": "message2",
        "message": "agent",
        "messageObject": {"clientMessageId": 0, "message": {"body": "agent"}},
        "agent_transfer": False,
        "channel": flat(user),
        "context": context(user),
        "metaInfo": {"intentInfo": {"intentMatched": "Agent"}},
        "metaTags": {"userMetaTags": [], "sessionMetaTags": [{"name": "campaign", "value": "spring"}]},
        **urls(),
        **members,
    }
    return {key: value for key, value in whole.items() if key not in leave_out}


def _bytes(payload: Mapping[str, Any]) -> bytes:
    """JSON as JavaScript writes it: without spaces and needless escapes."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _said(name: str, **members: Any) -> Sample:
    return Sample(name, "on_user_message", _bytes(_message(name, "on_user_message", **members)), TO_BOT)


def _answered(name: str, **members: Any) -> Sample:
    return Sample(name, "on_bot_message", _bytes(_message(name, "on_bot_message", **members)), TO_USER)


_FILE = {"fileId": "f-1", "fileName": "receipt.pdf", "fileType": "attachment", "size": 12, "uniqueId": "x"}
_FILE_URL = f"https://{HOST}/files/f-1"
_TEMPLATE = '{"type":"template","payload":{"template_type":"button","text":"Which?","buttons":[]}}'


def _user_messages() -> list[Sample]:
    some = _user("on_user_message someone")
    teams = context(some)
    teams["session"]["UserContext"] = {
        "_id": some,
        "identities": [
            {"type": "msteams", "profileInfo": {"name": "Ada Lovelace", "email": "ada@example.com"}}
        ],
    }
    by_webhook = context(_user("by webhook"))
    by_webhook["session"]["BotUserSession"]["lastMessage"] = {
        "messagePayload": {"from": {"id": "1", "userInfo": {"firstName": "Ada", "email": "ada@example.com"}}}
    }
    with_file = context(_user("file in the session"))
    message = with_file["session"]["BotUserSession"]["lastMessage"]["messagePayload"]["message"]
    message["attachments"] = [{**_FILE, "fileUrl": _FILE_URL}]
    plain = _message("odd bytes", "on_user_message")
    nobody: dict[str, Any] = {"session": {"UserContext": {}, "BotUserSession": {}}}
    in_agent_mode = _said("in agent mode", agent_transfer=True)
    unnamed = _said("names nobody", channel={"type": "rtm"}, context=nobody)
    return [
        _said("flat channel"),
        _said("nested channel", channel=nested(_user("nested channel"))),
        _said("empty message", message=""),
        _said("no message", leave_out=("message", "messageObject")),
        _said("null message", message=None),
        _said("message of blanks", message=" \n"),
        _said("template as message", message=_TEMPLATE),
        _said("corrected spelling", originalMessage="agnet", message="agent"),
        _said(
            "languages to choose from",
            languageInfo={
                "currentLanguage": "en",
                "detectedLanguages": ["en", "de"],
                "spellCorrectedInput": ["a"],
            },
        ),
        _said("language to set", metaInfo={"setBotLanguage": "de"}),
        _said("intent given", metaInfo={"nlMeta": {"intent": "Agent", "isRefresh": True}}),
        _said(
            "tags of all kinds",
            metaTags={"userMetaTags": [{"name": "vip", "value": "1"}], "messageMetaTags": []},
        ),
        _said(
            "connect event",
            channel=flat(_user("connects"), botEvent="ON_CONNECT_EVENT"),
            leave_out=("message",),
        ),
        _said(
            "connect event, nested", channel=nested(_user("connects, nested"), botEvent="ON_CONNECT_EVENT")
        ),
        _said(
            "file, its address beside it",
            message="",
            channel=flat(_user("file"), attachments=[{**_FILE, "fileUrl": _FILE_URL}]),
        ),
        _said(
            "file, its address within",
            leave_out=("message",),
            channel=flat(_user("file within"), attachments=[{**_FILE, "url": {"fileUrl": _FILE_URL}}]),
        ),
        _said("file without an address", channel=flat(_user("lost file"), attachments=[_FILE])),
        _said("file in the session only", leave_out=("message",), context=with_file),
        _said("no request id", leave_out=("requestId",)),
        _said("request id as text", requestId=str(REQUEST_ID)),
        _said("request id of Node's making", requestId="0123456789abcdef0123456789abcdef"),
        _said("no base URL", leave_out=("baseUrl",)),
        _said("only the base URL", leave_out=tuple(urls(base=None))),
        Sample(
            "the smallest body",
            "on_user_message",
            _bytes(
                {
                    "__payloadClass": "OnMessagePayload",
                    "requestId": REQUEST_ID,
                    "botId": BOT_ID,
                    "componentId": "default",
                    "sendUserMessageUrl": f"{BASE}/sendUserMessage/{REQUEST_ID}",
                    "sendBotMessageUrl": f"{BASE}/sendBotMessage/{REQUEST_ID}",
                    "context": context(_user("smallest")),
                    "channel": flat(_user("smallest")),
                    "message": "hi",
                }
            ),
            TO_BOT,
        ),
        _said(
            "override left from another message",
            overrideMessagePayload={"isTemplate": True, "body": _TEMPLATE},
        ),
        _said("no bot and no component", leave_out=("botId", "componentId")),
        _said(
            "users' ids are numbers",
            channel=flat("49", userId=49),
            context={"session": {"opts": {"userId": 49}}},
        ),
        _said("Teams", channel=flat(some, type="msteams"), context=teams),
        _said("webhook channel", channel=flat(_user("by webhook"), type="ivr"), context=by_webhook),
        _said("unknown channel", channel=flat(_user("pigeon"), type="pigeon")),
        _said("members nobody has heard of", quantum={"spin": [1, -1]}, __v=7),
        _said("members of other types", metaInfo="none", metaTags=[], agent_transfer="no", languageInfo=5),
        _said("a number as message", message=12),
        _said("context is null", context=None),
        _said("history is no list", context=context(_user("no list"), history={"0": "agent"})),
        Sample("names nobody", unnamed.event, unnamed.body, TO_BOT),
        _said("over the limit of the Node SDK", context=context(_user("large"), page="x" * 150_000)),
        Sample(
            "bytes that a parser would not write again",
            "on_user_message",
            json.dumps(plain, indent=1).encode() + b"\n",  # Spaces, escapes and digits must stay unchanged.
            TO_BOT,
        ),
        Sample(
            "half an emoji, a huge number, a member twice",
            "on_user_message",
            _bytes(plain)[:-1].replace(b'"message":"agent"', b'"message":"\\ud83d","n":1e999,"n":0.10')
            + b"}",
            TO_BOT,
        ),
        Sample(
            "in agent mode",
            "on_user_message",
            in_agent_mode.body,
            (
                "sendUserMessage",
                "clearAgentSession",
                *TO_BOT,
            ),  # No agent is available: the user is told, and goes back to the bot.
        ),
    ]


def _bot_messages() -> list[Sample]:
    return [
        _answered("flat channel", message="Which parcel?"),
        _answered("nested channel", channel=nested(_user("bot, nested"))),
        _answered("empty message", message=""),
        _answered("no message", leave_out=("message",)),
        _answered("template as message", message=_TEMPLATE),
        _answered("survey", metaInfo={"feedback": {"type": "NPS"}}, message=_TEMPLATE),
        _answered("no request id", leave_out=("requestId",)),
        _answered("only the base URL", leave_out=tuple(urls(base=None))),
        _answered("override", overrideMessagePayload={"isTemplate": False, "body": "as it is"}),
        _answered("members of other types", messageObject=7, metaTags="none", channel=flat("7", type=7)),
        _answered("user's bot is in agent mode", agent_transfer=True),
    ]


def _of_component(name: str, event: str, calls: tuple[str, ...], **members: Any) -> Sample:
    user = _user(f"{event} {name}")
    whole = {
        "requestId": REQUEST_ID,
        "botId": BOT_ID,
        "context": context(user),
        "channel": nested(user),
        **urls(getDialogUrl="getDialog"),
        "callbackUrl": f"{BASE}/serviceCallback/{REQUEST_ID}",
        **members,
    }
    return Sample(
        name,
        event,
        _bytes({key: value for key, value in whole.items() if value is not ...}),
        calls,
        component=COMPONENT,
    )


def _transfers() -> list[Sample]:
    def transfer(name: str, calls: tuple[str, ...] = HANDED_OVER, **members: Any) -> Sample:
        return _of_component(name, "on_agent_transfer", calls, **members)

    def told(name: str, calls: tuple[str, ...] = HANDED_OVER, **meta: Any) -> Sample:
        known = context(_user(f"on_agent_transfer {name}"))
        known["session"]["BotUserSession"] |= meta
        return transfer(name, calls, context=known)

    documented = _user("documented")
    return [
        Sample(
            "the documented sample",
            "on_agent_transfer",
            _bytes(
                {
                    "context": context(documented),
                    "channel": nested(documented),
                    "baseUrl": BASE,
                    "sendUserMessageUrl": f"{BASE}/sendUserMessage/1501244156289",
                    "sendBotMessageUrl": f"{BASE}/sendBotMessage/1501244156289",
                    "requestId": 1501244156289,
                    "botId": BOT_ID,
                    "callbackUrl": f"{BASE}/serviceCallback/1501244156289",
                }
            ),
            HANDED_OVER,
            component=COMPONENT,
        ),
        transfer("flat channel", channel=flat(_user("transfer, flat"))),
        transfer("no callback URL", callbackUrl=...),
        transfer("no request id", requestId=...),
        transfer("a message beside it", message="agent", metaInfo={"intentInfo": {}}),
        told(
            "both scripts of the page",
            (*TO_USER, *HANDED_OVER),  # The user is told which command ends the chat.
            miawMetaInfo={"endChatShortHandCommand": "bye", "preChatInfo": {"City": "Wien"}},
        ),
        told("senseless scripts", miawMetaInfo=[1], liveChatMetaInfo={"preChatInfo": 5}),
        told("pre-chat as text", miawMetaInfo={"preChatInfo": '{"City": "Wien"}'}),
    ]


def _webhooks() -> list[Sample]:
    def hook(name: str, **members: Any) -> Sample:
        shape = {
            "dialogComponentName": "CheckOrder",
            "contextId": "64b6aa",
            "message": "where is it",
            **members,
        }
        return _of_component(name, "on_webhook", (), **shape)

    return [
        hook("nested channel"),
        hook("flat channel", channel=flat(_user("hook, flat"))),
        hook("no callback URL", callbackUrl=...),
        hook("no name", dialogComponentName=...),
        hook("empty context", context={}),
        hook("no context", context=...),
        hook("names nobody", channel=..., context={"order": 7}),
    ]


def _event(name: str, event: Any, **members: Any) -> Sample:
    body = _message(name, "on_event", event=event, message="", **members)
    return Sample(name, "on_event", _bytes(body))


CONTACT_CENTRE = (
    "agent_accepted",
    "conversation_transfer",
    "agent_joined_conversation",
    "agent_exited_conversation",
    "conversation_terminated",
    "disposition_submitted",
)


def _events() -> list[Sample]:
    said = {
        "agentFullName": "Jane Doe",
        "agentEmail": "jane@example.com",
        "agentId": "a-1",
        "conversationId": "c-1",
        "botId": BOT_ID,
        "orgId": "o-1",
        "queueId": "qu-1",
        "sessionId": "64b6aa",
        "source": "chat",
        "timestamps": {},
        "transferSummary": "",
        "dispositionSummary": "",
        "dispositionSets": [],
    }
    return [
        _event("endDialog", {"eventType": "endDialog", "dialogName": "Agent"}),
        _event("endFAQ", {"eventType": "endFAQ"}),
        _event("sessionClosure", {"eventType": "sessionClosure"}),
        _event("as Kore's page misspells it", {"event Type": "endDialog"}),
        _event("of a type nobody has heard of", {"eventType": "moonrise"}),
        _event("that is no object", "endDialog"),
        *(_event(kind, {"eventType": kind}, CCAIMetaInfo=said) for kind in CONTACT_CENTRE),
    ]


VARIABLE_EVENTS = (
    "variable_create",
    "variable_update",
    "variable_delete",
    "variable_import",
    "bot_import",
    "sdk_subscription",
    "language_enabled",
)


def _variables() -> list[Sample]:
    def update(kind: str) -> Sample:
        body = {
            "requestId": REQUEST_ID,
            "botId": BOT_ID,
            "agent_transfer": False,
            "data": {"eventType": kind, "variable": {"key": "shop", "value": "Acme"}, "language": "en"},
            **urls(),
        }
        return Sample(kind, "on_variable_update", _bytes(body))

    bare = Sample("no data", "on_variable_update", _bytes({"botId": BOT_ID, "requestId": REQUEST_ID}))
    return [*map(update, VARIABLE_EVENTS), bare]


def _alerts() -> list[Sample]:
    def alert(name: str, calls: tuple[str, ...], **members: Any) -> Sample:
        body = _message(name, "on_alert", **{"message": "It is late.", **members})
        return Sample(name, "on_alert", _bytes(body), calls)

    where = urls(sendAlertMessageUrl="sendAlertMessage")
    return [
        alert("as known", ALERT, **where),
        alert("template as message", ALERT, message=_TEMPLATE, **where),
        alert("nested channel", ALERT, channel=nested(_user("alert, nested")), **where),
        alert("no sendBotMessageUrl", ALERT, leave_out=("sendBotMessageUrl",), **where),
        alert("nowhere to go", ()),
    ]


def _client_events() -> list[Sample]:
    def of_client(name: str, *, where: bool = True, **members: Any) -> Sample:
        known = urls(sendBotEventUrl="sendBotEvent") if where else {}
        body = _message(name, "on_client_event", leave_out=("message",), **known, **members)
        return Sample(name, "on_client_event", _bytes(body))

    return [
        of_client("typing started", preDefinedEvent={"type": "TYPING_STARTED"}),
        of_client("typing stopped", preDefinedEvent={"type": "TYPING_STOPPED"}),
        of_client("message read", preDefinedEvent={"type": "MESSAGE_READ", "id": "ms-1"}),
        of_client("of its own", customEvent={"type": "cart", "items": 2}),
        of_client("of its own, without a type", customEvent={"items": [2]}),
        of_client("nothing in it", preDefinedEvent={}, customEvent=None),
        of_client("nowhere to go", where=False, preDefinedEvent={"type": "TYPING_STARTED"}),
    ]


SAMPLES: tuple[Sample, ...] = (
    *_user_messages(),
    *_bot_messages(),
    *_transfers(),
    *_webhooks(),
    *_events(),
    *_variables(),
    *_alerts(),
    *_client_events(),
)

UNKNOWN = Sample("event", "on_moonrise", _bytes(_message("event", "on_moonrise")))


@dataclass(frozen=True)
class Refused:
    """A refused hook: the status and the code of the answer (3)."""

    name: str
    event: str
    body: bytes
    status: str
    code: str | int

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def _but(**changes: Any) -> bytes:
    return _bytes(_message("refused", "on_user_message", **changes))


REFUSED: tuple[Refused, ...] = (
    Refused("no JSON", "on_user_message", b"hello", "412", "VALIDATION_ERROR"),
    Refused("no object", "on_user_message", b"[1]", "412", "VALIDATION_ERROR"),
    Refused("no UTF-8", "on_bot_message", b'{"message": "\xff"}', "412", "VALIDATION_ERROR"),
    Refused("nowhere to answer", "on_user_message", b"{}", "400", "INVALID_ARGUMENTS"),
    Refused("about another bot", "on_user_message", _but(botId="st-1"), "400", "INVALID_ARGUMENTS"),
    Refused(
        "a foreign host",
        "on_user_message",
        _but(sendBotMessageUrl="https://evil.example/api/botsdk/stream/x/sendBotMessage/1"),
        "400",
        "INVALID_ARGUMENTS",
    ),
    Refused(
        "a transfer of nobody",
        "on_agent_transfer",
        _bytes({"botId": BOT_ID, "requestId": 1, **urls(request_id=1)}),
        "400",
        "INVALID_ARGUMENTS",
    ),
)
