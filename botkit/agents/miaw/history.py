"""Reads the list of entries page by page. A stream may miss entries; the list does not.

The API has no cursor: a page begins at a timestamp, and identifiers distinguish entries of the same millisecond. Reading starts a
little before the high-water mark, for entries that were recorded late. Sections are those of docs/protocols/salesforce-miaw.md
(2.4, 4.5).

The caller must pass the high-water mark of *lists*, once all events of a list are durable. An entry of the stream does not move
it, because the stream may have missed earlier ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter

from botkit.agents.miaw.calls import ENTRIES_PER_PAGE
from botkit.agents.miaw.entries import read_entry, timestamp_ms
from botkit.agents.salesforce import unusable
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Response
from botkit.http.lenient_json import Members, items, members, text, try_decoded

OVERLAP_MS = 5_000

_LISTS = ("conversationEntries", "entries", "conversationEntry")
"""The first name is documented; an answer may also be the list itself."""

_MAX_PAGES = 100
"""A safety limit. The next reading continues from there."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Events of the last reading that need not be returned again.

    Once the high-water mark has reached `high_water_ms`, all events of that reading (`keys`) are durable. A reading that does not
    move the mark lacks this proof: its events (`offered`) count once they were returned twice.

    Both are tuples: one is kept for each conversation, and a set takes five times the memory.
    """

    high_water_ms: int
    keys: tuple[str, ...]
    offered: tuple[str, ...]
    body: int | None = None
    """The hash of that reading's only page, if every event of it was settled: the same page has nothing new."""


async def read_history(
    page: Callable[[int], Awaitable[Response]],
    *,
    session_id: str,
    since_ms: int,
    at: Instant,
    settled: Settled | None = None,
) -> tuple[tuple[FromAgents, ...], Settled]:
    """Events of all entries since `since_ms`, oldest first, and the `settled` of the next call.

    Args:
        page: fetches one page from a timestamp (epoch ms, inclusive; 0 for the beginning) on.
        session_id: the agent session.
        since_ms: the high-water mark of the lists so far.
        at: now.
        settled: of the last reading, if known; it leaves out events that the overlap repeats.

    Raises:
        BadReply: a page is not a list of entries.
    """
    from_ms = max(since_ms - OVERLAP_MS, 0)
    first = await page(from_ms)
    body = hash(first.body)
    if settled is not None and settled.body == body and settled.high_water_ms == since_ms:
        return (), settled
    known = frozenset(settled.keys if settled and since_ms >= settled.high_water_ms else ())
    entries, pages = await _entries(first, page, from_ms, at)
    newest = max([since_ms, *(time for time, _ in entries)])
    events: list[FromAgents] = []
    window: set[str] = set()
    for time, entry in entries:
        key = f"{session_id}/{text(entry.get('identifier'))}"
        keys: Iterable[str] = (key,)
        # Most lists of a quiet conversation have only entries that are known: those are not read again.
        if key not in known:
            read = read_entry(entry, session_id=session_id, at=at)
            events += [event for event in read if event.key not in known]
            keys = [event.key for event in read]
        if time >= newest - OVERLAP_MS:
            window.update(keys)
    offered = tuple(window)
    if newest > since_ms:
        return tuple(events), Settled(newest, offered, offered)
    before = settled.offered if settled else ()
    again = known | window.intersection(before)
    # Mostly nothing is new: then both are the keys of the reading before, which need not be in memory twice.
    offered = before if window == set(before) else offered
    settled_keys = offered if again == window else tuple(again)
    is_settled = pages == 1 and not events
    return tuple(events), Settled(newest, settled_keys, offered, body if is_settled else None)


async def _entries(
    response: Response, page: Callable[[int], Awaitable[Response]], from_ms: int, at: Instant
) -> tuple[list[tuple[int, Members]], int]:
    """All entries from this response's page on, in the order of their times, and the number of pages.

    An entry without a time has that of the entry before it.
    """
    seen: dict[str, tuple[int, Members]] = {}
    pages = 1
    while True:
        found = _read_page(response)
        fresh, newest, time = 0, 0, from_ms
        for entry in found:
            stated = timestamp_ms(entry, at=at)
            time, newest = stated or time, max(newest, stated)
            if (identity := _identity(entry)) not in seen:
                seen[identity] = time, entry
                fresh += 1
        is_last = len(found) < ENTRIES_PER_PAGE or pages == _MAX_PAGES
        if is_last or newest < from_ms or (not fresh and newest > from_ms):
            break
        # A full page within one millisecond must not be requested forever.
        from_ms = newest if newest > from_ms else from_ms + 1
        response = await page(from_ms)
        pages += 1
    return sorted(seen.values(), key=itemgetter(0)), pages


def _read_page(response: Response) -> list[Members]:
    if response.status == 204:
        return []
    answer = try_decoded(response.body)
    found = [answer, *(members(answer).get(name) for name in _LISTS)]
    listed = next((one for one in found if isinstance(one, list)), None)
    if listed is None:
        raise unusable("list entries", response, "conversationEntries")
    return items(listed)


def _identity(entry: Members) -> str:
    return text(entry.get("identifier")) or repr(entry)
