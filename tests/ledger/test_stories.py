"""The steps of hand-offs in the store: written with what they tell, read beside the service, deleted by age."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.decide import Decision, decide
from botkit.handoff.events import AgentTransfer, UserProfile
from botkit.handoff.reference import number_of
from botkit.handoff.steps import Step
from botkit.ledger.interface import Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.ledger.stores import stories_in
from botkit.operate.story import told
from tests.handoff.story import SESSION, rules

USER = ConversationId("st-1", "u-1", "rtm")
OTHER_SESSION = "3d07a9b7-6f5f-4b51-9d8e-000000000001"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "botkit.db"


def _ledger(file: Path) -> SqliteLedger:
    def decided(conversation: object, event: object) -> Decision:
        return decide(rules(), conversation, event)  # type: ignore[arg-type]

    ledger = SqliteLedger(f"sqlite:///{file}", decided)
    ledger.start(lambda _: None)
    return ledger


def _transfer(session_id: str = SESSION, *, at: float = 1_000.0, user: ConversationId = USER) -> Input:
    profile = UserProfile(user_id=user.user_id, language="en")
    key = f"transfer/{session_id}"
    return Input(user, AgentTransfer(key=key, at=Instant(at), session_id=session_id, profile=profile))


def test_a_hand_off_begins_with_who_and_where_beside_the_running_service(file: Path) -> None:
    ledger = _ledger(file)
    ledger.submit(_transfer()).result()
    ledger.submit(_transfer()).result()  # a repeated hook tells nothing new
    with stories_in(f"sqlite:///{file}") as reader:
        story = reader.story(number_of(SESSION))
    ledger.close()
    assert story is not None
    ((first,), live) = (story.steps, story.live)
    assert (first.kind, first.at, live) == ("transfer", 1_000.0, True)
    assert {
        "bot": "st-1",
        "user": "u-1",
        "channel": "rtm",
        "session": SESSION,
    }.items() <= first.detail.items()
    assert "OpenAccess" in story.waiting


def test_steps_of_the_relay_follow_and_no_other_hand_off_is_mixed_in(file: Path) -> None:
    ledger = _ledger(file)
    ledger.submit(_transfer()).result()
    ledger.submit(_transfer(OTHER_SESSION, user=ConversationId("st-1", "u-2"))).result()
    step = Step(SESSION, Instant(1_001.0), "attempt", '{"call":"create"}')
    ledger.submit(Input(USER, None, steps=(step,))).result()
    ledger.close()
    with stories_in(f"sqlite:///{file}") as reader:
        story = reader.story(number_of(SESSION))
    assert story is not None
    assert [(one.kind, one.at) for one in story.steps] == [("transfer", 1_000.0), ("attempt", 1_001.0)]


def test_a_live_hand_off_without_steps_is_known(file: Path) -> None:
    """Of a store that kept no stories when it began, or whose beginning is deleted already."""
    ledger = _ledger(file)
    ledger.submit(_transfer()).result()
    ledger.sweep(Instant(0.0), stories_before=Instant(5_000.0))
    with stories_in(f"sqlite:///{file}") as reader:
        story = reader.story(number_of(SESSION))
        other = reader.story(number_of(OTHER_SESSION))
    ledger.close()
    assert other is None
    assert story is not None
    assert story.steps == ()
    assert story.live
    told_of = told(story, user_hash=lambda _, user: f"hash of {user}")
    assert (told_of.bot, told_of.user, told_of.conversation, told_of.began) == (
        "st-1",
        "hash of u-1",
        SESSION,
        1_000.0,
    )
    assert "not done yet: OpenAccess" in told_of.lines[-1].words


def test_old_steps_are_deleted_and_younger_ones_stay(file: Path) -> None:
    ledger = _ledger(file)
    ledger.submit(_transfer(at=1_000.0)).result()
    ledger.submit(_transfer(OTHER_SESSION, at=2_000.0, user=ConversationId("st-1", "u-2"))).result()
    ledger.sweep(Instant(0.0))
    ledger.sweep(Instant(0.0), stories_before=Instant(1_500.0))
    with stories_in(f"sqlite:///{file}") as reader:
        assert [number for number, _ in reader.beginnings()] == [number_of(OTHER_SESSION)]
    ledger.close()


def test_a_store_that_is_not_there_or_has_no_stories_is_named(file: Path) -> None:
    with pytest.raises(LedgerError, match="there is no store"), stories_in(f"sqlite:///{file}"):
        pass
    file.touch()
    with pytest.raises(LedgerError, match="keeps no stories"), stories_in(f"sqlite:///{file}"):
        pass
