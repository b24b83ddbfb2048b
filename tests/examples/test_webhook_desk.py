"""Whole hand-offs to a third party's agent system: the emulated Kore, BotKit and the example's desk, over real sockets."""

from __future__ import annotations

from pathlib import Path

from botkit.testing.waiting import until
from botkit_sandbox.kore.settings import SUBSCRIPTIONS
from tests.examples.conftest import Desk, Place, desk_stage
from tests.scenarios.service import Service
from tests.scenarios.stage import END_WORD, JANE


def test_a_hand_off_is_played_from_beginning_to_end(place: Place) -> None:
    ada, desk = place.stage.person(), place.desk
    ada.says("hi")
    ada.hears("Hello Ada")
    ada.says("talk to an agent")
    case = desk.case_of(ada)
    ada.hears("looking for an agent")
    ada.says("Is anybody there?")
    desk.gets(case, "Is anybody there?")
    for number in range(3):
        desk.agent(case, f"Agent's message {number}")
        ada.hears(f"Agent's message {number}")
        ada.says(f"User's message {number}")
        desk.gets(case, f"User's message {number}")
    assert ada.told(by="agent") == [f"Agent's message {number}" for number in range(3)]
    assert desk.lines(case)[1:] == ["Is anybody there?", *(f"User's message {number}" for number in range(3))]
    ada.hears("Jane has joined")
    ada.says(END_WORD)
    ada.hears("has ended")
    until(lambda: desk.conversations[case]["over"], "for the end at the desk")
    ada.talks_to_the_bot_again()


def test_the_desk_is_told_of_the_user_and_of_the_talk_so_far(place: Place) -> None:
    ada, desk = place.stage.person(email="ada@example.org"), place.desk
    ada.says("hi")
    ada.hears("Hello Ada")
    ada.says("talk to an agent")
    case = desk.case_of(ada)
    until(lambda: desk.lines(case), "for the story")
    user = desk.conversations[case]["user"]
    assert (user["_firstName"], user["_lastName"], user["_email"]) == ("Ada", "Lovelace", "ada@example.org")
    assert user["City"] == "Hyderabad"
    story = desk.lines(case)[0]
    assert story.index("hi") < story.index("Hello Ada") < story.index("talk to an agent")


def test_an_agent_of_the_desk_ends_it(place: Place) -> None:
    ada, desk = place.stage.person(), place.desk
    ada.says("talk to an agent")
    case = desk.case_of(ada)
    until(lambda: desk.lines(case), "for the story")  # what comes after the end is refused
    desk.agent(case, "Goodbye", do="end")
    ada.hears("has ended")
    assert ada.told(by="agent") == ["Goodbye"]
    ada.talks_to_the_bot_again()


def test_two_users_at_the_desk_hear_only_their_own_agent(place: Place) -> None:
    ada, mei, desk = place.stage.person(), place.stage.person("Mei Tanaka"), place.desk
    for person in (ada, mei):
        person.says("talk to an agent")
    for_ada, for_mei = desk.case_of(ada), desk.case_of(mei)
    desk.agent(for_ada, "for Ada")
    desk.agent(for_mei, "for Mei")
    ada.hears("for Ada")
    mei.hears("for Mei")
    assert (ada.told(by="agent"), mei.told(by="agent")) == (["for Ada"], ["for Mei"])


def test_a_channel_may_have_its_agents_elsewhere(place: Place) -> None:
    ada = place.stage.person(channel="facebook")
    ada.is_helped_by(JANE)
    assert place.desk.of(ada) == []


def test_the_dialogs_own_choice_wins_over_the_channels(place: Place) -> None:
    ada = place.stage.person(channel="facebook")
    ada.says("human of another department")
    place.desk.agent(place.desk.case_of(ada), "The desk here")
    ada.hears("The desk here")
    assert ada.cases() == []


def test_a_desk_that_refuses_gives_the_user_back_to_the_bot(
    importable: Path, bot_folder: Path, tmp_path: Path
) -> None:
    desk = Desk()
    stage = desk_stage(tmp_path, bot_folder, url=desk.url, key="not the desk's")
    try:
        ada = stage.person()
        ada.says("talk to an agent")
        ada.hears("cannot be reached")
        ada.talks_to_the_bot_again()
        assert desk.conversations == {}
    finally:
        stage.close()
        desk.close()


def test_a_service_that_starts_again_goes_on_where_it_was(
    importable: Path, bot_folder: Path, tmp_path: Path
) -> None:
    desk = Desk()
    stage = desk_stage(tmp_path, bot_folder, url=desk.url)
    try:
        ada = stage.person()
        ada.says("talk to an agent")
        case = desk.case_of(ada)
        desk.agent(case, "before")
        ada.hears("before")
        stage.service.close()
        desk.agent(case, "meanwhile")
        stage.service = Service(tmp_path / "botkit.yaml")
        stage.clouds.do(stage.clouds.kore.subscribe, stage.service.url, SUBSCRIPTIONS)
        desk.agent(case, "after")
        ada.hears("after")
        assert ada.told(by="agent") == ["before", "meanwhile", "after"]
        ada.says("I am still here")
        desk.gets(case, "I am still here")
        desk.agent(case, do="end")
        ada.is_with_the_bot()
    finally:
        stage.close()
        desk.close()
