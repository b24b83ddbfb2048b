"""Reads a conversation's whole history page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from botkit.kore.history import HistoryMessage, MessagePage

_PAGES_REMEMBERED = 2


def every_message(page_after: Callable[[int], MessagePage]) -> Iterator[HistoryMessage]:
    """Every message, newest first. A message that a new one has moved to the next page is yielded once.

    Args:
        page_after: gets the page that comes after the newest messages, of which it is told the number.
    """
    skip = 0
    pages: list[set[str]] = []
    while True:
        page = page_after(skip)
        for message in page.messages:
            if not message.id or not any(message.id in ids for ids in pages):
                yield message
        if not page.more_available or not page.records:
            return
        skip += page.records
        pages = [*pages[1 - _PAGES_REMEMBERED :], {message.id for message in page.messages}]
