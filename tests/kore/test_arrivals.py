"""How often a message stands at the end of a user's history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import BadReply
from botkit.handoff.events import Content, Option
from botkit.kore.arrivals import MAX_RECORDS, times_shown
from botkit.kore.rendering import message_body

NOON = 1_760_000_000.0
SENT = json.dumps({"message": "Hello,  there", "context": {}}).encode()


def record(text: str, at: float = NOON + 1, *, kind: str = "outgoing") -> dict[str, Any]:
    return {
        "_id": f"ms-{at}",
        "type": kind,
        "components": [{"cT": "text", "data": {"text": text}}],
        "timestampValue": int(at * 1000),
    }


def page(*newest_first: dict[str, Any], more: bool = False) -> bytes:
    return json.dumps({"total": 99, "moreAvailable": more, "messages": list(newest_first)}).encode()


HI = record("hi", NOON - 60, kind="incoming")


def times(*newest_first: dict[str, Any], sent: bytes = SENT, more: bool = False) -> int | None:
    return times_shown(page(*newest_first, HI, more=more), sent, since=NOON)


def test_a_message_that_is_the_newest_has_arrived() -> None:
    assert times(record("Hello, there"), record("before")) == 1


def test_a_message_that_is_not_there_has_not() -> None:
    assert times(record("something else")) == 0
    assert times() == 0


def test_each_showing_counts() -> None:
    assert times(record("Hello, there", NOON + 9), record("Hello, there"), record("before")) == 2


def test_the_same_words_before_another_message_are_not_it() -> None:
    assert times(record("Hello, there", NOON + 9), record("between"), record("Hello, there")) == 1


def test_another_message_after_it_leaves_it_open() -> None:
    assert times(record("something else", NOON + 9), record("Hello, there")) is None


def test_older_records_are_of_other_messages() -> None:
    assert times(record("Hello, there", NOON - 1)) == 0


def test_what_the_user_writes_is_not_what_they_are_shown() -> None:
    assert times(record("Hello, there", kind="incoming")) == 0


def test_the_order_of_the_answer_does_not_matter() -> None:
    assert times(record("before"), record("Hello, there", NOON + 9)) == 1


def test_a_template_is_known_by_its_texts() -> None:
    content = Content(text="Which one?", options=(Option("Red"), Option("Blue")))
    sent = message_body(b"{}", content, agent_name="Ada", channel_type="rtm")
    shown = json.loads(sent)["overrideMessagePayload"]["body"]
    assert times(record(shown), sent=sent) == 1
    assert times(record("Which one?\n- Red\n- Blue"), sent=sent) == 1


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b'{"message": null}', b'{"message": " ", "overrideMessagePayload": 1}']
)
def test_a_message_without_text_cannot_be_found(sent: bytes) -> None:
    assert times(record("Hello, there"), sent=sent) is None


def test_a_history_that_does_not_know_the_user_tells_nothing() -> None:
    assert times_shown(page(), SENT, since=NOON) is None


def test_a_page_that_does_not_reach_back_tells_nothing() -> None:
    many = [record(f"{number}", NOON + 100 - number) for number in range(MAX_RECORDS)]
    assert times_shown(page(*many), SENT, since=NOON) is None
    assert times_shown(page(record("other"), more=True), SENT, since=NOON) is None
    assert times(record("other"), more=True) == 0


def test_a_record_without_a_time_may_be_it() -> None:
    undated = record("Hello, there")
    del undated["timestampValue"]
    assert times(undated) == 1


def test_an_answer_without_messages_is_no_history() -> None:
    with pytest.raises(BadReply):
        times_shown(b"{}", SENT, since=NOON)
