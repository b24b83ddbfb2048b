"""The session that owns shards."""

from __future__ import annotations

import pytest

from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.ownership import SESSION
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
