from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.ledger_stage import Outcomes, SqliteStage, Stage
from tests.ledger.postgresql_stage import PostgresqlStage


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on each kind of store: what is tested with it is true of every ledger."""
    stage: Stage
    if request.param == "sqlite":
        stage = SqliteStage(tmp_path)
    else:
        stage = PostgresqlStage(request.getfixturevalue("postgresql"), monkeypatch)
    yield stage
    stage.finish()


@pytest.fixture
def sqlite_stage(tmp_path: Path) -> Iterator[SqliteStage]:
    stage = SqliteStage(tmp_path)
    yield stage
    stage.finish()


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes()
