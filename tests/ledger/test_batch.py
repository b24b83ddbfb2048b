from __future__ import annotations

import sqlite3
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import Access, AgentSession, Conversation, ConversationId, Instant, Phase
from botkit.handoff.decision import Decision
from botkit.handoff.events import ApiCall, BotMessage, Event, HookHandled, UserMessage
from botkit.ledger.batch import Batch, in_order
from botkit.ledger.interface import Input
from botkit.ledger.memory import Remembered
from botkit.ledger.sqlite.migrations import migrate
from botkit.ledger.sqlite.store import Store
from botkit.ledger.sqlite.writing import write


def said(text: str, number: int | None, user: str = "u-1") -> tuple[Input, str]:
    event = UserMessage(key=text, at=Instant(1.0), text=text, agent_transfer=None, request_number=number)
    return Input(ConversationId("bot", user), event), text


def other(name: str, user: str = "u-1") -> tuple[Input, str]:
    event: Event = BotMessage(key=name, at=Instant(1.0), text=name, agent_transfer=None)
    return Input(ConversationId("bot", user), event), name


def handled(text: str, number: int) -> tuple[Input, str]:
    input, _ = said(text, number)
    assert isinstance(input.event, UserMessage)
    api_calls = (ApiCall("send_bot_message", '{"message":"x"}'),)
    event = HookHandled(key=text, at=Instant(1.0), api_calls=api_calls, original=input.event, proceed=False)
    return replace(input, event=event), text


def order(*queued: tuple[Input, str]) -> list[str]:
    return [text for _, text in in_order(queued)]


def test_the_messages_of_a_user_are_in_the_order_of_their_numbers() -> None:
    assert order(said("c", 3), said("a", 1), said("b", 2)) == ["a", "b", "c"]


def test_messages_of_different_users_are_not_reordered() -> None:
    queued = [said("2", 2), said("9", 9, "u-2"), said("1", 1), said("8", 8, "u-2")]
    assert order(*queued) == ["1", "8", "2", "9"]


def test_bot_messages_and_other_conversations_stay_in_place() -> None:
    assert order(said("b", 2), other("bot"), said("x", 1, "u-2"), said("a", 1)) == ["a", "bot", "x", "b"]


def test_a_message_changed_by_handlers_keeps_its_number() -> None:
    assert order(handled("b", 2), said("c", 3), handled("a", 1)) == ["a", "b", "c"]


def test_equal_numbers_keep_their_order() -> None:
    assert order(said("first", 5), said("second", 5), said("before", 4)) == ["before", "first", "second"]


def test_a_message_without_a_number_stays_in_place() -> None:
    assert order(said("b", 2), said("?", None), said("a", 1)) == ["a", "?", "b"]


def test_an_input_without_an_event_stays_in_place() -> None:
    completes = (replace(said("x", 1)[0], event=None, completes=(7,)), "settles")
    assert order(said("b", 2), completes, said("a", 1)) == ["a", "settles", "b"]


@pytest.mark.parametrize("queued", [[], [said("a", 1)], [said("a", 1), said("b", 2), said("c", 0, "u-2")]])
def test_inputs_in_order_are_not_copied(queued: list[tuple[Input, str]]) -> None:
    assert in_order(queued) is queued


# --- the row of a conversation -----------------------------------------------------------------------------------------


def opened(session: str, *, language: str = "", token: str = "") -> Conversation:
    live = AgentSession(
        session, "agents", Phase.OPENING, opened_at=Instant(1.0), language=language, access=Access(token)
    )
    return Conversation(ConversationId("bot", "u-1"), live)


def written(connection: sqlite3.Connection, remembered: Remembered, after: Conversation) -> str:
    """Commit a version of the conversation; the statement that has written it."""
    ran: list[str] = []
    connection.set_trace_callback(ran.append)
    batch = Batch(lambda _before, _event: Decision(after), remembered, count(1))
    input, _ = said("hi", 1)
    batch.decide(input, "", seen=False)
    connection.execute("BEGIN")
    write(connection, batch)
    connection.execute("COMMIT")
    batch.apply()
    connection.set_trace_callback(None)
    # SQLite tells a statement again for each one of its triggers.
    (statement,) = {one for one in ran if " conversations " in one}
    return statement.split()[0]


def test_a_change_of_the_state_alone_leaves_the_index_of_sessions_as_it_is() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    remembered = Remembered()
    versions = [opened("s-1"), opened("s-1", language="de"), opened("s-2"), opened("s-2", language="fr")]
    statements = [written(connection, remembered, after) for after in versions]
    assert statements == ["INSERT", "UPDATE", "INSERT", "UPDATE"]
    rows = connection.execute("SELECT session, state FROM conversations").fetchall()
    assert [(session, b'"fr"' in state) for session, state in rows] == [("s-2", True)]
    connection.close()


def test_a_change_of_a_conversation_with_a_long_token_writes_one_page(tmp_path: Path) -> None:
    store = Store(tmp_path / "botkit.db")
    connection, remembered = store.writer(), Remembered()
    written(connection, remembered, opened("s-1", token="x" * 2000))
    before = store.log_pages()
    written(connection, remembered, opened("s-1", token="x" * 2000, language="de"))
    assert store.log_pages() - before == 1
    connection.close()
    store.close()
