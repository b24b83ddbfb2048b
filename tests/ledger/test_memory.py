from __future__ import annotations

import sys
import threading

import pytest

from botkit.handoff.conversation import AgentSession, Conversation, ConversationId, Instant, Phase
from botkit.ledger.interface import HookBody
from botkit.ledger.memory import PayloadCache, Remembered, Stored


def of(number: int) -> ConversationId:
    return ConversationId("st-1", f"u-{number}")


def test_the_least_recently_used_payload_goes_first() -> None:
    cache = PayloadCache(max_bytes=30)
    for number in range(3):
        cache.put(of(number), HookBody(b"0123456789"))
    cache.get(of(0))
    cache.put(of(3), HookBody(b"0123456789"))
    assert [cache.get(of(number)) is not None for number in range(4)] == [True, False, True, True]


def test_a_newer_payload_takes_the_place_of_the_older() -> None:
    cache = PayloadCache(max_bytes=30)
    for length in (20, 25, 30):
        cache.put(of(1), HookBody(b"x" * length))
    assert cache.get(of(1)) == HookBody(b"x" * 30)


def test_a_payload_larger_than_the_cache_is_not_kept() -> None:
    cache = PayloadCache(max_bytes=10)
    cache.put(of(1), HookBody(b"x" * 11))
    assert cache.get(of(1)) is None


@pytest.mark.parametrize("length", [0, 511, 512, 3_000, 64 * 1024, 64 * 1024 + 1])
def test_a_payload_is_read_as_it_was_stored(length: int) -> None:
    cache = PayloadCache()
    hook = HookBody((b'{"context":"repeats itself"}' * (length // 28 + 1))[:length], component_id="dg-1")
    cache.put(of(1), hook)
    assert cache.get(of(1)) == hook


def test_repetitive_payloads_are_compressed() -> None:
    cache = PayloadCache(max_bytes=6_000)
    for number in range(5):
        cache.put(of(number), HookBody(b'{"context":"repeats itself"}' * 200))
    assert all(cache.get(of(number)) is not None for number in range(5))


def test_a_conversation_that_changes_is_never_missing_for_other_threads() -> None:
    session = AgentSession(
        id="s-1", system="salesforce", phase=Phase.ACTIVE, opened_at=Instant(1.0), language="en"
    )
    stored = [Stored(Conversation(of(1), session), frozenset({"u-1", *more})) for more in ((), ("+491234",))]
    remembered = Remembered([stored[0]])
    done = threading.Event()

    def change() -> None:
        for number in range(50_000):
            remembered.put(of(1), stored[number % 2])
        done.set()

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threading.Thread(target=change).start()
        missed = 0
        while not done.is_set():
            missed += remembered.get(of(1)) is None or remembered.live_of("st-1", "u-1") != of(1)
    finally:
        sys.setswitchinterval(switching)
    assert missed == 0
    assert remembered.live_of("st-1", "+491234") == of(1)


def test_a_conversation_is_found_by_the_names_of_its_user_while_it_lives() -> None:
    session = AgentSession(
        id="s-1", system="salesforce", phase=Phase.ACTIVE, opened_at=Instant(1.0), language="en"
    )
    remembered = Remembered([Stored(Conversation(of(1), session), frozenset({"u-1"}))])
    assert remembered.named("st-1", "u-1") == (of(1),)
    remembered.put(of(1), Stored(Conversation(of(1), ended_session="s-1"), frozenset({"u-1"})))
    assert (remembered.named("st-1", "u-1"), remembered.anyone_live) == ((), False)
    remembered.put(of(1), None)
    assert remembered.get(of(1)) is None
