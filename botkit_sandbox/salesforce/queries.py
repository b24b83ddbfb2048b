"""What clients read: the lists of conversations and entries.

See docs/protocols/salesforce-miaw.md, 2.2 and 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from botkit_sandbox.salesforce.refusal import Refusal
from botkit_sandbox.salesforce.settings import SalesforceSandboxSettings
from botkit_sandbox.salesforce.spelling import loosely
from botkit_sandbox.salesforce.state import Conversation, Entry

DEFAULT_PAGE = 20
MAX_PAGE = 50


def conversation_list(
    conversations: Iterable[Conversation], query: Mapping[str, str], settings: SalesforceSandboxSettings
) -> dict[str, Any]:
    """The caller's conversations, oldest first.

    Raises:
        Refusal: 400 for a query parameter that cannot be understood.
    """
    with_closed = _boolean(query, "inclClosedConvs")
    limit, start, end = (
        _page(query, settings),
        _timestamp(query, "startTimestamp"),
        _timestamp(query, "endTimestamp"),
    )
    wanted = [
        each
        for each in conversations
        if query.get("conversationId", each.id) == each.id
        and (start is None or each.created_ms >= start)
        and (end is None or each.created_ms <= end)
        and (with_closed or each.closed_ms is None)
    ]
    still_open = sum(each.closed_ms is None for each in wanted)
    wanted.sort(key=lambda each: each.created_ms)
    return {
        "openConversationsFound": still_open,
        "closedConversationsFound": len(wanted) - still_open,
        "conversations": [
            {"conversationId": each.id, "startTimestamp": each.created_ms, "endTimestamp": each.closed_ms}
            for each in wanted[:limit]
        ],
    }


def entry_list(
    entries: Iterable[Entry], query: Mapping[str, str], settings: SalesforceSandboxSettings
) -> dict[str, Any] | list[dict[str, Any]]:
    """Entries, newest first unless ``direction=FromStart``; timestamps are inclusive.

    Raises:
        Refusal: 400 for a query parameter that cannot be understood.
    """
    direction = query.get("direction", "FromEnd")
    if direction not in ("FromStart", "FromEnd"):
        raise Refusal(400, "direction must be FromStart or FromEnd")
    limit, start, end = (
        _page(query, settings),
        _timestamp(query, "startTimestamp"),
        _timestamp(query, "endTimestamp"),
    )
    types = set(settings.listed_entry_types)
    if given := query.get("entryTypeFilter"):
        types &= {name.strip() for name in given.split(",")}
    found = [
        entry
        for entry in entries
        if entry.entry_type in types
        and (start is None or entry.transcripted_ms >= start)
        and (end is None or entry.transcripted_ms <= end)
    ]
    if direction == "FromEnd":
        found.reverse()
    listed = [_entry(entry, settings) for entry in found[:limit]]
    return listed if settings.entries_key == "list" else {settings.entries_key: listed}


def _entry(entry: Entry, settings: SalesforceSandboxSettings) -> dict[str, Any]:
    payload = loosely(entry.payload) if settings.entry_spelling == "loose" else entry.payload
    written = {
        "entryType": entry.entry_type,
        "identifier": entry.identifier,
        "entryPayload": msgspec.json.encode(payload).decode()
        if settings.entries_payload == "string"
        else payload,
        "sender": entry.sender.as_json(),
        "senderDisplayName": entry.sender_name,
        "relatedRecords": entry.related,
        "clientTimestamp": entry.client_ms,
        "transcriptedTimestamp": entry.transcripted_ms,
    }
    return loosely(written) if settings.entry_spelling == "loose" else written


def _page(query: Mapping[str, str], settings: SalesforceSandboxSettings) -> int:
    limit = _number(query, "limit")
    if limit is None:
        return DEFAULT_PAGE
    if limit < 1 or (limit > MAX_PAGE and settings.page_over_max == "refuse"):
        raise Refusal(400, f"limit must be between 1 and {MAX_PAGE}")
    return min(limit, MAX_PAGE)


def _timestamp(query: Mapping[str, str], name: str) -> int | None:
    return _number(query, name)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise Refusal(400, f"{name} must be a whole number")
    return int(text)


def _boolean(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Refusal(400, f"{name} must be true or false")
    return text == "true"
