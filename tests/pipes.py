"""Pipes whose reader reads only what a test asks for."""

from __future__ import annotations

import fcntl
import os

PIPE_BYTES = 4096


class Pipe:
    """A small pipe, full or empty, whose reader reads only what a test asks for."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self.reader, False)
        self.read = b""
        self.is_closed = False

    def fill(self) -> None:
        """Write dots until nothing more fits."""
        os.set_blocking(self.writer, False)
        try:
            while True:
                os.write(self.writer, b".")
        except BlockingIOError:
            os.set_blocking(self.writer, True)

    def lines(self) -> list[str]:
        """All that was read until now, without the dots of `fill`."""
        try:
            while data := os.read(self.reader, 65_536):
                self.read += data
        except BlockingIOError:
            pass
        return self.read.lstrip(b".").decode().splitlines()

    def close(self) -> None:
        """Close the reader's end. The thread of an output may write later, and must not find another pipe under its number."""
        if not self.is_closed:
            self.is_closed = True
            os.close(self.reader)
