"""A conversation's history from getMessages (docs/protocols/kore-xo-botkit.md, 4.5): its records, and page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from botkit.errors import BadReply
from botkit.handoff.masking import readable
from botkit.http.lenient_json import items, try_decoded
from botkit.kore.replies import answer_object

Record = dict[str, object]
"""One message as the platform stores it."""

_SENDERS: dict[object, Literal["user", "bot"]] = {"incoming": "user", "outgoing": "bot"}
_MAX_TEMPLATE_DEPTH = 6
_MAX_TEMPLATE_TEXTS = 100
_MAX_RECORDS = 500
"""Of one answer. The platform gives at most 100 (4.5)."""
_WHAT = "get messages"


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """One message.

    Attributes:
        id: the platform's id, ``ms-…``.
        sender: the user or the bot. The platform stores agents' messages as the bot's.
        text: its text; of a template, all its texts; of a clicked choice, its label; files are named in brackets.
        at: its time in UTC; None if the record has none.
        session_id: Kore's conversation session.
        channel: Kore's name of the channel.
        language: the conversation's language at that moment.
        raw: the whole record.
    """

    id: str
    sender: Literal["user", "bot"]
    text: str = field(repr=False)
    at: datetime | None = None
    session_id: str = ""
    channel: str = ""
    language: str = ""
    raw: Record = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One page of the history.

    Attributes:
        messages: newest first, in the platform's order.
        total: the number of messages, according to the platform.
        more_available: whether there are older messages.
        records: the number of records on this page; `messages` leaves out those of neither the user nor the bot.
    """

    messages: tuple[HistoryMessage, ...]
    total: int
    more_available: bool
    records: int


def read_records(body: bytes) -> list[Record]:
    """The records of an answer, unchanged; the platform lists the newest first.

    Raises:
        BadReply: the answer is not a list of messages.
    """
    return [record for record in _listed(answer_object(body, what=_WHAT)) if isinstance(record, dict)]


def read_page(body: bytes) -> MessagePage:
    """Read one page from the answer to `KoreRequests.get_messages`. Raises: BadReply if the answer is not a list of messages."""
    answer = answer_object(body, what=_WHAT)
    records = _listed(answer)
    total = answer.get("total")
    return MessagePage(
        messages=tuple(
            _message(record, sender)
            for record in records
            if isinstance(record, dict) and (sender := sender_of(record))
        ),
        total=total if isinstance(total, int) else len(records),
        more_available=answer.get("moreAvailable") is True,
        records=len(records),
    )


def _listed(answer: Record) -> Sequence[object]:
    records = answer.get("messages")
    if not isinstance(records, list):
        raise BadReply(_WHAT, detail="no messages in the answer")
    return records[:_MAX_RECORDS]


def sender_of(record: Record) -> Literal["user", "bot"] | None:
    """Who sent a record; None for those of neither, such as a client's control messages."""
    kind = record.get("type")
    return _SENDERS.get(kind) if isinstance(kind, str) else None


def _message(record: Record, sender: Literal["user", "bot"]) -> HistoryMessage:
    return HistoryMessage(
        id=_text(record.get("_id")),
        sender=sender,
        text=text_of(record),
        at=time_of(record),
        session_id=_text(record.get("sessionId")),
        channel=_text(record.get("chnl")),
        language=_text(record.get("lang")),
        raw=record,
    )


def time_of(record: Record) -> datetime | None:
    """The time of a record."""
    milliseconds = record.get("timestampValue")
    try:
        if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
            return datetime.fromtimestamp(milliseconds / 1000, UTC)
        created = datetime.fromisoformat(_text(record.get("createdOn")))
        return created.astimezone(UTC) if created.tzinfo else created.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def text_of(record: dict[str, object]) -> str:
    """The text of a record: what the user saw of it, or its template's texts; then the names of its files."""
    parts = [part for component in items(record.get("components")) for part in _component(component)]
    if record.get("type") == "incoming" and (clicked := label_of(record)):
        parts = [clicked, *(part for part in parts if part != stored_text(record).strip())]
    parts += _attachments(record.get("attachments"))
    for channel in items(record.get("channels")):
        parts += _attachments(channel.get("attachments"))
    # The platform lists an attachment in several places.
    return readable("\n".join(dict.fromkeys(part for part in parts if part)))


def label_of(record: Record) -> str:
    """The label of a clicked choice, which is stored as the alternative text of its payload; empty if there is none."""
    tags = record.get("tags")
    for tag in items(tags.get("altText")) if isinstance(tags, dict) else ():
        if isinstance(value := tag.get("value"), str) and value.strip():
            return value.strip()
    return ""


def stored_text(record: Record) -> str:
    """The text of a record's first component as it is stored."""
    for component in items(record.get("components")):
        data = component.get("data")
        if isinstance(data, dict) and isinstance(text := data.get("text"), str):
            return text
    return ""


def _component(component: dict[str, object]) -> Iterator[str]:
    data = component.get("data")
    if not isinstance(data, dict):
        return
    text = data.get("text")
    if isinstance(text, str):
        yield unwrapped(text).strip()
    yield from _attachments(data.get("attachments"))
    if not text and (name := data.get("fileName") or data.get("filename")) and isinstance(name, str):
        yield f"[{name}]"


def _attachments(value: object) -> list[str]:
    names = (item.get("fileName") or item.get("name") or "attachment" for item in items(value))
    return [f"[{name}]" for name in names if isinstance(name, str)]


def unwrapped(text: str) -> str:
    """The texts of a template that is stored as JSON text; any other text is returned unchanged."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return text
    found = islice(_words(try_decoded(stripped), _MAX_TEMPLATE_DEPTH), _MAX_TEMPLATE_TEXTS)
    words = "\n".join(dict.fromkeys(found))
    return words or text


_TEXT_MEMBERS = ("text", "title", "heading", "subtitle", "description", "speech_hint")
_NESTED_MEMBERS = ("payload", "elements", "attachments", "content", "body", "items", "cards", "facts")
_CHOICE_MEMBERS = ("buttons", "quick_replies", "actions")


def _words(value: object, depth: int) -> Iterator[str]:
    """The texts of a template in reading order: its own, those of its parts, then its choices, one on each line."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _words(item, depth)
    if not isinstance(value, dict):
        return
    for name in _TEXT_MEMBERS:
        if isinstance(words := value.get(name), str) and words.strip():
            yield unwrapped(words) if words.lstrip().startswith("{") and depth > 1 else words
    for name in _NESTED_MEMBERS:
        nested = value.get(name)
        if isinstance(nested, str) and nested.lstrip().startswith("{"):
            nested = try_decoded(nested)
        yield from _words(nested, depth - 1)
    for name in _CHOICE_MEMBERS:
        for choice in items(value.get(name)):
            if isinstance(title := choice.get("title"), str) and title.strip():
                yield f"- {title}"
