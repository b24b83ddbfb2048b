"""An owner on a server that it must not use, and with a row that it cannot read."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.errors import ProgramLimitExceeded
from structlog.testing import capture_logs

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql import owner, reading
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.owner import Owner
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.reading import Gained
from botkit.ledger.postgresql.shards import SHARDS, shard_of
from botkit.testing.waiting import until
from tests.postgresql import Server

ADA = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada")


def _passes(conversation: Conversation, _: Event) -> Decision:
    return Decision(conversation, (PassToBot(),))


def _says(text: str) -> Input:
    event = UserMessage(key=text, at=Instant(1.0), text=text, agent_transfer=None)
    return Input(ADA, event, HookBody(text.encode()))


@contextmanager
def owner_of_all(url: str, told: list[str] | None = None) -> Iterator[PostgresLedger]:
    """A ledger that owns every shard; `told` gets the user of each commit that the relay is told of.

    It is closed also if the test fails: the next test has the same server.
    """

    def tell(batch: Sequence[Committed]) -> None:
        if told is not None:
            told.extend(one.conversation.id.user_id for one in batch)

    ledger = PostgresLedger(url, _passes)
    ledger.start(tell)
    try:
        until(lambda: len(ledger._owner._own.shards) == SHARDS, "until it owns every shard")
        yield ledger
    finally:
        ledger.close()


def test_nothing_is_attempted_on_a_server_that_cannot_write(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "_RETRY_SECONDS", 0.01)
    with (
        owner_of_all(postgresql.empty()) as ledger,
        psycopg.connect(postgresql.url, autocommit=True) as admin,
        capture_logs() as lines,
    ):
        try:
            admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'botkit owner %'"
            )
            why = {"event": "store_lost", "reason": "ReadOnlySqlTransaction", "log_level": "error"}
            until(lambda: why in lines, "for the log to say why")
            assert not ledger.may_act()
            assert not ledger.healthy()
        finally:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
        until(ledger.healthy, "for the server to be usable again")


def test_shards_are_read_a_few_at_a_time(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def of_shards(connection: Connection, shards: Sequence[int], *_: object) -> Gained:
        read.append(len(shards))
        return Gained((), (), 0)

    monkeypatch.setattr(reading, "of_shards", of_shards)
    with capture_logs() as lines, owner_of_all(postgresql.empty()):
        pass
    assert read == [owner.MAX_CLAIMED] * (SHARDS // owner.MAX_CLAIMED)
    assert [line["event"] for line in lines].count("shards_gained") == 1


def test_effects_are_read_some_at_a_time_and_the_session_is_never_silent_for_long(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others end the session of an owner that is in one statement for too long."""
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 2)
    with owner_of_all(postgresql.empty()) as ledger:
        for number in range(5):
            ledger.submit(_says(f"{number}")).result(10)
        until(lambda: ledger.depth == 5, "for the messages")
    shard = shard_of(ADA)
    answers: list[None] = []
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("UPDATE inputs SET rank = id, decided = ''")
        monkeypatch.setattr(reading, "decision_from_bytes", lambda _, number, __: number)
        gained = reading._by_rank(connection, SQL["kept_inputs"], shard, lambda: answers.append(None))
        assert [rank for _, rank, *_ in gained] == [1, 2, 3, 4, 5]
        assert len(answers) == 3


def test_an_input_that_is_too_long_for_an_index_fails_alone(postgresql: Server) -> None:
    """An agent system of others may name its sessions as it likes."""
    told: list[str] = []
    numbers = random.Random(1)
    endless = "".join(
        [chr(numbers.randrange(0x10000, 0x110000)) for _ in range(1_500)]
    )  # does not get shorter by compressing
    too_long = replace(
        _says("too long"), conversation_id=ConversationId(ADA.bot_id, "bob", endless), keep_payload=True
    )
    with owner_of_all(postgresql.empty(), told) as ledger, capture_logs() as lines:
        ledger.submit(too_long).result(10)
        ledger.submit(_says("hello")).result(10)
        until(lambda: told == ["ada"], "for the other message")
        with pytest.raises(ProgramLimitExceeded):
            ledger.submit(
                replace(_says("by its user"), conversation_id=ConversationId(ADA.bot_id, endless))
            ).result(10)
        ledger.submit(_says("again")).result(10)
        until(lambda: told == ["ada", "ada"], "for the next message")
    # The owner may say only now that it has gained its shards.
    assert {line["event"] for line in lines if line["log_level"] != "info"} == {"commit_not_writable"}
    with psycopg.connect(postgresql.url) as connection:
        assert connection.execute("SELECT count(*) FROM inputs WHERE failed").fetchone() == (1,)


def test_what_comes_in_the_moment_before_the_close_is_committed(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner has just found nothing more to do."""
    outcomes: list[Committed | Exception] = []
    take, threads = Owner._take, list[threading.Thread]()
    with owner_of_all(postgresql.empty()) as ledger:

        def last_moment(one: Owner, connection: Connection) -> int:
            taken = take(one, connection)
            if not threads:
                ledger.submit_then(Input(ADA, None, completes=(1,)), outcomes.append)
                threads.append(threading.Thread(target=ledger.close))
                threads[0].start()
                until(lambda: one._waiting.closed, "for the close")
            return taken

        monkeypatch.setattr(Owner, "_take", last_moment)
        ledger._owner.look()
        until(lambda: outcomes, "for the outcome")
        threads[0].join(30)
    assert [type(one) for one in outcomes] == [Committed]


def test_a_row_that_cannot_be_read_does_not_stop_the_others(postgresql: Server) -> None:
    told: list[str] = []
    url = postgresql.empty()
    with psycopg.connect(url, autocommit=True) as other:
        with owner_of_all(url, told) as ledger, capture_logs() as lines:
            other.execute(
                "INSERT INTO inputs (shard, input, component_id, body, awaited)"
                " SELECT shard, 'of another version', 'default', '{}', false FROM generate_series(0, 63) AS shard"
            )
            ledger._owner.look()
            ledger.submit(_says("hello")).result(10)
            until(lambda: told == ["ada"], "for the message to be decided")
            ledger._owner.look()
            ledger.submit(_says("again")).result(10)
            until(lambda: told == ["ada", "ada"], "for the next one to be decided")
            kept = "SELECT count(*) FROM inputs WHERE input = 'of another version' AND NOT failed"
            assert other.execute(kept).fetchone() == (SHARDS,)
            assert [line["event"] for line in lines].count("input_unreadable") == SHARDS
        # Nor does it stop the next owner, who counts possible repeats.
        other.execute("UPDATE shards SET clean = false")
    with owner_of_all(url):
        pass
