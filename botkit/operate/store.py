"""Checks of the SQLite store and of the disk that it is on. None of them opens the store while a service has it."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from botkit.checks import Outcome, failed, passed, undecided, warned
from botkit.ledger.sqlite.migrations import MIGRATIONS, version_of
from botkit.ledger.sqlite.trouble import stopped

_HEADER = b"SQLite format 3\0"
_MIB = 1024 * 1024
_LITTLE_SPACE, _NO_SPACE = 1024 * _MIB, 100 * _MIB
_SLOW_SECONDS = 0.020
_WRITES = 20
_BLOCK = b"\0" * 4096
_NETWORK = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs",
     "nfs", "nfs4", "smb3", "smbfs", "virtiofs")
)  # fmt: skip
_MEMORY = frozenset(("ramfs", "tmpfs"))


class Mount(NamedTuple):
    """A line of /proc/mounts."""

    place: str
    kind: str


def mounts() -> tuple[Mount, ...]:
    """The mounted file systems; none on a system that does not list them there."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    split = (line.split(" ") for line in lines)
    return tuple(Mount(parts[1].replace("\\040", " "), parts[2]) for parts in split if len(parts) > 2)


@dataclass(frozen=True, slots=True)
class StorePlace:
    """The place of a store, and what the checks read of it; tests pass their own."""

    file: Path
    mounts: Callable[[], tuple[Mount, ...]] = mounts
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    monotonic: Callable[[], float] = time.perf_counter
    may: Callable[[Path, int], bool] = os.access

    def store(self) -> Outcome:
        """The store can be opened, or made."""
        if not self.file.exists():
            return self._to_be_made()
        if not self.may(self.file, os.R_OK | os.W_OK) or not self.may(self.file.parent, os.W_OK):
            return failed(
                f"this user may not read and write {self.file} and its folder",
                "run botkit as the user who owns the store, or give them to this one (chown)",
            )
        try:
            with self.file.open("rb") as opened:
                head = opened.read(len(_HEADER))
        except OSError as error:
            return failed(f"{self.file} cannot be read: {error.strerror}", "correct store.url")
        if head and head != _HEADER:
            return failed(f"{self.file} is no SQLite store", "correct store.url, or move that file away")
        return self._opened()

    def file_system(self) -> Outcome:
        """The store's file system keeps what was written, and its locks hold."""
        folder = _existing(self.file.parent)
        around = [mount for mount in self.mounts() if folder.is_relative_to(mount.place)]
        if not around:
            return undecided(
                "the kind of the file system cannot be told here", "keep the store on a local disk"
            )
        kind = max(around, key=lambda mount: len(mount.place)).kind
        if kind in _NETWORK:
            return failed(
                f"{folder} is on a network file system ({kind}), where SQLite's locks and fsync cannot be relied on",
                "put the store on a local disk",
            )
        if kind in _MEMORY:
            return warned(
                f"{folder} is in memory ({kind}): a restart of the machine or container loses what is in the store",
                "put the store on a disk",
            )
        if kind == "overlay":
            return warned(
                f"{folder} is in the container's own layer ({kind}), which goes with the container",
                "put the store on a volume",
            )
        return passed(kind)

    def free_space(self) -> Outcome:
        """There is room for the store to grow."""
        folder = _existing(self.file.parent)
        free = self.free_bytes(folder)
        seen = f"{free // _MIB} MB free at {folder}"
        fix = "make room, or put the store on another disk; on a full disk every hook is refused"
        if free < _NO_SPACE:
            return failed(seen, fix)
        return warned(seen, fix) if free < _LITTLE_SPACE else passed(seen)

    def speed(self) -> Outcome:
        """Writes reach the disk in time: each hook waits for one."""
        folder = _existing(self.file.parent)
        try:
            seconds = sorted(self._writes(folder))
        except OSError as error:
            return failed(f"nothing can be written to {folder}: {error.strerror}", "correct store.url")
        median, worst = statistics.median(seconds), seconds[-1]
        seen = f"a write of 4 KB to {folder} takes {median * 1000:.1f} ms, the slowest of {_WRITES} {worst * 1000:.1f} ms"
        if median > _SLOW_SECONDS:
            return warned(
                f"{seen}: each hook waits for one",
                "put the store on a local disk, best an SSD with its own cache",
            )
        if worst > _SLOW_SECONDS:
            return warned(seen, "run it again when the disk is idle; a busy disk delays hooks")
        return passed(seen)

    def _to_be_made(self) -> Outcome:
        parent = _existing(self.file.parent)
        if not parent.is_dir() or not self.may(parent, os.W_OK | os.X_OK):
            return failed(
                f"{self.file} does not exist, and this user may not make it in {parent}",
                "correct store.url, or give this user the folder",
            )
        return passed(f"{self.file} does not exist yet; the first start makes it")

    def _opened(self) -> Outcome:
        with _noticing_a_service(self.file.with_name(self.file.name + ".lock")) as busy:
            if busy:
                if (found := stopped(self.file)) is not None:
                    return failed(found.cause, found.fix)
                return passed(f"{self.file}; a running service has it open")
            try:
                version = _version(self.file)
            except (sqlite3.Error, ValueError):
                return failed(
                    f"{self.file} is damaged, or is not BotKit's",
                    "restore it from a backup, or correct store.url",
                )
        if version > len(MIGRATIONS):
            return failed(
                f"{self.file} was written by a newer BotKit (schema {version}, this one knows {len(MIGRATIONS)})",
                "run the newer BotKit, or name another file in store.url",
            )
        old = (
            f"; the next start brings it from schema {version} to {len(MIGRATIONS)}"
            if version < len(MIGRATIONS)
            else ""
        )
        return passed(f"{self.file}{old}")

    def _writes(self, folder: Path) -> Iterator[float]:
        descriptor, scratch = tempfile.mkstemp(prefix=".botkit-doctor-", dir=folder)
        try:
            for _ in range(_WRITES):
                began = self.monotonic()
                os.write(descriptor, _BLOCK)
                os.fsync(descriptor)
                yield self.monotonic() - began
        finally:
            os.close(descriptor)
            os.unlink(scratch)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


@contextmanager
def _noticing_a_service(lock: Path) -> Iterator[bool]:
    """Whether a service holds the lock. If not, none can start within the context; it waits longer than that."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        yield True
    else:
        yield False
    finally:
        os.close(descriptor)


def _version(file: Path) -> int:
    # `immutable` reads the file alone: nothing is written beside it, and no journal is replayed.
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)) as connection:
        return version_of(connection)
