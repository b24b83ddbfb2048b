"""The event-stream parser: by example, against a literal reading of the standard, and against httpx-sse."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from httpx_sse._decoders import SSEDecoder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from botkit.agents.miaw import event_stream as events_module
from botkit.agents.miaw.event_stream import EventStream, ServerEvent
from tests.memory import memory


def parse(*chunks: bytes) -> list[tuple[str, str, str]]:
    stream = EventStream()
    found = [event for chunk in chunks for event in stream.feed(chunk)]
    return [_plain(event) for event in found]


def _plain(event: ServerEvent) -> tuple[str, str, str]:
    return event.type, event.data.decode(errors="replace"), event.id


def test_a_whole_event() -> None:
    assert parse(b"id:7\nevent:CONVERSATION_MESSAGE\ndata:{}\n\n") == [("CONVERSATION_MESSAGE", "{}", "7")]


def test_an_event_without_a_type_is_a_message() -> None:
    assert parse(b"data: x\n\n") == [("message", "x", "")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_with_lf_cr_or_crlf(end: bytes) -> None:
    assert parse(end.join([b"id: 1", b"data: a", b"", b"data: b", b"", b""])) == [
        ("message", "a", "1"),
        ("message", "b", "1"),
    ]


def test_a_crlf_that_is_split_between_chunks_is_one_line_end() -> None:
    assert parse(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [("message", "a\nb", "")]


def test_a_cr_gives_the_event_out_at_once() -> None:
    assert parse(b"data: a\r\r") == [("message", "a", "")]


def test_a_byte_order_mark_is_taken_off_the_start_only() -> None:
    assert parse(b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [("message", "a", "")]


def test_one_blank_after_the_colon_is_taken_off() -> None:
    assert parse(b"data:a\ndata: b\ndata:  c\ndata\n\n") == [("message", "a\nb\n c\n", "")]


def test_comments_and_unknown_fields_are_ignored() -> None:
    assert parse(b": keep-alive\nfoo: bar\n:\ndata: a\nJwt is expired\n\n") == [("message", "a", "")]


def test_an_event_without_data_is_not_given_out_but_its_id_counts() -> None:
    stream = EventStream()
    assert stream.feed(b"id: 5\nevent: x\n\n") == []
    assert stream.last_event_id == "5"
    assert [_plain(e) for e in stream.feed(b"data: a\n\n")] == [("message", "a", "5")]


def test_the_id_stays_until_another_comes_and_an_empty_one_clears_it() -> None:
    assert parse(b"id: 5\ndata: a\n\ndata: b\n\nid\ndata: c\n\n") == [
        ("message", "a", "5"),
        ("message", "b", "5"),
        ("message", "c", ""),
    ]


def test_an_id_with_a_null_is_ignored() -> None:
    assert parse(b"id: 5\nid: 6\0\ndata: a\n\n") == [("message", "a", "5")]


def test_an_id_counts_only_when_its_event_is_complete() -> None:
    stream = EventStream("4")
    stream.feed(b"id: 5\ndata: a\n")
    assert stream.last_event_id == "4"


def test_retry_takes_digits_only() -> None:
    stream = EventStream()
    stream.feed(b"retry: 1500\nretry: 2s\nretry:\nretry: -1\n")
    assert stream.retry_ms == 1500


@pytest.mark.parametrize("cut", [b"data: a", b"data: a\n", b"data: a\ndata: b", b"data"])
def test_an_event_that_breaks_off_is_not_given_out(cut: bytes) -> None:
    assert parse(cut) == []


def test_a_ping_is_an_event_like_any_other() -> None:
    assert parse(b"event:ping\ndata:0\n\n") == [("ping", "0", "")]


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    assert parse(b"id: \xff\ndata: \xff\n\n") == [("message", "\ufffd", "\ufffd")]


def test_an_event_of_too_much_data_is_left_out_and_the_next_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events_module, "MAX_EVENT_BYTES", 100)
    stream = EventStream()
    found = stream.feed(b"id: 1\n" + b"data: 0123456789\n" * 20 + b"\ndata: b\n\n")
    assert [_plain(e) for e in found] == [("message", "b", "1")]
    assert stream.oversized == 1


def test_a_line_that_never_ends_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MAX_EVENT_BYTES", 100)
    stream = EventStream()
    for _ in range(1_000):
        assert stream.feed(b"data: 0123456789") == []
    assert len(stream._partial) <= 100
    found = stream.feed(b"\n\ndata: b\n\n")
    assert [_plain(e) for e in found] == [("message", "b", "")]
    assert stream.oversized == 1


@pytest.mark.parametrize(
    "crumbs", [[b"data:", *[b"xy"] * 100_000], [b"data:xy\n" * 1_000] * 100], ids=["line", "lines"]
)
def test_an_event_in_many_small_pieces_takes_little_more_memory_than_its_size(crumbs: list[bytes]) -> None:
    stream = EventStream()
    with memory() as taken:
        for crumb in crumbs:
            stream.feed(crumb)
        (event,) = stream.feed(b"\n\n")
    assert event.data.replace(b"\n", b"") == b"xy" * 100_000
    assert taken() < 4 * len(event.data)


def test_between_lines_is_where_a_line_has_ended() -> None:
    stream = EventStream()
    assert stream.between_lines
    stream.feed(b"data: a")
    assert not stream.between_lines
    stream.feed(b"\n")
    assert stream.between_lines


# --- fuzzing -------------------------------------------------------------------------------------------------------

_PIECES = st.sampled_from(
    [b"data", b"event", b"id", b"retry", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"x", b"1", b"\0", b"\xef\xbb\xbf",
     b"\xc3", b"\xa4", b"data: a", b"id: 2", b"event: e", b"\x0b", b"\x0c", b"\x1c", b"\xe2\x80\xa8", b"\xc2\x85"]
)  # fmt: skip
_STREAMS = st.lists(_PIECES, max_size=40).map(b"".join) | st.binary(max_size=60)


def by_the_standard(body: bytes) -> list[tuple[str, str, str]]:
    """A literal implementation of the standard, over a whole body."""
    text = body.decode(errors="replace")
    text = text.removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)[:-1]  # what is not ended by a line end is discarded
    found, data, kind, last_id, buffer_id = [], "", "", "", ""
    for line in lines:
        if not line:
            last_id = buffer_id
            if data:
                found.append((kind or "message", data.removesuffix("\n"), last_id))
            data = kind = ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            buffer_id = value
    return found


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[a:b] for a, b in pairwise(edges)]


@settings(max_examples=500)
@given(_STREAMS, st.lists(st.integers(0, 1_000), max_size=10))
@example(b"data: a\r\n\r\ndata: b\r\r\n", list(range(40)))
@example(b"\xef\xbb\xbfdata: a\n\n", list(range(40)))
def test_any_stream_cut_anywhere_gives_what_the_standard_says(body: bytes, places: list[int]) -> None:
    assert parse(*cut(body, places)) == by_the_standard(body)


_FRAMES = st.tuples(
    st.sampled_from([b"", b"id:7", b"id: 8", b"id:", b"id:\0", b"id"]),
    st.sampled_from([b"", b"event:M", b"event: ping", b"event:", b"event: ", b"event:  x"]),
    st.sampled_from([b"", b"data:{}", b"data: 0", b"data:", b"data:  x", b"data:\xc3"]),
    st.sampled_from([b"\n", b"\r\n"]),
).map(lambda frame: frame[3].join([*(line for line in frame[:3] if line), b"", b""]))


@given(st.lists(_FRAMES | _PIECES, max_size=8))
def test_a_chunk_that_is_one_event_gives_what_its_lines_give(chunks: list[bytes]) -> None:
    assert parse(*chunks) == by_the_standard(b"".join(chunks))


@given(
    st.lists(
        st.tuples(
            st.text("abc:é漢 ", max_size=6), st.lists(st.text("abc:é漢 ", max_size=8), min_size=1, max_size=3)
        ),
        max_size=5,
    ),
    st.lists(st.integers(0, 1_000), max_size=10),
)
def test_httpx_sse_agrees_on_well_formed_streams(
    wanted: list[tuple[str, list[str]]], places: list[int]
) -> None:
    text = "".join(
        f"id: {number}\nevent: {kind}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
        for number, (kind, lines) in enumerate(wanted)
    )
    oracle = SSEDecoder()
    expected = [found for line in text.split("\n")[:-1] if (found := oracle.decode(line)) is not None]
    assert parse(*cut(text.encode(), places)) == [(e.event or "message", e.data, e.id) for e in expected]
