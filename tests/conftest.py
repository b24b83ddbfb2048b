"""What holds for every test: nothing leaves this machine, and nothing of the machine's own settings gets in."""

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

# A busy machine is no finding. The suite tries the same examples every time, so that a run says something about a change and not
# about luck; `make search` looks for new ones.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=3000)
hypothesis.settings.load_profile("suite")

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class WentOutside(RuntimeError):
    """A test tried to reach another machine; let it talk to a server of its own on loopback."""


def pytest_configure() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C; programs that tests start must not inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays: it need not be looked through again and again."""
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
