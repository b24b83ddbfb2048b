"""The queue, idle users, files, custom events of the user's client, and limits of held messages."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import FileLimits, Instant
from botkit.handoff.effects import IdleNotice, SendCustomEvent, SendFile
from botkit.handoff.events import (
    AgentJoined,
    AgentSessionEnded,
    Attachment,
    FileArrived,
    FileRefused,
    FileRequested,
    IdleRule,
    QueueMoved,
    TransferStarted,
    UserCustomEvent,
    UserTyping,
)
from botkit.handoff.platform import MAX_KEPT_CHARACTERS, MAX_KEPT_MESSAGES
from botkit.handoff.rules import Capabilities
from tests.handoff.story import Story, rules

FILE = Attachment("bill.pdf", "https://bots.example/f/1")


def on_request() -> Story:
    return Story(rules(systems={"salesforce": Capabilities(files="on_request")}))


def idle_story() -> Story:
    story = Story().transfer().granted().started()
    return story.from_agents(AgentJoined, subject="005A", name="Jane", idle=IdleRule(60, 90))


# --- the queue


def test_a_place_in_the_queue_is_told_once_and_again_when_it_changes() -> None:
    story = Story().transfer().granted().started()
    assert "3" in story.from_agents(QueueMoved, place=3).told[0]
    assert story.from_agents(QueueMoved, place=3).told == []
    assert "2" in story.from_agents(QueueMoved, place=2).told[0]


def test_the_estimated_wait_is_told_in_minutes_with_the_first_place() -> None:
    story = Story().transfer().granted().started()
    assert ["3" in text for text in story.from_agents(QueueMoved, place=5, wait_seconds=121).told] == [
        False,
        True,
    ]


def test_another_estimate_is_told_only_with_another_place() -> None:
    story = Story().transfer().granted().started().from_agents(QueueMoved, place=5, wait_seconds=300)
    assert story.from_agents(QueueMoved, place=5, wait_seconds=200).told == []
    assert len(story.from_agents(QueueMoved, place=4, wait_seconds=200).told) == 2
    assert len(story.from_agents(QueueMoved, place=3, wait_seconds=199).told) == 1


def test_a_queue_without_numbers_may_have_an_estimate() -> None:
    story = Story().transfer().granted().started()
    assert len(story.from_agents(QueueMoved, place=0, wait_seconds=300).told) == 1
    assert story.from_agents(QueueMoved, place=0, wait_seconds=600).told == []


@pytest.mark.parametrize("seconds", [None, 0, 60])
def test_a_wait_of_a_moment_is_not_told(seconds: int | None) -> None:
    assert Story().transfer().from_agents(QueueMoved, place=0, wait_seconds=seconds).told == []


def test_a_wait_that_became_short_is_told() -> None:
    story = Story().transfer().from_agents(QueueMoved, place=2, wait_seconds=300)
    assert len(story.from_agents(QueueMoved, place=1, wait_seconds=30).told) == 2


def test_a_queue_without_numbers_is_not_told() -> None:
    assert Story().transfer().from_agents(QueueMoved, place=0).told == []


def test_the_queue_is_not_told_while_an_agent_is_present() -> None:
    assert Story().with_agent().from_agents(QueueMoved, place=1).told == []


# --- silence


def test_without_an_idle_rule_no_timer_runs() -> None:
    assert "idle_end" not in Story().with_agent().said("Hello").timers()


def test_the_idle_time_runs_from_the_agents_last_message() -> None:
    story = idle_story().said("Hello")
    story.now += 30
    assert story.said("Still there?").timers()["idle_end"] == story.now + 90


def test_a_silent_user_is_warned_and_the_agents_side_knows() -> None:
    story = idle_story().said("Hello").timer("idle_warning")
    assert len(story.told) == 1
    assert story.of(IdleNotice)[0].warned is True


def test_a_user_who_answers_takes_the_warning_back() -> None:
    story = idle_story().said("Hello").timer("idle_warning").user("I am here")
    assert story.of(IdleNotice)[0].warned is False
    assert not {"idle_warning", "idle_end"} & story.timers().keys()
    assert story.sent == ["I am here"]


def test_a_user_who_stays_silent_ends_the_session() -> None:
    story = idle_story().said("Hello").timer("idle_warning").timer("idle_end")
    assert len(story.told) == 1
    assert story.conversation.session is None


def test_typing_takes_a_warning_back_too() -> None:
    story = (
        idle_story()
        .said("Hello")
        .timer("idle_warning")
        .happens(UserTyping(key="t", at=Instant(1.0), started=True))
    )
    assert story.of(IdleNotice)[0].warned is False
    assert "idle_end" not in story.timers()


def test_a_user_who_waits_for_the_next_agent_is_not_idle() -> None:
    story = idle_story().said("I am passing you on").from_agents(TransferStarted).left("Jane")
    assert not {"idle_warning", "idle_end"} & story.timers().keys()


def test_a_user_whose_agent_is_gone_is_not_idle() -> None:
    assert not {"idle_warning", "idle_end"} & idle_story().said("Bye").left("Jane").timers().keys()


def test_the_next_agent_without_an_idle_rule_starts_no_timer() -> None:
    story = idle_story().said("Hello").joined("Omar", "005B")
    assert not {"idle_warning", "idle_end"} & story.timers().keys()


# --- files


def test_a_system_that_takes_no_files_gets_their_names_and_addresses() -> None:
    assert Story().with_agent().user(None, attachments=(FILE,)).sent == ["bill.pdf: https://bots.example/f/1"]


def test_an_address_that_opens_with_the_bots_signature_only_is_not_given_to_an_agent() -> None:
    story = Story(rules(needs_login=lambda url: url.startswith("https://bots.example/"))).with_agent()
    elsewhere = Attachment("photo.png", "https://cdn.example/2")
    story.user("look", attachments=(FILE, elsewhere))
    assert story.sent == ["look\n[bill.pdf]\nphoto.png: https://cdn.example/2"]
    assert story.told == ["Not delivered to the agent: bill.pdf (files cannot be passed on here)"]


def test_a_requested_file_is_sent_as_a_file() -> None:
    story = on_request().with_agent().from_agents(FileRequested, request="token-1")
    assert len(story.told) == 1
    story.user("here it is", attachments=(FILE,))
    (sent,) = story.of(SendFile)
    assert (sent.name, sent.url, sent.request) == (FILE.name, FILE.url, "token-1")
    assert story.sent == ["here it is"]
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_a_withdrawn_request_is_silent_and_over() -> None:
    story = (
        on_request()
        .with_agent()
        .from_agents(FileRequested, request="t")
        .from_agents(FileRequested, request="")
    )
    assert story.told == []
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_a_system_that_always_takes_files_gets_each_as_a_file() -> None:
    story = Story(rules(systems={"salesforce": Capabilities(files="always")})).with_agent()
    story.user(None, attachments=(FILE, replace(FILE, name="two.pdf")))
    assert [sent.name for sent in story.of(SendFile)] == ["bill.pdf", "two.pdf"]
    assert story.sent == []


def test_a_file_that_did_not_arrive_is_reported() -> None:
    story = asked_for()
    assert (
        len(story.from_agents(FileRefused, message_id=story.of(SendFile)[0].message_id, spent=True).told) == 1
    )
    assert len(story.from_agents(FileArrived, accepted=False).told) == 1
    assert story.from_agents(FileArrived, accepted=True).told == []


def asked_for() -> Story:
    """An agent's request, and the user's file in delivery."""
    return (
        on_request()
        .with_agent()
        .from_agents(FileRequested, request="token-1")
        .user(None, attachments=(FILE,))
    )


def test_a_lost_file_leaves_the_request_open_and_the_user_is_asked_again() -> None:
    story = asked_for()
    story.from_agents(FileRefused, message_id=story.of(SendFile)[0].message_id)
    assert len(story.told) == 2
    assert story.user(None, attachments=(FILE,)).of(SendFile)[0].request == "token-1"


def test_a_refused_file_uses_the_request_up() -> None:
    story = asked_for()
    story.from_agents(FileRefused, message_id=story.of(SendFile)[0].message_id, spent=True)
    assert len(story.told) == 1
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_a_file_that_arrived_uses_the_request_up() -> None:
    story = asked_for()
    story.took(story.of(SendFile)[0].message_id)
    assert story.session.in_flight == ()
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_an_arrived_file_counts_as_delivered_even_if_its_reply_was_lost() -> None:
    story = asked_for()
    sent = story.of(SendFile)[0].message_id
    story.from_agents(FileArrived, accepted=True)
    assert story.session.in_flight == ()
    assert story.from_agents(FileRefused, message_id=sent).told == []
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_a_request_withdrawn_during_the_upload_stays_withdrawn() -> None:
    story = asked_for()
    sent = story.of(SendFile)[0].message_id
    story.from_agents(FileRequested, request="").from_agents(FileRefused, message_id=sent)
    assert len(story.told) == 1
    assert story.user(None, attachments=(FILE,)).of(SendFile) == []


def test_an_old_file_leaves_a_new_request_alone() -> None:
    story = asked_for()
    sent = story.of(SendFile)[0].message_id
    story.from_agents(FileRequested, request="token-2").took(sent)
    assert story.user(None, attachments=(FILE,)).of(SendFile)[0].request == "token-2"


def test_a_file_in_flight_at_the_end_is_quoted_back_by_name() -> None:
    assert "bill.pdf" in "".join(asked_for().from_agents(AgentSessionEnded).told)


# --- custom events


def test_a_custom_event_reaches_an_agent_who_is_there() -> None:
    story = (
        Story()
        .with_agent()
        .happens(UserCustomEvent(key="c", at=Instant(1.0), name="cart", data='{"items":2}'))
    )
    (sent,) = story.of(SendCustomEvent)
    assert (sent.name, sent.data) == ("cart", '{"items":2}')


def test_a_custom_event_reaches_nobody_else() -> None:
    assert (
        Story().transfer().happens(UserCustomEvent(key="c", at=Instant(1.0), name="cart", data="{}")).effects
        == ()
    )


# --- held messages


def test_the_number_of_kept_messages_is_limited_and_further_ones_are_quoted_back() -> None:
    story = Story(rules(system_for=lambda _: "legacy")).transfer().granted().started()
    for number in range(MAX_KEPT_MESSAGES):
        assert story.user(f"message {number}").told == []
    assert "one too many" in story.user("one too many").told[0]
    assert "one too many" not in story.joined().sent
    assert len(story.sent) == MAX_KEPT_MESSAGES


def test_the_length_of_kept_messages_is_limited() -> None:
    story = Story(rules(system_for=lambda _: "legacy")).transfer().granted().started()
    assert story.user("x" * MAX_KEPT_CHARACTERS).told == []
    assert len(story.user("and more").told) == 1


def test_held_messages_are_quoted_back_at_the_end() -> None:
    story = (
        Story(rules(system_for=lambda _: "legacy", end_chat_command="endagentchat"))
        .transfer()
        .granted()
        .started()
    )
    story.user("is anybody there?")
    assert "is anybody there?" in "".join(story.user("endagentchat").told)


@pytest.mark.parametrize(("name", "sent"), [("a.jpg", 1), ("a.JPEG", 1), ("a.gif", 0), ("a", 0)])
def test_both_extensions_of_a_type_are_taken_where_one_is_listed(name: str, sent: int) -> None:
    story = Story(rules(systems={"salesforce": Capabilities(files="always")})).with_agent()
    session = replace(story.session, file_limits=FileLimits(types=("pdf", "jpg")))
    story.conversation = replace(story.conversation, session=session)
    story.user(None, attachments=(Attachment(name, "https://files.example/a"),))
    assert len(story.of(SendFile)) == sent
