"""A store of the version before is taken over with its live conversations, which now belong to a channel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botkit.handoff import webhooks
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import SendToAgent, SendToUser
from botkit.handoff.events import AgentSaid, Content
from botkit.ledger.interface import HookBody, Input
from tests.handoff.story import rules as handoff_rules
from tests.ledger.former_store import create_former_store, insert, live_state
from tests.ledger.ledger_stage import BOT, SESSION, SqliteStage

ADA = ConversationId(BOT, "u-ada", "rtm")
FLAT = {"requestId": "1", "channel": {"type": "rtm", "from": "u-ada"}}
RULES = handoff_rules()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "botkit.db"
    create_former_store(path)
    return path


def _live(path: Path, payload: object, *, user: str = "u-ada", session: str = SESSION, **more: Any) -> None:
    """A user with an agent, with a payload and an effect that is not delivered."""
    insert(
        path,
        "conversations",
        bot_id=BOT,
        user_id=user,
        state=live_state(BOT, user, session, **more),
        names=[user, "+491234"],
        live=True,
        session=session,
    )
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    insert(path, "payloads", bot_id=BOT, user_id=user, component_id="default", body=body, at=1000.0)
    insert(
        path,
        "outbox",
        id=len(user),
        bot_id=BOT,
        user_id=user,
        lane="user",
        kind="SendToUser",
        effect={"content": {"text": "I am looking", "options": [], "links": []}, "agent_name": "Jane"},
        created_at=1000.0,
    )


def _opened(path: Path) -> SqliteStage:
    """A ledger of this version on the store, with the rules of the hand-off."""
    stage = SqliteStage(path.parent)
    stage.decide = lambda conversation, event: decide(RULES, conversation, event)
    return stage


def _answer(key: str, text: str) -> Input:
    said = AgentSaid(
        key=f"{SESSION}/{key}", at=Instant(2000.0), session_id=SESSION, content=Content(text=text)
    )
    return Input(ADA, said)


@pytest.mark.parametrize(
    ("payload", "channel"),
    [
        (FLAT, "rtm"),
        ({"channel": {"_id": "dc-1", "channelInfos": {"type": "ivrVoice", "from": "+49"}}}, "ivrvoice"),
        ({"context": {"session": {"BotUserSession": {"channels": [{"type": "facebook"}]}}}}, "facebook"),
        ({"context": {"session": {"BotUserSession": {"lastMessage": {"channel": "sms"}}}}}, "sms"),
        ({"message": "hi"}, ""),
        ({"channel": None}, ""),
        ([1, 2], ""),
        (b'{"channel": {"type": "rtm"', ""),
        (b"\xff\xfe", ""),
    ],
    ids=[
        "flat",
        "nested",
        "of the session",
        "of the last message",
        "none",
        "null",
        "a list",
        "broken",
        "no text",
    ],
)
def test_the_channel_of_a_live_conversation_is_read_from_its_payload(
    path: Path, payload: object, channel: str
) -> None:
    _live(path, payload)
    ledger = _opened(path).ledger
    (conversation,) = ledger.open_conversations()
    assert conversation.id == ConversationId(BOT, "u-ada", channel)
    assert ledger.conversation(conversation.id) == conversation
    assert ledger.newest_hook(conversation.id) is not None
    assert [item.conversation_id for item in ledger.undelivered()] == [conversation.id]
    ledger.close()


@pytest.mark.parametrize("payload", [FLAT, {"message": "hi"}], ids=["a known channel", "an unknown one"])
def test_a_live_conversation_goes_on_both_ways(path: Path, payload: object) -> None:
    _live(path, payload)
    stage = _opened(path)
    committed = stage.submit(
        replace(stage.inputs.says("u-ada", "are you there?", names=("+491234",)), conversation_id=ADA)
    )
    assert [item.effect.text for item in committed.items if isinstance(item.effect, SendToAgent)] == [
        "are you there?"
    ]
    here = committed.conversation.id
    items = stage.submit(replace(_answer("8", "yes"), conversation_id=here)).items
    assert [item.effect.content.text for item in items if isinstance(item.effect, SendToUser)] == ["yes"]
    stage.reopen()
    assert {item.conversation_id for item in stage.ledger.undelivered()} == {here}
    assert len(stage.ledger.undelivered()) == 3
    stage.ledger.close()


def test_messages_that_the_agent_has_not_accepted_stay_with_the_conversation(path: Path) -> None:
    held = [{"message_id": "m-1", "text": "hello?", "typed": True}]
    _live(path, FLAT, phase="opening", held=held, access=None)
    ledger = _opened(path).ledger
    session = ledger.open_conversations()[0].session
    assert session is not None
    assert [one.text for one in session.held] == ["hello?"]
    ledger.close()


def test_an_entry_that_was_read_before_is_not_shown_again(path: Path) -> None:
    _live(path, FLAT)
    insert(path, "inbox", key=f"{SESSION}/e1 {BOT} u-ada", at=1000.0, session=SESSION)
    stage = _opened(path)
    assert stage.submit(_answer("e1", "hi")).duplicate
    stage.ledger.close()


def test_the_payload_of_a_user_without_an_agent_is_found_by_the_channel_and_without_it(path: Path) -> None:
    body = json.dumps(FLAT).encode()
    insert(path, "payloads", bot_id=BOT, user_id="u-ada", component_id="default", body=body, at=1000.0)
    ledger = _opened(path).ledger
    assert ledger.newest_hook(ADA) == HookBody(body)
    assert ledger.newest_hook_of(BOT, "u-ada") == (ADA, HookBody(body))
    ledger.close()


def test_a_deferred_webhook_still_has_no_channel(path: Path) -> None:
    where = webhooks.conversation_id(BOT, "17")
    state = {
        "id": {"bot_id": BOT, "user_id": where.user_id},
        "deferred": {"request_id": "17", "due": 4e9, "otherwise": ""},
    }
    insert(path, "conversations", bot_id=BOT, user_id=where.user_id, state=state, names=[], live=True)
    body = json.dumps(FLAT).encode()
    insert(path, "payloads", bot_id=BOT, user_id=where.user_id, component_id="dc-1", body=body, at=1000.0)
    ledger = _opened(path).ledger
    assert [one.id for one in ledger.open_conversations()] == [where]
    assert ledger.newest_hook(where) == HookBody(body, "dc-1")
    ledger.close()


def test_a_live_conversation_of_version_five_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "botkit.db"
    create_former_store(path, 5)
    state = live_state(BOT, "u-ada", SESSION)
    state["id"]["channel"] = "rtm"
    named = {"bot_id": BOT, "user_id": "u-ada", "channel": "rtm"}
    insert(path, "conversations", **named, state=state, names=["u-ada"], live=True, session=SESSION)
    stage = _opened(path)
    committed = stage.submit(_answer("8", "yes"))
    assert [type(item.effect) for item in committed.items] == [SendToUser]
    assert committed.conversation.id == ADA
    stage.ledger.close()
