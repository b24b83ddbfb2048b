"""Servers with several workers that are killed: one store, one conversation, nothing lost, nothing shown twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from botkit.testing.clouds import Clouds
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from tests.faults.services import children_of, is_alive
from tests.scenarios.bot import write_bot
from tests.scenarios.service import Service
from tests.scenarios.stage import JANE, Stage, configured

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = "tests.faults.worker_app:app"
WORKERS = 2
START_SECONDS = 60.0
"""Three interpreters import everything at the same time, on a machine that may be busy with other tests."""
pytestmark = pytest.mark.timeout(180)


def gunicorn(port: int) -> list[str]:
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", "8"]
    # A hook on a connection that gunicorn closes just then would fail; it does so after 2 seconds without one.
    limits = ["--keep-alive", "75", "--graceful-timeout", "5"]
    return [sys.executable, "-m", "gunicorn", *bind, *limits, "--preload", APPLICATION]


def granian(port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS)]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", *where]
    return [*command, "--blocking-threads", "8", "--respawn-failed-workers", APPLICATION]


class Workers:
    """A server's process group on one store."""

    def __init__(self, command: Callable[[int], list[str]], configuration: Path) -> None:
        self.configuration = configuration
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = command
        self._log = configuration.parent / "workers.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(self.port),
                cwd=ROOT,
                env={**os.environ, "BOTKIT_CONFIG": str(self.configuration)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.ready, f"for the workers; they said {self._log}", seconds=START_SECONDS)

    def ready(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()[-3000:]
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    def answering(self) -> set[int]:
        """The workers that answer; each connection may come to another."""
        return {int(requests.get(f"{self.url}/worker", timeout=30).text) for _ in range(8)}

    def pids(self) -> list[int]:
        return children_of(self.process.pid)

    def leader(self) -> int:
        """The worker that holds the store's lock."""
        inode = (self.configuration.parent / "botkit.db.lock").stat().st_ino

        def holder() -> int:
            for line in Path("/proc/locks").read_text().splitlines():
                if found := re.search(rf"FLOCK\s+ADVISORY\s+WRITE\s+(\d+)\s+\S+:{inode}\s", line):
                    return int(found[1])
            return 0

        return until(holder, "for a worker to hold the store")

    def kill_everything(self) -> None:
        pids = [self.process.pid, *self.pids()]
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(START_SECONDS)
        until(lambda: not any(is_alive(pid) for pid in pids), "for the workers to be gone")

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_SECONDS)
        finally:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)

    def in_another_process(self, code: str) -> None:
        subprocess.run(
            [sys.executable, "-c", f"from tests.faults.worker_app import kit\n{code}"],
            cwd=ROOT,
            env={**os.environ, "BOTKIT_CONFIG": str(self.configuration)},
            check=True,
            timeout=START_SECONDS,
        )


class House(Stage):
    """A stage whose service is a server with workers."""

    @property
    def workers(self) -> Workers:
        return cast(Workers, self.service)

    def acknowledged(self, user_id: str) -> set[str]:
        """The user's messages that the service accepted."""
        return {
            str(json.loads(entry.request_body)["message"])
            for entry in self.wire("on_user_message", about=user_id)
            if entry.status == 200 and '"message":"message ' in entry.request_body
        }

    def stock_is_asked_for(self, person: Any) -> str:
        """Returns the requestId of the deferred webhook."""
        person.says("stock please")
        request_id = str(person.hears("looking: ").text.removeprefix("looking: "))
        # The debt is committed before the answer 202 is on its way; a kill in between would lose the answer only.
        until(
            lambda: [one for one in self.wire("on_webhook", about=person.id) if one.status == 202],
            "for the 202",
        )
        return request_id


@pytest.fixture(
    scope="module",
    params=[gunicorn, pytest.param(granian, marks=pytest.mark.slow)],
    ids=["gunicorn", "granian"],
)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("workers")
    clouds = Clouds(write_bot(folder / "bot"))
    try:
        path = configured(folder, clouds, receive="stream", server={}, bot={"kore": {"keep_payloads": True}})
        workers = Workers(request.param, path)
        try:
            house = House(clouds, cast(Service, workers), path)
            house.hooks_go_to(workers.url)
            yield house
        finally:
            workers.close()
    finally:
        clouds.close()


def test_a_conversation_goes_on_in_whichever_worker_its_hooks_come_to(house: House) -> None:
    until(lambda: house.workers.answering() == set(house.workers.pids()), "for every worker to answer")
    ada = house.person()
    case = ada.is_helped_by(JANE)
    for number in range(8):
        ada.says(f"message {number}")
        case.told_by(JANE, f"answer {number}")
    case.gets("message 7")
    ada.hears("answer 7")
    assert case.typed() == [f"message {number}" for number in range(8)]
    assert list(ada.told(by="agent")) == [f"answer {number}" for number in range(8)]


def test_every_worker_shows_the_numbers_of_all(house: House) -> None:
    ada = house.person()
    for _ in range(6):
        before = len(ada.told())
        ada.says("who?")
        until(lambda: len(ada.told()) > before, "for an answer")  # noqa: B023 - looked at here
    shown = {
        line
        for _ in range(12)
        for line in requests.get(f"{house.workers.url}/metrics", timeout=30).text.splitlines()
        if line.startswith('botkit_handlers_total{event="on_user_message",handler="who",outcome="answered"}')
    }
    assert len(shown) == 1


def test_when_the_worker_that_holds_the_store_is_killed_another_goes_on_in_its_place(house: House) -> None:
    ada = house.person()
    case = ada.is_helped_by(JANE)
    waiting = house.person("Wilma Waiting")
    request_id = house.stock_is_asked_for(waiting)
    killed = house.workers.leader()

    def write() -> None:
        for number in range(12):  # Salesforce takes 22 a minute.
            ada.says(f"message {number}")

    writing = threading.Thread(target=write)
    writing.start()
    case.gets("message 2")
    os.kill(killed, signal.SIGKILL)
    writing.join(START_SECONDS)
    assert not writing.is_alive(), "the last one would overtake the others"
    ada.says("the last one")
    case.gets("the last one")
    assert house.workers.leader() != killed
    typed = case.typed()
    # The platform takes the killed worker's hooks for failed and does not repeat them: they were not acknowledged.
    assert typed == [*sorted(typed[:-1], key=lambda text: int(text.split()[1])), "the last one"]
    assert len(set(typed)) == len(typed)
    acknowledged = house.acknowledged(ada.id)
    assert acknowledged <= set(typed)
    case.told_by(JANE, "still here")
    ada.hears("still here")
    house.workers.in_another_process(f"kit.respond_to_hook({request_id!r}, {{'stock': 'seven'}})")
    waiting.hears("We have seven.")


def test_a_deferred_webhook_is_answered_after_everything_was_killed_and_started_again(house: House) -> None:
    ada = house.person()
    request_id = house.stock_is_asked_for(ada)
    house.workers.kill_everything()
    house.workers.start()
    house.workers.in_another_process(f"kit.respond_to_hook({request_id!r}, {{'stock': 'plenty'}})")
    ada.hears("We have plenty.")


@pytest.mark.slow
def test_another_process_writes_to_a_user(house: House) -> None:
    ada = house.person()
    ada.says("who?")
    ada.hears("worker ")
    bot_id = house.clouds.kore.bot_id
    house.workers.in_another_process(f"kit.conversation({bot_id!r}, {ada.id!r}).send('from a job')")
    ada.hears("from a job")
