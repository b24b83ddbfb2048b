"""Reading the list of entries: pages, order, overlap."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.miaw import history
from botkit.agents.miaw.entries import read_entry
from botkit.agents.miaw.history import OVERLAP_MS, Settled, read_history
from botkit.errors import BadReply
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Response
from botkit.http.lenient_json import Members, try_decoded

T0 = 1_700_000_000_000


class Listed:
    """Returns pages as the API does: from a timestamp on, oldest first, at most 50 entries."""

    def __init__(self, entries: Sequence[tuple[str, int]]) -> None:
        self.entries = list(entries)
        self.asked: list[int] = []

    async def page(self, since_ms: int) -> Response:
        self.asked.append(since_ms)
        assert len(self.asked) < 300
        found = sorted((e for e in self.entries if e[1] >= since_ms), key=lambda e: e[1])[:50]
        entries = [{"entryType": "X", "identifier": name, "transcriptedTimestamp": at} for name, at in found]
        return Response(200, {}, json.dumps({"conversationEntries": entries}).encode())

    async def read(
        self, since_ms: int = 0, settled: Settled | None = None
    ) -> tuple[tuple[FromAgents, ...], Settled]:
        return await read_history(
            self.page, session_id="s", since_ms=since_ms, at=Instant(0.0), settled=settled
        )


def names(events: Sequence[FromAgents]) -> list[str]:
    return [event.key.removeprefix("s/") for event in events]


async def test_entries_come_in_the_servers_order() -> None:
    events, _ = await Listed([("b", T0 + 2), ("c", T0 + 3), ("a", T0 + 1)]).read()
    assert names(events) == ["a", "b", "c"]
    assert [event.high_water_ms for event in events] == [T0 + 1, T0 + 2, T0 + 3]


async def test_every_page_is_read() -> None:
    entries = [(str(n), T0 + n) for n in range(173)]
    random.Random(1).shuffle(entries)
    events, _ = await Listed(entries).read()
    assert names(events) == [str(n) for n in range(173)]


async def test_a_page_may_end_among_entries_of_one_millisecond() -> None:
    events, _ = await Listed([(str(n), T0 + n // 7) for n in range(120)]).read()
    assert sorted(names(events), key=int) == [str(n) for n in range(120)]


async def test_a_full_page_within_one_millisecond_does_not_hold_up_the_rest() -> None:
    events, _ = await Listed([(f"x{n}", T0) for n in range(60)] + [("later", T0 + 9)]).read()
    assert "later" in names(events)


async def test_a_server_that_ignores_the_timestamp_is_not_asked_for_ever() -> None:
    asked = []

    async def page(since_ms: int) -> Response:
        asked.append(since_ms)
        entries = [
            {"entryType": "X", "identifier": str(n), "transcriptedTimestamp": T0 + n} for n in range(50)
        ]
        return Response(200, {}, json.dumps({"conversationEntries": entries}).encode())

    events, _ = await read_history(page, session_id="s", since_ms=0, at=Instant(0.0))
    assert len(events) == 50
    assert len(asked) <= 4


async def test_reading_starts_a_little_before_the_high_water() -> None:
    listed = Listed([("late", T0 - OVERLAP_MS + 1), ("old", T0 - OVERLAP_MS - 1), ("new", T0 + 1)])
    events, _ = await listed.read(since_ms=T0)
    assert names(events) == ["late", "new"]


async def test_durable_events_are_not_returned_again() -> None:
    listed = Listed([("a", T0), ("b", T0)])
    first, settled = await listed.read()
    assert names(first) == ["a", "b"]
    listed.entries.append(("c", T0 + 5))
    second, settled = await listed.read(since_ms=T0, settled=settled)
    assert names(second) == ["c"]
    third, _ = await listed.read(since_ms=T0 + 5, settled=settled)
    assert names(third) == []


async def test_durable_entries_are_not_even_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Listed([("a", T0), ("b", T0)])
    _, settled = await listed.read()
    listed.entries.append(("c", T0 + 5))
    _, settled = await listed.read(since_ms=T0, settled=settled)
    again = []

    def noted(entry: Members, **how: Any) -> tuple[FromAgents, ...]:
        again.append(entry["identifier"])
        return read_entry(entry, **how)

    monkeypatch.setattr(history, "read_entry", noted)
    listed.entries.append(("d", T0 + 6))
    _, settled = await listed.read(since_ms=T0 + 5, settled=settled)
    assert again == ["d"]
    _, settled = await listed.read(since_ms=T0 + 6, settled=settled)
    listed.entries.append(("e", T0 + 4))
    events, _ = await listed.read(since_ms=T0 + 6, settled=settled)
    assert again == ["d", "e"]
    assert names(events) == ["e"]


async def test_a_page_with_nothing_new_is_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Listed([("a", T0)])
    _, settled = await listed.read()
    decoded: list[bytes] = []

    def noted(body: bytes) -> object:
        decoded.append(body)
        return try_decoded(body)

    monkeypatch.setattr(history, "try_decoded", noted)

    async def read() -> tuple[list[str], int]:
        """The names of the events, and how many pages were decoded."""
        nonlocal settled
        before = len(decoded)
        events, settled = await listed.read(since_ms=T0, settled=settled)
        return names(events), len(decoded) - before

    assert await read() == ([], 1)
    assert await read() == ([], 0)
    listed.entries.append(("b", T0))
    assert await read() == (["b"], 1)
    assert await read() == (["b"], 1)  # The mark does not tell whether it is durable.
    assert await read() == ([], 1)
    assert await read() == ([], 0)
    listed.entries += [(f"x{n}", T0) for n in range(60)]
    for _ in range(4):
        await read()
    assert (await read())[1] > 1, "the first page does not tell whether the next ones have news"


async def test_events_that_did_not_become_durable_are_returned_again() -> None:
    listed = Listed([("a", T0), ("b", T0 + 5)])
    _, settled = await listed.read()
    again, _ = await listed.read(since_ms=T0, settled=settled)
    assert names(again) == ["a", "b"]


async def test_an_entry_recorded_late_is_offered() -> None:
    listed = Listed([("a", T0), ("c", T0 + 5)])
    _, settled = await listed.read()
    listed.entries.append(("b", T0 + 3))
    late, settled = await listed.read(since_ms=T0 + 5, settled=settled)
    assert names(late) == ["b"]


async def test_without_a_moving_high_water_events_are_offered_twice_and_no_more() -> None:
    listed = Listed([("a", T0)])
    offered = []
    settled = None
    for _ in range(4):
        events, settled = await listed.read(since_ms=T0, settled=settled)
        offered.append(names(events))
    assert offered == [["a"], ["a"], [], []]


async def test_one_entry_of_a_far_future_hides_none_that_come_later() -> None:
    entries = [(str(n), T0 + n) for n in range(49)]
    listed = Listed([*entries, ("odd", 9 * 10**17)])
    events, settled = await listed.read()
    assert len(events) == 50
    listed.entries.append(("later", T0 + 100_000))
    events, _ = await listed.read(since_ms=max(event.high_water_ms for event in events), settled=settled)
    assert "later" in names(events)


async def test_an_empty_list_has_no_events() -> None:
    events, _ = await Listed([]).read()
    assert events == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"conversationEntries":{}}'])
async def test_an_answer_that_is_no_list_is_a_bad_reply(body: bytes) -> None:
    async def page(_: int) -> Response:
        return Response(200, {}, body)

    with pytest.raises(BadReply):
        await read_history(page, session_id="s", since_ms=0, at=Instant(0.0))


@given(st.lists(st.integers(0, 40), max_size=130))
async def test_nothing_is_lost_however_entries_share_milliseconds(offsets: list[int]) -> None:
    # 50 entries of one millisecond fill a page that cannot be told from the next one: outside what can be promised.
    if any(offsets.count(offset) >= 50 for offset in offsets):
        return
    entries = [(str(n), T0 + offset) for n, offset in enumerate(offsets)]
    events, _ = await Listed(entries).read()
    assert sorted(names(events), key=int) == [name for name, _ in entries]
    assert [e.high_water_ms for e in events] == sorted(T0 + offset for offset in offsets)
