"""libcurl's carrier against servers that break off, dribble, talk too much or something else than HTTP/1.1."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import BadReply, CallError, CallRefused, Unreachable
from botkit.http import Request, Response
from botkit.http.carriers import SyncTransport
from botkit.http.curl import CurlTransport
from tests.http.connect_proxy import serving
from tests.memory import memory

Answer = Callable[[asyncio.StreamWriter], Coroutine[None, None, None]]
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


@contextmanager
def rude(answer: Answer, *, reads_body: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that reads a request, gives its answer and closes the connection; and the requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append(head)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        if reads_body and length:
            requests[-1] += await reader.readexactly(int(length))
        await answer(writer)
        await writer.drain()

    with serving(serve) as port:
        yield f"http://127.0.0.1:{port}/", requests


def says(*parts: bytes) -> Answer:
    """An answer in these packets."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


async def resets(writer: asyncio.StreamWriter) -> None:
    """No answer, but a reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def talks_on(writer: asyncio.StreamWriter) -> None:
    """A response without an end, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def never_ends_its_head(writer: asyncio.StreamWriter) -> None:
    """Headers without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Flood: " + b"y" * 1_000 + b"\r\n")
        await writer.drain()


async def is_never_ready(writer: asyncio.StreamWriter) -> None:
    """Interim responses without an end."""
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\nX-Flood: " + b"y" * 1_000 + b"\r\n\r\n")
        await writer.drain()


async def drips(writer: asyncio.StreamWriter) -> None:
    """A byte of the body from time to time, and never the last one."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def send(url: str, method: str = "GET", **request: object) -> Response:
    async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
        return await carrier.send(Request("call", method, url, **request))  # type: ignore[arg-type]


# --- what is put up with ----------------------------------------------------------------------------------------------


async def test_an_answer_in_single_bytes() -> None:
    with rude(says(*(bytes((byte,)) for byte in FINE))) as (url, _):
        assert (await send(url)).body == b"fine"


async def by_a_call(url: str) -> bytes:
    return (await send(url, timeout_seconds=60.0)).body


async def by_a_stream(url: str) -> bytes:
    async with (
        CurlTransport(allowed_hosts=None, insecure_http=True) as carrier,
        carrier.stream(Request("listen", "GET", url), silence_seconds=60) as stream,
    ):
        return await stream.read()


async def by_a_synchronous_call(url: str) -> bytes:
    with SyncTransport(allowed_hosts=None, insecure_http=True) as carrier:
        return carrier.send(Request("call", "GET", url, timeout_seconds=60.0)).body


@pytest.mark.parametrize("read", [by_a_call, by_a_stream, by_a_synchronous_call])
async def test_a_body_in_many_small_chunks_takes_little_more_memory_than_its_size(
    read: Callable[[str], Coroutine[None, None, bytes]],
) -> None:
    crumbs = [b"2\r\nxy\r\n" * 1_000] * 100
    with rude(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *crumbs, b"0\r\n\r\n")) as (
        url,
        _,
    ):
        await read(url)  # what is loaded or kept for all calls
        with memory() as taken:
            assert await read(url) == b"xy" * 100_000
    assert taken() < 4 * 200_000


async def test_interim_responses_come_before_the_response_that_counts() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
    with rude(says(*interim, FINE)) as (url, requests):
        response = await send(url, "POST", body=b"x" * 2_000_000)
    assert (response.status, response.body, dict(response.headers)) == (200, b"fine", {"Content-Length": "4"})
    # The server is not asked whether it wants a large body, which would cost a round trip.
    assert b"expect" not in requests[0][:500].lower()


async def test_trailers_are_no_headers() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n4;q=1\r\nfine\r\n0\r\nX-A: 2\r\nX-B: 3\r\n\r\n"
    with rude(says(chunked)) as (url, _):
        response = await send(url)
    assert (response.body, response.headers["x-a"], response.headers.get("x-b")) == (b"fine", "1", None)


async def test_an_answer_that_is_compressed_without_being_asked_for_stays_as_it_is() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    with rude(says(head.encode() + bomb)) as (url, requests):
        assert (await send(url)).body == bomb
    assert b"accept-encoding" not in requests[0].lower()


async def test_the_first_of_two_headers_counts_and_odd_bytes_are_no_failure() -> None:
    twice = b"HTTP/1.1 200 OK\r\nX-A: one\r\nx-a: two\r\nX-Odd: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
    with rude(says(twice)) as (url, _):
        headers = (await send(url)).headers
    assert (headers["X-A"], headers["x-odd"], len(headers)) == ("one", "��", 3)


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    with rude(says(b"HTTP/1.0 200 OK\r\n\r\nfine")) as (url, _):
        assert (await send(url)).body == b"fine"


async def test_an_early_refusal_of_a_large_body_is_the_response() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    async def refuses(writer: asyncio.StreamWriter) -> None:
        writer.write(refusal)
        await writer.drain()
        await asyncio.sleep(30)  # the test ends it; a connection closed at once would be reset

    with rude(refuses, reads_body=False) as (url, _):
        assert (await send(url, "POST", body=b"x" * 8_000_000)).status == 413


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nhalf",
        b"Content-Length: 90000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_call_whose_answer_nobody_reads_is_accepted_by_its_head(rest: bytes) -> None:
    with rude(says(b"HTTP/1.1 200 OK\r\n" + rest)) as (url, requests):
        assert (await send(url, "POST", body=b"{}", body_is_read=False)).status == 200
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says(b"HTTP/1.1 200 OK\r\nContent-Le"),
        says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n"),
        says(b"HTTP/1.1 100 Continue\r\n\r\n"),
        says(b"HTTP/1.1 500 Trouble\r\nContent-Length: 100\r\n\r\nhalf"),
    ],
    ids=["half-a-head", "half-a-second-head", "only-an-interim-head", "half-a-refusal"],
)
async def test_nothing_else_is_accepted_by_its_head(answer: Answer) -> None:
    with rude(answer) as (url, _), pytest.raises(Unreachable):
        await send(url, "POST", body=b"{}", body_is_read=False)


# --- what is a failure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (says(), "the server closed the connection"),
        (resets, "Connection reset by peer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Le"), "the response broke off"),
        (says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n"), "the response broke off"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "the response broke off"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"), "the response broke off"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "the response broke off"),
    ],
    ids=["nothing", "reset", "half-a-head", "half-a-second-head", "half-a-body", "half-a-chunk", "no-chunk"],
)  # fmt: skip
async def test_a_connection_that_breaks_may_have_delivered(answer: Answer, detail: str) -> None:
    with rude(answer) as (url, requests), pytest.raises(Unreachable) as failed:
        await send(url, "POST", body=b"{}")
    assert (failed.value.detail, failed.value.cause) == (detail, "closed")
    assert failed.value.possible_duplicate
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>fine</html>",
        b"HTTP/7.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\0\0\x12\4\0\0\0",
    ],
)
async def test_what_is_not_http_is_a_bad_reply(answer: bytes) -> None:
    with rude(says(answer)) as (url, _), pytest.raises(BadReply, match="not HTTP"):
        await send(url)


async def test_headers_without_end_are_bounded() -> None:
    with rude(never_ends_its_head) as (url, _), pytest.raises(BadReply, match="head of the response"):
        await send(url, timeout_seconds=60.0)


async def test_interim_responses_without_end_are_bounded() -> None:
    with rude(is_never_ready) as (url, _), pytest.raises(BadReply, match="head of the response"):
        await send(url, timeout_seconds=60.0)


@pytest.mark.parametrize(("max_bytes", "error"), [(0, BadReply), (100_000, CallRefused)])
async def test_a_body_without_end_is_bounded(max_bytes: int, error: type[Exception]) -> None:
    with rude(talks_on) as (url, _), pytest.raises(error, match="longer than"):
        await send(url, max_bytes=max_bytes, timeout_seconds=60.0)


async def test_bytes_that_drip_in_do_not_extend_the_time() -> None:
    with rude(drips) as (url, _), pytest.raises(Unreachable) as failed:
        await send(url, timeout_seconds=1.5)
    assert (failed.value.detail, failed.value.cause) == ("timed out", "timeout")
    assert failed.value.possible_duplicate


async def test_a_refused_call_leaves_the_carrier_and_its_handle_as_they_were() -> None:
    with rude(says(FINE)) as (url, _):
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
            for headers in ({"a": "b\nc"}, {"a\r\nb": "c"}, {"a": "b\0"}):
                with pytest.raises(CallRefused):
                    await carrier.send(Request("call", "GET", url, headers))
            assert (await carrier.send(Request("call", "GET", url, {"a": "b"}))).body == b"fine"


# --- anything at all --------------------------------------------------------------------------------------------------

_LINES = st.one_of(
    st.sampled_from(
        [
            b"Content-Length: 4",
            b"Content-Length: -1",
            b"Content-Length: " + b"9" * 30,
            b"Content-Length: 4, 5",
            b"Content-Type: text/html; charset=\xff",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"Content-Encoding: gzip",
            b"Set-Cookie: a=b; expires=" + b"9" * 30,
            b"Location: http://[",
            b"Connection: close",
            b"Retry-After: " + b"9" * 5_000,
            b" folded",
            b": no name",
        ]
    ),
    st.builds(lambda name, value: name + b": " + value, st.binary(max_size=9), st.binary(max_size=30)),
)
_STARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 429",
        b"HTTP/1.1 302 Found",
        b"HTTP/1.1 99 Too few",
        b"HTTP/1.1 1000 Too many",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 -20 Odd",
        b"HTTP/1.1  ",
        b"HTTP/1.1",
        b"HTTP/2 200",
        b"HTTP/3 200 OK",
        b"\0",
        b"",
    ]
)
_ANSWERS = st.builds(
    lambda start, lines, body: b"\r\n".join([start, *lines, b"", body]),
    _STARTS,
    st.lists(_LINES, max_size=4),
    st.sampled_from([b"fine", b"4\r\nfine\r\n0\r\n\r\n", b"-1\r\n", b"", b"\x1f\x8b\0"]),
)


@given(_ANSWERS)
@settings(max_examples=30)
def test_any_answer_is_a_response_or_the_error_of_a_call(answer: bytes) -> None:
    async def stream(url: str) -> bytes:
        async with (
            CurlTransport(allowed_hosts=None, insecure_http=True) as carrier,
            carrier.stream(Request("listen", "GET", url), silence_seconds=10) as opened,
        ):
            return await opened.read()

    with rude(says(answer)) as (url, _), SyncTransport(allowed_hosts=None, insecure_http=True) as carrier:
        with suppress(CallError):
            carrier.send(Request("call", "GET", url, timeout_seconds=10.0))
        with suppress(CallError):
            assert 100 <= asyncio.run(send(url)).status <= 999
        with suppress(CallError):
            asyncio.run(stream(url))


# --- the carrier of synchronous callers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [b"/elsewhere", b"http://[", b"//\xff\xfe", b""])
def test_a_redirect_is_a_response_whatever_it_names(address: bytes) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 4\r\nLocation: " + address + b"\r\n\r\nfine"
    with (
        rude(says(redirect)) as (url, requests),
        SyncTransport(allowed_hosts=None, insecure_http=True) as carrier,
    ):
        response = carrier.send(Request("call", "GET", url))
    assert (response.status, response.body, len(requests)) == (302, b"fine", 1)


def test_the_body_of_a_redirect_is_bounded_too() -> None:
    async def redirects(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()

    with (
        rude(redirects) as (url, _),
        SyncTransport(allowed_hosts=None, insecure_http=True) as carrier,
        pytest.raises(BadReply, match="longer than"),
    ):
        carrier.send(Request("call", "GET", url))


async def drips_headers(writer: asyncio.StreamWriter) -> None:
    """A header from time to time."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drips_without_length(writer: asyncio.StreamWriter) -> None:
    """A body that would end with the connection."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def says_continue_for_ever(writer: asyncio.StreamWriter) -> None:
    """Of the interim responses, the one that http.client takes any number of."""
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()


@pytest.mark.parametrize("answer", [drips, drips_without_length, drips_headers, says_continue_for_ever])
def test_what_drips_in_does_not_extend_the_time_of_a_synchronous_call(answer: Answer) -> None:
    with (
        rude(answer) as (url, _),
        SyncTransport(allowed_hosts=None, insecure_http=True) as carrier,
        pytest.raises(Unreachable, match="timed out") as failed,
    ):
        carrier.send(Request("call", "POST", url, body=b"{}", timeout_seconds=0.5))
    assert (failed.value.cause, failed.value.possible_duplicate) == ("timeout", True)


def test_each_synchronous_call_on_a_kept_connection_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[asyncio.StreamWriter] = []
    timers: list[threading.Timer] = []

    def timer(*args: Any) -> threading.Timer:
        timers.append(real(*args))
        return timers[-1]

    real = threading.Timer
    monkeypatch.setattr(threading, "Timer", timer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            answered.append(writer)
            await (drips(writer) if len(answered) > 3 else says(FINE)(writer))

    with serving(serve) as port, SyncTransport(allowed_hosts=None, insecure_http=True) as carrier:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(2):
            assert carrier.send(Request("call", "GET", url, timeout_seconds=30.0)).body == b"fine"
        timers[0].function()  # The first call's time is over now, which is no matter of the third.
        assert carrier.send(Request("call", "GET", url, timeout_seconds=30.0)).body == b"fine"
        with pytest.raises(Unreachable, match="timed out"):
            carrier.send(Request("call", "GET", url, timeout_seconds=0.5))
    assert len(set(answered)) == 1


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 4", "not compressed as it says"),
        (b"Content-Length: 4, 5", "not HTTP"),
        (b"\r\nHTTP/1.1 102 Processing\r\nX: y", "only an interim response"),
    ],
)
def test_a_synchronous_call_with_an_unusable_answer_was_made(head: bytes, said: str) -> None:
    start = b"HTTP/1.1 100 Continue\r\n" if b"102" in head else b"HTTP/1.1 200 OK\r\n"
    with (
        rude(says(start + head + b"\r\n\r\nfine")) as (url, requests),
        SyncTransport(allowed_hosts=None, insecure_http=True) as carrier,
        pytest.raises(BadReply, match=said),
    ):
        carrier.send(Request("call", "POST", url, body=b"{}"))
    assert len(requests) == 1


def test_a_synchronous_call_whose_headers_cannot_be_sent_is_refused_for_good() -> None:
    with (
        rude(says(FINE)) as (url, requests),
        SyncTransport(allowed_hosts=None, insecure_http=True) as carrier,
        pytest.raises(CallRefused, match="cannot be sent as it is"),
    ):
        carrier.send(Request("call", "GET", url, {"a": "secret\nb: c"}))
    assert requests == []


# --- streams ----------------------------------------------------------------------------------------------------------


async def test_a_stream_whose_head_has_no_end_is_not_opened() -> None:
    with rude(never_ends_its_head) as (url, _):
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
            with pytest.raises(BadReply, match="head of the response"):
                async with carrier.stream(Request("listen", "GET", url), silence_seconds=60):
                    pass


async def test_a_stream_with_half_a_head_is_not_opened() -> None:
    with rude(says(b"HTTP/1.1 200 OK\r\nContent-Le")) as (url, _):
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
            with pytest.raises(Unreachable, match="broke off"):
                async with carrier.stream(Request("listen", "GET", url), silence_seconds=60):
                    pass


async def test_a_stream_is_read_no_faster_than_its_reader() -> None:
    sent = 0

    async def floods(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 100_000_000:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    with rude(floods) as (url, _):
        async with (
            CurlTransport(allowed_hosts=None, insecure_http=True) as carrier,
            carrier.stream(Request("listen", "GET", url), silence_seconds=60) as stream,
        ):
            chunks, largest = stream.chunks(), 0
            for _ in range(200):
                largest = max(largest, len(await anext(chunks)))
                await asyncio.sleep(0)
    # The rest is in the buffers of the two sockets.
    assert largest <= 2 * 16_384
    assert sent < 50_000_000


async def test_a_stream_that_is_read_late_has_lost_nothing() -> None:
    text = bytes(range(256)) * 4_000

    with rude(says(b"HTTP/1.1 200 OK\r\n\r\n", text)) as (url, _):
        async with (
            CurlTransport(allowed_hosts=None, insecure_http=True) as carrier,
            carrier.stream(Request("listen", "GET", url), silence_seconds=60) as stream,
        ):
            await asyncio.sleep(0.05)
            assert b"".join([chunk async for chunk in stream.chunks()]) == text


async def test_the_body_of_a_refused_stream_is_bounded() -> None:
    with rude(talks_on) as (url, _):
        async with (
            CurlTransport(allowed_hosts=None, insecure_http=True) as carrier,
            carrier.stream(Request("listen", "GET", url), silence_seconds=60) as stream,
        ):
            with pytest.raises(BadReply, match="longer than"):
                await stream.read()
