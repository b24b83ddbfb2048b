"""Rules of every test: no connection leaves this machine, and the machine's proxy settings are ignored."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

# No deadline: a busy machine is not a failure. The suite tries the same examples each time, so that failures come from changes,
# not from chance; `make search` tries new ones.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=3000)
hypothesis.settings.load_profile("suite")

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class WentOutside(RuntimeError):
    """A test tried to reach another machine. Give it a server on loopback."""


def pytest_configure() -> None:
    """A shell makes background processes ignore Ctrl-C. Programs that tests start must not inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Collected tests stay in memory: exclude them from garbage collections."""
    gc.collect()
    gc.freeze()


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
