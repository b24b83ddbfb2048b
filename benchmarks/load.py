"""The load, on the other core: posts hooks over kept-alive connections, and stands in for the XO platform.

A separate process (``python -m benchmarks.load``) with protocols instead of an HTTP library, so that it costs little. Jobs and
results are lines of JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence

import jwt

from benchmarks.payloads import FIRST_REQUEST, user_id, user_message
from benchmarks.platform import OK, UNAVAILABLE, sink

CONNECTIONS = 32
DRAIN_SECONDS = 20.0
"""Without a call."""
FILL_SECONDS = 150.0
SAMPLE_SECONDS = 0.25
_USERS = 5_000


class Messages:
    """Makes requests as bytes, each with another requestId.

    Args:
        numbers: the requestIds; the service does not relay one a second time.
    """

    def __init__(
        self,
        numbers: Iterator[int],
        *,
        port: int,
        sink_port: int,
        path: str,
        bot_id: str,
        client_id: str,
        secret: str,
    ) -> None:
        body = user_message(bot_id=bot_id, platform_url=f"http://127.0.0.1:{sink_port}")
        token = jwt.encode({"appId": client_id, "exp": int(time.time()) + 3600}, secret, algorithm="HS256")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"token: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        self.body_bytes = len(body)
        self._parts = [
            part.split(str(FIRST_REQUEST).encode()) for part in (head + body).split(user_id(0).encode())
        ]
        self._numbers = numbers

    def next(self) -> bytes:
        """The next request; the users take turns."""
        number = next(self._numbers)
        digits = b"%013d" % number
        user = user_id(number % _USERS).encode()
        return user.join([digits.join(part) for part in self._parts])


class Poster(asyncio.Protocol):
    """One connection: posts the next hook when the one before is answered."""

    def __init__(self, messages: Messages, tally: Tally) -> None:
        self._messages = messages
        self._tally = tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""
        self._post()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = b""
        self._tally.answered(head[9:12] == b"200", time.perf_counter() - self._sent)
        if self._tally.over:
            self._transport.close()
        else:
            self._post()

    def _post(self) -> None:
        message = self._messages.next()
        self._tally.sent += 1
        self._sent = time.perf_counter()
        self._transport.write(message)  # type: ignore[attr-defined]


class Tally:
    """Counts answers, and their times between `begin` and `end`.

    Args:
        most: the number of hooks to post; by default they are posted until `end`.
    """

    def __init__(self, most: float = math.inf) -> None:
        self.sent = 0
        self.all = 0
        self.refused = 0
        self._most = most
        self._ended = False
        self._seconds = array("d")
        self._counting = False

    def begin(self) -> None:
        self._counting = True

    def end(self) -> None:
        self._counting = False
        self._ended = True

    def answered(self, good: bool, seconds: float) -> None:
        self.all += good
        self.refused += not good
        if self._counting:
            self._seconds.append(seconds)

    @property
    def over(self) -> bool:
        """Whether no more hooks are to be posted."""
        return self._ended or self.sent >= self._most

    def settled(self) -> bool:
        """Whether every request is answered."""
        return self.all + self.refused == self.sent

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self._seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")

    @property
    def counted(self) -> int:
        return len(self._seconds)


class Relayed:
    """The platform: counts the service's calls, and its connections.

    Attributes:
        count: the number of calls that were answered with OK.
        connections: the number of connections.
        available: whether calls are answered with OK; otherwise with 503.
        first, last: when calls were answered with OK for the first time since `come_back`, and for the last time.
    """

    def __init__(self) -> None:
        self.count = 0
        self.connections = 0
        self.available = True
        self.first: float | None = None
        self.last = 0.0

    def come_back(self) -> None:
        """Answer calls with OK."""
        self.available, self.first = True, None

    def __call__(self, _head: bytes, _body: bytes) -> bytes:
        if not self.available:
            return UNAVAILABLE
        self.count += 1
        self.last = time.perf_counter()
        if self.first is None:
            self.first = self.last
        return OK

    def on_connection(self) -> None:
        """The service has connected."""
        self.connections += 1


async def fill(messages: Messages, back: Relayed, *, port: int, hooks: int) -> dict[str, object]:
    """Post so many hooks while the platform is not available. Returns ``acknowledged`` and ``refused``."""
    began = time.perf_counter()
    back.available, back.count = False, 0
    tally = Tally(most=hooks)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Poster(messages, tally), "127.0.0.1", port)
    await _until(lambda: tally.over and tally.settled(), lambda: began + FILL_SECONDS)
    return {"acknowledged": tally.all, "refused": tally.refused}


async def drain(back: Relayed, *, hooks: int) -> dict[str, object]:
    """Let the platform come back, and wait until it has so many calls.

    Returns:
        ``relayed``: the calls, fewer if they stop; ``first_seconds``: until the first; ``drain_seconds``: from first to last.
    """
    began = time.perf_counter()
    back.come_back()
    await _until(lambda: back.count >= hooks, lambda: max(began, back.last) + DRAIN_SECONDS)
    first = back.first if back.first is not None else math.inf
    return {"relayed": back.count, "first_seconds": first - began, "drain_seconds": back.last - first}


async def load(
    messages: Messages,
    back: Relayed,
    *,
    ports: Sequence[int],
    connections: int,
    seconds: float,
    warm_up_seconds: float,
    relayed: bool,
) -> dict[str, object]:
    """Post for `seconds` after a warm-up. If the service relays hooks, wait until all are relayed.

    Args:
        ports: of the service's processes; the connections are divided among them, and any of them gets the hooks of any user.
        connections: how many there are.

    Returns:
        ``through_per_second`` includes the time until the last hook is relayed: hooks may be acknowledged faster than relayed
        for a while. ``series`` has (seconds, acknowledged, relayed) since the start, four times a second.
    """
    loop = asyncio.get_running_loop()
    tally = Tally()
    back.count = 0
    for _, port in zip(range(connections), itertools.cycle(ports)):
        await loop.create_connection(lambda: Poster(messages, tally), "127.0.0.1", port)
    await asyncio.sleep(warm_up_seconds)
    tally.begin()
    began, back_before = time.perf_counter(), back.count
    series: list[tuple[float, int, int]] = []
    while (past := time.perf_counter() - began) < seconds:
        series.append((past, tally.counted, back.count - back_before))
        await asyncio.sleep(min(SAMPLE_SECONDS, seconds - past))
    took, back_after = time.perf_counter() - began, back.count
    tally.end()
    series.append((took, tally.counted, back_after - back_before))
    deadline = time.perf_counter() + DRAIN_SECONDS
    await _until(lambda: tally.settled() and not (relayed and back.count < tally.all), lambda: deadline)
    all_through = time.perf_counter() - began
    return {
        "acknowledged_per_second": tally.counted / took,
        "through_per_second": (back.count - back_before) / all_through,
        "relayed_per_second": (back_after - back_before) / took,
        "ack_p50_ms": tally.percentile_ms(0.5),
        "ack_p99_ms": tally.percentile_ms(0.99),
        "refused": tally.refused,
        "acknowledged": tally.all,
        "relayed": back.count,
        "connections": back.connections,
        "body_bytes": messages.body_bytes,
        "series": series,
    }


async def _until(done: Callable[[], bool], deadline: Callable[[], float]) -> None:
    """Wait until it is done, or until the deadline, which may move."""
    while time.perf_counter() < deadline():
        if done():
            break
        await asyncio.sleep(0.01)


async def _main() -> None:
    """Print the sink's port; for each job on standard input, print the result."""
    back = Relayed()
    sink_port = await sink(back, back.on_connection)
    print(json.dumps({"sink_port": sink_port}), flush=True)
    loop = asyncio.get_running_loop()
    numbers = itertools.count(int(time.time() * 1000))
    # The sink stays between jobs, until the service has ended: the service would log errors without it.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = json.loads(line)
        if job["do"] == "drain":
            result = await drain(back, hooks=job["hooks"])
        else:
            messages = Messages(
                numbers,
                port=job["ports"][0],
                sink_port=sink_port,
                path=job["path"],
                bot_id=job["bot_id"],
                client_id=job["client_id"],
                secret=job["secret"],
            )
            if job["do"] == "fill":
                result = await fill(messages, back, port=job["ports"][0], hooks=job["hooks"])
            else:
                result = await load(
                    messages,
                    back,
                    ports=job["ports"],
                    connections=job["connections"],
                    seconds=job["seconds"],
                    warm_up_seconds=job["warm_up_seconds"],
                    relayed=job["relayed"],
                )
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
