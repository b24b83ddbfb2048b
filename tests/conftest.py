"""Rules of every test: no connection leaves this machine, and the machine's proxy settings are ignored.

And what keeps the suite fast: temporary files are in memory, and the files of tests that take longest are started first.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from botkit.testing import waiting
from tests.postgresql import Server

# No deadline: a busy machine is not a failure. The suite tries the same examples each time, so that failures come from changes,
# not from chance; `make test-slow` tries more of them, and `make search` new ones.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("slow", deadline=None, derandomize=True, max_examples=200)
hypothesis.settings.register_profile("search", deadline=None, max_examples=3000)
hypothesis.settings.load_profile("suite")

_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 1024**3
"""Bytes; a whole run writes less than 100 MB."""

_LONGEST_FIRST = (
    "typing",
    "browser",
    "cli/test_serve",
    "faults/test_kill_live_chat",
    "faults/test_workers",
    "hostile",
    "scenarios/test_demo_check",
    "faults",
    "ledger/test_ledger",
    "properties",
    "benchmarks",
    "examples",
    "cli",
    "scenarios",
    "sandbox",
)
"""Folders and files under tests/. A long one that starts last would run alone, on one processor."""

gc.disable()  # Until all tests are collected: nothing of them can be collected as garbage.

waiting.DEADLINE_SECONDS = 45.0  # A busy machine is not a failure.

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class WentOutside(RuntimeError):
    """A test tried to reach another machine. Give it a server on loopback."""


def pytest_configure() -> None:
    """A shell makes background processes ignore Ctrl-C, and nohup hang-ups. Programs that tests start must not inherit that."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take longest first. The order within a file stays."""
    here = Path(__file__).parent

    @cache
    def place(file: Path) -> int:
        path = file.relative_to(here).with_suffix("").as_posix()
        return next(
            (n for n, first in enumerate(_LONGEST_FIRST) if f"{path}/".startswith(f"{first}/")),
            len(_LONGEST_FIRST),
        )

    items.sort(key=lambda item: place(item.path))


def pytest_collection_finish() -> None:
    """Collected tests stay in memory: exclude them from garbage collections, which began to be worth it only now."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Each test finds structlog unconfigured: `capture_logs` leaves it configured, and events would then bypass `caplog`."""
    if structlog.is_configured():
        structlog.reset_defaults()


def _keep_temporary_files_in_memory() -> None:
    """Let tests and the processes they start write to memory: most write a store, and each of its commits waits for the disk.

    A chosen TMPDIR is kept, and memory that is small or from which nothing may be executed is not used.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    about = os.statvfs(_MEMORY)
    if about.f_bavail * about.f_frsize < _MEMORY_NEEDED or about.f_flag & os.ST_NOEXEC:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


_keep_temporary_files_in_memory()


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Sockets connect to loopback addresses (and to none by name but localhost); no proxy is used."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _PROXIES:
            for spelled in (name, name.upper()):
                if spelled in os.environ:
                    patch.delenv(spelled)
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
        yield


@pytest.fixture
def collected() -> Iterator[None]:
    """Tasks of a loop that is gone say so when they are collected: after this test, and not in another one."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A running PostgreSQL server. It starts in a second: only tests that use a database should ask for it."""
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(str(address[0])):
            raise WentOutside(f"a test tried to connect to {address[0]}")
        return connect(self, address)

    return guarded


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
