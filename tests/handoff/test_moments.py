"""The effects that call the bot's own handlers of a hand-off."""

from __future__ import annotations

from botkit.handoff.effects import HANDLERS_LANE, CallHandlers, ClearAgentSession, lane
from botkit.handoff.events import LossReason, PositionAdvanced
from botkit.handoff.events.outcomes import AgentsLost
from botkit.handoff.moments import ENDED, JOINED, MOMENTS, STARTED
from tests.handoff.story import SESSION, Story, rules

HANDLED = rules(handled_moments=frozenset(MOMENTS))


def test_a_bot_without_such_handlers_has_no_effects_for_them() -> None:
    story = Story().with_agent()
    story.user("endagentchat", agent_transfer=True)
    assert not [effect for effect in story.log if isinstance(effect, CallHandlers)]


def test_only_the_moments_with_handlers_have_effects() -> None:
    story = Story(rules(handled_moments=frozenset({ENDED}))).with_agent()
    assert not [effect for effect in story.log if isinstance(effect, CallHandlers)]


def test_each_moment_is_told_once() -> None:
    story = Story(HANDLED).transfer()
    (started,) = story.of(CallHandlers)
    assert (started.event, started.session_id, started.system) == (STARTED, SESSION, "salesforce")
    story.granted().started()
    story.now += 40
    (joined,) = story.joined("Jane").of(CallHandlers)
    assert (joined.event, joined.agent, joined.agents) == (JOINED, "Jane", ("Jane",))
    assert joined.joined_at - joined.opened_at == 40
    story.now += 60
    (again,) = story.joined("John", subject="005B").of(CallHandlers)
    assert (again.agent, again.agents, again.joined_at) == ("John", ("Jane", "John"), joined.joined_at)
    (ended,) = story.from_agents(AgentsLost, why=LossReason.CLOSED).of(CallHandlers)
    assert (ended.event, ended.why, ended.agents) == (ENDED, "closed", ("Jane", "John"))
    assert ended.at - ended.joined_at == 60
    assert {lane(effect) for effect in story.log if isinstance(effect, CallHandlers)} == {HANDLERS_LANE}


def test_the_dialog_gets_the_ids_of_a_hand_off_that_reached_the_agents_side() -> None:
    story = Story().transfer()
    story.from_agents(AgentsLost, why=LossReason.REFUSED)
    assert story.of(ClearAgentSession) == [ClearAgentSession()]
    story = Story().with_agent()
    story.from_agents(PositionAdvanced, record="0MwWX0000004PnM0AU")
    story.from_agents(AgentsLost, why=LossReason.CLOSED)
    assert story.of(ClearAgentSession) == [ClearAgentSession(SESSION, "0MwWX0000004PnM0AU")]


def test_a_hand_off_without_an_agent_is_told_to_have_ended() -> None:
    story = Story(HANDLED).transfer()
    (ended,) = story.from_agents(AgentsLost, why=LossReason.REFUSED).of(CallHandlers)
    assert (ended.event, ended.why, ended.agents, ended.joined_at) == (ENDED, "refused", (), 0.0)
