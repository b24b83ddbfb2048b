"""The parts of a hook payload: user, files, context and channel (docs/protocols/kore-xo-botkit.md, 2.3 to 2.5 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TASK_ID = "dg-11111111-2222-5333-8444-666666666666"
NODE_ID, TRANSFER_NODE_ID = "intent0", "agentTransfer1"
SESSION_ID = "64b6aa0000000000000000aa"
_WHEN_MS = 1_767_603_600_000
_WHEN = "2026-01-05T09:00:00.000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the bot.

    Attributes:
        id: the platform's id of the user, ``u-…``.
        address: what the channel calls the user (``channel.from``), such as a telephone number; empty: the same as `id`.
        language: as the platform spells it.
    """

    id: str = "u-11111111-2222-5333-8444-555555555555"
    first_name: str = "Ada"
    last_name: str = "Lovelace"
    email: str = "ada@example.com"
    language: str = "en"
    address: str = ""

    @property
    def sender(self) -> str:
        """`channel.from`."""
        return self.address or self.id


@dataclass(frozen=True, slots=True)
class File:
    """A file the user sends; without `url` it is stored at the platform.

    `kind` is the platform's class of files: ``image``, ``audio``, ``video`` or ``attachment``.
    """

    name: str
    url: str = ""
    kind: str = "attachment"


def user_named(user: User | str) -> User:
    """The user, or a user of this id."""
    return User(id=user) if isinstance(user, str) else user


def file_named(file: File | str) -> File:
    """The file, or a file of this name."""
    return File(file) if isinstance(file, str) else file


def context_of(
    user: User,
    *,
    bot_id: str,
    bot_name: str,
    channel: str,
    text: str,
    intent: str,
    session: Mapping[str, Any],
    node: str = "",
    client_message_id: int | None = None,
) -> dict[str, Any]:
    """The context of a user's dialog.

    Args:
        user: the user.
        bot_id: the bot's id.
        bot_name: the bot's name.
        channel: Kore's name of the channel.
        text: the user's last message.
        intent: the dialog's name.
        session: members of `BotUserSession`, such as ``miawMetaInfo``.
        node: the name of the Agent Transfer node that was reached.
        client_message_id: the client's id of the last message; None for none.
    """
    history: list[dict[str, Any]] = [
        {"originalSentence": text, "timestamp": _WHEN_MS},
        {"dialogState": "started", "timestamp": _WHEN_MS},
    ]
    if node:
        reached = {"nodeId": TRANSFER_NODE_ID, "state": "processing", "type": "agentTransfer"}
        history.append({**reached, "componentName": node, "timestamp": _WHEN_MS})
    return {
        "bot": bot_name,
        "botid": bot_id,
        "taskid": TASK_ID,
        "intent": intent,
        "intentName": intent,
        "intentType": "dialog",
        "currentLanguage": user.language,
        "suggestedLanguages": [user.language],
        "entities": {},
        "userInputs": {"originalInput": {"sentence": text, "timestamp": _WHEN_MS}},
        "history": history,
        "dialog_tone": [],
        "message_tone": [],
        "currentTags": {"tags": []},
        "historicTags": [],
        "session": {
            "EnterpriseContext": {},
            "BotContext": {},
            "UserContext": _user_context(user),
            "UserSession": {},
            "BotUserSession": {
                **_bot_user_session(
                    user,
                    bot_id=bot_id,
                    bot_name=bot_name,
                    channel=channel,
                    text=text,
                    client_message_id=client_message_id,
                ),
                **session,
            },
            "opts": {"userId": user.id, "streamId": bot_id},
        },
    }


def flat_channel(
    user: User, *, bot_id: str, bot_name: str, channel: str, files: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """`channel` of messages (2.4)."""
    made: dict[str, Any] = {
        "type": channel,
        "from": user.sender,
        "userId": user.id,
        "sessionId": SESSION_ID,
        "client": "botbuilder",
        "botLanguage": user.language,
        "botInfo": {"chatBot": bot_name, "taskBotId": bot_id},
    }
    return made | ({"attachments": list(files)} if files else {})


def nested_channel(
    user: User, *, bot_id: str, bot_name: str, channel: str, files: Sequence[Mapping[str, Any]], text: str
) -> dict[str, Any]:
    """`channel` of transfers and webhooks: everything is under `channelInfos` (2.4)."""
    infos: dict[str, Any] = {
        "requestId": f"ms-{SESSION_ID}",
        "message": text,
        "body": text,
        "client": "botbuilder",
        "handle": {"taskBotId": bot_id, "userId": user.id, "handleId": SESSION_ID},
        "botInfo": {"chatBot": bot_name, "taskBotId": bot_id},
        "from": user.sender,
        "type": channel,
        "userId": user.id,
    }
    infos |= {"attachments": list(files)} if files else {}
    return {"_id": f"dc-{SESSION_ID}", "channelInfos": infos, "__v": 0}


def announced(file: File, number: int, *, origin: str) -> dict[str, Any]:
    """A file in a payload. Its address is in either of two places, depending on the deployment (4.4)."""
    file_id = f"file-{number}"
    url = file.url or f"{origin}/api/attachment/file/{file_id}"
    return {
        "fileId": file_id,
        "fileName": file.name,
        "fileType": file.kind,
        "fileUrl": url,
        "url": {"fileUrl": url},
    }


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two objects at every depth; the new value wins."""
    made = dict(old)
    for name, value in new.items():
        before = made.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        made[name] = merged(before, value) if both else value  # type: ignore[arg-type]
    return made


def _user_context(user: User) -> dict[str, Any]:
    return {
        "_id": user.id,
        "emailId": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "orgId": "o-11111111-2222-5333-8444-777777777777",
        "activationStatus": "active",
        "workinghours": {},
        "customData": None,
        "identities": [
            {"val": user.email, "type": "email"},
            {"val": f"kore/{user.id}", "type": "mapped"},
        ],
    }


def _bot_user_session(
    user: User, *, bot_id: str, bot_name: str, channel: str, text: str, client_message_id: int | None
) -> dict[str, Any]:
    return {
        "conversationSessionId": SESSION_ID,
        "isReturningUser": True,
        "lastUserMessageTime": _WHEN,
        "channels": [{"type": channel, "from": user.sender, "client": "botbuilder"}],
        "lastMessage": {
            "channel": channel,
            "messagePayload": {
                **({} if client_message_id is None else {"clientMessageId": client_message_id}),
                "message": {"body": text},
                "resourceid": "/bot.message",
                "botInfo": {"chatBot": bot_name, "taskBotId": bot_id},
                "client": "botbuilder",
                "meta": {"timezone": "UTC", "locale": user.language},
                "id": _WHEN_MS,
            },
        },
    }
