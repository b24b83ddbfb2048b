"""A write-ahead log that somebody has deleted, or cut short: what was committed last was only in it.

SQLite would start without a word, with what its file had before. Its index of the log (`botkit.db-shm`) tells: a process that is
killed leaves it, and a process that closes the store copies the log and then deletes both, the index first. The index is written
after the log was flushed, so it never knows of more than the log has. The layout of the index is a part of SQLite's file format
(sqlite.org/walformat.html, section 2).
"""

from __future__ import annotations

import struct
from pathlib import Path

from botkit.errors import LedgerError

_HEADER_BYTES = 48
"""Written twice, so that a reader knows whether it is whole."""
_HEADER = struct.Struct("=I8xBxHI")
"""The version of the layout, whether the index is in use, the size of a page (1: 65,536 bytes), and how many are in the log."""
_VERSION = 3007000
_COPIED = struct.Struct("=I")
"""How many of them are in the store's file."""
_INDEX_BYTES = 2 * _HEADER_BYTES + _COPIED.size
_LOG_HEADER_BYTES = 32
_PAGE_HEADER_BYTES = 24


def require_log(file: Path) -> None:
    """Called before SQLite opens the store, which makes a new index.

    Args:
        file: the store's, with its name as SQLite knows it: no symbolic link.

    Raises:
        LedgerError: pages are missing. Nothing has been changed.
    """
    log = file.with_name(f"{file.name}-wal")
    index = file.with_name(f"{file.name}-shm")
    # Read twice: other processes may be writing, or closing the store.
    lost = _pages_lost(log, index)
    if lost and lost == _pages_lost(log, index):
        raise LedgerError(
            f"{log} is gone, or shorter than it was, and {lost} pages of what was acknowledged last are in it: stop the service "
            f"and put it back beside {file.name}. If it cannot be found, delete {index.name}: BotKit then starts without them"
        )


def _pages_lost(log: Path, index: Path) -> int:
    """The pages that the index tells of and that are neither in the log nor in the store's file."""
    try:
        with index.open("rb") as opened:
            start = opened.read(_INDEX_BYTES)
    except FileNotFoundError:
        return 0
    if len(start) < _INDEX_BYTES or start[:_HEADER_BYTES] != start[_HEADER_BYTES : 2 * _HEADER_BYTES]:
        return 0
    version, in_use, page_bytes, pages = _HEADER.unpack_from(start)
    (copied,) = _COPIED.unpack_from(start, 2 * _HEADER_BYTES)
    if version != _VERSION or not in_use:
        return 0
    frame = _PAGE_HEADER_BYTES + (65_536 if page_bytes == 1 else page_bytes)
    there = max(0, _size(log) - _LOG_HEADER_BYTES) // frame
    return int(max(0, pages - max(copied, there)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
