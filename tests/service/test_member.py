"""Processes on a PostgreSQL store, represented by several kits in one process: each takes hooks, and has some conversations."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest

from botkit.config.settings import Settings
from botkit.errors import LedgerError, LedgerUnusable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentTransfer, HookAnswered, UserMessage, UserProfile
from botkit.kit import BotKit
from botkit.ledger.interface import Committed, HookBody, Input, Ledger
from botkit.observability.metrics import Telemetry
from botkit.service.role import Store
from botkit.testing.relay import RecordingRelay
from botkit.testing.waiting import until
from tests.hooks.hook_payloads import BOT_ID, settings
from tests.postgresql import PASSWORD, Server


class House:
    """Kits on one database."""

    def __init__(self, url: str) -> None:
        self.settings = settings(store=url)
        self.relays: list[RecordingRelay] = []
        self.kits: list[BotKit] = []
        self.broken: Exception | None = None
        """Keeps relays from starting."""

    def kit(self, *, share: bool = True) -> BotKit:
        kit = BotKit(self.settings, relay_factory=self._relay, share=share)
        self.kits.append(kit)
        return kit

    def _relay(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> RecordingRelay:
        relay = RecordingRelay(settings, ledger, telemetry)
        relay.broken = self.broken
        self.relays.append(relay)
        return relay

    @property
    def told(self) -> list[str]:
        """The users of whom the relays were told, one after the other."""
        return [committed.conversation.id.user_id for relay in self.relays for committed in relay.committed]


@pytest.fixture
def house(postgresql: Server) -> Iterator[House]:
    house = House(postgresql.empty())
    yield house
    for kit in house.kits:
        kit.close()


def store_of(kit: BotKit) -> Store:
    return kit._service().store()


def said(user: str, key: str = "1") -> Input:
    event = UserMessage(key=key, at=Instant(1.0), text="hi", agent_transfer=False)
    return Input(ConversationId(BOT_ID, user), event, hook=HookBody(b'{"message":"hi"}'), keep_payload=True)


def commit(kit: BotKit, input: Input) -> Committed:
    committed: Committed = store_of(kit).submit(input).result(10)
    return committed


def owns(kit: BotKit) -> int:
    """The number of shards that a kit has."""
    return len(store_of(kit).ledger._owner._own.shards)  # type: ignore[attr-defined]


def test_a_process_takes_hooks_and_its_relay_carries_them_out(house: House) -> None:
    kit = house.kit()
    kit.start()
    assert not commit(kit, said("u-1")).duplicate
    assert commit(kit, said("u-1")).duplicate
    until(lambda: house.told == ["u-1"])
    assert kit.ready() == {"store": True, "relay": True}
    assert store_of(kit).outbox_depth == 1
    assert b"botkit_outbox_depth 1.0" in kit._service().exposition()


@pytest.mark.parametrize("share", [True, False])
def test_two_processes_share_the_conversations(house: House, share: bool) -> None:
    first, second = house.kit(share=share), house.kit(share=share)
    first.start()
    second.start()
    until(lambda: owns(first) == owns(second) == 32)
    for number in range(10):
        commit(first if number % 2 else second, said(f"u-{number}"))
    until(lambda: len(house.told) == 10)
    assert all(relay.committed for relay in house.relays)
    assert store_of(first).outbox_depth + store_of(second).outbox_depth == 10


def test_outcomes_are_told_by_callback(house: House) -> None:
    kit = house.kit()
    kit.start()
    told: list[Committed | Exception] = []
    store_of(kit).submit_then(said("u-1"), told.append)
    until(lambda: len(told) == 1)
    assert isinstance(told[0], Committed)


def test_a_process_that_leaves_hands_its_conversations_over(house: House) -> None:
    first = house.kit()
    first.start()
    until(lambda: owns(first) == 64)
    commit(first, said("u-1"))
    until(lambda: house.told == ["u-1"])
    first.close()
    assert house.relays[0].closed_before_ledger
    second = house.kit()
    second.start()
    until(lambda: owns(second) == 64)
    until(lambda: house.told == ["u-1", "u-1"])
    assert house.relays[0].committed[0].items == house.relays[1].committed[0].items


def test_a_process_that_comes_for_a_moment_writes_down_and_owns_nothing(house: House) -> None:
    stays, comes = house.kit(), house.kit()
    stays.start()
    until(lambda: owns(stays) == 64)
    comes._service().visit()
    assert not commit(comes, said("u-1")).duplicate
    assert commit(comes, said("u-1")).duplicate
    until(lambda: house.told == ["u-1"])
    assert store_of(comes).newest_hook_of(BOT_ID, "u-1") is not None
    late = HookAnswered(key="3", at=Instant(1.0), context="{}")
    assert commit(comes, Input(ConversationId(BOT_ID, "webhook/1"), late)).refused
    told: list[Committed | Exception] = []
    store_of(comes).submit_then(said("u-2"), told.append)
    until(lambda: len(told) == 1)
    assert comes.ready() == {"store": True}
    assert b"botkit_outbox_depth 0.0" in comes._service().exposition()
    with psycopg.connect(house.settings.store.url) as witness:
        owners = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'botkit owner %'"
        assert witness.execute(owners).fetchone() == (1,)
    comes.close()
    assert len(house.relays) == 1
    assert owns(stays) == 64
    with pytest.raises(LedgerError):
        store_of(comes)


def test_the_newest_payload_is_read_from_any_process(house: House) -> None:
    first, second = house.kit(), house.kit()
    first.start()
    second.start()
    until(lambda: owns(first) == owns(second) == 32)
    commit(first, said("u-1"))
    until(lambda: house.told == ["u-1"])
    for kit in (first, second):
        found = store_of(kit).newest_hook_of(BOT_ID, "u-1")
        assert found == (ConversationId(BOT_ID, "u-1"), HookBody(b'{"message":"hi"}'))
        assert store_of(kit).newest_hook(ConversationId(BOT_ID, "u-1")) == HookBody(b'{"message":"hi"}')


def test_open_sessions_are_counted_by_the_process_that_has_them(house: House) -> None:
    kit = house.kit()
    kit.start()
    transfer = AgentTransfer(
        key="2", at=Instant(1.0), session_id="0f4f5c1e-6f5f-4b51-9d8e-000000000001", profile=UserProfile()
    )
    commit(kit, Input(ConversationId(BOT_ID, "u-1"), transfer, hook=HookBody(b"{}")))
    until(lambda: store_of(kit).open_sessions == 1)


def test_a_relay_that_does_not_start_leaves_nothing_behind(house: House) -> None:
    house.broken = RuntimeError("no relay")
    with pytest.raises(RuntimeError, match="no relay"):
        house.kit().start()
    house.broken = None
    kit = house.kit()
    kit.start()
    until(lambda: owns(kit) == 64)


def test_what_is_wrong_with_the_store_is_told_without_the_password(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.settings = settings(store=house.settings.store.url.removesuffix("postgres") + "nowhere")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(LedgerUnusable) as caught:
        house.kit().start()
    assert "does not exist" in str(caught.value)
    assert isinstance(caught.value, LedgerError)
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
