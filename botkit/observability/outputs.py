"""Standard output and standard error that nobody waits for: threads write what is said, and what has no room is counted.

A full pipe blocks its writers until its reader reads, and so does a terminal that is held (Ctrl-S): a log shipper that stands
still would stop the event loop, and with it the service.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_log = get_logger("botkit.outputs")

MAX_BYTES: Final = 1024 * 1024
"""Max bytes of one output that wait; as many may be on their way into the pipe."""
GATHER_SECONDS: Final = 0.05
"""How long the thread lets lines come together after it has written: while the relay is busy, waking the thread costs more than
many lines."""
DRAIN_SECONDS: Final = 1.0
"""How long the end of the process waits for what is not written yet."""


_GAP: Final = b""
"""Waits where lines were dropped. If all before it has been taken meanwhile, nothing else would wake the thread."""
_Written: TypeAlias = "SimpleQueue[None]"
"""Gets something when all is written that was said before it."""


class Output(io.RawIOBase):
    """A file descriptor as a raw stream whose `write` never blocks before `drain`. Thread-safe.

    Lines are written in their order. Once one has no room, all are dropped until those that wait were taken, so that there is one
    gap; when lines are written again, the log tells its size (`log_lines_dropped`) where it is.

    Args:
        descriptor: where a thread of its own writes to.
        name: the name of the stream, for the log.
        max_bytes: how many bytes may wait. A longer line is taken if no other waits.
    """

    def __init__(self, descriptor: int, name: str, *, max_bytes: int = MAX_BYTES) -> None:
        self.name = name
        self.dropped = 0
        """The number of lines that were dropped so far, for want of room or because of an error."""
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        # No lock is held while Python code runs: the interpreter may call a finalizer at any place, which may log, and would wait
        # there for a thread that waits for our lock while it holds that of a log handler. Putting something into a `SimpleQueue`
        # cannot be interrupted.
        self._waiting: SimpleQueue[bytes | _Written] = SimpleQueue()
        self._notices: list[bytes] = []
        """What the thread logs of a gap. It is written when no log handler holds a lock any more."""
        self._bytes = 0
        """Of the lines that wait. Threads that write at the same moment may falsify it, until nothing waits."""
        self._full = False
        self._unsaid = 0
        self._flows = True
        self._hurried: SimpleQueue[None] = SimpleQueue()
        """Has something when the lines that wait are to be written at once."""
        self._ends = False
        """Whether the process ends: no line waits for others."""
        self._is_drained = False
        """Whether the process ends, and everything could be written until now."""
        self._tells = False
        """Whether the thread logs the size of a gap."""
        self._forked = False
        os.register_at_fork(after_in_child=self._write_directly)
        self._thread = Thread(target=self._run, name=f"botkit-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of bytes that wait."""
        return self._bytes

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def fileno(self) -> int:
        """See `io.IOBase`."""
        return self._descriptor

    def isatty(self) -> bool:
        """See `io.IOBase`."""
        return os.isatty(self._descriptor)

    def close(self) -> None:
        """Nothing: the descriptor is not ours."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Take the bytes, or drop and count them."""
        line = bytes(data)
        size = len(line)
        if not size:
            return 0
        if self._forked:
            self._write(line)
        elif self._tells and get_ident() == self._thread.ident:
            self._notices.append(line)
        elif self._full or (self._bytes and self._bytes + size > self._max_bytes):
            self._count_dropped(line)
            if not self._full:
                self._full = True
                self._waiting.put(_GAP)
                self.hurry()
        else:
            self._bytes += size
            self._waiting.put(line)
            if self._is_drained and get_ident() != self._thread.ident:
                # The interpreter ends, and its threads with it: what is said now must not be left to one.
                self._is_drained = self._are_written(DRAIN_SECONDS)
        return size

    def hurry(self) -> None:
        """Let what waits be written at once."""
        if self._hurried.empty():  # Else its thread has not seen that yet, perhaps for hours.
            self._hurried.put(None)

    def drain(self, seconds: float) -> bool:
        """Wait until all is written, at most this long. Returns whether it is.

        The process ends: no line waits for others any more, and each is waited for until one takes too long.
        """
        if self._forked:
            return True
        self._ends = True
        self._is_drained = self._are_written(seconds)
        return self._is_drained

    def _are_written(self, seconds: float) -> bool:
        """Wait until the lines that wait are written, at most so long."""
        written: _Written = SimpleQueue()
        self._waiting.put(written)
        self.hurry()
        try:
            written.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _run(self) -> None:
        while True:
            taken = [self._waiting.get()]
            taken += [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
            lines = [one for one in taken if isinstance(one, bytes) and one != _GAP]
            size = sum(map(len, lines))
            self._bytes = 0 if self._waiting.empty() else self._bytes - size
            if _GAP in taken:
                self._full = False
            gap = 0 if self._full else self._unsaid
            self._write_all(lines)
            if self._waiting.empty():
                gap = self._unsaid
            if gap and self._flows:
                self._unsaid -= gap
                self._tell(gap)
                notices, self._notices = self._notices, []
                self._write_all(notices)
            for one in taken:
                if not isinstance(one, bytes):
                    one.put(None)
            self._let_lines_come()

    def _write_all(self, lines: Iterable[bytes]) -> None:
        for chunk in _chunks(lines):
            try:
                self._write(chunk)
                self._flows = True
            except OSError:  # The reader has gone, the disk is full: nobody can be told now.
                self._flows = False
                self._count_dropped(chunk)

    def _let_lines_come(self) -> None:
        if not self._ends:
            with suppress(Empty):
                self._hurried.get(timeout=GATHER_SECONDS)

    def _tell(self, count: int) -> None:
        """Log the size of a gap behind the lines that were taken."""
        self._tells = True
        try:
            _log.error("log_lines_dropped", count=count, output=self.name)
        except Exception as error:  # noqa: BLE001 (a handler of the bot may raise anything; lines are still written)
            self.write(f"log_lines_dropped count={count} not logged: {where(error)}\n".encode())
        finally:
            self._tells = False

    def _count_dropped(self, lines: bytes) -> None:
        count = lines.count(b"\n") or 1
        self.dropped += count
        self._unsaid += count

    def _write(self, data: bytes) -> None:
        """Write all of it, however long that takes. Raises: OSError."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # Another process that shares the pipe has made it non-blocking.
                ready = select.poll()
                ready.register(self._descriptor, select.POLLOUT)
                ready.poll()

    def _write_directly(self) -> None:
        """In a forked process, which has no thread of ours."""
        self._forked = True


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in as few pieces as possible that a pipe takes whole, so that lines of other processes do not get into them."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and size + len(line) > select.PIPE_BUF:
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield b"".join(chunk)


_outputs: list[Output] = []
_streams: list[TextIO] = []
"""Those of this process, once they are replaced."""


def replace_outputs() -> None:
    """Let nothing in this process wait for the readers of standard output and standard error, from now on.

    So no log line, traceback, warning or `print` blocks its thread. What waits when the process ends is written, for at most a
    second. A stream that is no file, such as a test's, is left alone.
    """
    for name in ("stderr", "stdout"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None or (descriptor := _descriptor_of(stream)) is None:
            continue
        # If both lead to one place, they are one output, and what is said keeps its order.
        same = (one for one in _outputs if os.path.sameopenfile(one.fileno(), descriptor))
        output = next(same, None) or Output(descriptor, name)
        if output not in _outputs:
            _outputs.append(output)
        text = io.TextIOWrapper(output, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
        _streams.append(text)
        setattr(sys, name, text)
    atexit.register(_drain)


def hurry() -> None:
    """Let what was written to the replaced outputs not wait for more: the process may be about to die of what it tells."""
    for output in _outputs:
        output.hurry()


def lines_dropped() -> int:
    """The number of lines that this process has dropped; 0 if its outputs are not replaced."""
    return sum(output.dropped for output in _outputs)


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except OSError:
        return None


def _drain() -> None:
    until = time.monotonic() + DRAIN_SECONDS
    for stream in _streams:
        stream.flush()
    for output in _outputs:
        output.drain(max(0.0, until - time.monotonic()))
