"""The session that owns shards."""

from __future__ import annotations

import pytest

from botkit.ledger.postgresql.database import connect, in_one_round_trip
from botkit.ledger.postgresql.ownership import SESSION
from botkit.testing.waiting import until
from tests.postgresql import Server


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ("idle_session_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("tcp_user_timeout", "5000"),  # the kernel's answer, in milliseconds
    ],
)
def test_the_server_ends_it_after_five_seconds_of_silence(postgresql: Server, limit: str, shown: str) -> None:
    with connect(postgresql.url, "owner of a test", settings=SESSION) as connection:
        assert connection.execute(f"SHOW {limit}").fetchone() == (shown,)


def test_the_server_also_ends_it_when_the_last_that_it_heard_is_a_commit(postgresql: Server) -> None:
    def lives() -> bool:
        query = "SELECT FROM pg_stat_activity WHERE application_name = 'botkit owner silent'"
        return witness.execute(query).fetchone() is not None

    with connect(postgresql.url, "witness") as witness:
        silent = connect(postgresql.url, "owner silent", settings={"idle_session_timeout": 200})
        with in_one_round_trip(silent):
            silent.execute("BEGIN")
            silent.execute("COMMIT")
        until(lambda: not lives(), "until the server ends the session")
        silent.close()
