"""A page of a conversation's history, from getMessages: newest first, every record with its time and session (4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from botkit.errors import BadReply
from botkit.kore.messages import text_of
from botkit.kore.variables import answer_object


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """One record.

    Attributes:
        id: the platform's, ``ms-…``.
        sender: the user, or the bot, in whose name agents' messages are kept too.
        text: its words; those of a template are taken out of it, files are named in brackets.
        at: when, in UTC; None where the record does not say.
        session_id: Kore's conversation session.
        channel: Kore's name of the channel.
        language: of the conversation at that moment.
        raw: the whole record.
    """

    id: str
    sender: Literal["user", "bot"]
    text: str = field(repr=False)
    at: datetime | None = None
    session_id: str = ""
    channel: str = ""
    language: str = ""
    raw: Mapping[str, object] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """What one request brought.

    Attributes:
        messages: newest first, as the platform gives them.
        total: how many the platform says there are.
        more_available: whether there are older ones.
        records: how many records it brought; those that are neither the user's nor the bot's are not among `messages`.
    """

    messages: tuple[HistoryMessage, ...]
    total: int
    more_available: bool
    records: int


def read_page(body: bytes) -> MessagePage:
    """A page from the answer to `KoreCalls.get_messages`.

    Raises:
        BadReply: the answer is not what the platform gives.
    """
    what = "get messages"
    answer = answer_object(body, what=what)
    records = answer.get("messages")
    if not isinstance(records, list):
        raise BadReply(what, detail="no messages in the answer")
    messages = tuple(
        message for record in records if isinstance(record, dict) and (message := _message(record))
    )
    total = answer.get("total")
    return MessagePage(
        messages=messages,
        total=total if isinstance(total, int) else len(records),
        more_available=answer.get("moreAvailable") is True,
        records=len(records),
    )


def _message(record: dict[str, object]) -> HistoryMessage | None:
    kind = record.get("type")
    if kind not in ("incoming", "outgoing"):
        return None
    return HistoryMessage(
        id=_text(record.get("_id")),
        sender="user" if kind == "incoming" else "bot",
        text=text_of(record),
        at=_time(record),
        session_id=_text(record.get("sessionId")),
        channel=_text(record.get("chnl")),
        language=_text(record.get("lang")),
        raw=record,
    )


def _time(record: dict[str, object]) -> datetime | None:
    milliseconds = record.get("timestampValue")
    try:
        if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
            return datetime.fromtimestamp(milliseconds / 1000, UTC)
        created = datetime.fromisoformat(_text(record.get("createdOn")))
    except (ValueError, OverflowError, OSError):
        return None
    return created.astimezone(UTC) if created.tzinfo else created.replace(tzinfo=UTC)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
