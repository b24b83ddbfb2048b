"""A user whose hooks come under several ids, which lie in shards of two processes: who decides on them, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import (
    AgentTransfer,
    ApiCall,
    Event,
    HookHandled,
    PlatformSessionClosed,
    TimerFired,
    UserMessage,
    UserProfile,
)
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.postgresql import owner
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.given import columns, given_by, values_everywhere
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.names import EndedNames
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import SHARDS, shard_of
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT, SESSION, rules
from tests.postgresql import Server

PHONE = "+49 30 1"
_numbers = itertools.count(1)


@dataclass
class Members:
    """Two processes with half of the shards each, and what they have decided, in order."""

    here: PostgresLedger
    there: PostgresLedger
    decided: list[tuple[str | None, str, str]]
    """The text of each message, whom it goes to, and the user of its conversation."""
    witness: psycopg.Connection[tuple[object, ...]]
    handlers: list[str]
    """The users of the hooks that handlers have seen."""

    @property
    def texts(self) -> list[str | None]:
        return [text for text, _, _ in self.decided]

    def names(self) -> int:
        """How many names lead to live conversations."""
        ((found,),) = self.witness.execute("SELECT count(*) FROM live_names").fetchall()
        assert isinstance(found, int)
        return found

    def live(self) -> set[object]:
        """The users of live conversations."""
        return {user for (user,) in self.witness.execute("SELECT user_id FROM conversations WHERE live")}

    def shards_of_inputs(self) -> set[object]:
        return {shard for (shard,) in self.witness.execute("SELECT shard FROM inputs").fetchall()}

    def opens(self, one: ConversationId) -> None:
        """Ada gets an agent, and is also known by her phone."""
        self.here.submit(transfers(one, names=(PHONE,))).result(10)
        until(lambda: self.names() == 2, "for the hand-off")

    def ends(self, one: ConversationId) -> None:
        fired = TimerFired(key="", at=Instant(2_000.0), session_id=SESSION, name="end", due=Instant(2_000.0))
        self.here.submit(Input(one, fired)).result(10)


@pytest.fixture
def members(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Members]:
    monkeypatch.setattr(owner, "TURN_SECONDS", 0.02)
    monkeypatch.setattr(owner, "LOOK_SECONDS", 1_000.0)
    monkeypatch.setattr("botkit.ledger.postgresql.ownership.PREFERRED_SECONDS", 0.0)
    decided: list[tuple[str | None, str, str]] = []
    handlers: list[str] = []

    def decide(conversation: Conversation, event: Event) -> Decision:
        if isinstance(event, TimerFired):
            return Decision(replace(conversation, session=None, ended_session=SESSION, ended_at=event.at))
        if isinstance(event, UserMessage):
            to = "bot" if conversation.session is None else "agent"
            decided.append((event.text, to, conversation.id.user_id))
        if isinstance(event, HookHandled):
            handlers.append(conversation.id.user_id)
            event = event.original
        decision = rules(conversation, event)
        opened = decision.conversation.session
        if isinstance(event, AgentTransfer) and opened is not None:
            opened = replace(opened, platform_session_id=event.profile.session_id)
            return replace(decision, conversation=replace(decision.conversation, session=opened))
        return decision

    url = postgresql.empty()
    here, there = PostgresLedger(url, decide), PostgresLedger(url, decide)
    try:
        for one in (here, there):
            one.start(lambda _: None)
        until(lambda: all(len(one._owner.shards) == SHARDS // 2 for one in (here, there)), "for half each")
        with connect(url, "witness") as witness:
            yield Members(here, there, decided, witness, handlers)
    finally:
        for one in (here, there):
            one.close()


def user_of(ledger: PostgresLedger, channel: str = "", *, like: str = "user") -> ConversationId:
    users = (ConversationId(BOT, f"{like}-{number}", channel) for number in _numbers)
    return next(one for one in users if ledger._owner.owns(one))


def transfers(one: ConversationId, *, names: tuple[str, ...] = (), session: str = "") -> Input:
    number = next(_numbers)
    event = AgentTransfer(
        key=f"k-{number}",
        at=Instant(1_000.0 + number),
        session_id=SESSION,
        profile=UserProfile(session_id=session),
    )
    return Input(one, event, HookBody(b"{}"), names)


def closes(one: ConversationId, *, names: tuple[str, ...], handled: bool = False) -> Input:
    number = next(_numbers)
    closed = PlatformSessionClosed(key=f"k-{number}", at=Instant(1_000.0 + number))
    calls = (ApiCall("send_user_message", "{}"),)
    event = HookHandled(key=closed.key, at=closed.at, api_calls=calls, original=closed) if handled else closed
    return Input(one, event, HookBody(b"{}"), names)


def says(
    one: ConversationId,
    text: str,
    *,
    names: tuple[str, ...] = (PHONE,),
    flag: bool | None = None,
    sessions: tuple[str, ...] = (),
) -> Input:
    number = next(_numbers)
    event = UserMessage(
        key=f"k-{number}",
        at=Instant(1_000.0 + number),
        text=text,
        agent_transfer=flag,
        sessions=sessions,
    )
    return Input(one, event, HookBody(text.encode()), names)


@contextmanager
def deaf(ledger: PostgresLedger) -> Iterator[None]:
    """Its owner hears of new inputs only when this is over."""
    taking, heard = ledger._owner._taking, list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taking, "told", lambda text, _: heard.append(text))
        patch.setattr(taking, "find_missed", lambda *_: None)  # Nor does it look.
        yield
    for text in heard:
        ledger._owner.told(text)


def test_a_users_hooks_keep_their_order_when_the_session_ends_to_which_a_name_has_led(
    members: Members,
) -> None:
    ada, eve = user_of(members.here), user_of(members.there)
    members.opens(ada)
    with deaf(members.here):
        members.there.submit(says(eve, "first")).result(10)
        members.ends(ada)
        members.there.submit(says(eve, "second")).result(10)
        members.there.submit(says(user_of(members.there), "of somebody else", names=())).result(10)
        until(lambda: "of somebody else" in members.texts, "for those who hear")
    until(lambda: len(members.decided) == 3, "for all")
    assert members.decided[1:] == [("first", "bot", eve.user_id), ("second", "bot", eve.user_id)]
    until(lambda: members.names() == 0, "for the names to be forgotten")
    members.there.submit(says(eve, "third")).result(10)
    until(lambda: "third" in members.texts, "for the next one")
    assert shard_of(ada) not in members.shards_of_inputs()


@pytest.mark.parametrize("takes", ["take_inputs", "take_everywhere"])
def test_a_name_goes_when_nothing_waits_that_it_has_led(postgresql: Server, takes: str) -> None:
    ada, eve = ConversationId(BOT, "ada"), ConversationId(BOT, "eve")
    assert shard_of(ada) != shard_of(eve)
    ended = EndedNames()
    ended.changed(named=(), forgotten=[(ada, PHONE)])
    with connect(postgresql.empty(), "start") as session, psycopg.connect(postgresql.url) as door:
        migrate(session)
        name = [BOT], [PHONE], ["ada"], [""], [shard_of(ada)]
        session.execute(SQL["insert_names"], name)
        if takes == "take_inputs":
            one = given_by(says(eve, "hello"), Receipt(lambda _: None))
            door.execute(SQL[takes], columns([one]))
        else:
            one = given_by(closes(eve, names=(PHONE,)), Receipt(lambda _: None))
            door.execute(SQL[takes], values_everywhere(one, one.input))
        in_the_shard = "SELECT id FROM inputs WHERE shard = %s"
        ((row,),) = door.execute(in_the_shard, (shard_of(ada),)).fetchall()
        ended.forget(session, set())
        assert len(ended) == 1  # The door might still commit.
        door.commit()
        ended.forget(session, set())
        assert len(ended) == 1  # The hook waits.
        ended.forget(session, {row})
        assert len(ended) == 0
        assert session.execute("SELECT count(*) FROM live_names").fetchone() == (0,)


def test_names_that_an_owner_has_left_are_forgotten_by_the_next_one(members: Members) -> None:
    ada = user_of(members.here)
    members.opens(ada)
    members.witness.execute(
        "INSERT INTO live_names SELECT bot_id, 'former', user_id, channel, shard FROM live_names LIMIT 1"
    )
    members.here.close()
    until(lambda: len(members.there._owner.shards) == SHARDS, "for the shards")
    until(lambda: members.names() == 2, "for the name to be forgotten")


def test_a_hook_that_is_flagged_with_an_agent_finds_the_session_on_another_channel(members: Members) -> None:
    ada, eve = user_of(members.here, "whatsapp"), user_of(members.there, "rtm")
    members.opens(ada)
    members.there.submit(says(eve, "not flagged")).result(10)
    members.there.submit(says(eve, "flagged", flag=True)).result(10)
    until(lambda: len(members.decided) == 2, "for both")
    assert set(members.decided) == {
        ("not flagged", "bot", eve.user_id),
        ("flagged", "agent", ada.user_id),
    }


@pytest.mark.parametrize("like", ["u", "user"])
def test_two_users_of_the_platform_are_two_people(members: Members, like: str) -> None:
    """They may have one phone. A hook of one of them makes no detour by the other's shard."""
    ada, eve = user_of(members.here, like=like), user_of(members.there, like=like)
    members.opens(ada)
    with deaf(members.here):
        members.there.submit(says(eve, "hello")).result(10)
        shard = shard_of(eve if like == "u" else ada)
        assert members.shards_of_inputs() == {shard}
    until(lambda: members.texts == ["hello"], "for the message")


def test_a_message_that_is_passed_on_lies_in_the_shard_of_its_conversation(members: Members) -> None:
    ada, eve = user_of(members.here), user_of(members.here)
    assert shard_of(ada) != shard_of(eve)
    members.opens(ada)
    with deaf(members.here):
        members.there.submit(says(eve, "hello")).result(10)
        assert members.shards_of_inputs() == {shard_of(ada)}
        members.ends(ada)
    until(lambda: members.texts == ["hello"], "for the message")
    until(lambda: members.shards_of_inputs() == {shard_of(eve)}, "for its row")


def test_a_message_that_was_passed_on_before_a_handoff_elsewhere_stays_the_bots(members: Members) -> None:
    """The process that has passed it on dies, and the one with the hand-off takes it over."""
    ada, eve = user_of(members.here), user_of(members.there)
    members.there.submit(says(eve, "before")).result(10)
    until(lambda: "before" in members.texts, "for the first message")
    members.opens(ada)
    members.there.close()
    until(lambda: members.texts == ["before", "before"], "for the next owner")
    members.here.submit(says(eve, "after")).result(10)
    until(lambda: "after" in members.texts, "for the next message")
    assert members.decided == [
        ("before", "bot", eve.user_id),
        ("before", "bot", eve.user_id),
        ("after", "agent", ada.user_id),
    ]


def test_the_decision_on_a_message_is_kept_when_a_handoff_begins_under_a_name_of_its_user(
    members: Members,
) -> None:
    """While it is being passed on: the next owner does not decide on it anew."""
    ada, eve = user_of(members.here), user_of(members.here)
    members.here.submit(says(eve, "before")).result(10)
    until(lambda: members.texts == ["before"], "for the first message")
    members.opens(ada)
    assert members.witness.execute("SELECT count(*) FROM inputs WHERE decided IS NOT NULL").fetchone() == (1,)
    members.here.close()
    members.there.submit(says(eve, "after")).result(10)
    until(lambda: "after" in members.texts, "for the next message")
    assert members.decided == [("before", "bot", eve.user_id), ("after", "agent", ada.user_id)]


def test_a_message_that_is_flagged_with_an_agent_is_the_agents_though_it_came_before_the_handoff_elsewhere(
    members: Members,
) -> None:
    """The platform says so itself: nobody has passed it to the bot."""
    ada, eve = user_of(members.here), user_of(members.there)
    with deaf(members.there):
        members.there.submit(says(eve, "flagged", flag=True)).result(10)
        assert members.shards_of_inputs() == {shard_of(eve)}
        members.opens(ada)
        members.there.close()
        until(lambda: "flagged" in members.texts, "for the next owner")
    assert members.decided == [("flagged", "agent", ada.user_id)]


@pytest.mark.parametrize(
    ("sessions", "agent_of"),
    [(("s-1",), "ada"), (("s-2",), "phone"), (("new", "s-1"), "ada"), (("new",), "phone"), ((), "phone")],
)
@pytest.mark.parametrize("first", ["ada", "phone"])
def test_a_message_without_a_channel_goes_to_the_agent_of_its_session_else_to_the_one_who_came_last(
    members: Members, first: str, sessions: tuple[str, ...], agent_of: str
) -> None:
    """Whichever of the user's names comes first, and wherever the conversations are."""
    ada, phone = user_of(members.here, "rtm"), user_of(members.there, "whatsapp", like="phone")
    for one, session in ((ada, "s-1"), (phone, "s-2")):
        members.here.submit(transfers(one, session=session)).result(10)
    until(lambda: members.names() == 2, "for the hand-offs")
    named = (ada.user_id, phone.user_id) if first == "ada" else (phone.user_id, ada.user_id)
    message = says(ConversationId(BOT, named[0]), "hello", names=named[1:], sessions=sessions)
    members.here.submit(message).result(10)
    until(lambda: members.texts == ["hello"], "for the message")
    expected = ada if agent_of == "ada" else phone
    assert members.decided == [("hello", "agent", expected.user_id)]


@pytest.mark.parametrize("handled", [False, True])
@pytest.mark.parametrize("at", ["here", "there"])
def test_a_closure_without_channel_and_session_ends_a_users_conversations_in_every_shard(
    members: Members, at: str, handled: bool
) -> None:
    """Whichever process takes it. What handlers have said of it is carried out once."""
    ada, phone = user_of(members.here, "rtm"), user_of(members.there, "whatsapp", like="phone")
    stranger = user_of(members.there, "rtm")
    for one in (ada, phone, stranger):
        members.here.submit(transfers(one)).result(10)
    until(lambda: members.names() == 3, "for the hand-offs")
    closure = closes(ConversationId(BOT, ada.user_id), names=(phone.user_id,), handled=handled)
    accepted: PostgresLedger = getattr(members, at)
    assert not accepted.submit(closure).result(10).duplicate
    until(lambda: members.names() == 1, "for the ends")
    until(lambda: not members.shards_of_inputs(), "for the rest")
    assert members.live() == {stranger.user_id}
    assert len(members.handlers) == (1 if handled else 0)
    assert accepted.submit(closure).result(10).duplicate


def test_a_closure_without_a_channel_comes_after_the_hand_off_that_it_is_about(members: Members) -> None:
    """A hand-off under another name of the user was decided; the one under the user's own waits in its own shard."""
    ada, phone = user_of(members.here, "rtm"), user_of(members.there, "whatsapp", like="phone")
    members.here.submit(transfers(phone)).result(10)
    until(lambda: members.names() == 1, "for the first hand-off")
    with deaf(members.here):
        members.there.submit(transfers(ada)).result(10)
        members.there.submit(closes(ConversationId(BOT, ada.user_id), names=(phone.user_id,))).result(10)
        until(lambda: members.live() == set(), "for the first end")
    until(lambda: not members.shards_of_inputs(), "for the rest")
    assert members.live() == set()


def test_a_closure_whose_commit_is_in_doubt_ends_every_conversation(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, phone = user_of(members.here, "rtm"), user_of(members.there, "whatsapp", like="phone")
    for one in (ada, phone):
        members.here.submit(transfers(one)).result(10)
    until(lambda: members.names() == 2, "for the hand-offs")
    door, lost = members.here._door, iter([psycopg.OperationalError("lost")])
    store = door._store

    def cut(given: Any) -> Any:
        stored = store(given)
        for error in lost:
            for one in given:
                one.id = None
            raise error
        return stored

    monkeypatch.setattr(door, "_store", cut)
    members.here.submit(closes(ConversationId(BOT, ada.user_id), names=(phone.user_id,))).result(10)
    until(lambda: members.live() == set(), "for the ends")
