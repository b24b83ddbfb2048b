"""Several processes on one store, represented by several kits in one process: the store's lock keeps them apart."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from botkit.config.settings import AgentSystemSettings, Secret, Settings
from botkit.errors import LeaderLost, LedgerBusy, LedgerClosed, LedgerError, NothingToAnswer
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import UserMessage
from botkit.kit import BotKit
from botkit.ledger.interface import Committed, HookBody, Input, Ledger
from botkit.ledger.sqlite import store as sqlite_store
from botkit.ledger.sqlite.sharing import follower as following
from botkit.ledger.sqlite.sharing import messages
from botkit.observability.metrics import Telemetry
from botkit.service import leadership
from botkit.service.leadership import Leadership, fingerprint
from botkit.testing.relay import RecordingRelay
from botkit.testing.waiting import until
from tests.hooks.hook_payloads import BOT_ID, settings

USER = ConversationId(BOT_ID, "u-1")


class House:
    """Kits on one store."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "botkit.db"
        self.settings = settings(store=f"sqlite:///{self.store}")
        self.relays: list[RecordingRelay] = []
        self.kits: list[BotKit] = []

    def kit(self, *, share: bool = True, configuration: Settings | None = None) -> BotKit:
        kit = BotKit(configuration or self.settings, relay_factory=self._relay, share=share)
        self.kits.append(kit)
        return kit

    def started(self, count: int) -> list[BotKit]:
        """So many kits that are started; the first is the leader."""
        kits = [self.kit() for _ in range(count)]
        for kit in kits:
            kit.start()
        return kits

    @property
    def texts(self) -> list[str]:
        """What the leaders have decided on, in order."""
        events = [item.hook for relay in self.relays for one in relay.committed for item in one.items]
        return [msgspec.json.decode(hook.body)["message"] for hook in events if hook is not None]

    def query(self, statement: str) -> Any:
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(statement).fetchall()

    def _relay(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> RecordingRelay:
        relay = RecordingRelay(settings, ledger, telemetry)
        self.relays.append(relay)
        return relay


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    with ThreadPoolExecutor() as closing:
        list(closing.map(BotKit.close, house.kits))


def said(text: str, key: str) -> Input:
    event = UserMessage(key=key, at=Instant(1.0), text=text, agent_transfer=False)
    return Input(USER, event, hook=HookBody(msgspec.json.encode({"message": text})), keep_payload=True)


def store_of(kit: BotKit) -> Any:
    return kit._service().store()


def role_of(kit: BotKit) -> Any:
    running = kit._service()._lifecycle.running
    assert running is not None
    return running.role


@pytest.fixture
def no_failover(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """No follower takes over until this is called."""
    may = threading.Event()
    lead = Leadership._lead

    def held(role: Leadership) -> Any:
        if role._follower is not None and not may.is_set():
            raise LedgerBusy("not yet")
        return lead(role)

    monkeypatch.setattr(leadership, "STANDBY_SECONDS", 0.01)
    monkeypatch.setattr(Leadership, "_lead", held)
    return may.set


def commit(kit: BotKit, input: Input) -> Committed:
    committed: Committed = store_of(kit).submit(input).result(10)
    return committed


def test_a_followers_input_is_decided_by_the_leader(house: House) -> None:
    leader, follower = house.started(2)
    commit(follower, said("hi", "1"))
    assert commit(leader, said("hi", "1")).duplicate
    assert len(house.relays) == 1
    (told,) = house.relays[0].committed
    assert told.conversation.id == USER


def test_a_followers_duplicate_is_counted_by_the_leader(house: House) -> None:
    leader, follower = house.started(2)
    for kit in (leader, follower, leader):
        commit(kit, said("hi", "1"))
    until(lambda: b"botkit_duplicate_hooks_total 1.0" in leader._service().exposition())


def test_hooks_are_decided_in_the_order_of_their_acknowledgements_whichever_process_takes_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader hears no bell: it has to look by itself before it decides on its own hooks."""
    monkeypatch.setattr(following, "ring", lambda _: None)
    kits = house.started(3)
    wanted = [f"message {number}" for number in range(60)]
    for number, text in enumerate(wanted):
        commit(kits[number * 7 % 3], said(text, text))
    commit(kits[0], said("last", "last"))
    until(lambda: "last" in house.texts)  # The relay is told after the sender.
    assert house.texts == [*wanted, "last"]


def test_submit_then_tells_outcomes_in_leader_and_follower(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    told: list[Committed | Exception] = []
    store_of(follower).submit_then(said("hi", "1"), told.append)
    until(lambda: len(told) == 1)
    store_of(leader).submit_then(said("hi", "1"), told.append)
    until(lambda: len(told) == 2)
    assert [isinstance(one, Committed) and one.duplicate for one in told] == [False, True]


def test_submit_then_tells_of_a_failure_in_a_follower(house: House) -> None:
    _, follower = house.started(2)
    told: list[Committed | Exception] = []
    store = store_of(follower)
    store.submit_then(said("hi", "half an emoji \ud83d"), told.append)
    assert [type(one) for one in told] == [UnicodeEncodeError]
    follower.close()
    store.submit_then(said("hi", "2"), told.append)
    assert [type(one) for one in told[1:]] == [LedgerClosed]


def test_a_follower_acknowledges_without_a_leader_and_the_next_one_decides(
    house: House, no_failover: Callable[[], None]
) -> None:
    leader, follower, third = house.started(3)
    leader.close()
    commit(follower, said("one", "1"))
    commit(third, said("two", "2"))
    assert house.texts == []
    no_failover()
    until(lambda: len(house.texts) == 2)
    assert house.texts == ["one", "two"]


def test_what_followers_have_left_is_decided_at_the_next_start_also_of_a_kit_that_shares_nothing(
    house: House, no_failover: Callable[[], None]
) -> None:
    leader, follower = house.started(2)
    leader.close()
    for number in range(3):
        commit(follower, said(str(number), str(number)))
    follower.close()
    alone = house.kit(share=False)
    alone.start()
    assert commit(alone, said("2", "2")).duplicate
    until(lambda: len(house.texts) == 3)
    assert house.texts == ["0", "1", "2"]


def test_an_input_that_was_dropped_is_not_written_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, follower = house.started(2)
    store = store_of(follower)
    go_on, reached, write = threading.Event(), threading.Event(), store._write

    def held(given: list[bytes]) -> None:
        reached.set()
        assert go_on.wait(10)
        write(given)

    monkeypatch.setattr(store, "_write", held)
    first = store.submit(said("first", "0"))
    assert reached.wait(10)
    told: list[Committed | Exception] = []
    drop = store.submit_then(said("dropped", "1"), told.append)
    cancelled = store.submit(said("cancelled", "2"))
    drop()
    assert cancelled.cancel()
    kept = store.submit(said("kept", "3"))
    go_on.set()
    first.result(10)
    kept.result(10)
    until(lambda: len(house.texts) == 2)
    assert house.texts == ["first", "kept"]
    assert told == []


def test_a_follower_is_told_what_the_rules_refuse(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    with pytest.raises(NothingToAnswer, match="no such webhook"):
        follower.respond_to_hook("17")


def test_a_follower_reads_the_newest_payload(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    assert store_of(follower).newest_hook(USER) is None
    commit(leader, said("hi", "1"))
    assert store_of(follower).newest_hook(USER) == HookBody(b'{"message":"hi"}')


def test_a_follower_learns_on_which_channel_a_user_is(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    assert store_of(follower).newest_hook_of(BOT_ID, "u-1") is None
    on_whatsapp = ConversationId(BOT_ID, "u-1", "whatsapp")
    commit(leader, msgspec.structs.replace(said("hi", "1"), conversation_id=on_whatsapp))
    for kit in (leader, follower):
        assert store_of(kit).newest_hook_of(BOT_ID, "u-1") == (on_whatsapp, HookBody(b'{"message":"hi"}'))


def test_when_the_leader_leaves_a_follower_takes_its_place_and_resumes_what_was_left(house: House) -> None:
    leader, follower, third = house.started(3)
    commit(follower, said("hi", "1"))
    until(lambda: len(house.texts) == 1)
    leader.close()
    until(lambda: len(house.relays) == 2 and house.relays[1].running)
    commit(follower, said("again", "2"))
    commit(third, said("and again", "3"))
    until(lambda: len(house.texts) == 3)
    assert house.texts == ["hi", "again", "and again"]
    first, second = house.relays
    assert second.resumed == [item.id for committed in first.committed for item in committed.items]


def test_inputs_in_progress_at_a_failover_are_committed_once(house: House) -> None:
    leader, follower = house.started(2)
    store = store_of(follower)
    futures = []
    for number in range(400):
        futures.append(store.submit(said(str(number), f"k{number}")))
        if number == 200:
            leaving = threading.Thread(target=leader.close)
            leaving.start()
    for future in futures:
        future.result(10)
    leaving.join(10)
    until(lambda: len(house.texts) >= 400)
    assert house.texts == [str(number) for number in range(400)]


def test_a_follower_that_is_closed_leaves_the_leader_alone(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store = store_of(follower)
    follower.close()
    with pytest.raises(LedgerClosed):
        store.submit(said("hi", "1")).result(10)
    assert not commit(leader, said("hi", "1")).duplicate


def test_a_process_with_another_configuration_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.service.leadership.LOCK_TIMEOUT_SECONDS", 0.0)
    house.kit().start()
    bot = house.settings.bots[BOT_ID]
    other = replace(bot, kore=replace(bot.kore, client_secret=Secret("another")))
    stranger = house.kit(configuration=replace(house.settings, bots={BOT_ID: other}))
    with pytest.raises(LedgerBusy, match="another configuration"):
        stranger.start()


def test_a_kit_that_does_not_share_is_refused_by_one_that_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.service.leadership.LOCK_TIMEOUT_SECONDS", 0.0)
    house.kit().start()
    with pytest.raises(LedgerBusy, match="run one BotKit per"):
        house.kit(share=False).start()


def test_a_kit_that_does_not_share_accepts_no_follower(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.service.leadership.LOCK_TIMEOUT_SECONDS", 0.0)
    house.kit(share=False).start()
    with pytest.raises(LedgerBusy, match="does not share"):
        house.kit().start()


def test_a_follower_that_fails_to_take_over_tries_again_after_any_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "_TROUBLE_SECONDS", 0.0)
    leader, follower = house.started(2)
    role = role_of(follower)
    lead, failures = role._lead, iter([RuntimeError("a defect"), LedgerError("a full disk")])

    def fails_at_first() -> Any:
        for failure in failures:
            raise failure
        return lead()

    monkeypatch.setattr(role, "_lead", fails_at_first)
    leader.close()
    until(lambda: len(house.relays) == 2 and house.relays[1].running)
    commit(follower, said("hi", "1"))
    until(lambda: house.texts == ["hi"])


def test_the_fingerprint_covers_bots_and_secrets_and_not_the_port(house: House) -> None:
    one = house.settings
    assert fingerprint(one) == fingerprint(replace(one, server=replace(one.server, port=1)))
    bot = one.bots[BOT_ID]
    other = replace(one, bots={BOT_ID: replace(bot, name="other")})
    assert fingerprint(one) != fingerprint(other)


def test_the_fingerprint_of_a_set_is_the_same_in_every_process(house: House) -> None:
    def with_hidden(*names: int) -> Settings:
        # 0 and 8 share a slot of a small set, so they keep their order of insertion: like words under different hash seeds.
        system = AgentSystemSettings("salesforce", "salesforce-miaw", frozenset(names))
        bot = house.settings.bots[BOT_ID]
        agents = replace(bot.agents, systems={"salesforce": system})
        return replace(house.settings, bots={BOT_ID: replace(bot, agents=agents)})

    assert fingerprint(with_hidden(0, 8)) == fingerprint(with_hidden(8, 0))


def test_the_fingerprint_does_not_cover_the_location_of_the_files(house: House) -> None:
    bot = house.settings.bots[BOT_ID]
    elsewhere = replace(house.settings, bots={BOT_ID: replace(bot, file=Path("config/bots/acme.yaml"))})
    assert fingerprint(elsewhere) == fingerprint(house.settings)


def test_a_leader_that_cannot_hear_followers_stops_its_relay(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pipe(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr("botkit.ledger.sqlite.sharing.bell.os.mkfifo", no_pipe)
    with pytest.raises(LedgerError, match=r"botkit\.db\.bell cannot be made"):
        house.kit().start()
    assert [relay.closed for relay in house.relays] == [True]


def test_the_pipe_is_for_this_user_only_and_goes_with_the_leader(house: House) -> None:
    (kit,) = house.started(1)
    pipe = house.store.with_name("botkit.db.bell")
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o600
    kit.close()
    assert not pipe.exists()


def test_rings_that_get_lost_only_cost_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.ledger.sqlite.ledger._LOOK_SECONDS", 0.01)
    monkeypatch.setattr(following, "ring", lambda _: None)
    _, follower = house.started(2)
    commit(follower, said("hi", "1"))
    until(lambda: house.texts == ["hi"])


def test_a_row_that_cannot_be_read_is_set_aside_and_delays_nobody(house: House) -> None:
    _, follower = house.started(2)
    with closing(sqlite3.connect(house.store)) as connection:
        connection.execute("INSERT INTO inputs (given) VALUES (?)", (b"nonsense",))
        connection.commit()
    commit(follower, said("hi", "1"))
    until(lambda: house.texts == ["hi"])
    assert house.query("SELECT given FROM failed_inputs") == [(b"nonsense",)]


def test_an_acknowledged_input_on_which_the_rules_fail_is_set_aside(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botkit.ledger.batch import Batch

    decide = Batch.decide

    def fails(batch: Batch, input: Input, key: str, **more: Any) -> Any:
        if isinstance(input.event, UserMessage) and input.event.text == "choke":
            raise RuntimeError("a defect")
        return decide(batch, input, key, **more)

    monkeypatch.setattr(Batch, "decide", fails)
    _, follower = house.started(2)
    for text in ("one", "choke", "two"):
        commit(follower, said(text, text))
    until(lambda: house.texts == ["one", "two"])
    ((row,),) = house.query("SELECT given FROM failed_inputs")
    (kept,) = messages.decode(row)
    assert isinstance(kept, messages.Submitted)
    assert kept.hook == HookBody(b'{"message":"choke"}')
    assert house.query("SELECT count(*) FROM inputs") == [(0,)]


def test_an_input_that_cannot_be_stored_is_set_aside_alone(house: House) -> None:
    leader, follower = house.started(2)
    store_of(leader).ledger._writer.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON payloads WHEN new.user_id = 'u-bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    bad = msgspec.structs.replace(said("bad", "2"), conversation_id=ConversationId(BOT_ID, "u-bad"))
    for input in (said("one", "1"), bad, said("two", "3")):
        commit(follower, input)
    until(lambda: house.texts == ["one", "two"])
    # The others do not wait until it is set aside.
    until(lambda: house.query("SELECT count(*) FROM failed_inputs") == [(1,)])
    assert commit(leader, said("two", "3")).duplicate


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process waits a tenth of a second for its turn to write, not five seconds."""
    pragmas = tuple(one.replace("busy_timeout = 5000", "busy_timeout = 100") for one in sqlite_store._PRAGMAS)
    assert pragmas != sqlite_store._PRAGMAS
    monkeypatch.setattr(sqlite_store, "_PRAGMAS", pragmas)


def test_a_process_that_is_frozen_while_it_writes_holds_the_others_up_for_a_bounded_time(
    house: House, impatient: None
) -> None:
    leader, follower = house.started(2)
    with closing(sqlite3.connect(house.store, isolation_level=None)) as frozen:
        frozen.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="whether one of its processes is stopped"):
            commit(follower, said("hi", "1"))
        with pytest.raises(LedgerError, match="did not commit"):
            commit(leader, said("hi", "2"))
        for kit in (leader, follower):
            assert store_of(kit).ready()["store"] is False
        frozen.execute("ROLLBACK")
    until(lambda: all(all(store_of(kit).ready().values()) for kit in (leader, follower)))
    commit(follower, said("after it", "3"))
    until(lambda: house.texts == ["after it"])


FREEZES = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("writing", flush=True)
if sys.argv[2] == "stopped":
    os.kill(os.getpid(), signal.SIGSTOP)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who holds a lock")
@pytest.mark.parametrize("place", [0, 1], ids=["leader", "follower"])
@pytest.mark.parametrize("how", ["stopped", "slow"])
def test_the_log_names_the_process_that_keeps_all_others_from_writing(
    house: House, impatient: None, place: int, how: str
) -> None:
    kits = house.started(2)
    command = [sys.executable, "-c", FREEZES, str(house.store), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"writing\n"
            if how == "stopped":
                os.waitpid(writer.pid, os.WUNTRACED)
            with capture_logs() as lines, pytest.raises(LedgerError):
                commit(kits[place], said("hi", "1"))
        finally:
            writer.kill()
    fix = next(line["fix"] for line in lines if line["event"] == "commit_failed")
    assert f"process {writer.pid} " in fix
    assert (f"kill -CONT {writer.pid}" in fix) == (how == "stopped")
    until(lambda: all(all(store_of(kit).ready().values()) for kit in kits))
    commit(kits[place], said("after it", "2"))


def test_a_leader_that_takes_nothing_makes_its_followers_unready_and_at_last_refuse_hooks(
    house: House, no_failover: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STUCK_SECONDS", 0.0)
    monkeypatch.setattr(following, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(following, "MAX_UNDECIDED", 2)
    monkeypatch.setattr(following, "_ANSWER_SECONDS", 0.05)
    leader, follower = house.started(2)
    leader.close()
    commit(follower, said("0", "0"))
    until(lambda: store_of(follower).ready() == {"store": True, "relay": False})
    with pytest.raises(LeaderLost):
        follower._service().exposition()
    commit(follower, said("1", "1"))
    with pytest.raises(LedgerError, match="takes no inputs"):
        commit(follower, said("2", "2"))
    no_failover()
    until(lambda: house.texts == ["0", "1"])


def test_a_follower_writes_nothing_more_for_a_leader_of_another_configuration(
    house: House, no_failover: Callable[[], None]
) -> None:
    leader, follower = house.started(2)
    leader.close()
    house.kit(share=False).start()
    with pytest.raises(LedgerBusy, match="does not share"):
        commit(follower, said("hi", "1"))
    assert house.query("SELECT count(*) FROM inputs") == [(0,)]


def test_a_process_of_another_version_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.service.leadership.LOCK_TIMEOUT_SECONDS", 0.0)
    house.started(1)
    monkeypatch.setattr(messages, "VERSION", 99)
    with pytest.raises(LedgerBusy, match="of another version"):
        house.kit().start()


def test_what_was_acknowledged_is_in_the_files_that_were_synced(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The power fails after the last sync: only what had been written then is left."""
    _, follower = house.started(2)
    writes, synced = threading.Lock(), tmp_path / "synced"
    synced.mkdir()
    sync, has_failed = os.fdatasync, threading.Event()

    def keeps(file: int) -> None:
        with writes:
            # The log first: what a checkpoint moves from it meanwhile is in the file by the time that is copied.
            for end in () if has_failed.is_set() else ("-wal", ""):
                shutil.copyfile(f"{house.store}{end}", synced / f"botkit.db{end}")
            sync(file)

    monkeypatch.setattr(os, "fdatasync", keeps)
    commit(follower, said("hi", "1"))
    monkeypatch.undo()
    with writes:
        has_failed.set()  # The leader may be about to sync what it has decided.
        after = House(synced)
    (kit,) = after.started(1)
    assert commit(kit, said("hi", "1")).duplicate
    kit.close()


@pytest.mark.parametrize("place", [0, 1], ids=["leader", "follower"])
def test_after_a_failed_sync_nothing_is_acknowledged_before_the_log_was_copied(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: int
) -> None:
    kits = house.started(2)
    commit(kits[place], said("before", "0"))
    failed = threading.Event()
    sync = os.fdatasync

    def fails_once(file: int) -> None:
        is_its = threading.current_thread().name == ("botkit-ledger", "botkit-follower")[place]
        if is_its and not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "Input/output error")
        sync(file)

    monkeypatch.setattr("botkit.ledger.sqlite.sharing.log._RETRY_SECONDS", 0.01)
    monkeypatch.setattr(os, "fdatasync", fails_once)
    commit(kits[place], said("hi", "1"))
    assert failed.is_set()
    copy = tmp_path / "file-alone.db"
    shutil.copyfile(house.store, copy)
    with closing(sqlite3.connect(copy)) as connection:
        ((rows,),) = connection.execute(
            "SELECT (SELECT count(*) FROM inputs) + (SELECT count(*) FROM inbox WHERE key LIKE '1 %')"
        ).fetchall()
    assert rows >= 1
    assert all(all(store_of(kit).ready().values()) for kit in kits)


def test_a_child_that_was_forked_from_the_leader_follows_it_and_outlives_it(house: House) -> None:
    (leader,) = house.started(1)
    commit(leader, said("parent", "0"))
    (has_written, writes), (parent_left, leaves) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            leader.start()
            commit(leader, said("child", "1"))
            os.write(writes, b".")
            os.read(parent_left, 1)
            # In a log that the parent would have deleted if it had believed to be the last one.
            commit(leader, said("child again", "2"))
            os._exit(0)
        finally:
            os._exit(1)
    try:
        for number in range(30):
            commit(leader, said(str(number), f"k{number}"))
        assert os.read(has_written, 1) == b"."
        leader.close()
    finally:
        os.write(leaves, b".")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for pipe in (has_written, writes, parent_left, leaves):
            os.close(pipe)
    (after,) = house.started(1)
    assert commit(after, said("child", "1")).duplicate
    assert commit(after, said("child again", "2")).duplicate
    assert house.query("PRAGMA integrity_check") == [("ok",)]


def test_a_store_is_shared_under_a_symbolic_link(house: House, tmp_path: Path) -> None:
    house.started(1)
    (link := tmp_path / "link.db").symlink_to(house.store)
    follower = house.kit(configuration=settings(store=f"sqlite:///{link}"))
    follower.start()
    commit(follower, said("hi", "1"))
    until(lambda: house.texts == ["hi"])


def test_a_store_is_not_shared_under_a_hard_link_where_it_would_have_another_log(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.service.leadership.LOCK_TIMEOUT_SECONDS", 0.0)
    house.started(1)
    (link := tmp_path / "link.db").hardlink_to(house.store)
    with pytest.raises(LedgerBusy, match="another name"):
        house.kit(configuration=settings(store=f"sqlite:///{link}")).start()
    assert not link.with_name("link.db-wal").exists()


def test_a_follower_that_fails_to_take_over_keeps_the_locks_of_sqlite(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel drops all locks of a process on a file when it closes any of its descriptors of that file."""
    leader, follower = house.started(2)
    commit(follower, said("hi", "1"))
    monkeypatch.setattr(leadership, "_TROUBLE_SECONDS", 0.0)
    failures: list[None] = []

    def fails(*_: object) -> None:
        failures.append(None)
        raise LedgerError("no relay")

    role = role_of(follower)
    monkeypatch.setattr(role, "relay_factory", fails)
    inode = f":{house.store.stat().st_ino} "
    leader.close()
    until(lambda: len(failures) > 2)
    monkeypatch.undo()
    locks = Path("/proc/locks").read_text().splitlines()
    assert [line for line in locks if inode in line and "POSIX" in line]


def test_a_store_with_a_long_path_is_shared_as_well(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    house = House(deep)
    leader, follower = house.started(2)
    commit(follower, said("hi", "1"))
    until(lambda: house.texts == ["hi"])
    follower.close()
    leader.close()


def test_followers_count_in_the_leaders_metrics_and_all_processes_show_them(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store_of(follower).counts.hook("on_user_message", 200, 0.01)
    store_of(follower).counts.handled("on_user_message", "hours", "answered")
    shown = follower._service().exposition().decode()
    assert 'botkit_hooks_total{event="on_user_message",status="200"} 1.0' in shown
    assert 'botkit_handlers_total{event="on_user_message",handler="hours",outcome="answered"} 1.0' in shown
    created = "_created"
    lines = [line for line in shown.splitlines() if created not in line]
    assert lines == [
        line for line in leader._service().exposition().decode().splitlines() if created not in line
    ]


def test_a_lock_is_not_kept_by_a_child_of_the_process_that_holds_it(house: House) -> None:
    leader = house.kit()
    leader.start()
    go, gone = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(gone)
        os.read(go, 1)
        os._exit(0)
    try:
        leader.close()
        house.kit(share=False).start()
    finally:
        os.close(gone)
        os.close(go)
        os.waitpid(child, 0)
