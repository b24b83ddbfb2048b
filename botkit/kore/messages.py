"""The talk so far, from getMessages: newest-first records to a transcript, oldest first (4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from botkit.errors import BadReply
from botkit.handoff.events import TranscriptLine
from botkit.http.lenient_json import decoded

_DEEPEST_TEMPLATE = 6


def read_messages(body: bytes, *, session_id: str = "") -> tuple[TranscriptLine, ...]:
    """The current session's messages, oldest first; records that cannot be read are left out.

    Args:
        body: the answer to `KoreCalls.get_messages`.
        session_id: the session to keep. Empty, or one that no record has: the session of the newest incoming record,
            since the user's newest message is of the session that is handed over.

    Raises:
        BadReply: the answer is not the JSON the platform gives.
    """
    # Stable: records of one millisecond keep the order they were given, turned round.
    oldest_first = list(reversed(read_records(body)))
    ordered = sorted(oldest_first, key=_timestamp)
    session = _session(ordered, session_id)
    return tuple(
        line for record in ordered if record.get("sessionId", "") == session and (line := _line(record))
    )


def read_records(body: bytes) -> list[dict[str, object]]:
    """The records of an answer as they are: the platform gives the newest first.

    Raises:
        BadReply: the answer is not the JSON the platform gives.
    """
    try:
        answer = decoded(body)
    except ValueError:
        raise BadReply("get messages", detail="not JSON") from None
    records = answer.get("messages") if isinstance(answer, dict) else None
    if not isinstance(records, list):
        raise BadReply("get messages", detail="no messages in the answer")
    return [record for record in records if isinstance(record, dict)]


def _session(ordered: list[dict[str, object]], wanted: str) -> object:
    if wanted and any(record.get("sessionId") == wanted for record in ordered):
        return wanted
    newest_first = list(reversed(ordered))
    incoming = [record for record in newest_first if record.get("type") == "incoming"]
    return next((record.get("sessionId", "") for record in incoming or newest_first), "")


def _timestamp(record: dict[str, object]) -> float:
    value = record.get("timestampValue")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    created = record.get("createdOn")
    if isinstance(created, str):
        try:
            return datetime.fromisoformat(created).timestamp() * 1000
        except ValueError:
            return 0.0
    return 0.0


def _line(record: dict[str, object]) -> TranscriptLine | None:
    kind = record.get("type")
    if kind not in ("incoming", "outgoing"):
        return None
    text = text_of(record)
    return TranscriptLine("user" if kind == "incoming" else "bot", text) if text else None


def text_of(record: dict[str, object]) -> str:
    """What a record says: its text, or its template's words, then the names of its files."""
    parts = [part for component in _objects(record.get("components")) for part in _component(component)]
    parts += _attachments(record.get("attachments"))
    for channel in _objects(record.get("channels")):
        parts += _attachments(channel.get("attachments"))
    return "\n".join(
        dict.fromkeys(part for part in parts if part)
    )  # an attachment is listed in several places


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
    names = (item.get("fileName") or item.get("name") or "attachment" for item in _objects(value))
    return [f"[{name}]" for name in names if isinstance(name, str)]


def unwrapped(text: str) -> str:
    """The words of a template that is stored as JSON text; a text that is none comes back as it is."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return text
    try:
        value = decoded(stripped)
    except ValueError:
        return text
    words = "\n".join(dict.fromkeys(_words(value, _DEEPEST_TEMPLATE)))
    return words or text


_TEXT_MEMBERS = ("text", "title", "heading", "subtitle", "description", "speech_hint")
_NESTED_MEMBERS = ("payload", "elements", "attachments", "content", "body", "items", "cards", "facts")
_CHOICE_MEMBERS = ("buttons", "quick_replies", "actions")


def _words(value: object, depth: int) -> Iterator[str]:
    """Texts of a template in reading order: its own, those of its parts, then its choices, a line each."""
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
            nested = _template(nested)
        yield from _words(nested, depth - 1)
    for name in _CHOICE_MEMBERS:
        for choice in _objects(value.get(name)):
            if isinstance(title := choice.get("title"), str) and title.strip():
                yield f"- {title}"


def _template(text: str) -> object:
    try:
        return decoded(text)
    except ValueError:
        return None


def _objects(value: object) -> Iterable[dict[str, object]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
