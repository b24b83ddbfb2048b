"""Several processes on one store, represented by several kits in one process: the store's lock keeps them apart."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from botkit.config.settings import AgentSystemSettings, Secret, Settings
from botkit.errors import LedgerBusy, LedgerClosed, LedgerError, NothingToAnswer
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import (
    AgentTransfer,
    ApiCall,
    CallsRequested,
    MetaInfo,
    UserMessage,
    UserProfile,
)
from botkit.kit import BotKit
from botkit.ledger.interface import Committed, HookBody, Input, Ledger
from botkit.ledger.sharing import address, messages
from botkit.observability.metrics import Telemetry
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
    return Input(USER, event, hook=HookBody(b'{"message":"hi"}'), keep_payload=True)


def store_of(kit: BotKit) -> Any:
    return kit._service().store()


def commit(kit: BotKit, input: Input) -> Committed:
    committed: Committed = store_of(kit).submit(input).result(10)
    return committed


def test_a_followers_input_is_committed_by_the_leader(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    assert not commit(follower, said("hi", "1")).duplicate
    assert commit(leader, said("hi", "1")).duplicate
    assert len(house.relays) == 1
    (told,) = house.relays[0].committed
    assert told.conversation.id == USER


def test_a_follower_is_told_of_a_duplicate(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    commit(leader, said("hi", "1"))
    assert commit(follower, said("hi", "1")).duplicate


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
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    told: list[Committed | Exception] = []
    huge = msgspec.structs.replace(said("hi", "1"), hook=HookBody(b"x" * messages.MAX_BYTES))
    store = store_of(follower)
    store.submit_then(huge, told.append)
    assert [type(one) for one in told] == [LedgerError]
    follower.close()
    store.submit_then(said("hi", "2"), told.append)
    assert [type(one) for one in told] == [LedgerError, LedgerClosed]


def test_an_input_dropped_while_there_is_no_leader_is_not_submitted_to_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    go_on, join = threading.Event(), Leadership._join

    def held(leadership: Leadership) -> None:
        assert go_on.wait(10)
        join(leadership)

    monkeypatch.setattr(Leadership, "_join", held)
    store = store_of(follower)
    leader.close()
    until(lambda: not store.ready()["store"])
    told: list[Committed | Exception] = []
    drop = store.submit_then(said("dropped", "1"), told.append)
    store.submit_then(said("kept", "2"), told.append)
    drop()
    go_on.set()
    until(lambda: len(told) == 1)
    assert not commit(follower, said("dropped", "1")).duplicate
    assert commit(follower, said("kept", "2")).duplicate
    assert len(told) == 1


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
    leader, follower, third = house.kit(), house.kit(), house.kit()
    for kit in (leader, follower, third):
        kit.start()
    commit(follower, said("hi", "1"))
    leader.close()
    assert not commit(follower, said("again", "2")).duplicate
    assert not commit(third, said("and again", "3")).duplicate
    assert commit(third, said("hi", "1")).duplicate
    first, second = house.relays
    assert second.resumed == [item.id for committed in first.committed for item in committed.items]


def test_inputs_in_progress_at_a_failover_are_committed_once(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store = store_of(follower)
    futures = []
    for number in range(400):
        futures.append(store.submit(said("hi", f"k{number}")))
        if number == 200:
            leaving = threading.Thread(target=leader.close)
            leaving.start()
    for future in futures:
        future.result(10)
    leaving.join(10)
    taken = [committed for relay in house.relays for committed in relay.committed]
    assert len(taken) == 400


def test_without_a_leader_inputs_wait_for_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    go_on = threading.Event()
    store = store_of(follower)
    succeed = store._join
    monkeypatch.setattr(store, "_join", lambda: (go_on.wait(10), succeed())[1])
    leader.close()
    until(lambda: store._follower is None, "for the follower to notice")
    waiting = store.submit(said("hi", "1"))
    given_up = store.submit(said("not wanted any more", "2"))
    assert given_up.cancel()
    assert store.ready() == {"store": False, "relay": False}
    go_on.set()
    assert not waiting.result(10).duplicate
    assert not commit(follower, said("not wanted any more", "2")).duplicate


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
    monkeypatch.setattr("botkit.service.leadership._TROUBLE_SECONDS", 0.0)
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store = store_of(follower)
    join, failures = store._join, iter([RuntimeError("a defect"), LedgerError("a full disk")])

    def fails_at_first() -> None:
        for failure in failures:
            raise failure
        join()

    monkeypatch.setattr(store, "_join", fails_at_first)
    leader.close()
    assert not commit(follower, said("hi", "1")).duplicate


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


def test_a_leader_that_cannot_listen_stops_its_relay(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(path: Path) -> socket.socket:
        raise LedgerError("no socket here")

    monkeypatch.setattr("botkit.ledger.sharing.address.listen", no_socket)
    with pytest.raises(LedgerError, match="no socket here"):
        house.kit().start()
    assert [relay.closed for relay in house.relays] == [True]


def test_the_socket_is_for_this_user_only_and_goes_with_the_leader(house: House) -> None:
    kit = house.kit()
    kit.start()
    address = house.store.with_name("botkit.db.sock")
    assert stat.S_IMODE(address.stat().st_mode) == 0o600
    kit.close()
    assert not address.exists()


def test_a_store_with_a_long_path_is_shared_as_well(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    house = House(deep)
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    assert not commit(follower, said("hi", "1")).duplicate
    follower.close()
    leader.close()


@pytest.mark.parametrize(
    "word",
    [b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02hi", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["nothing", "too long", "no message", "http"],
)
def test_a_peer_that_sends_unknown_messages_is_disconnected(house: House, word: bytes) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(45)
        stranger.connect(str(house.store.with_name("botkit.db.sock")))
        stranger.sendall(word)
        stranger.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert stranger.recv(1) == b""
    follower.start()
    assert not commit(follower, said("hi", "1")).duplicate


def test_followers_count_in_the_leaders_metrics_and_all_processes_show_them(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store_of(follower).counts.hook("on_user_message", 200, 0.01)
    store_of(follower).counts.handled("on_user_message", "hours", "answered")
    store_of(follower).counts.duplicate()
    shown = follower._service().exposition().decode()
    assert 'botkit_hooks_total{event="on_user_message",status="200"} 1.0' in shown
    assert 'botkit_handlers_total{event="on_user_message",handler="hours",outcome="answered"} 1.0' in shown
    assert "botkit_duplicate_hooks_total 1.0" in shown
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


def test_a_child_of_the_leader_does_not_keep_its_connections(tmp_path: Path) -> None:
    listener = address.listen(tmp_path / "s.sock")
    follower = address.connect(tmp_path / "s.sock", seconds=10.0)
    accepted = address.not_for_children(listener.accept()[0])
    gone, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(gone, 1)
        os._exit(0)
    try:
        accepted.close()
        assert follower.recv(1) == b""
    finally:
        listener.close()
        follower.close()
        os.close(go)
        os.close(gone)
        os.waitpid(child, 0)


def test_an_oversized_input_is_refused_and_the_leader_stays(house: House) -> None:
    leader, follower = house.kit(), house.kit()
    leader.start()
    follower.start()
    store = store_of(follower)
    api_calls = tuple(ApiCall("send_user_message", "x" * 1024 * 1024) for _ in range(17))
    with pytest.raises(LedgerError, match="too large for one commit"):
        store.submit(Input(USER, CallsRequested(key="a", at=Instant(1.0), api_calls=api_calls))).result(10)
    assert not commit(follower, said("hi", "1")).duplicate
    assert store_of(follower) is store


TRANSFER = AgentTransfer(
    key="t",
    at=Instant(2.0),
    session_id="s",
    profile=UserProfile(user_id="u"),
    meta_infos=(("x", MetaInfo((("a", "b"),))),),
)


SAID = UserMessage(key="u", at=Instant(1.0), text="hi", agent_transfer=None, request_number=3)


@pytest.mark.parametrize("event", [TRANSFER, SAID], ids=lambda event: type(event).__name__)
def test_an_input_survives_the_socket(event: Any) -> None:
    input = Input(USER, event, hook=HookBody(b"{}", "dc-1"), aliases=("x",), keep_payload=True)
    travelled = messages.from_follower(messages.encode(messages.submit_message(7, input)))
    assert isinstance(travelled, messages.Submit)
    assert messages.input_of(travelled) == input


def test_a_ledger_error_keeps_its_type_and_other_errors_lose_their_text() -> None:
    assert isinstance(messages.error_of(messages.failed(1, LedgerClosed("stopping"))), LedgerClosed)
    assert "secret" not in str(messages.error_of(messages.failed(1, ValueError("secret"))))


def test_a_truncated_frame_is_none() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b"\x00\x00\x00\x05hel")
        here.shutdown(socket.SHUT_WR)
        assert messages.receive(there) is None
