"""The session that owns shards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.boottime import BootTime
from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import PassToBot
from botkit.ledger.interface import OutboxItem
from botkit.ledger.postgresql import listener, ownership, passed_on
from botkit.ledger.postgresql.database import Connection, connect, in_one_round_trip
from botkit.ledger.postgresql.ended import noticing_its_end
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate, version_of
from botkit.ledger.postgresql.ownership import IDLE_SECONDS, SESSION, Ownership
from botkit.ledger.postgresql.passed_on import PassedOn, PerhapsTried
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.server import examine
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until
from tests.postgresql import Server


def test_the_server_ends_a_listener_that_is_silent(postgresql: Server) -> None:
    with connect(postgresql.url, "listener of a test", settings=listener.SESSION) as connection:
        assert connection.execute("SHOW idle_session_timeout").fetchone() == ("15s",)
        assert connection.execute("SHOW tcp_user_timeout").fetchone() == ("5000",)


def test_the_server_keeps_a_listener_that_hears_nothing(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[None] = []
    monkeypatch.setattr(listener, "SESSION", {"idle_session_timeout": 500})
    monkeypatch.setattr(listener, "_LOOK_SECONDS", 0.01)
    one = listener.Listener(postgresql.url, {"botkit_inputs": print}, missed=lambda: connected.append(None))
    with connect(postgresql.url, "witness") as witness, capture_logs() as lines:
        age = "SELECT now() - backend_start > interval '700 ms' FROM pg_stat_activity WHERE application_name = 'botkit listener'"
        one.start()
        until(lambda: witness.execute(age).fetchone() == (True,), "for more than its time of silence")
        one.close()
    assert (len(connected), lines) == (1, [])


def test_no_session_keeps_a_transaction_open_for_long(postgresql: Server) -> None:
    with connect(postgresql.url, "start") as connection:
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("10s",)


def _ends_one(other: Ownership, session: Connection) -> bool:
    """Whether this look ends a session of another process."""
    with capture_logs() as lines:
        other.turn(session)
    return [line["event"] for line in lines] == ["sessions_ended"]


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


class _Slow(psycopg.Connection[tuple[Any, ...]]):
    """A session whose answers are on their way for as long as the server waits for the next word."""

    clock = BootTime(0.0)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        cursor = super().execute(query, params, **options)
        _Slow.clock = BootTime(_Slow.clock + IDLE_SECONDS)
        return cursor


@pytest.mark.parametrize("says", [Ownership.ping, Ownership.turn])
def test_it_is_sure_since_it_spoke_and_not_since_it_was_answered(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch, says: Callable[[Ownership, Connection], None]
) -> None:
    monkeypatch.setattr(ownership, "boottime", lambda: _Slow.clock)
    with _Slow.connect(postgresql.url, autocommit=True) as slow:
        own = Ownership("a")
        own._session_lives = True
        says(own, slow)
        assert not own.is_sure()


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


def test_a_commit_is_sent_as_a_whole(postgresql: Server) -> None:
    """The session of a process that stands still while it makes a commit is idle, and ends."""
    with connect(postgresql.url, "witness") as witness, connect(postgresql.url, "owner") as owner:
        query = "SELECT state, query FROM pg_stat_activity WHERE application_name = 'botkit owner'"
        with in_one_round_trip(owner):
            owner.execute("BEGIN")
            owner.execute("SELECT 'of the commit'")
            assert witness.execute(query).fetchone() == ("idle", "")
            owner.execute("COMMIT")
        assert witness.execute(query).fetchone() == ("idle", "COMMIT")


@pytest.mark.parametrize("session", ["owner silent", "door", "reader", "notifier", "start"])
def test_the_others_end_a_session_that_stands_still_in_the_middle_of_a_statement(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    """No time limit of the server's ends it, and it keeps locks, and rows that were deleted since."""
    name = f"botkit {session}"

    def stuck() -> bool:
        query = "SELECT wait_event FROM pg_stat_activity WHERE application_name = %s"
        return witness.execute(query, (name,)).fetchone() == ("ClientRead",)

    monkeypatch.setattr(ownership, "STUCK_SECONDS", 0.1)
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    silent = psycopg.connect(url, autocommit=True, application_name=name)
    silent.pgconn.enter_pipeline_mode()
    silent.pgconn.send_query_params(b"SELECT 1", None)
    silent.pgconn.send_flush_request()
    silent.pgconn.flush()
    other = Ownership("other")
    with connect(url, "witness") as witness, connect(url, "owner other") as own:
        until(stuck, "for the server to wait for the rest")
        until(lambda: _ends_one(other, own), "until the other one ends it")
    silent.close()


def test_the_others_end_a_listener_that_takes_no_more_notifications(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is idle to the server, whose sending of them holds a snapshot, and the queue."""

    def stuck() -> bool:
        session.execute(
            "SELECT pg_notify('botkit_inputs', repeat('x', 7000) || n) FROM generate_series(1, 200) n"
        )
        query = "SELECT wait_event FROM pg_stat_activity WHERE application_name = 'botkit listener'"
        return witness.execute(query).fetchone() == ("ClientWrite",)

    monkeypatch.setattr(ownership, "STUCK_SECONDS", 0.1)
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    silent = connect(url, "listener")
    silent.execute("LISTEN botkit_inputs")
    other = Ownership("other")
    with connect(url, "witness") as witness, connect(url, "owner other") as session:
        until(stuck, "for the server to wait for the listener")
        until(lambda: _ends_one(other, session), "until the other one ends it")
    silent.close()


def test_it_is_noticed_at_once_that_a_session_has_ended(postgresql: Server) -> None:
    noticed = threading.Event()
    with connect(postgresql.url, "witness") as witness, connect(postgresql.url, "owner") as owner:
        with noticing_its_end(owner, noticed.set):
            owner.execute("SELECT 1")
            assert not noticed.is_set()
            witness.execute("SELECT pg_terminate_backend(%s)", (owner.info.backend_pid,))
            assert noticed.wait(10)
        threads = [thread.name for thread in threading.enumerate()]
        assert "botkit-owner-watch" not in threads


def test_only_the_shards_that_are_left_after_a_cut_off_are_not_left_in_good_order(postgresql: Server) -> None:
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    with connect(url, "owner one") as first, connect(url, "owner two") as second:
        one, two = Ownership("one"), Ownership("two")
        one.add(list(one.claim(first, [1, 2])))
        one.leave_unclean({1})
        one.release(first, {1})
        one.release(first, {2})
        assert two.claim(second, [1, 2]) == {1: False, 2: True}


def _until_its_locks_are_free(other: Connection) -> None:
    """A session that was closed may keep its locks for another moment."""
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    until(lambda: other.execute(held).fetchone() == (0,), "for the closed session's locks")


def test_a_process_keeps_the_shards_that_nobody_has_had_since_its_connection_was_lost(
    postgresql: Server,
) -> None:
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    one, two = Ownership("one"), Ownership("two")
    with connect(url, "owner one") as lost:
        one.add(list(one.claim(lost, [1, 2, 3, 4])))
    with connect(url, "owner two") as other:
        _until_its_locks_are_free(other)
        two.add(list(two.claim(other, [2, 3])))
        two.release(other, {3})
        with connect(url, "owner one") as again:
            assert one.connected(again, in_doubt={4}) == {2, 3, 4}
            assert one.shards == {1}
            assert not one.is_sure()
            one.go_on(again)
            assert one.is_sure()
            # Shard 3 is free, and not locked by whoever has asked for it in vain.
            assert set(two.claim(other, [1, 2, 3, 4])) == {2, 3, 4}


def test_a_process_does_not_go_on_with_a_shard_of_another_that_was_killed_since(postgresql: Server) -> None:
    """What it remembers is older than what the other has written."""
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    one, two = Ownership("one"), Ownership("two")
    with connect(url, "owner one") as lost:
        one.add(list(one.claim(lost, [1, 2])))
    with connect(url, "witness") as witness:
        _until_its_locks_are_free(witness)
        with connect(url, "owner two") as killed:
            two.add(list(two.claim(killed, [2])))
        _until_its_locks_are_free(witness)
        with connect(url, "owner one") as again:
            assert one.connected(again) == {2}
            assert set(two.claim(witness, [1, 2])) == {2}


def test_after_a_restart_of_the_server_everybody_gets_back_what_it_had(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For two seconds the others claim only what nobody has, or what was given up."""
    query, clock = SQL["members"], [100.0]
    just_started = "now() - pg_postmaster_start_time() < interval '5 seconds'"
    assert just_started in query
    monkeypatch.setitem(cast(dict[str, str], SQL), "members", query.replace(just_started, "true"))
    monkeypatch.setattr(ownership, "boottime", lambda: BootTime(clock[0]))
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    other, own = Ownership("other"), Ownership("own")
    with connect(url, "a session before") as before:
        other.add(list(other.claim(before, [1, 2])))
        other.release(before, {2})
        own.add(list(own.claim(before, [3])))
    own.lost()
    with connect(url, "owner own") as session:
        _until_its_locks_are_free(session)
        own.connected(session)
        _, may_claim = own.turn(session)
        assert set(range(SHARDS)) - set(may_claim) == {1}
        clock[0] += 2.5
        _, may_claim = own.turn(session)
        assert set(may_claim) == set(range(SHARDS))


def test_shards_that_a_newer_version_has_written_are_left_to_it(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    newer, older = Ownership("newer"), Ownership("older")
    with connect(url, "owner newer") as session, connect(url, "owner older") as other:
        with monkeypatch.context() as patched:
            patched.setattr("botkit.ledger.postgresql.ownership.FORMAT", 2)
            newer.add(list(newer.claim(session, [1])))
            newer.release(session, {1})
        with capture_logs() as lines:
            assert set(older.claim(other, [1, 2])) == {2}
            assert set(older.claim(other, [1])) == set()
        assert [line["event"] for line in lines] == ["shards_of_newer_version"]
        # It has not locked the shard either.
        assert set(newer.claim(session, [2])) == set()
        monkeypatch.setattr("botkit.ledger.postgresql.ownership.FORMAT", 2)
        assert set(newer.claim(session, [1])) == {1}


def test_a_newer_process_gives_nothing_to_older_ones_which_could_not_read_it(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.empty()
    with connect(url, "start") as connection:
        migrate(connection)
    newer, older = Ownership("newer"), Ownership("older")
    with connect(url, ownership.session_of("older")) as other, monkeypatch.context() as patched:
        older.add(list(older.claim(other, list(range(32)))))
        patched.setattr(ownership, "FORMAT", 2)
        with connect(url, ownership.session_of("newer")) as session:
            _, may_claim = newer.turn(session)
            newer.add(list(newer.claim(session, may_claim)))
            assert newer.turn(session) == (set(), [])
            patched.setattr(ownership, "FORMAT", 1)
            assert older.turn(other) == (set(), [])
            assert (len(newer.shards), len(older.shards)) == (32, 32)
            older.release(other, set(older.shards))
            patched.setattr(ownership, "FORMAT", 2)
            newer.add(list(newer.claim(session, newer.turn(session)[1])))
            assert len(newer.shards) == SHARDS
            assert newer.turn(session) == (set(), [])


def test_a_program_goes_on_with_a_newer_schema_that_it_can_live_with(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.empty()
    more = "-- usable from version 1\nALTER TABLE answers ADD COLUMN remark text"
    with connect(url, "start") as connection:
        with monkeypatch.context() as patched:
            patched.setattr("botkit.ledger.postgresql.migrations.MIGRATIONS", (*MIGRATIONS, more))
            migrate(connection)
        migrate(connection)
        assert version_of(connection) == len(MIGRATIONS) + 1
        examine(connection)
        only = more.replace("version 1", f"version {len(MIGRATIONS) + 1}")
        with monkeypatch.context() as patched:
            patched.setattr(
                "botkit.ledger.postgresql.migrations.MIGRATIONS",
                (*MIGRATIONS, more, only.replace("remark", "more")),
            )
            migrate(connection)
        with pytest.raises(LedgerError, match="run the newer BotKit"):
            migrate(connection)


def test_messages_that_wait_for_one_bot_do_not_hide_what_another_may_have_been_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passed_on, "MAX_TRIED", 10)
    tried = PerhapsTried()
    users = {
        row: ConversationId("st-away" if row < 20 else "st-there", f"u-{row % 15}") for row in range(1, 22)
    }
    tried.may_be(set(users), behind=[])
    found = []
    for row, user in users.items():
        if tried.is_first(user, []):
            found.append(row)
        tried.decided(
            [row], {row: PassedOn(OutboxItem(row * 2, user, "user", PassToBot(), Instant(1.0)), ())}
        )
    assert found == [*range(1, 11), 20, 21]
    assert not tried


def test_messages_behind_another_effect_have_not_been_passed_on() -> None:
    tried, user = PerhapsTried(), ConversationId("st-1", "u-1")
    tried.may_be({5}, behind=[OutboxItem(3, user, "user", PassToBot(), Instant(1.0))])
    assert not tried.is_first(user, [])
