"""`botkit store copy` prints what has arrived, and refuses what would lose something."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from botkit.cli import main
from botkit.ledger.copying import Table
from botkit.ledger.stores import source_at
from tests.ledger.ledger_stage import SqliteStage
from tests.postgresql import PASSWORD, Server


def copy(source: str, target: str) -> Result:
    return CliRunner().invoke(main, ["store", "copy", "--from", source, "--to", target])


def test_the_rows_that_have_arrived_are_counted(postgresql: Server, tmp_path: Path) -> None:
    stage = SqliteStage(tmp_path)
    stage.submit(stage.inputs.transfers("u-1"))
    stage.ledger.close()
    database = postgresql.empty()
    result = copy(f"sqlite:///{stage.path}", database)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "conversations          1",
        "effects                2",
        "payloads               1",
        "keys                   1",
        "steps                  1",
        "Everything has arrived. Name the new store in store.url, and move the old one away.",
    ]
    with source_at(database) as source:
        assert source.counts()[Table.EFFECTS] == 2


def test_a_store_that_cannot_be_copied_is_an_error_without_a_password(
    postgresql: Server, tmp_path: Path
) -> None:
    result = copy(postgresql.empty(), f"sqlite:///{tmp_path}/new.db")
    assert result.exit_code == 1
    assert result.stderr == f"BK-3000: there is no store at 127.0.0.1:{postgresql.port}/postgres\n"
    wrong = postgresql.url.replace(PASSWORD, "hunter2")
    result = copy(wrong, f"sqlite:///{tmp_path}/new.db")
    assert result.exit_code == 1
    assert "BK-3004" in result.stderr
    assert "hunter2" not in result.output
    assert copy("mysql://db/x", f"sqlite:///{tmp_path}/new.db").exit_code == 1


def test_two_stores_of_which_none_is_the_right_kind_are_a_mistake_in_the_call(tmp_path: Path) -> None:
    one, two = "postgresql://a/b", "postgresql://c/d"
    assert "pg_dump" in copy(one, two).stderr
    file = f"sqlite:///{tmp_path}/botkit.db"
    result = copy(file, file)
    assert (result.exit_code, "both are the same store" in result.stderr) == (2, True)


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    result = copy("postgresql://db/botkit", f"sqlite:///{tmp_path}/new.db")
    assert result.exit_code == 1
    assert result.stderr == (
        "BK-3004: a PostgreSQL store needs psycopg, which is not installed; pip install 'botkit[postgresql]'\n"
    )
