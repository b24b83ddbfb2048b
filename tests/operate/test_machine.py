"""The checks of this machine pass where all is well, and name the cause of each thing that is not."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pycurl
import pytest
import trustme

from botkit.checks import Outcome
from botkit.config.settings import SecuritySettings, ServerSettings, Settings, StoreSettings
from botkit.errors import Problem
from botkit.http.network import ClientCertificate, Network
from botkit.operate.machine import Machine, machine_checks
from botkit.operate.running_service import Doorbell, hooks_seen, ring
from botkit.operate.store import Mount, StorePlace, mounts
from botkit.testing.serving import free_ports
from tests.config.folder import BOT, SERVER, Folder

GOOD = Machine(
    now=lambda: 1_796_000_000.0,
    files=lambda: 65_536,
    has_package=lambda _: True,
    ring=lambda *_: Doorbell.FREE,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        server=ServerSettings(),
        store=StoreSettings(f"sqlite:///{tmp_path}/botkit.db"),
        security=SecuritySettings(),
        bots=MappingProxyType({}),
    )


def outcomes(settings: Settings, machine: Machine = GOOD) -> dict[str, Outcome]:
    async def look() -> dict[str, Outcome]:
        return {check.name: await check.run() for check in machine_checks(settings, machine)}

    return asyncio.run(look())


def test_all_is_well_on_a_good_machine(settings: Settings, tmp_path: Path) -> None:
    found = outcomes(settings)
    assert [name for name, outcome in found.items() if not outcome.ok] == []
    assert not [*tmp_path.iterdir()], "the checks leave nothing behind"


def test_warnings_of_the_configuration_are_repeated(settings: Settings) -> None:
    problem = Problem("bots/a.yaml", 7, "handoff.end_chat_command", "is an opt-out keyword", "choose another")
    found = outcomes(replace(settings, warnings=(problem,)))["machine.configuration"]
    assert (found.ok, found.fix) == (True, "choose another")
    assert found.cause == "bots/a.yaml:7: handoff.end_chat_command: is an opt-out keyword"


@pytest.mark.parametrize(
    ("name", "machine", "ok", "cause"),
    [
        ("machine.software", {"openssl": (1, 1, 1)}, True, "gets no security fixes any more"),
        ("machine.software", {"has_package": lambda _: False}, True, "uvicorn is not installed"),
        ("machine.software", {"libcurl": 0x07_58_01}, False, "does not bound what it reads"),
        ("machine.clock", {"now": lambda: 946_684_800.0}, False, "the clock shows 2000-01-01 00:00 UTC, a time before"),
        ("machine.open_files", {"files": lambda: 256}, False, "at most 256 open files: room for about 0 conversations"),
        ("machine.open_files", {"files": lambda: 1024}, True, "room for about 724 conversations"),
        ("machine.port", {"ring": lambda *_: Doorbell.OTHER}, False, "another program listens on 127.0.0.1:8003"),
        ("machine.port", {"ring": lambda *_: Doorbell.NO_ADDRESS}, False, "127.0.0.1 is not an address of this machine"),
        ("machine.port", {"ring": lambda *_: Doorbell.NOT_ALLOWED}, False, "this user may not listen on"),
        ("machine.port", {"ring": lambda *_: Doorbell.SILENT}, False, "does not answer"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_machine(
    settings: Settings, name: str, machine: dict[str, Any], ok: bool | None, cause: str
) -> None:
    found = outcomes(settings, replace(GOOD, **machine))[name]
    assert found.ok is ok
    assert cause in found.cause
    assert found.fix


def test_a_service_that_runs_is_fine_and_no_limit_is_too(settings: Settings) -> None:
    found = outcomes(
        settings, replace(GOOD, ring=lambda *_: Doorbell.BOTKIT, files=lambda: resource.RLIM_INFINITY)
    )
    assert found["machine.port"].cause == "a BotKit answers at 127.0.0.1:8003"
    assert found["machine.open_files"].cause == "no limit of open files"


def test_a_port_that_changes_with_each_start_is_a_warning(settings: Settings) -> None:
    found = outcomes(replace(settings, server=ServerSettings(port=0)))["machine.port"]
    assert (found.ok, bool(found.fix)) == (True, True)


def test_a_clock_behind_the_files_is_wrong(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.server(SERVER)
    folder.bot(BOT)
    loaded = folder.load()
    (bot,) = loaded.bots.values()
    assert bot.file is not None
    os.utime(bot.file, (1_796_100_000, 1_796_100_000))
    assert "was changed later than that" in outcomes(loaded)["machine.clock"].cause


# --- certificate authorities ------------------------------------------------------------------------------------


def paths(*, capath: str) -> ssl.DefaultVerifyPaths:
    return ssl.DefaultVerifyPaths("", capath, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


def test_a_system_without_certificate_authorities(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths(capath=str(tmp_path / "none")))
    assert "no certificate authorities" in outcomes(settings)["machine.certificates"].cause
    bundle = tmp_path / "ca.pem"
    trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.write_to_path(bundle)
    found = outcomes(replace(settings, network=Network(ca_bundle=bundle)))["machine.certificates"]
    assert (found.ok, found.cause) == (
        True,
        f"certificate authorities from {bundle} alone; the system has none",
    )
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    assert "SSL_CERT_FILE names /no/such/file.pem" in outcomes(settings)["machine.certificates"].cause


def test_a_client_certificate_is_named(settings: Settings, tmp_path: Path) -> None:
    client = ClientCertificate(tmp_path / "client.pem", tmp_path / "client.key")
    found = outcomes(replace(settings, network=Network(client=client)))["machine.certificates"]
    assert found.cause.endswith(f"; client certificate {tmp_path / 'client.pem'}")


def test_http2_needs_a_libcurl_that_has_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for = replace(settings, network=Network(http_version="2"))
    assert not outcomes(asked_for)["machine.software"].fix
    monkeypatch.setattr(pycurl, "VERSION_HTTP2", 0)
    found = outcomes(asked_for)["machine.software"]
    assert (found.ok, "network.http_version" in found.cause) == (True, True)
    assert not outcomes(settings)["machine.software"].fix


# --- the store --------------------------------------------------------------------------------------------------


def made(file: Path, version: str = "1") -> Path:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (version,))
    connection.commit()
    connection.close()
    return file


def test_an_older_store_is_fine(tmp_path: Path) -> None:
    found = StorePlace(made(tmp_path / "a?b#c.db")).store()
    assert found.ok
    assert "the next start brings it from schema 1 to" in found.cause


def test_a_store_of_a_newer_version_is_not(tmp_path: Path) -> None:
    found = StorePlace(made(tmp_path / "b.db", "9999")).store()
    assert found.ok is False
    assert "was written by a newer BotKit (schema 9999" in found.cause


def test_a_store_that_a_service_has_open_is_left_alone(tmp_path: Path) -> None:
    file = made(tmp_path / "b.db", "9999")
    with (tmp_path / "b.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = StorePlace(file).store()
    assert (found.ok, found.cause) == (True, f"{file}; a running service has it open")
    assert StorePlace(file).store().ok is False


HOLDS = """
import fcntl, os, signal, sqlite3, sys
lock = open(sys.argv[1] + ".lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA journal_mode = WAL")
if sys.argv[2] == "writing":
    store.execute("BEGIN IMMEDIATE")
print("ready", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who holds a lock")
@pytest.mark.parametrize(
    ("doing", "cause"),
    [
        ("writing", "was stopped while it was writing to b.db, and keeps it locked"),
        ("nothing", "was stopped: it holds b.db, and without it nothing is decided or sent"),
    ],
)
def test_a_process_that_was_stopped_and_holds_the_others_up_is_named(
    tmp_path: Path, doing: str, cause: str
) -> None:
    file = made(tmp_path / "b.db")
    command = [sys.executable, "-c", HOLDS, str(file), doing]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            os.waitpid(holder.pid, os.WUNTRACED)
            found = StorePlace(file).store()
            os.kill(holder.pid, signal.SIGCONT)
            os.waitpid(holder.pid, os.WCONTINUED)
            assert StorePlace(file).store().ok
        finally:
            holder.kill()
    assert (found.ok, found.cause) == (False, f"process {holder.pid} {cause}")
    assert f"kill -CONT {holder.pid}" in found.fix


def test_what_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "b.db"
    file.write_text("hello, this is a text and no store")
    assert "is no SQLite store" in StorePlace(file).store().cause
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert "is damaged, or is not BotKit's" in StorePlace(file).store().cause


def test_a_store_that_this_user_may_not_touch(tmp_path: Path) -> None:
    nobody = StorePlace(tmp_path / "new" / "b.db", may=lambda *_: False).store()
    assert nobody.cause == f"{tmp_path}/new/b.db does not exist, and this user may not make it in {tmp_path}"
    assert "may not read and write" in StorePlace(made(tmp_path / "b.db"), may=lambda *_: False).store().cause


@pytest.mark.parametrize(
    ("kind", "ok", "cause"),
    [
        ("nfs4", False, "is on a network file system (nfs4)"),
        ("tmpfs", True, "is in memory (tmpfs)"),
        ("overlay", True, "is in the container's own layer"),
        ("ext4", True, "ext4"),
    ],
)
def test_the_file_system_of_the_store(tmp_path: Path, kind: str, ok: bool, cause: str) -> None:
    listed = (Mount("/", "btrfs"), Mount(str(tmp_path), kind), Mount("/elsewhere", "xfs"))
    found = StorePlace(tmp_path / "var" / "b.db", mounts=lambda: listed).file_system()
    assert found.ok is ok
    assert cause in found.cause


def test_a_file_system_that_cannot_be_told_is_undecided(tmp_path: Path) -> None:
    assert StorePlace(tmp_path / "b.db", mounts=tuple).file_system().ok is None
    assert any(mount.place == "/" for mount in mounts())


@pytest.mark.parametrize(
    ("megabytes", "ok", "warning"), [(50, False, True), (500, True, True), (5000, True, False)]
)
def test_free_space(tmp_path: Path, megabytes: int, ok: bool, warning: bool) -> None:
    found = StorePlace(tmp_path / "b.db", free_bytes=lambda _: megabytes * 1024 * 1024).free_space()
    assert (found.ok, bool(found.fix)) == (ok, warning)
    assert found.cause.startswith(f"{megabytes} MB free")


@pytest.mark.parametrize(
    ("slow", "cause"),
    [(0, "takes 1.0 ms, the slowest of 20 1.0 ms"), (1, "slowest of 20 50.0 ms"), (20, "takes 50.0 ms")],
)
def test_the_speed_of_the_disk(tmp_path: Path, slow: int, cause: str) -> None:
    times = iter(
        [step for turn in range(20) for step in (turn * 1.0, turn * 1.0 + (0.05 if turn < slow else 0.001))]
    )
    found = StorePlace(tmp_path / "b.db", monotonic=lambda: next(times)).speed()
    assert cause in found.cause
    assert bool(found.fix) is (slow > 0)
    assert not [*tmp_path.iterdir()]


# --- the running service ----------------------------------------------------------------------------------------


@contextmanager
def answering(pages: dict[str, bytes]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_botkit_is_known_by_its_health_and_another_program_is_not() -> None:
    with answering({"/kore/healthz": b'{"status":"ok"}\n'}) as port:
        assert ring("127.0.0.1", port, "/kore") is Doorbell.BOTKIT
        assert ring("127.0.0.1", port, "") is Doorbell.OTHER
        assert hooks_seen("127.0.0.1", port, "/kore") is None
    with answering({"/healthz": b"all is well"}) as port:
        assert ring("127.0.0.1", port, "") is Doorbell.OTHER


def test_a_free_port_and_a_strange_address() -> None:
    port = free_ports(1)
    assert ring("127.0.0.1", port, "") is Doorbell.FREE
    assert ring("192.0.2.1", port, "") is Doorbell.NO_ADDRESS
    assert hooks_seen("127.0.0.1", port, "") is None


def test_the_hooks_that_a_service_has_answered() -> None:
    lines = b"""# TYPE botkit_hooks_total counter
botkit_hooks_total{event="on_user_message",status="200"} 12.0
botkit_hooks_total{event="on_user_message",status="401"} 3.0
botkit_hooks_total{event="on_agent_transfer",status="200"} 1.0
"""
    with answering({"/metrics": lines}) as port:
        assert hooks_seen("0.0.0.0", port, "") == {
            "on_user_message": {200: 12, 401: 3},
            "on_agent_transfer": {200: 1},
        }
