"""Checks of this machine: the configuration's warnings, the software, the store and its disk, the limits of the process."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pycurl

from botkit.checks import Check, Outcome, failed, passed, warned
from botkit.config.settings import Settings
from botkit.config.values import store_file
from botkit.http.curl import OLDEST_LIBCURL
from botkit.http.network import Network
from botkit.operate.running_service import Doorbell, ring
from botkit.operate.store import StorePlace
from botkit.operate.store_server import StoreServer

_FILES_BESIDE_CONVERSATIONS = 300
"""Open files of a service besides one event stream for each conversation with an agent: calls, hooks, the store."""
_MANY_FILES, _FEW_FILES = 4_096, 512
_BEFORE_THIS_VERSION = 1_735_689_600.0
"""A clock that shows an earlier time (1 January 2025) was never set."""
_CLOCK_BEHIND_FILE_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks read of the machine; tests pass their own."""

    now: Callable[[], float] = time.time
    files: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    """The hard limit of open files: `botkit serve` raises the soft one up to it."""
    has_package: Callable[[str], bool] = lambda name: find_spec(name) is not None
    openssl: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO
    libcurl: int = pycurl.version_info()[2]
    ring: Callable[[str, int, str], Doorbell] = field(default=ring)


def machine_checks(settings: Settings, machine: Machine = Machine()) -> Sequence[Check]:
    """The checks that need no network, named ``machine.…``."""
    file = store_file(settings.store.url)
    checks = [
        _check("machine.configuration", lambda: _warnings(settings)),
        _check("machine.software", lambda: _software(machine, settings.network)),
        _check("machine.certificates", lambda: _certificates(settings.network, os.environ)),
        _check("machine.clock", lambda: _clock(settings, machine)),
        _check("machine.open_files", lambda: _open_files(machine.files())),
        _check("machine.port", lambda: _port(settings, machine)),
    ]
    if file is not None:
        place = StorePlace(file)
        checks += [
            _check("machine.store", place.store),
            _check("machine.file_system", place.file_system, "machine.store"),
            _check("machine.free_space", place.free_space, "machine.store"),
            _check("machine.disk_speed", place.speed, "machine.store"),
        ]
    else:
        server = StoreServer(settings.store)
        checks += [
            _check("machine.store", server.store),
            _check("machine.store_notifications", server.notifications, "machine.store"),
            _check("machine.store_speed", server.speed, "machine.store"),
        ]
    return checks


def _check(name: str, look: Callable[[], Outcome], *rests_on: str) -> Check:
    """A check that blocks for a moment, so it looks in a thread."""

    async def run() -> Outcome:
        return await asyncio.to_thread(look)

    return Check(name, run, rests_on)


def _warnings(settings: Settings) -> Outcome:
    if not settings.warnings:
        return passed(f"no warnings; {len(settings.bots)} bot{'s' if len(settings.bots) > 1 else ''}")
    said = [f"{warning.file}:{warning.line}: {warning.path}: {warning.what}" for warning in settings.warnings]
    return warned("; ".join(said), "; ".join(dict.fromkeys(warning.fix for warning in settings.warnings)))


def _software(machine: Machine, network: Network) -> Outcome:
    libcurl = pycurl.version_info()
    seen = (
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, libcurl {libcurl[1]} with {libcurl[5]}"
    )
    if machine.libcurl < OLDEST_LIBCURL:
        what = f"{seen}: this libcurl does not bound what it reads, and BotKit does not start with it"
        return failed(
            what, "install pycurl from its wheel: pip install --force-reinstall --only-binary :all: pycurl"
        )
    if network.http_version == "2" and not libcurl[4] & pycurl.VERSION_HTTP2:
        return warned(
            f"{seen}: it was built without HTTP/2, so network.http_version: 2 has no effect",
            "install pycurl from its wheel: pip install --force-reinstall --only-binary :all: pycurl",
        )
    if machine.openssl < (3, 0):
        return warned(f"{seen}: this OpenSSL gets no security fixes any more", "use a Python with OpenSSL 3")
    if not machine.has_package("uvicorn"):
        what = f"{seen}; uvicorn is not installed, which botkit serve needs"
        return warned(
            what, "pip install 'botkit[serve]'; an application that mounts the kit does not need it"
        )
    return passed(seen)


def _certificates(network: Network, environ: Mapping[str, str]) -> Outcome:
    paths = ssl.get_default_verify_paths()
    for name in (paths.openssl_cafile_env, paths.openssl_capath_env):
        if (place := environ.get(name)) and not Path(place).exists():
            return failed(f"{name} names {place}, which does not exist", f"correct {name}, or unset it")
    found = [place for place in (paths.cafile, paths.capath) if place and _has_certificates(Path(place))]
    added = f", and {network.ca_bundle}" if network.ca_bundle else ""
    added += f"; client certificate {network.client.certificate}" if network.client else ""
    if found:
        return passed(f"certificate authorities from {found[0]}{added}")
    if network.ca_bundle:
        return warned(
            f"certificate authorities from {network.ca_bundle} alone; the system has none",
            "install the package ca-certificates, unless that file is meant to be all",
        )
    return failed(
        "the system has no certificate authorities, so no server's certificate can be checked",
        "install the package ca-certificates, or name a PEM file in network.ca_bundle",
    )


def _has_certificates(place: Path) -> bool:
    if place.is_dir():
        return any(True for _ in place.iterdir())
    return place.is_file() and place.stat().st_size > 0


def _clock(settings: Settings, machine: Machine) -> Outcome:
    now = machine.now()
    fix = "set the clock, and let it be kept by NTP (timedatectl set-ntp true)"
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now < _BEFORE_THIS_VERSION:
        return failed(f"the clock shows {shown}, a time before this version of BotKit", fix)
    for file in filter(None, (bot.file for bot in settings.bots.values())):
        if file.exists() and file.stat().st_mtime > now + _CLOCK_BEHIND_FILE_SECONDS:
            return failed(f"the clock shows {shown}, but {file} was changed later than that", fix)
    return passed(f"{shown}; the platform's and the agents' side's clocks are compared below")


def _open_files(limit: int) -> Outcome:
    if limit == resource.RLIM_INFINITY:
        return passed("no limit of open files")
    room = max(0, limit - _FILES_BESIDE_CONVERSATIONS)
    seen = f"at most {limit} open files: room for about {room} conversations with agents at a time"
    fix = "raise it: LimitNOFILE=65536 in the systemd unit, --ulimit nofile=65536 with docker"
    if limit < _FEW_FILES:
        return failed(seen, fix)
    return warned(seen, fix) if limit < _MANY_FILES else passed(seen)


def _port(settings: Settings, machine: Machine) -> Outcome:
    server = settings.server
    shown = f"{server.host}:{server.port}"
    if server.port == 0:
        return warned(
            "server.port is 0: each start takes another port",
            "write the port that the Callback URL leads to",
        )
    match machine.ring(server.host, server.port, server.prefix):
        case Doorbell.FREE:
            return passed(f"{shown} is free; no service runs here")
        case Doorbell.BOTKIT:
            return passed(f"a BotKit answers at {shown}")
        case Doorbell.OTHER:
            return failed(f"another program listens on {shown}", "stop it, or choose another server.port")
        case Doorbell.NO_ADDRESS:
            return failed(
                f"{server.host} is not an address of this machine",
                "write 127.0.0.1 behind a proxy on this machine, or 0.0.0.0 in a container",
            )
        case Doorbell.NOT_ALLOWED:
            return failed(f"this user may not listen on {shown}", "choose a server.port of 1024 or more")
        case Doorbell.SILENT:
            return failed(
                f"a program listens on {shown} and does not answer, so botkit serve cannot start",
                "find it (ss -ltnp), and stop it or choose another server.port",
            )
