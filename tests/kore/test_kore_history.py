"""Reading the talk so far."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import BadReply
from botkit.handoff.events import TranscriptLine
from botkit.http.values import MAX_RESPONSE_BYTES
from botkit.kore.history import read_page, unwrapped
from botkit.kore.transcript import read_transcript
from tests.work import steps

MAX_STEPS = 1_500_000
"""About a tenth of a second, for eight megabytes."""


def record(
    n: int, text: object, *, incoming: bool = True, session: str = "s1", **more: object
) -> dict[str, object]:
    return {
        "type": "incoming" if incoming else "outgoing",
        "components": [{"cT": "text", "data": {"text": text}}],
        "timestampValue": 1_700_000_000_000 + n,
        "sessionId": session,
        **more,
    }


def read(*records: object, session_id: str = "") -> list[tuple[str, str]]:
    body = json.dumps({"total": len(records), "messages": records}).encode()
    return [(line.speaker, line.text) for line in read_transcript(body, session_id=session_id)]


def test_newest_first_becomes_oldest_first() -> None:
    assert read(record(3, "c"), record(2, "b", incoming=False), record(1, "a")) == [
        ("user", "a"),
        ("bot", "b"),
        ("user", "c"),
    ]


def test_time_decides_not_the_order_in_the_answer() -> None:
    assert read(record(1, "a"), record(3, "c"), record(2, "b")) == [
        ("user", "a"),
        ("user", "b"),
        ("user", "c"),
    ]


def test_records_of_one_millisecond_keep_their_order() -> None:
    assert read(record(1, "second"), record(1, "first")) == [("user", "first"), ("user", "second")]


def test_created_on_stands_in_for_a_missing_timestamp() -> None:
    late = record(0, "late", createdOn="2033-05-18T03:33:20.000Z")
    del late["timestampValue"]
    assert read(late, record(1, "early")) == [("user", "early"), ("user", "late")]


def test_only_the_given_session_is_kept() -> None:
    records = [record(3, "new", session="s2"), record(2, "old"), record(1, "older")]
    assert read(*records, session_id="s1") == [("user", "older"), ("user", "old")]


@pytest.mark.parametrize("session_id", ["", "unheard of"])
def test_else_the_session_of_the_newest_incoming_record(session_id: str) -> None:
    records = [
        record(4, "broadcast", incoming=False, session="s3"),
        record(3, "new", session="s2"),
        record(2, "hello", incoming=False, session="s2"),
        record(1, "old"),
    ]
    assert read(*records, session_id=session_id) == [("bot", "hello"), ("user", "new")]


def test_records_without_a_session_are_kept_when_none_has_one() -> None:
    records = [record(2, "b"), record(1, "a")]
    for one in records:
        del one["sessionId"]
    assert read(*records) == [("user", "a"), ("user", "b")]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("plain", "plain"),
        ("<b>bold</b> &amp; more", "<b>bold</b> &amp; more"),
        ('{"text":"inner"}', "inner"),
        ('{"type":"template","payload":{"template_type":"live_agent","text":"hi","agent_name":"J"}}', "hi"),
        (
            '{"type":"template","payload":{"template_type":"button","text":"Pick","buttons":'
            '[{"type":"postback","title":"A","payload":"A"}]}}',
            "Pick\n- A",
        ),
        (
            '{"type":"template","payload":{"template_type":"quick_replies","text":"Pick","quick_replies":'
            '[{"content_type":"text","title":"A"}]}}',
            "Pick\n- A",
        ),
        (
            '{"type":"template","payload":{"template_type":"carousel","elements":[{"title":"One","subtitle":"1",'
            '"buttons":[{"title":"Buy"}]},{"title":"Two"}]}}',
            "One\n1\n- Buy\nTwo",
        ),
        (
            '{"attachments":[{"content":{"text":"body","title":"Card","buttons":[{"title":"OK"}]}}]}',
            "body\nCard\n- OK",
        ),
        ('{"attachments":[{"content":{"body":[{"type":"TextBlock","text":"adaptive"}]}}]}', "adaptive"),
        ('{"no":"words"}', '{"no":"words"}'),
        ("{not json", "{not json"),
        ('{"payload":' * 50 + "1" + "}" * 50, '{"payload":' * 50 + "1" + "}" * 50),
    ],
)
def test_templates_are_unwrapped_to_their_words(stored: str, words: str) -> None:
    assert unwrapped(stored) == words


def test_attachments_are_named() -> None:
    one = record(1, "", attachments=[{"fileName": "bill.pdf"}])
    two = record(2, "look", components=[{"data": {"text": "look", "attachments": [{"fileName": "cat.png"}]}}])
    three = record(3, None, channels=[{"attachments": [{"name": "x.doc"}]}])
    four = record(4, None, components=[{"cT": "image", "data": {"fileName": "pic.jpg"}}])
    assert read(one, two, three, four) == [
        ("user", "[bill.pdf]"),
        ("user", "look\n[cat.png]"),
        ("user", "[x.doc]"),
        ("user", "[pic.jpg]"),
    ]


def test_malformed_records_are_left_out() -> None:
    odd: list[Any] = [
        None,
        7,
        [],
        {},
        {"type": "incoming"},
        record(1, 5),
        record(1, ""),
        {"type": "note"},
        record(2, "good"),
    ]
    odd.append(record(3, "no time", timestampValue="soon", createdOn="yesterday", components=None))
    assert read(*odd) == [("user", "good")]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"messages":{}}', b"[" * 100_000])
def test_an_answer_without_messages_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply):
        read_transcript(body)


def test_no_messages_are_an_empty_transcript() -> None:
    assert read() == []


def test_lines_are_transcript_lines() -> None:
    body = json.dumps({"messages": [record(1, "a")]}).encode()
    assert read_transcript(body) == (TranscriptLine("user", "a"),)


def test_half_an_emoji_does_not_break_the_transcript() -> None:
    body = json.dumps({"messages": [record(2, "b"), record(1, "cut \ud83d")]}).encode()
    assert [line.text for line in read_transcript(body)] == ["cut \ufffd", "b"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a", 40_000),
        (json.dumps([{"text": f"{number}"} for number in range(3_500)]), 100),
        (json.dumps({"buttons": [{"title": f"{number}"} for number in range(3_500)]}), 100),
    ],
    ids=["records", "texts of templates", "choices of templates"],
)
def test_a_history_of_any_shape_takes_little_work_to_read(text: str, count: int) -> None:
    records = [record(number, text, incoming=False, _id=f"ms-{number}") for number in range(count)]
    body = json.dumps({"messages": records}).encode()
    assert len(body) <= MAX_RESPONSE_BYTES
    assert steps(lambda: read_page(body)) < MAX_STEPS
    assert steps(lambda: read_transcript(body, session_id="s1")) < MAX_STEPS
