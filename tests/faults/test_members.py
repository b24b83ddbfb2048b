"""Several services on one PostgreSQL store: when one goes, or another comes, the conversations go on elsewhere.

The services may be of two versions: during a rolling upgrade, and when it is taken back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import yaml

from botkit.ledger.postgresql.migrations import MIGRATIONS, version_of
from botkit.ledger.postgresql.ownership import LOCK
from botkit.testing.waiting import until
from tests.faults.services import ROOT, Process, configuration
from tests.faults.stage import Stage, Talk
from tests.postgresql import Server

pytestmark = pytest.mark.cluster

SHARES = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s GROUP BY pid ORDER BY 1"
NEXT_MIGRATION = """-- usable from version {usable_from}
ALTER TABLE answers ADD COLUMN remark text;
"""


@dataclass
class Services:
    """Two services on one store; the platform's hooks go to the first."""

    path: Path
    stage: Stage
    store: str
    first: Process
    second: Process
    talks: list[Talk] = field(default_factory=list)

    def share(self, shards: Sequence[int]) -> bool:
        """Whether the services have so many shards each."""
        with psycopg.connect(self.store, autocommit=True) as connection:
            return [number for (number,) in connection.execute(SHARES, (LOCK,))] == list(shards)

    def are_received(self, *others: Process) -> bool:
        """Whether each conversation has a stream, in one service."""
        running = [one for one in (self.first, self.second, *others) if one.process.poll() is None]
        return sum(streams(service) for service in running) == len(self.talks)

    def each_side_speaks(self, text: str) -> None:
        for talk in self.talks:
            talk.types(f"typed {text}")
            talk.agent_says(f"said {text}")

    def everything_arrives(self) -> None:
        for talk in self.talks:
            talk.both_sides_have_everything()
            assert talk.acknowledged(talk.typed[-1])


def streams(service: Process) -> float:
    """The number of agent sessions that the service listens to."""
    return service.metric("botkit_receivers")


@pytest.fixture
def services(stage: Stage, postgresql: Server, tmp_path: Path) -> Iterator[Services]:
    path = configuration(tmp_path, stage)
    server = yaml.safe_load(path.read_text())
    store = postgresql.empty()
    path.write_text(yaml.safe_dump(server | {"store": {"url": store}}))
    with Process(path, stage) as first, Process(path, stage) as second:
        stage.hooks_go_to(first.url)
        services = Services(path, stage, store, first, second)
        until(lambda: services.share((32, 32)), "until each has half", seconds=20)
        while len(services.talks) < 4 or not (streams(first) and streams(second)):
            talk = stage.new_user()
            talk.talks()
            services.talks.append(talk)
            until(services.are_received)
        services.each_side_speaks("at first")
        services.everything_arrives()
        yield services


def test_conversations_go_on_when_their_service_is_killed(services: Services) -> None:
    services.each_side_speaks("just before")
    services.second.kill()
    services.each_side_speaks("after it")
    for talk in services.talks:
        talk.last_words_have_arrived()
        assert list(dict.fromkeys(talk.shown())) == talk.said
        assert list(dict.fromkeys(talk.arrived())) == talk.typed
    repeated = sum(len(talk.shown()) - len(talk.said) for talk in services.talks)
    assert repeated <= services.first.metric("botkit_possible_duplicates_total")
    until(services.are_received)


def test_conversations_move_to_a_service_that_comes_and_back_when_it_goes(services: Services) -> None:
    with Process(services.path, services.stage) as third:
        services.stage.hooks_go_to(services.first.url)
        services.each_side_speaks("while they move")
        until(lambda: services.share((20, 22, 22)), "until each has a third", seconds=20)
        services.each_side_speaks("after it")
        services.everything_arrives()
        until(lambda: services.are_received(third))
        services.each_side_speaks("just before it goes")
    services.each_side_speaks("after it has gone")
    services.everything_arrives()
    until(services.are_received)
    for service in (services.first, services.second):
        assert service.metric("botkit_possible_duplicates_total") == 0


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The folder of the next version of the program, which adds a column that this one does not know."""
    folder = tmp_path / "newer"
    for name in ("botkit", "schemas"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    number = len(MIGRATIONS)
    script = folder / "botkit" / "ledger" / "postgresql" / "migrations" / f"{number + 1:04}_remarks.sql"
    script.write_text(NEXT_MIGRATION.format(usable_from=number))
    return folder


def test_nothing_is_lost_or_refused_by_an_upgrade_one_by_one_and_back(
    services: Services, newer: Path, postgresql: Server
) -> None:
    for folder in (newer, ROOT):
        for one, other in ((services.first, services.second), (services.second, services.first)):
            services.stage.hooks_go_to(other.url)
            services.each_side_speaks(f"before one is {folder.name}")
            replace(services, one, folder)
            services.each_side_speaks(f"when one is {folder.name}")
            services.everything_arrives()
        until(services.are_received)
        with psycopg.connect(postgresql.url, autocommit=True) as connection:
            assert version_of(connection) == len(MIGRATIONS) + 1
    assert services.first.possible_duplicates == services.second.possible_duplicates == 0


def replace(services: Services, one: Process, folder: Path) -> None:
    """Stop a service in good order and start its other version, while each side speaks."""
    one.process.terminate()
    services.each_side_speaks(f"while one becomes {folder.name}")
    one.process.wait(60)
    one.folder = folder
    one.start()
    until(lambda: services.share((32, 32)), "until each has half again", seconds=20)
