"""What the far sides usually write: documents of each wire, to be changed by `hostile.documents`."""

from __future__ import annotations

from typing import Any

import jwt

SESSION = "11111111-1111-4111-8111-111111111111"
_TOKEN = jwt.encode({"exp": 1_700_003_600, "iat": 1_700_000_000}, "s" * 64, algorithm="HS256")
_AGENT = {"role": "Agent", "appType": "agent", "subject": "005A", "clientIdentifier": "ci"}
_SYSTEM = {"role": "System", "appType": "conversation", "subject": "conversation"}

MIAW_TOKEN: dict[str, Any] = {
    "accessToken": _TOKEN,
    "lastEventId": "41",
    "context": {
        "configuration": {
            "embeddedServiceConfig": {
                "attachments": {"allowedFileTypes": "png,jpg", "maxFileSize": 5, "endUserToAgent": True},
                "fallbackMessage": {"isFallbackMessageEnabled": True, "fallbackMessageContent": "nobody"},
                "forms": [
                    {
                        "formFields": [{"name": "_email", "type": "Text", "required": True, "maxLength": 40}],
                        "hiddenFormFields": [{"name": "Kore_User_Id"}],
                    }
                ],
            }
        }
    },
}
MIAW_STATUS: dict[str, Any] = {"routingStatus": "ROUTED"}
MIAW_ERROR: dict[str, Any] = {
    "message": "no such thing",
    "errorCode": "400.100.001",
    "error": {"code": "x", "message": "y"},
}


def _entry(kind: str, payload: Any, *, sender: Any = _SYSTEM, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "entryType": kind,
        "identifier": f"e-{number}",
        "entryPayload": {"entryType": kind, "id": f"e-{number}", **payload},
        "sender": sender,
        "senderDisplayName": "Jane",
        "transcriptedTimestamp": 1_700_000_000_000 + number,
        "clientTimestamp": 1_700_000_000_000,
        **more,
    }


def _message(number: int = 1, **content: Any) -> dict[str, Any]:
    said = {"abstractMessage": {"id": f"m-{number}", "messageType": "StaticContentMessage", **content}}
    return _entry("Message", said, sender=_AGENT, number=number, relatedRecords=["0Mw000000000001"])


MIAW_ENTRIES: list[dict[str, Any]] = [
    _message(staticContent={"formatType": "Text", "text": "hello"}),
    _message(
        staticContent={
            "formatType": "Attachments",
            "text": "look",
            "attachments": [{"name": "a b.png", "mimeType": "image/png", "url": "/file?x=1"}],
        }
    ),
    _message(
        staticContent={
            "formatType": "RichLink",
            "linkItem": {"titleItem": {"title": "t"}, "url": "https://a.b/"},
        }
    ),
    _message(
        choices={
            "formatType": "Carousel",
            "items": [
                {"titleItem": {"title": "t", "subTitle": "s"}, "interactionItems": [{"url": "https://a.b/"}]}
            ],
        }
    ),
    _message(
        choices={"formatType": "Buttons", "text": "?", "optionItems": [{"titleItem": {"title": "yes"}}]}
    ),
    _message(form={"title": "f", "sections": [{"input": {"label": "name", "optionItems": []}}]}),
    _message(unknown={"text": "?", "imageUrl": "https://a.b/"}),
    _entry(
        "ParticipantChanged",
        {"entries": [{"operation": "add", "displayName": "Jane", "participant": _AGENT}] * 2},
    ),
    _entry(
        "RoutingResult",
        {
            "routingType": "Initial",
            "failureType": "None",
            "recordId": "0Mw000000000001",
            "estimatedWaitTime": {"estimatedWaitTimeInSeconds": 90, "isEWTRequested": True},
        },
    ),
    _entry("RoutingWorkResult", {"workType": "Assigned"}),
    _entry("SessionOwnerChanged", {"newOwnerType": "Queue", "sessionStatus": "Active"}),
    _entry("QueuePosition", {"position": 3}),
    _entry(
        "SessionStatusChanged",
        {"sessionStatus": "Ended", "sessionStatusPrev": "Active", "sessionEndedByRole": "Agent"},
    ),
    _entry("TypingStartedIndicator", {}, sender=_AGENT),
    _entry("CloseConversation", {"conversationIdentifier": SESSION}),
]
MIAW_LISTS: list[Any] = [
    {"conversationEntries": MIAW_ENTRIES},
    {"conversationEntries": MIAW_ENTRIES[:1] * 50},
    MIAW_ENTRIES,
    {"entries": []},
]
MIAW_ENVELOPES: list[dict[str, Any]] = [
    {"conversationId": SESSION, "conversationEntry": entry} for entry in MIAW_ENTRIES
]

_KEYS = {
    "key": "0f0f0f0f-0000-4000-8000-000000000001!1700000000000!AbC/d+e=",
    "id": "0f0f0f0f-0000-4000-8000-000000000001",
    "affinityToken": "aff0",
    "clientPollTimeout": 40,
}
LIVE_CHAT_SESSION: dict[str, Any] = _KEYS


def _told(*messages: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"messages": [{"type": kind, "message": message} for kind, message in messages], **more}


_RULE = {
    "id": "0GN1",
    "name": "cards",
    "pattern": "[0-9]{16}",
    "actionType": "Replace",
    "replacement": "****",
}
_LINE = {"type": "Agent", "name": "Ada", "content": "hello", "sequence": 1, "timestamp": 1_700_000_000_000}
LIVE_CHAT_MESSAGES: list[tuple[str, dict[str, Any]]] = [
    (
        "ChatRequestSuccess",
        {
            "connectionTimeout": 150_000,
            "queuePosition": 2,
            "estimatedWaitTime": 60,
            "sensitiveDataRules": [_RULE],
        },
    ),
    ("QueueUpdate", {"position": 1, "estimatedWaitTime": 30}),
    (
        "ChatEstablished",
        {
            "name": "Ada",
            "userId": "005A",
            "chasitorIdleTimeout": {"isEnabled": True, "warningTime": 10, "timeout": 20},
        },
    ),
    (
        "ChatMessage",
        {"text": "see <a href='https://a.b/'>this</a> &amp; that", "name": "Ada", "agentId": "005A"},
    ),
    ("AgentTyping", {}),
    ("AgentNotTyping", {}),
    ("ChatTransferred", {"name": "Bo", "userId": "005B"}),
    ("TransferToButtonInitiated", {}),
    ("AgentDisconnect", {}),
    ("AgentJoinedConference", {"name": "Cy", "userId": "005C"}),
    ("AgentLeftConference", {"name": "Cy", "userId": "005C"}),
    ("CustomEvent", {"type": "survey", "data": '{"a":1}'}),
    (
        "FileTransfer",
        {
            "type": "Requested",
            "uploadServletUrl": "https://d.la1-c1.salesforceliveagent.com/up",
            "fileToken": "t",
        },
    ),
    ("ChasitorSessionData", {"chatMessages": [_LINE, {**_LINE, "type": "Chasitor", "sequence": 2}]}),
    ("RichMessage", {"items": [{"text": "yes"}], "text": "?", "name": "bot"}),
    ("SwitchServer", {"newUrl": "https://d.la2-c1.salesforceliveagent.com/chat"}),
    ("ChatRequestFail", {"reason": "Unavailable"}),
    ("ChatEnded", {"reason": "agent"}),
    ("SomethingNew", {"a": 1}),
]
LIVE_CHAT_REPLIES: list[dict[str, Any]] = [
    _told(message, sequence=4, offset=1_700_000_001) for message in LIVE_CHAT_MESSAGES
] + [_told(*LIVE_CHAT_MESSAGES[:8], sequence=12, offset=5), _told(*LIVE_CHAT_MESSAGES[2:15], sequence="15")]
LIVE_CHAT_AVAILABLE: dict[str, Any] = _told(
    ("Availability", {"results": [{"id": "573B", "isAvailable": True}]})
)
LIVE_CHAT_RECONNECTED: dict[str, Any] = _told(
    ("ReconnectSession", {"resetSequence": True, "affinityToken": "aff1"})
)
LIVE_CHAT_SWITCH: dict[str, Any] = _told(
    ("SwitchServer", {"newUrl": "https://d.la2-c1.salesforceliveagent.com/chat"})
)

_RECORD = {
    "_id": "ms-1",
    "type": "incoming",
    "sessionId": "s-1",
    "chnl": "rtm",
    "lang": "en",
    "createdOn": "2023-11-14T22:13:20.123Z",
    "timestampValue": 1_700_000_000_123,
    "components": [{"cT": "text", "data": {"text": "hello", "attachments": [{"fileName": "a.png"}]}}],
    "tags": {"altText": [{"value": "Yes"}]},
    "attachments": [{"fileName": "b.png"}],
    "channels": [{"type": "rtm", "handle": {"type": "welcome"}, "attachments": []}],
}
_TEMPLATE = '{"type":"template","payload":{"text":"t","elements":[{"title":"a"}],"buttons":[{"title":"x","payload":"y"}]}}'
KORE_MESSAGES: list[dict[str, Any]] = [
    {
        "total": 3,
        "moreAvailable": False,
        "messages": [
            _RECORD,
            {**_RECORD, "_id": "ms-2", "type": "outgoing", "components": [{"data": {"text": _TEMPLATE}}]},
            {**_RECORD, "_id": "ms-3", "sessionId": "s-2", "chnl": "ivr"},
        ],
    }
]
KORE_VARIABLES: dict[str, Any] = {
    "variables": [{"_id": "v", "key": "k", "value": "x", "variableType": "env"}]
}
KORE_DIALOG: dict[str, Any] = {
    "_id": "dg-1",
    "nodes": [{"nodeId": "n"}],
    "components": [{"_id": "dc", "name": "c"}],
}
KORE_ERROR: dict[str, Any] = {"errors": [{"msg": "no", "code": 4002}]}
