"""Which effects a killed process may have carried out."""

from __future__ import annotations

from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import (
    CallUser,
    ExtendRequest,
    OutboundEffect,
    PassToBot,
    PassToUser,
    SendToAgent,
    lane,
)
from botkit.ledger.doubts import marked, may_have_been_sent
from botkit.ledger.interface import OutboxItem
from tests.relay.relay_doubles import ACCESS

ADA, BOB = ConversationId("st-1", "u-ada"), ConversationId("st-1", "u-bob")
JOB = CallUser("send_user_message")


def outbox(*waiting: tuple[ConversationId, OutboundEffect]) -> list[OutboxItem]:
    return [
        OutboxItem(number, user, lane(effect), effect, Instant(1.0))
        for number, (user, effect) in enumerate(waiting, 1)
    ]


def test_one_message_of_each_user_may_have_been_sent() -> None:
    items = outbox((ADA, PassToBot()), (ADA, PassToUser()), (BOB, PassToUser()))
    assert may_have_been_sent(items) == {1, 3}


def test_messages_to_agents_have_ids_of_their_own_and_are_in_no_doubt() -> None:
    assert may_have_been_sent(outbox((ADA, SendToAgent("s-1", "legacy", ACCESS, "m-1", "hi")))) == set()


def test_jobs_let_others_pass() -> None:
    assert may_have_been_sent(outbox((ADA, JOB), (ADA, JOB), (ADA, PassToUser()), (ADA, PassToUser()))) == {
        1,
        2,
        3,
    }


def test_an_extension_delays_nothing() -> None:
    assert may_have_been_sent(outbox((ADA, ExtendRequest()), (ADA, PassToUser()))) == {2}


def test_the_others_are_unchanged() -> None:
    items = outbox((ADA, PassToBot()), (BOB, PassToUser()))
    assert [item.in_doubt for item in marked(items, perhaps={2})] == ["", "perhaps"]
    assert [item.in_doubt for item in marked(items, perhaps={1, 2}, attempted={2})] == [
        "perhaps",
        "attempted",
    ]
