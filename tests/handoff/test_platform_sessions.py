"""Sessions of the platform during a hand-off: closed, renewed, named by several ids."""

from __future__ import annotations

import pytest

from botkit.handoff.conversation import Instant
from botkit.handoff.effects import (
    ClearAgentSession,
    CountMetric,
    EndSession,
    OpenAccess,
    PassToBot,
    SendToAgent,
)
from botkit.handoff.events import (
    AgentTransfer,
    ApiCall,
    HookHandled,
    PlatformSessionClosed,
    UserMessage,
    UserProfile,
)
from botkit.handoff.platform_session import MAX_ALIASES
from tests.handoff.story import SECOND_SESSION, SESSION, Story

FIRST, SECOND = ("5f75dc85",), ("5f75dd5a",)


def transfer(
    sessions: tuple[str, ...], *, session_id: str = SESSION, number: int | None = None, at: float = 1_000.0
) -> AgentTransfer:
    profile = UserProfile(user_id="u-1", language="en", session_id=sessions[0] if sessions else "")
    return AgentTransfer(
        key=f"transfer {session_id} {number}",
        at=Instant(at),
        sessions=sessions,
        session_id=session_id,
        profile=profile,
        request_number=number,
    )


def with_agent(sessions: tuple[str, ...] = FIRST, *, number: int | None = None) -> Story:
    return Story().happens(transfer(sessions, number=number)).granted().started().joined()


def closed(*sessions: str) -> PlatformSessionClosed:
    return PlatformSessionClosed(key="closure", at=Instant(2_000.0), sessions=sessions)


def test_the_closure_of_another_session_ends_nothing() -> None:
    story = with_agent().happens(closed(*SECOND))
    assert story.effects == ()
    assert story.session.id == SESSION


@pytest.mark.parametrize(
    "sessions", [FIRST, (), ("unknown here", *FIRST)], ids=["named", "none", "among others"]
)
def test_the_closure_of_this_session_or_of_none_ends_it(sessions: tuple[str, ...]) -> None:
    story = with_agent().happens(closed(*sessions))
    assert story.conversation.session is None
    assert any(isinstance(effect, EndSession) for effect in story.effects)


def test_a_closure_ends_an_agent_session_whose_session_is_not_known() -> None:
    assert with_agent(()).happens(closed(*SECOND)).conversation.session is None


def test_a_late_or_repeated_closure_is_harmless() -> None:
    story = with_agent().happens(closed(*FIRST))
    assert story.happens(closed(*FIRST)).effects == ()
    assert story.happens(closed(*SECOND)).effects == ()


def test_a_user_whose_session_was_renewed_stays_with_the_agent() -> None:
    story = with_agent().user("still there?", agent_transfer=True, sessions=SECOND)
    assert [effect.text for effect in story.effects if isinstance(effect, SendToAgent)] == ["still there?"]
    assert story.happens(closed(*FIRST)).conversation.session is not None
    assert story.happens(closed(*SECOND)).conversation.session is None


def test_a_session_is_recognised_by_any_of_its_ids() -> None:
    story = with_agent(("5f75dc85", "channel-1"))
    assert story.happens(closed("channel-2")).conversation.session is not None
    assert story.user("hi", agent_transfer=True, sessions=("channel-1", "another spelling")).session
    assert story.session.platform_session_id == "5f75dc85"
    assert story.happens(closed("another spelling")).conversation.session is None


def test_a_transfer_from_a_newer_session_ends_the_former_hand_off_and_opens_its_own() -> None:
    story = with_agent(number=10).happens(transfer(SECOND, session_id=SECOND_SESSION, number=20, at=1_100.0))
    assert (story.session.id, story.session.platform_session_id) == (SECOND_SESSION, SECOND[0])
    assert story.conversation.ended_session == SESSION
    ended = [effect for effect in story.effects if isinstance(effect, EndSession)]
    assert [effect.session_id for effect in ended] == [SESSION]
    assert ("handoff_ended", "platform_timeout") in [(one.what, one.why) for one in story.of(CountMetric)]
    assert any(isinstance(effect, OpenAccess) for effect in story.effects)
    # The platform's agent mode is that of the new transfer now.
    assert not any(isinstance(effect, ClearAgentSession) for effect in story.effects)


@pytest.mark.parametrize(
    ("sessions", "number"),
    [(FIRST, 20), ((), 20), (SECOND, 5)],
    ids=["of this session", "of an unknown one", "of an older one, late"],
)
def test_any_other_transfer_is_a_repetition(sessions: tuple[str, ...], number: int) -> None:
    story = with_agent(number=10).happens(transfer(sessions, session_id=SECOND_SESSION, number=number))
    assert story.effects == ()
    assert story.session.id == SESSION


def test_a_handler_opens_an_agent_session_in_the_new_session_of_the_platform() -> None:
    story = with_agent(number=10)
    said = UserMessage(key="m", at=Instant(1_100.0), text="agent", agent_transfer=False, sessions=SECOND)
    opens = ApiCall(
        "start_agent_session", transfer=transfer(SECOND, session_id=SECOND_SESSION, number=20, at=1_100.0)
    )
    handled = HookHandled(key="m", at=Instant(1_100.0), api_calls=(opens,), original=said, proceed=False)
    story.happens(handled)
    assert story.session.id == SECOND_SESSION
    assert not any(isinstance(effect, PassToBot) for effect in story.effects)


def test_a_session_with_ever_more_ids_remembers_the_newest() -> None:
    story = with_agent()
    for number in range(MAX_ALIASES + 3):
        story.user("hi", agent_transfer=True, sessions=(*FIRST, f"channel-{number}"))
    assert len(story.session.session_aliases) == MAX_ALIASES
    assert story.happens(closed(f"channel-{number}")).conversation.session is None
