"""The conversation history that the platform keeps, and its queries.

See docs/protocols/kore-xo-botkit.md, 4.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from botkit_sandbox.kore.users import Attachment, User

Direction: TypeAlias = Literal["incoming", "outgoing", "ctrlmsg"]
"""`type` of a record: of the user, of the bot, or a control message of the client."""


@dataclass(frozen=True, slots=True)
class Query:
    """A part of a history. `channel` and `sessions` are optional filters."""

    skip: int = 0
    limit: int = 20
    channel: str | None = None
    sessions: frozenset[str] | None = None
    since_ms: int = 0
    until_ms: int | None = None
    oldest_first: bool = False


def record(
    user: User,
    *,
    bot_id: str,
    message_id: str,
    component_id: str,
    at_ms: int,
    direction: Direction,
    text: str,
    label: str = "",
    attachments: tuple[Attachment, ...] = (),
    attachment_url: str = "",
) -> dict[str, Any]:
    """One record as the platform stores it; `label` is that of a clicked choice, whose payload is `text`."""
    data: dict[str, Any] = {"text": text}
    kind = "text"
    if attachments:
        kind = "attachment"
        data["attachments"] = [
            {"fileId": a.id, "fileName": a.name, "fileType": a.kind, "fileUrl": f"{attachment_url}/{a.id}"}
            for a in attachments
        ]
    created = iso(at_ms)
    return {
        "_id": message_id,
        "type": direction,
        "status": "sent" if direction == "outgoing" else "received",
        "channels": [{"type": user.channel, "channelUId": user.address}],
        "chnl": user.channel,
        "components": [{"_id": component_id, "cT": kind, "data": data, "thumbnails": []}],
        "createdBy": user.id,
        "createdOn": created,
        "lmodifiedOn": created,
        "timestampValue": at_ms,
        "lang": user.language,
        "sessionId": user.session.id,
        "botId": bot_id,
        "orgId": "o-sandbox",
        "accountId": "sandbox",
        "isBB": 1,
        "isD": 1,
        "ms": 4 if direction == "ctrlmsg" else 1,
        "sT": 1,
        "tags": {
            "messageTags": [],
            "userTags": [],
            "sessionTags": [],
            **({"altText": [{"name": "label", "value": label}]} if label else {}),
        },
        "resourceid": "messagestore",
        "traceId": message_id.removeprefix("ms-"),
    }


def page(records: Iterable[Mapping[str, Any]], query: Query) -> dict[str, Any]:
    """The answer to getMessages: newest first, with the number of all that match."""
    matching = [r for r in records if _matches(r, query)]
    if not query.oldest_first:
        matching.reverse()
    part = matching[query.skip : query.skip + query.limit]
    return {
        "total": len(matching),
        "moreAvailable": query.skip + len(part) < len(matching),
        "icon": "",
        "messages": part,
    }


def iso(at_ms: int) -> str:
    """A time as the platform writes it, in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def _matches(record: Mapping[str, Any], query: Query) -> bool:
    at_ms = int(record["timestampValue"])
    return (
        (query.channel is None or record["chnl"] == query.channel)
        and (query.sessions is None or record["sessionId"] in query.sessions)
        and query.since_ms <= at_ms
        and (query.until_ms is None or at_ms <= query.until_ms)
    )
