"""One user on several channels and in several sessions, closures of a session, linked bots."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, OMAR, OVER, Case, Person, Stage

LINKED = f"st-{uuid.uuid5(uuid.NAMESPACE_DNS, 'linked.botkit.example')}"
UNLINKED = f"st-{uuid.uuid5(uuid.NAMESPACE_DNS, 'unlinked.botkit.example')}"


def _second_case(person: Person) -> Case:
    """The person's second conversation with agents: the first is that of their other channel, or of the session before."""
    person.says("talk to an agent")
    until(lambda: len(person.cases()) == 2, "for a second conversation at the agents'")
    return person.cases()[1]


# --- two channels


def test_the_bot_answers_on_another_channel_while_an_agent_helps_on_the_web(everywhere: Stage) -> None:
    web = everywhere.person()
    case = web.is_helped_by(JANE)
    phone = everywhere.joins(web, "whatsapp")
    phone.says("hi")
    phone.hears("I am the Acme Assistant")
    web.says("are you still there?")
    case.gets("are you still there?")
    case.told_by(JANE, "of course")
    assert web.hears("of course").speaker == "agent"
    assert web.user.agent_mode
    assert "of course" not in [text for _, text in phone.chat()]
    everywhere.everybody_leaves()


def test_a_transfer_on_the_second_channel_is_a_hand_off_of_its_own(either: Stage) -> None:
    web = either.person()
    first = web.is_helped_by(JANE)
    phone = either.joins(web, "whatsapp")
    second = _second_case(phone)
    second.accepted_by(OMAR)
    phone.hears("Omar Haddad has joined")
    web.says("from the web")
    phone.says("from the phone")
    first.gets("from the web")
    second.gets("from the phone")
    first.told_by(JANE, "to the web")
    second.told_by(OMAR, "to the phone")
    web.hears("to the web")
    phone.hears("to the phone")
    assert (first.typed(), second.typed()) == (["from the web"], ["from the phone"])
    phone.says(END_WORD)
    phone.is_with_the_bot()
    second.is_over()
    assert web.user.agent_mode
    web.says("the web goes on")
    first.gets("the web goes on")
    web.closes_the_window()
    first.is_over()
    web.is_with_the_bot()


def test_both_conversations_go_on_after_a_restart(stages: Stages) -> None:
    stage = stages("two channels, restarted")
    web = stage.person()
    first = web.is_helped_by(JANE)
    phone = stage.joins(web, "whatsapp")
    second = _second_case(phone)
    second.accepted_by(OMAR)
    phone.hears("Omar Haddad has joined")
    stage.restarts()
    second.told_by(OMAR, "to the phone")
    first.told_by(JANE, "to the web")
    phone.hears("to the phone")
    web.hears("to the web")
    web.says("from the web")
    phone.says("from the phone")
    first.gets("from the web")
    second.gets("from the phone")
    stage.everybody_leaves()


def test_the_platforms_end_on_one_channel_is_no_end_on_the_other(stage: Stage) -> None:
    web = stage.person()
    case = web.is_helped_by(JANE)
    phone = stage.joins(web, "whatsapp")
    phone.says("hi")
    phone.hears("I am the Acme Assistant")
    phone.closes_the_window()
    until(lambda: stage.wire("on_event", about="sessionClosure", source="kore"))
    web.says("still with you")
    case.gets("still with you")
    stage.everybody_leaves()


def test_two_channels_in_one_session_are_two_conversations(stage: Stage) -> None:
    web = stage.person()
    case = web.is_helped_by(JANE)
    call = stage.joins(web, "twiliovoice", same_session=True)
    call.says("hi")
    call.hears("I am the Acme Assistant")
    web.says("and on the web?")
    case.gets("and on the web?")
    assert case.typed() == ["and on the web?"]
    stage.everybody_leaves()


def test_a_channel_that_transfers_spell_otherwise_is_one_channel(stages: Stages) -> None:
    stage = stages("spelling")
    stage.kore_behaves(channel_type="differs")
    ada = stage.person(channel="ivrVoice")
    case = ada.is_helped_by(JANE)
    ada.says("can you hear me?")
    case.gets("can you hear me?")
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    stage.kore_behaves(channel_type="same")
    stage.everybody_leaves()


# --- closures


@pytest.mark.parametrize(
    "closure",
    [
        {"session": "5f75dc854a2e664cfa7dd583"},
        {"session": "5f75dc854a2e664cfa7dd583", "channel": False},
        {"event": {"type": "event", "val": "SESSION_CLOSURE", "eventType": "SESSION_CLOSURE_IGNORED"}},
    ],
    ids=["of another session", "of another session, without a channel", "that was ignored"],
)
def test_a_closure_that_is_not_about_this_session_ends_nothing(stage: Stage, closure: dict[str, Any]) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.closes_the_window(only_event=True, **closure)
    ada.says("still with you")
    case.gets("still with you")
    assert case.status() not in OVER
    stage.everybody_leaves()


@pytest.mark.parametrize(
    "closure",
    [
        {"session": ""},
        {"session": "", "channel": False},
        {"channel": False},
        {"event": {"eventType": "SESSION_CLOSURE"}},
        {"event": {"event Type": "sessionClosed"}},
        {"event": {"type": "event", "val": "SESSION_CLOSURE"}},
        {"event": {"eventName": "ON_SESSION_CLOSURE"}},
        {"event": "conversationSessionClosed"},
    ],
    ids=[
        "no session", "no session and no channel", "no channel", "capitals", "a space in the name", "the webhook channel's",
        "another field", "a text",
    ],
)  # fmt: skip
def test_a_closure_in_any_spelling_ends_the_conversation(stage: Stage, closure: dict[str, Any]) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.closes_the_window(**closure)
    case.is_over()
    ada.hears("has ended")
    ada.talks_to_the_bot_again()


def test_late_and_repeated_closures_are_harmless(stage: Stage) -> None:
    ada = stage.person()
    first = ada.is_helped_by(JANE)
    former = ada.user.session.id
    ada.says(END_WORD)
    first.is_over()
    ada.is_with_the_bot()
    ada.closes_the_window(repeat=True)
    second = _second_case(ada)
    second.accepted_by(JANE)
    ada.hears("has joined", times=2)
    ada.closes_the_window(session=former, only_event=True, repeat=True)
    ada.says("still with you")
    second.gets("still with you")
    assert second.status() not in OVER
    stage.everybody_leaves()


# --- a new session on the same channel


def test_a_user_whose_session_was_renewed_stays_with_the_agent(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    former = ada.user.session.id
    ada.gets_a_new_session()
    ada.says("still with you")
    case.gets("still with you")
    ada.closes_the_window(session=former, only_event=True)
    ada.says("and now?")
    case.gets("and now?")
    ada.closes_the_window()
    case.is_over()


def test_a_transfer_in_a_new_session_opens_a_hand_off_and_ends_the_former(stages: Stages) -> None:
    stage = stages("bypass")
    ada = stage.person()
    first = ada.is_helped_by(JANE)
    stage.clouds.do(stage.clouds.kore.time_out, ada.user)
    # BotKit does not see the message that leads to the transfer: its hook fails.
    stage.kore_behaves(when_hook_fails="bypass")
    stage.kore_fails(forged_token=True, path="on_user_message", count=1)
    second = _second_case(ada)
    stage.kore_behaves(when_hook_fails="silent")
    first.is_over()
    second.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    assert ada.user.agent_mode
    ada.says("hello Omar")
    second.gets("hello Omar")
    assert first.typed() == []
    stage.everybody_leaves()


# --- linked bots


@pytest.fixture
def linked(stages: Stages) -> Iterator[Stage]:
    stage = stages("linked", bot={"bot": {"linked": [LINKED]}})
    yield stage
    stage.kore_behaves(bot_id="text", linked_bot_in="both")
    stage.everybody_leaves()


@pytest.mark.parametrize("form", ["text", "list"])
@pytest.mark.parametrize("place", ["both", "path", "body"])
def test_hooks_of_a_linked_bot_belong_to_the_same_conversation(linked: Stage, place: str, form: str) -> None:
    linked.kore_behaves(linked_bot_in=place, bot_id=form)
    ada = linked.person()
    case = ada.is_helped_by(JANE)
    ada.speaks_with_linked_bot(LINKED)
    ada.says("through the child")
    case.gets("through the child")
    case.told_by(JANE, "heard you")
    ada.hears("heard you")
    ada.speaks_with_linked_bot("")
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert len(ada.cases()) == 1


def test_a_child_may_hand_over_and_the_universal_bot_go_on(linked: Stage) -> None:
    ada = linked.person()
    ada.speaks_with_linked_bot(LINKED)
    case = ada.is_helped_by(JANE)
    ada.speaks_with_linked_bot("")
    ada.says("through the parent")
    case.gets("through the parent")


def test_a_bot_that_is_not_linked_is_told_which_line_is_missing(linked: Stage) -> None:
    ada = linked.person()
    ada.speaks_with_linked_bot(UNLINKED)
    ada.says("hi")
    (refused,) = until(lambda: linked.wire("on_user_message", about=UNLINKED, source="kore"))
    assert refused.status == 404
    assert "The token is that of Acme Assistant" in refused.response_body
    assert f"linked: [{UNLINKED}]" in refused.response_body
    linked.kore_fails(forged_token=True)
    ada.says("hi again")
    refused = until(lambda: linked.wire("on_user_message", about="hi again", source="kore"))[0]
    linked.clouds.calm()
    assert refused.status == 401
    assert "Acme" not in refused.response_body


# --- a store of the version before


def test_live_conversations_of_the_version_before_go_on(stages: Stages) -> None:
    stage = stages("version before", bot={"delivery": {"first_retry": "20ms", "slowest_retry": "100ms"}})
    ada, bob = stage.person(), stage.person("Bob Kahn", channel="facebook")
    case, other = ada.is_helped_by(JANE), bob.is_helped_by(OMAR)
    waiting = stage.person("Grace Hopper")
    unaccepted = waiting.asks_for_an_agent()
    stage.salesforce_fails("status", status=503, path="/message")
    waiting.says("is anybody there?")
    ada.says("did you get this?")
    until(lambda: stage.wire("sendMessage", about="did you get this?"))

    def downgraded() -> None:
        case.told_by(JANE, "while you were away")
        _downgrade(_store_of(stage))
        stage.clouds.calm()

    stage.restarts(meanwhile=downgraded)
    ada.hears("while you were away")
    case.gets("did you get this?")
    unaccepted.gets("is anybody there?")
    unaccepted.accepted_by(JANE)
    waiting.hears("Jane Doe has joined")
    bob.says("from Facebook")
    other.gets("from Facebook")
    other.told_by(OMAR, "to Facebook")
    bob.hears("to Facebook")
    assert [text for who, text in ada.chat() if who == "agent"].count("while you were away") == 1
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    stage.everybody_leaves()


def _store_of(stage: Stage) -> Path:
    return Path(stage.service.kit.settings.store.url.removeprefix("sqlite:///"))


def _downgrade(path: Path) -> None:
    """Write the store back as the version before wrote it: no channels, no aliases of sessions."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT bot_id, user_id, state FROM conversations").fetchall()
        for bot_id, user_id, stored in rows:
            state = json.loads(stored)
            state["id"].pop("channel", None)
            if state["session"] is not None:
                state["session"].pop("session_aliases", None)
            connection.execute(
                "UPDATE conversations SET state = ? WHERE bot_id = ? AND user_id = ?",
                (json.dumps(state, separators=(",", ":")).encode(), bot_id, user_id),
            )
        for statement in _DOWNGRADE.split(";"):
            connection.execute(statement)
        connection.commit()


_DOWNGRADE = """
CREATE TABLE c3 (bot_id TEXT NOT NULL, user_id TEXT NOT NULL, state BLOB NOT NULL, names BLOB NOT NULL,
    live BOOLEAN NOT NULL, ended_at FLOAT, session TEXT, PRIMARY KEY (bot_id, user_id)) WITHOUT ROWID;
INSERT INTO c3 SELECT bot_id, user_id, state, names, live, ended_at, session FROM conversations;
DROP TABLE conversations;
ALTER TABLE c3 RENAME TO conversations;
CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;
CREATE TABLE p3 (bot_id TEXT NOT NULL, user_id TEXT NOT NULL, component_id TEXT NOT NULL, body BLOB NOT NULL,
    at FLOAT NOT NULL, PRIMARY KEY (bot_id, user_id));
INSERT INTO p3 SELECT bot_id, user_id, component_id, body, at FROM payloads;
DROP TABLE payloads;
ALTER TABLE p3 RENAME TO payloads;
CREATE INDEX payloads_at ON payloads (at);
ALTER TABLE outbox DROP COLUMN channel;
DROP TABLE story;
DROP TABLE inputs;
DROP TABLE failed_inputs;
DROP TABLE answers;
DROP TABLE live_names;
UPDATE meta SET value = '3' WHERE name = 'schema_version'
"""
