"""Several agent systems of one bot: the selected system, and its fallbacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from botkit.testing.payload_parts import merged
from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, MEI, OMAR, Case, LiveChatCase, Person, Stage

LOOKING = "One moment, please. We are looking for an agent who can help you."
FAILED = "Sorry, our agents cannot be reached right now."
NOBODY = "Sorry, no agent is available at the moment."
BOTH = {
    "agents": {
        "default": "salesforce",
        "channels": {"facebook": "legacy"},
        "fallback": ["salesforce", "legacy"],
    },
}
"""MIAW for every channel but facebook; each of the two systems is the other's fallback."""
SOON_GIVEN_UP = {
    "agents": {"fallback_after": "500ms", "systems": {"salesforce": {"timeout": "300ms"}}},
    "delivery": {"give_up_after": "2s"},
}


@pytest.fixture
def both(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """A system that is slow has all the time; another is tried only if it refuses."""
    yield from _staffed(stages("both", bot=BOTH))


@pytest.fixture
def impatient(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """A system that fails, or MIAW if it is slow, is given up soon."""
    yield from _staffed(stages("both, impatient", bot=merged(BOTH, SOON_GIVEN_UP)))


def _staffed(stage: Stage) -> Iterator[Stage]:
    yield stage
    for agent in (JANE, OMAR, MEI):
        stage.clouds.do(stage.clouds.live_chat.set_online, agent, True)
    stage.everybody_leaves()


def _on_miaw(person: Person) -> list[Case]:
    return [case for case in person.cases() if not isinstance(case, LiveChatCase)]


def _falls_to_live_chat(person: Person) -> LiveChatCase:
    """Wait for the chat, accept it, and exchange messages."""
    case = until(person.chats, "for the hand-off to reach Live Chat")[-1]
    case.accepted_by(JANE)
    person.hears("Jane Doe has joined")
    case.told_by(JANE, "how can I help?")
    person.hears("how can I help?")
    person.says("my order")
    case.gets("my order")
    return case


def _everybody_goes_home(stage: Stage) -> None:
    for agent in (JANE, OMAR, MEI):
        stage.clouds.do(stage.clouds.live_chat.set_online, agent, False)


def test_channels_lead_where_they_are_mapped(both: Stage) -> None:
    on_the_web, on_facebook = both.person(), both.person("Grace Hopper", channel="facebook")
    on_the_web.asks_for_an_agent()
    on_facebook.asks_for_an_agent()
    assert (len(_on_miaw(on_the_web)), len(on_the_web.chats())) == (1, 0)
    assert (len(_on_miaw(on_facebook)), len(on_facebook.chats())) == (0, 1)


def test_a_dialog_chooses_the_system_whatever_the_channel(both: Stage) -> None:
    ada = both.person()
    ada.asks_for_an_agent("human of the old kind")
    assert (len(_on_miaw(ada)), len(ada.chats())) == (0, 1)


def test_the_name_of_the_agent_transfer_node_chooses_it_too(both: Stage) -> None:
    ada = both.person()
    ada.asks_for_an_agent("human at the node of that name")
    assert (len(_on_miaw(ada)), len(ada.chats())) == (0, 1)


def test_both_systems_are_at_work_side_by_side(both: Stage) -> None:
    ada, grace = both.person(), both.person("Grace Hopper", channel="facebook")
    cases = [ada.is_helped_by(JANE), grace.is_helped_by(OMAR)]
    for person, case in zip((ada, grace), cases, strict=True):
        person.says(f"I am {person.user.name}")
        case.gets(f"I am {person.user.name}")
    assert [case.typed() for case in cases] == [["I am Ada Lovelace"], ["I am Grace Hopper"]]


# --- who is asked next


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 400},
        {"kind": "status", "status": 403},
        {"kind": "refuse"},
        {"kind": "silence"},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
@pytest.mark.parametrize("path", ["access-token", "POST /iamessage/api/v2/conversation"])
def test_a_system_that_is_out_of_order_is_followed_by_the_next(
    impatient: Stage, fault: dict[str, Any], path: str
) -> None:
    impatient.salesforce_fails(**fault, path=path)
    ada = impatient.person()
    ada.says("talk to an agent")
    ada.says("is anybody there?")
    case = _falls_to_live_chat(ada)
    assert case.typed() == ["is anybody there?", "my order"]
    assert case.from_user()[0].startswith("Conversation so far\nAda Lovelace: talk to an agent")
    assert ada.told(by="botkit").count(LOOKING) == 1
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()


def test_routing_that_fails_is_followed_by_the_next_system(both: Stage) -> None:
    ada = both.person()
    case = ada.asks_for_an_agent()
    case.cannot_be_routed()
    _falls_to_live_chat(ada)
    case.is_over()
    assert not any(NOBODY in text for text in ada.told())


def test_what_the_first_system_had_taken_reaches_the_agent_who_takes_over_once_and_in_order(
    both: Stage,
) -> None:
    ada = both.person()
    on_miaw = ada.asks_for_an_agent()
    for text in ("my number is 4711", "are you there?"):
        ada.says(text)
        on_miaw.gets(text)
    on_miaw.cannot_be_routed()
    case = until(ada.chats, "for the hand-off to reach Live Chat")[-1]
    ada.says("hello?")
    case.accepted_by(JANE)
    case.gets("hello?")
    assert case.typed() == ["my number is 4711", "are you there?", "hello?"]
    assert "4711" not in case.from_user()[0]


def test_nobody_online_at_live_chat_is_followed_by_miaw(both: Stage) -> None:
    both.salesforce_behaves(auto_assign=False)
    _everybody_goes_home(both)
    grace = both.person("Grace Hopper", channel="facebook")
    grace.says("talk to an agent")
    until(lambda: _on_miaw(grace), "for the hand-off to reach MIAW")
    assert grace.chats() == []


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_chat_request_that_fails_is_followed_by_miaw(both: Stage, when: str) -> None:
    if when == "at once":
        both.live_chat_fails("request-fail", reason="Unavailable", times=1)
    ada = both.person(channel="facebook")
    ada.says("talk to an agent")
    if when == "later":
        until(ada.chats, "for the chat to be requested")[-1].cannot_be_routed()
    case = until(lambda: _on_miaw(ada), "for the hand-off to reach MIAW")[-1]
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    assert not any(NOBODY in text for text in ada.told())


def test_when_nobody_at_all_is_there_the_user_is_told_once(impatient: Stage) -> None:
    impatient.salesforce_fails("status", status=503, path="access-token")
    _everybody_goes_home(impatient)
    ada = impatient.person()
    ada.says("talk to an agent")
    ada.hears("Sorry, no agent is available")
    ada.talks_to_the_bot_again()
    assert sum(text.startswith("Sorry") for text in ada.told()) == 1


def test_when_both_are_out_of_order_the_user_is_told_once(impatient: Stage) -> None:
    impatient.salesforce_fails("status", status=503)
    impatient.live_chat_fails("refuse")
    ada = impatient.person()
    ada.says("talk to an agent")
    ada.says("hello?")
    ada.hears(FAILED)
    assert ada.hears("This did not reach the agent").text.endswith("hello?")
    ada.talks_to_the_bot_again()
    assert sum(text.startswith("Sorry") for text in ada.told()) == 1


def test_the_end_word_works_between_two_systems(impatient: Stage) -> None:
    impatient.salesforce_fails("silence", path="access-token")
    impatient.live_chat_fails("silence", operation="SessionId")
    ada = impatient.person()
    ada.says("talk to an agent")
    ada.hears(END_WORD)
    ada.says(END_WORD)
    ada.hears("Your conversation with the agent has ended")
    ada.talks_to_the_bot_again()


def test_once_an_agent_was_there_nobody_else_is_asked(both: Stage) -> None:
    ada = both.person()
    case = ada.is_helped_by(JANE)
    case.ended_by(JANE)
    ada.hears("Your conversation with the agent has ended")
    ada.talks_to_the_bot_again()
    assert ada.chats() == []
