"""Rules for the opening of a session, for outcomes of effects, and for timers."""

from __future__ import annotations

from typing import Final

import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import Conversation, ConversationId, Instant, Phase, TimerName
from botkit.handoff.decision import arm
from botkit.handoff.effects import EndSession, SendToAgent, StartSession
from botkit.handoff.ending import END_MESSAGES
from botkit.handoff.events import (
    AgentsLost,
    LossReason,
    MetaInfo,
    TimerFired,
    TranscriptLine,
    UserLost,
    UserProfile,
)
from botkit.handoff.reference import reference
from botkit.handoff.responses import KEYS
from botkit.handoff.translations import WORDS
from tests.handoff.story import SESSION, Story, rules

USER: Final = "user"
BOT: Final = "bot"


def test_access_starts_the_session_and_sends_the_transcript_first() -> None:
    story = Story().transfer().user("are you there?")
    story.granted(TranscriptLine(USER, "hi"), TranscriptLine(BOT, "Hello!"))
    assert story.kinds[:3] == ["StartSession", "SendToAgent", "SendToAgent"]
    assert "hi" in story.sent[0]
    assert "Hello!" in story.sent[0]
    assert story.sent[1] == "are you there?"


def test_the_transcript_is_one_message() -> None:
    lines = [TranscriptLine(USER, f"message {number}") for number in range(200)]
    assert len(Story().transfer().granted(*lines).sent) == 1


def test_an_empty_transcript_is_not_sent() -> None:
    assert Story().transfer().granted().sent == []


def test_messages_since_the_hand_off_are_not_in_the_transcript() -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": "Please hold."}})).transfer()
    story.user("hurry").granted(
        TranscriptLine(USER, "an agent please"),
        TranscriptLine(BOT, "Please hold."),
        TranscriptLine(USER, "hurry"),
    )
    assert "an agent please" in story.sent[0]
    assert "Please hold." not in story.sent[0]
    assert [text for text in story.sent if "hurry" in text] == ["hurry"]


def test_the_next_system_gets_the_same_transcript_and_nothing_twice() -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": "Please hold."}}, fallback=("legacy",)))
    story.transfer().granted().started().user("my number is 4711")
    story.took(story.session.in_flight[-1].message_id).user("hello?")
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE).granted(
        TranscriptLine(USER, "an agent please"),
        TranscriptLine(BOT, "Please hold."),
        TranscriptLine(USER, "my number is 4711"),
        TranscriptLine(BOT, "Your position in the queue: 2"),
        TranscriptLine(USER, "hello?"),
    )
    story.started().joined()
    assert "an agent please" in story.sent[0]
    assert "position" not in story.sent[0]
    assert story.sent[1:] == ["my number is 4711", "hello?"]


def test_the_transcript_includes_the_talk_since_an_earlier_hand_off() -> None:
    story = Story(
        rules(responses={"en": {"lookingForAgentMessage": "Hold.", "noAgentAvailableMessage": "No."}})
    )
    story.transfer().granted(
        TranscriptLine(BOT, "Hold."),
        TranscriptLine(BOT, "No."),
        TranscriptLine(USER, "where is my parcel?"),
    )
    assert "where is my parcel?" in story.sent[0]


def test_messages_typed_since_the_hand_off_are_delivered_once_however_the_history_spells_them() -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": "Hold."}})).transfer().user("card 4111")
    story.granted(
        TranscriptLine(USER, "an agent please"),
        TranscriptLine(BOT, "Hold."),
        TranscriptLine(USER, "card ****"),
    )
    assert "card" not in story.sent[0]
    assert story.sent[1:] == ["card 4111"]


@pytest.mark.parametrize("spelling", ["whatsapp", "WhatsApp"])
def test_a_hand_off_on_another_channel_does_not_cut_the_transcript(spelling: str) -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": "Hold."}}))
    story.conversation = Conversation(ConversationId("st-1", "u-1", "whatsapp"))
    story.transfer().granted(
        TranscriptLine(BOT, "Hold.", "rtm"),
        TranscriptLine(USER, "where is my parcel?", spelling),
        TranscriptLine(BOT, "Hold.", spelling),
        TranscriptLine(USER, "I am here too", "rtm"),
    )
    assert story.sent[0].splitlines()[1:] == [
        "[Web chat · rtm]",
        "Acme Assistant: Hold.",
        f"[Channel · {spelling}]",
        "Ada: where is my parcel?",
        "[Web chat · rtm]",
        "Ada: I am here too",
    ]


def test_where_the_history_spells_the_channel_in_another_way_all_lines_count() -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": "Hold."}}))
    story.conversation = Conversation(ConversationId("st-1", "u-1", "ivr"))
    story.transfer().granted(
        TranscriptLine(USER, "an agent please", "audiocodes"), TranscriptLine(BOT, "Hold.", "audiocodes")
    )
    assert story.sent[0].splitlines()[1:] == ["Ada: an agent please"]


def test_the_attributes_reach_the_start() -> None:
    story = Story().transfer(meta=MetaInfo(pre_chat=(("Pincode", "500081"),))).granted()
    assert ("Pincode", "500081") in story.of(StartSession)[0].attributes


def test_the_attributes_are_dropped_from_the_state_after_the_start() -> None:
    story = Story().transfer(meta=MetaInfo(pre_chat=(("Pincode", "500081"),))).granted()
    assert story.session.attributes == ()


def test_access_is_granted_once() -> None:
    assert Story().transfer().granted().granted().effects == ()


def test_a_started_session_waits_for_an_agent() -> None:
    assert Story().transfer().granted().started().session.phase is Phase.WAITING


def test_an_agent_who_joins_before_the_start_is_reported_stays() -> None:
    assert Story().transfer().granted().joined().started().session.phase is Phase.ACTIVE


def test_a_message_the_agents_side_has_is_not_in_flight_any_more() -> None:
    story = Story().with_agent().user("one").user("two")
    first, second = story.session.in_flight
    assert story.took(first.message_id).session.in_flight == (second,)


@pytest.mark.parametrize(
    ("why", "key"),
    [
        (LossReason.CLOSED, "conversationClosedMessage"),
        (LossReason.EXPIRED, "sessionExpiredMessage"),
        (LossReason.UNREACHABLE, "handoffFailedMessage"),
        (LossReason.REFUSED, "handoffFailedMessage"),
    ],
)
def test_a_lost_agents_side_tells_the_user_why_and_gives_them_back(why: str, key: str) -> None:
    story = Story(rules(responses={"en": {key: "Told."}})).with_agent()
    story.from_agents(AgentsLost, why=why)
    assert story.told == ["Told."]
    assert "ClearAgentSession" in story.kinds
    assert story.conversation.session is None


def test_a_session_closed_before_any_agent_joined_counts_as_a_failed_hand_off() -> None:
    story = Story(rules(responses={"en": {"handoffFailedMessage": "Told."}})).transfer().granted().started()
    assert story.from_agents(AgentsLost, why=LossReason.CLOSED).told == ["Told."]


def test_an_expired_token_is_not_used_to_end_the_session() -> None:
    assert Story().with_agent().from_agents(AgentsLost, why=LossReason.EXPIRED).of(EndSession) == []


def test_an_unreachable_agents_side_is_told_of_the_end_later() -> None:
    story = Story().with_agent().from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert len(story.of(EndSession)) == 1


def test_a_lost_user_ends_the_session() -> None:
    story = Story().with_agent().from_agents(UserLost)
    assert len(story.of(EndSession)) == 1
    assert story.conversation.session is None


# --- timers


def test_if_no_agent_accepts_in_time_the_user_is_told_and_given_back() -> None:
    story = Story(rules(responses={"en": {"noAgentAvailableMessage": "Nobody."}}, accept_timeout_seconds=30))
    story.transfer().granted().started().timer("accept")
    assert story.now == 1_030
    assert story.told == ["Nobody."]
    assert len(story.of(EndSession)) == 1


def test_the_request_is_extended_every_four_minutes() -> None:
    story = Story().with_agent().timer("extend")
    assert "ExtendRequest" in story.kinds
    assert story.timers()["extend"] == story.now + 240


def test_the_expiry_of_the_token_ends_the_session() -> None:
    story = Story().transfer().granted(expires_at=5_000.0).timer("expiry")
    assert story.now == 4_970
    assert story.conversation.session is None
    assert len(story.of(EndSession)) == 1


def test_a_short_lived_token_is_used_for_most_of_its_life() -> None:
    story = Story().transfer().granted(expires_at=1_010.0)
    assert story.timers()["expiry"] == 1_007.5


def test_a_timer_that_was_moved_does_not_fire() -> None:
    story = Story().with_agent()
    old = TimerFired(key="", at=Instant(1.0), session_id=story.session.id, name="accept", due=Instant(1.0))
    assert story.happens(old).effects == ()


def test_every_message_id_is_a_lower_case_uuid_4() -> None:
    story = Story().transfer().granted(TranscriptLine(USER, "hi")).user("hello")
    ids = [effect.message_id for effect in story.log if isinstance(effect, SendToAgent)]
    assert all(one == one.lower() and one[14] == "4" and one[19] in "89ab" for one in ids)


def test_the_transcript_is_in_the_bots_language_if_the_users_is_unknown() -> None:
    story = Story(rules(language="de")).transfer(profile=UserProfile(language="xx"))
    assert story.granted(TranscriptLine(USER, "hallo")).sent[0].startswith(WORDS["de"]["heading"])


def test_a_refused_message_is_quoted_back_and_the_session_goes_on() -> None:
    story = Story().with_agent().user("one").user("two")
    first, second = story.session.in_flight
    story.refused(first.message_id)
    assert len(story.told) == 1
    assert "one" in story.told[0]
    assert story.session.in_flight == (second,)


def test_a_refused_transcript_is_not_quoted_back() -> None:
    story = Story().transfer().granted(TranscriptLine(USER, "hi"))
    assert story.refused(story.session.in_flight[0].message_id).told == []
    assert story.session.in_flight == ()


@pytest.mark.parametrize("name", [name for name in TimerName if name is not TimerName.WEBHOOK])
def test_every_timer_of_a_session_has_a_rule(name: TimerName) -> None:
    story = Story().with_agent()
    session, _ = arm(story.session, name, Instant(1_000.0), 1_000.0)
    story.conversation = replace(story.conversation, session=session)
    assert story.timer(name).effects


def test_every_end_of_a_hand_off_has_a_standard_response() -> None:
    assert set(END_MESSAGES) <= set(KEYS)


def test_the_user_and_the_agent_get_the_reference_of_the_hand_off() -> None:
    story = Story().transfer()
    assert dict(story.session.attributes)["Handoff_Reference"] == reference(SESSION)
    story.happens(AgentsLost(key="k", at=Instant(story.now), session_id=SESSION, why=LossReason.UNREACHABLE))
    assert story.told[-1].endswith(f"\nReference: {reference(SESSION)}")


def test_the_end_of_an_earlier_hand_off_is_recognised_with_its_own_reference() -> None:
    looking = rules().responses.text("lookingForAgentMessage", "en") or ""
    failed = rules().responses.text("handoffFailedMessage", "en", reference="7K3M-9Q2X") or ""
    story = Story().transfer()
    story.granted(
        TranscriptLine(BOT, looking), TranscriptLine(BOT, failed), TranscriptLine(USER, "once more")
    )
    assert "once more" in story.sent[0]


@pytest.mark.parametrize(("at", "seconds"), [(1_000.0, 600.0), (1_000.0, 0.0)])
def test_a_timer_notes_for_how_long_it_was_armed(at: float, seconds: float) -> None:
    session, effect = arm(Story().with_agent().session, TimerName.ACCEPT, Instant(at), seconds)
    assert (effect.due, effect.seconds) == (at + seconds, seconds)
    (timer,) = [one for one in session.timers if one.name == TimerName.ACCEPT]
    assert (timer.due, timer.seconds) == (at + seconds, seconds)
