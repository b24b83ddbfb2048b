"""From the records of the history to the transcript: which sessions, in which order, in the words that the user saw.

Source: docs/protocols/kore-xo-botkit.md, 4.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from botkit.handoff.events import TranscriptLine
from botkit.hooks.choices import labels_in
from botkit.hooks.message import is_text_of_client
from botkit.http.lenient_json import items, try_decoded
from botkit.kore.history import (
    Record,
    label_of,
    read_records,
    sender_of,
    stored_text,
    text_of,
    time_of,
)

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def read_transcript(
    *pages: bytes, session_id: str = "", other_channels: timedelta = timedelta(0)
) -> tuple[TranscriptLine, ...]:
    """The messages of the session that is handed over, oldest first, and what the user said shortly before on other channels.

    Unreadable records are left out, and so is what nobody said: messages of the client, and empty ones.

    Args:
        pages: answers to `KoreRequests.get_messages`; a record may be in several.
        session_id: the session. If it is empty or unknown: the session of the newest incoming record, because the user's newest
            message belongs to the session that is handed over.
        other_channels: how long before the newest record a session on another channel may have been, such as a call that was
            deflected to the web. Earlier sessions of the same channel are left out: they were finished.

    Raises:
        BadReply: an answer is not a list of messages.
    """
    records = _oldest_first(pages)
    session = _session(records, session_id)
    earlier = _on_other_channels(records, session, other_channels)
    chosen = [
        record for record in records if _session_of(record) == session or _session_of(record) in earlier
    ]
    return tuple(_lines(chosen))


def has_channel(page: bytes, channel: str) -> bool:
    """Whether an answer has a message of this channel. It may have only those of the platform's own choice (4.2)."""
    return bool(page) and any(channel_of(record) == channel for record in read_records(page))


def _oldest_first(pages: Iterable[bytes]) -> list[Record]:
    """The records of all pages, each once. Records of one millisecond keep the platform's order, reversed."""
    once: dict[object, Record] = {}
    for page in pages:
        for record in read_records(page):
            id = record.get("_id")
            once.setdefault(id if isinstance(id, str) else len(once), record)
    records = list(once.values())[::-1]
    records.sort(key=lambda record: time_of(record) or _LONG_AGO)
    return records


def _session(oldest_first: Sequence[Record], wanted: str) -> object:
    if wanted and any(record.get("sessionId") == wanted for record in oldest_first):
        return wanted
    newest_first = oldest_first[::-1]
    incoming = [record for record in newest_first if record.get("type") == "incoming"]
    return next((_session_of(record) for record in incoming or newest_first), "")


def _session_of(record: Record) -> str:
    session = record.get("sessionId")
    return session if isinstance(session, str) else ""


def _on_other_channels(oldest_first: Sequence[Record], session: object, age: timedelta) -> set[str]:
    """The sessions on other channels than this one's that have records of this age, counted from the newest record."""
    if age <= timedelta(0):
        return set()
    own = [record for record in oldest_first if _session_of(record) == session]
    channel = next(
        (channel_of(record) for record in reversed(own) if record.get("type") == "incoming"),
        channel_of(own[-1]) if own else "",
    )
    newest = max((at for record in own if (at := time_of(record))), default=_LONG_AGO)
    since = newest - age if newest > _LONG_AGO + age else _LONG_AGO
    return {
        _session_of(record)
        for record in oldest_first
        if channel_of(record) not in ("", channel) and since <= (time_of(record) or _LONG_AGO) <= newest
    } - {"", str(session)}


def channel_of(record: Record) -> str:
    """Kore's name of the channel of a record; empty if it is missing."""
    name = record.get("chnl")
    if isinstance(name, str) and name:
        return name
    types = (channel.get("type") for channel in items(record.get("channels")))
    return next((kind for kind in types if isinstance(kind, str)), "")


def _lines(records: Iterable[Record]) -> Iterable[TranscriptLine]:
    choices: dict[str, str] = {}
    unread: list[str] = []
    """What may be menus of the bot, since the user's last message."""
    for record in records:
        speaker = sender_of(record)
        stored = stored_text(record)
        if speaker == "bot" and stored.lstrip().startswith(("{", "[")):
            unread.append(stored)
        if speaker is None or (speaker == "user" and _is_of_client(record, stored)):
            continue
        text = text_of(record)
        if speaker == "user" and not label_of(record):
            choices = next(filter(None, map(_choices, reversed(unread))), choices)  # Of the last menu.
            unread.clear()
            text = choices.get(stored.strip(), text)
        if text:
            yield TranscriptLine(speaker, text, channel_of(record))


def _choices(stored: str) -> dict[str, str]:
    """The labels of the choices in a template that is stored as JSON text, by payload."""
    return labels_in(try_decoded(stored))


def _is_of_client(record: Record, stored: str) -> bool:
    """Whether the client's software sent this: a refresh, or the message with which it connects (2.6)."""
    handles = (channel.get("handle") for channel in items(record.get("channels")))
    welcome = any(isinstance(handle, dict) and handle.get("type") == "welcome" for handle in handles)
    return welcome or is_text_of_client(stored)
