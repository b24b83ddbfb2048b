"""The list of entries, page by page: the truth that a stream can only hint at (protocols/salesforce-miaw.md 2.4, 4.5).

There is no cursor, so pages follow each other by timestamp, and entries of the same millisecond are told apart by their
identifier. Reading starts a little before the high water, for entries that were recorded late.

Whoever reads must pass as high water what *lists* reached, and only when all events of a list are durable: the stream may
have missed an entry before one it brought.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from botkit.agents.miaw.calls import ENTRIES_PER_PAGE
from botkit.agents.miaw.entries import read_entry, timestamp_ms
from botkit.errors import BadReply
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Response
from botkit.http.lenient_json import Members, items, members, text, try_decoded

OVERLAP_MS = 5_000

_PAGES_AT_MOST = 100
"""A bound, not an expectation: what is left comes with the next reading, which starts where this one ended."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What need not be offered again, remembered from the last reading.

    Once the high water has reached `high_water_ms`, all that reading's events (`keys`) are durable.
    A reading that does not move the high water has no such proof: its events (`offered`) count from the second time on.
    """

    high_water_ms: int
    keys: frozenset[str]
    offered: frozenset[str]


async def read_history(
    page: Callable[[int], Awaitable[Response]],
    *,
    session_id: str,
    since_ms: int,
    at: Instant,
    settled: Settled | None = None,
) -> tuple[tuple[FromAgents, ...], Settled]:
    """Events of all entries since `since_ms`, oldest first, and what to give as `settled` next time.

    Args:
        page: fetches one page from a timestamp (epoch ms, inclusive; 0 for the beginning) on.
        session_id: the agent session.
        since_ms: the high water of the lists so far.
        at: now.
        settled: the last reading, if it is known: its events are left out where the overlap brings them again.

    Raises:
        BadReply: a page is not a list of entries.
    """
    known = settled.keys if settled and since_ms >= settled.high_water_ms else frozenset()
    entries = await _entries(page, max(since_ms - OVERLAP_MS, 0))
    newest = max(timestamp_ms(entries[-1]) if entries else 0, since_ms)
    events: list[FromAgents] = []
    window: set[str] = set()
    for entry in entries:
        read = read_entry(entry, session_id=session_id, at=at)
        events += [event for event in read if event.key not in known]
        if timestamp_ms(entry) >= newest - OVERLAP_MS:
            window.update(event.key for event in read)
    offered = frozenset(window)
    if newest > since_ms:
        return tuple(events), Settled(newest, offered, offered)
    again = offered & settled.offered if settled else frozenset()
    return tuple(events), Settled(newest, known | again, offered)


async def _entries(page: Callable[[int], Awaitable[Response]], from_ms: int) -> list[Members]:
    seen: dict[str, Members] = {}
    for _ in range(_PAGES_AT_MOST):
        found = _read_page(await page(from_ms))
        fresh = {identity: entry for entry in found if (identity := _identity(entry)) not in seen}
        seen |= fresh
        newest = max((timestamp_ms(entry) for entry in found), default=0)
        if len(found) < ENTRIES_PER_PAGE or newest < from_ms or (not fresh and newest > from_ms):
            break
        # A whole page within one millisecond must not be asked for for ever.
        from_ms = newest if newest > from_ms else from_ms + 1
    return sorted(seen.values(), key=timestamp_ms)


def _read_page(response: Response) -> list[Members]:
    answer = try_decoded(response.body)
    listed = members(answer).get("conversationEntries")
    if not isinstance(listed, list):
        raise BadReply("list entries", status=response.status, detail="no conversationEntries in the answer")
    return items(listed)


def _identity(entry: Members) -> str:
    return text(entry.get("identifier")) or repr(entry)
