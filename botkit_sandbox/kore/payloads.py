"""The bodies of hooks, see docs/protocols/kore-xo-botkit.md, 2.3 to 2.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from botkit_sandbox.kore.calls import Call
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.history import iso
from botkit_sandbox.kore.users import Attachment, ChatMessage, User

HISTORY_IN_CONTEXT = 50
TAGS_IN_CONTEXT = 20

ClientMessage: TypeAlias = Literal["control", "refresh", "welcome"]
"""A message of the client itself (2.6)."""
CLIENT_TEXTS: Mapping[ClientMessage, str] = {
    "control": "sending a ctrl message to CS",
    "refresh": "refreshCS",
    "welcome": "",
}


def message_hook(
    core: Core,
    user: User,
    call: Call,
    *,
    text: str | None,
    attachments: tuple[Attachment, ...] = (),
    bot_event: str | None = None,
    message: ChatMessage | None = None,
) -> dict[str, Any]:
    """on_user_message and on_bot_message: flat channel; `message` is absent where there is no text (2.3)."""
    channel = flat_channel(core, user, attachments=attachments)
    if bot_event:
        channel["botEvent"] = bot_event
    body = _common(core, user, call) | {"channel": channel, "agent_transfer": user.agent_mode}
    if text is not None:
        text = core.as_masked(user, text) if message is not None else text
        body |= {"message": text, "originalMessage": text}
        body["messageObject"] = {"message": {"body": text}, "channel": user.channel}
        if message is None:
            body["messageObject"]["clientMessageId"] = int(call.id)
        elif message.client_id is not None:
            body["messageObject"] |= {
                "clientMessageId": message.client_id,
                "message": _body(core, user, message),
            }
    return body


def client_message_hook(core: Core, user: User, call: Call, kind: ClientMessage) -> dict[str, Any]:
    """on_user_message for a message of the client itself (2.6)."""
    body = message_hook(core, user, call, text=CLIENT_TEXTS[kind])
    del body["messageObject"]
    channel, handle = body["channel"], {"handleId": user.session.id, "userId": user.id}
    if kind == "control":
        channel |= {"requestId": f"ms-{core.new_id()}", "requestContext": {"isRuntime": True, "isBB": True}}
    elif kind == "refresh":
        body["metaInfo"] = {"nlMeta": {"isRefresh": True}}
    else:
        handle["type"] = "welcome"
    channel |= {"body": CLIENT_TEXTS[kind], "handle": handle}
    return body


def session_request_id(user: User) -> str:
    """The one requestId of a session, in the form of voice channels."""
    return f"tcbr-{user.session.id}"


def agent_transfer_hook(core: Core, user: User, call: Call) -> dict[str, Any]:
    """on_agent_transfer: nested channel, callbackUrl and getDialogUrl, but no agent_transfer."""
    return _common(core, user, call) | {
        "channel": nested_channel(core, user),
        "callbackUrl": f"{_base_url(core, user)}/serviceCallback/{call.id}",
        "getDialogUrl": f"{_base_url(core, user)}/getDialog/{call.id}",
    }


def webhook_hook(core: Core, user: User, call: Call, *, component: str) -> dict[str, Any]:
    """on_webhook: as a transfer, with the node's name."""
    return agent_transfer_hook(core, user, call) | {
        "dialogComponentName": component,
        "contextId": user.session.id,
        "message": _last_text(user),
        "agent_transfer": user.agent_mode,
    }


def event_hook(core: Core, user: User, call: Call, *, event: Mapping[str, Any]) -> dict[str, Any]:
    """on_event: endDialog, sessionClosure …"""
    return _common(core, user, call) | {
        "channel": flat_channel(core, user),
        "event": dict(event),
        "message": "",
        "agent_transfer": user.agent_mode,
    }


def client_event_hook(
    core: Core, user: User, call: Call, *, event: Mapping[str, Any], custom: Mapping[str, Any]
) -> dict[str, Any]:
    """on_client_event: typing, read marks, and custom events of the client."""
    return _common(core, user, call) | {
        "channel": flat_channel(core, user),
        "preDefinedEvent": dict(event),
        "customEvent": dict(custom),
        "agent_transfer": user.agent_mode,
        "sendBotEventUrl": f"{_base_url(core, user)}/sendBotEvent/{call.id}",
    }


def alert_hook(core: Core, user: User, call: Call, *, text: str) -> dict[str, Any]:
    """on_alert: a notification that the bot sends."""
    body = message_hook(core, user, call, text=text)
    return body | {"sendAlertMessageUrl": f"{_base_url(core, user)}/sendAlertMessage/{call.id}"}


def variable_hook(
    core: Core, request_id: str, *, event_type: str, variable: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """on_variable_update: it belongs to the bot, not to a user."""
    return {
        "requestId": _request_id(core, request_id),
        "botId": core.bot.id,
        "data": {
            "eventType": event_type,
            "language": core.bot.default_language,
            **({} if variable is None else {"variable": dict(variable)}),
        },
        "agent_transfer": False,
        **_urls(core.stream_url, request_id),
    }


def flat_channel(core: Core, user: User, *, attachments: tuple[Attachment, ...] = ()) -> dict[str, Any]:
    """The channel of message hooks (2.4)."""
    channel: dict[str, Any] = {
        "type": user.channel,
        "from": user.address,
        "userId": user.id,
        "sessionId": user.session.id,
        "client": "botbuilder",
        "botLanguage": user.language,
        "botInfo": {"chatBot": core.bot.name, "taskBotId": core.bot.id},
    }
    if attachments:
        channel["attachments"] = _announced(core, attachments)
    return channel


def nested_channel(core: Core, user: User) -> dict[str, Any]:
    """The channel of component hooks (2.4)."""
    last = _last_message(user)
    text = last.sent if last else ""
    return {
        "_id": f"dc-{user.session.id}",
        "channelInfos": {
            "requestId": last.id if last else "",
            "message": text,
            "body": text,
            "client": "botbuilder",
            "handle": {"taskBotId": core.bot.id, "userId": user.id, "handleId": user.session.id},
            "botInfo": {"chatBot": core.bot.name, "taskBotId": core.bot.id},
            "from": user.address,
            "userId": user.id,
            "type": user.channel if core.settings.channel_type == "same" else f"{user.channel}Channel",
        },
        "__v": 0,
    }


def context_of(core: Core, user: User) -> dict[str, Any]:
    """The context as hooks carry it and scripts change it. Changes by scripts are kept for the dialog."""
    context = user.context
    context.update(
        {
            "bot": core.bot.name,
            "botid": core.bot.id,
            "currentLanguage": user.language,
            "suggestedLanguages": [user.language],
            "session": {
                **core.shared_variables,
                "UserContext": _user_context(core, user),
                "UserSession": user.variables,
                "BotUserSession": {**user.session.variables, **_bot_user_session(core, user)},
                "opts": {"userId": user.id, "streamId": core.bot.id},
            },
        }
    )
    for key in ("entities", "userInputs"):
        context.setdefault(key, {})
    for key in ("history", "historicTags"):
        context.setdefault(key, [])
    context.setdefault("currentTags", {"tags": []})
    context["message_tone"], context["dialog_tone"] = user.message_tones, user.session.tones
    return context


def begin_dialog(core: Core, user: User, *, dialog_id: str, name: str) -> None:
    """Drop the variables of the last dialog and record the new one."""
    text = _last_text(user)
    history = [*user.context.get("history", []), {"originalSentence": text, "timestamp": core.now_ms()}]
    tags = user.context.get("historicTags", [])
    user.context = {
        "taskid": dialog_id,
        "intent": name,
        "intentType": "dialog",
        "intentName": name,
        "entities": {},
        "userInputs": {"originalInput": {"sentence": text, "timestamp": core.now_ms()}},
        "history": history[-HISTORY_IN_CONTEXT:],
        "currentTags": {"tags": [name]},
        "historicTags": tags,
    }
    note_history(core, user, dialogState="started")


def end_dialog(user: User) -> None:
    """Move the tags of the dialog to the historic ones."""
    current = user.context.get("currentTags")
    if isinstance(current, Mapping) and current.get("tags"):
        user.context["historicTags"] = [*user.context.get("historicTags", []), current][-TAGS_IN_CONTEXT:]
        user.context["currentTags"] = {"tags": []}


def note_history(core: Core, user: User, **entry: str) -> None:
    """Add an entry to context.history, which is bounded."""
    history = user.context.setdefault("history", [])
    history.append({**entry, "timestamp": core.now_ms()})
    del history[:-HISTORY_IN_CONTEXT]


def _common(core: Core, user: User, call: Call) -> dict[str, Any]:
    return {
        "requestId": session_request_id(user)
        if core.settings.request_id_lasts == "session"
        else _request_id(core, call.id),
        "botId": _bot_id(core, user),
        "taskId": call.dialog_id,
        "nodeId": call.node_id,
        "context": context_of(core, user),
        "metaInfo": {"intentInfo": {"intentMatched": intent}}
        if (intent := user.context.get("intent"))
        else {},
        "metaTags": {
            "userMetaTags": user.tags.get("userMetaTags", []),
            "sessionMetaTags": user.tags.get("sessionMetaTags", []),
            "messageMetaTags": user.tags.get("messageMetaTags", []),
        },
        **_urls(_base_url(core, user), call.id),
    }


def _bot_id(core: Core, user: User) -> str | list[str]:
    """`botId` of the body (2.9)."""
    linked = user.linked_bot if core.settings.linked_bot_in != "path" else ""
    if core.settings.bot_id == "list":
        return [core.bot.id, *([linked] if linked else [])]
    return linked or core.bot.id


def _base_url(core: Core, user: User) -> str:
    """`baseUrl`, with the bot that the hook's path names."""
    linked = user.linked_bot if core.settings.linked_bot_in != "body" else ""
    return core.stream_url_of(linked or core.bot.id)


def _request_id(core: Core, call_id: str) -> int | str:
    return int(call_id) if core.settings.request_id == "number" else call_id


def _urls(base: str, call_id: str) -> dict[str, str]:
    return {
        "baseUrl": base,
        "sendUserMessageUrl": f"{base}/sendUserMessage/{call_id}",
        "sendBotMessageUrl": f"{base}/sendBotMessage/{call_id}",
        "skipUserMessageUrl": f"{base}/skipUserMessage/{call_id}",
        "skipBotMessageUrl": f"{base}/skipBotMessage/{call_id}",
        "resetBotUrl": f"{base}/resetBot/{call_id}",
        "getBotVariableUrl": f"{base}/getBotVariable/{call_id}",
        "clearConversationSessionUrl": f"{base}/clearConversationSession/{call_id}",
        "sendFeedbackMessageUrl": f"{base}/sendFeedbackMessage/{call_id}",
    }


def _user_context(core: Core, user: User) -> dict[str, Any]:
    mapped = f"kore/{user.id}" if user.channel == "rtm" else f"{user.channel}/{user.address}"
    identities: list[dict[str, Any]] = [{"val": mapped, "type": "mapped"}]
    if user.channel == "email":
        # The address stands in the identity only, behind the client's app.
        identities = [{"val": f"{core.app.client_id}/{user.address}", "type": "mapped"}]
    elif user.email:
        identities.append({"val": user.email, "type": "email"})
    if user.channel == "msteams":
        identities.insert(0, {"type": "msteams", "profileInfo": {"name": user.name, "email": user.email}})
    return {
        "_id": user.id,
        "emailId": user.email if user.channel != "email" else "",
        "firstName": user.first_name,
        "lastName": user.last_name,
        "orgId": "o-sandbox",
        "activationStatus": "active",
        "workinghours": {},
        "customData": None,
        "identities": identities,
    }


def _bot_user_session(core: Core, user: User) -> dict[str, Any]:
    last = _last_message(user, before=core.settings.last_message == "previous")
    newest = _last_message(user)
    at_ms = newest.at_ms if newest else user.session.opened_ms
    message = _body(core, user, last) if last else {"body": ""}
    return {
        "conversationSessionId": user.session.id,
        "isReturningUser": user.returning,
        "lastUserMessageTime": iso(at_ms),
        "channels": [{"type": user.channel, "from": user.address, "client": "botbuilder"}],
        "lastMessage": {
            "channel": user.channel,
            "messagePayload": {
                **({"clientMessageId": last.client_id} if last and last.client_id else {}),
                "message": message,
                "resourceid": "/bot.message",
                "botInfo": {"chatBot": core.bot.name, "taskBotId": core.bot.id},
                "client": "botbuilder",
                "meta": {"timezone": "UTC", "locale": user.language},
                "id": at_ms,
            },
        },
    }


def _announced(core: Core, attachments: tuple[Attachment, ...]) -> list[dict[str, Any]]:
    """Files as hooks announce them; deployments report the URL in both places (4.4)."""
    return [
        {
            "fileId": a.id,
            "fileName": a.name,
            "fileType": a.kind,
            "size": len(a.content),
            "fileUrl": core.file_url(a),
            "url": {"fileUrl": core.file_url(a)},
        }
        for a in attachments
    ]


def _body(core: Core, user: User, message: ChatMessage) -> dict[str, Any]:
    """A message as the web client sends it: with the label of a clicked choice as `renderMsg` (2.3)."""
    body: dict[str, Any] = {"body": core.as_masked(user, message.sent)}
    if message.payload:
        body["renderMsg"] = message.text
    if message.attachments:
        body["attachments"] = _announced(core, message.attachments)
    return body


def _last_text(user: User) -> str:
    last = _last_message(user)
    return last.sent if last else ""


def _last_message(user: User, *, before: bool = False) -> ChatMessage | None:
    """The user's newest message, or the one `before` it."""
    messages = (message for message in reversed(user.messages) if message.speaker == "user")
    if before:
        next(messages, None)
    return next(messages, None)
