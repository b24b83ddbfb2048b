"""A bot with what real exports have, and BotKit: a welcome, buttons, a service, a confirmation, a called dialog, a transfer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from botkit.testing.waiting import until
from tests.sandbox.kore.exports import Bot, on_entity
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Stage


def shop() -> Bot:
    bot = Bot("Shop")
    bot.event("WELCOME_MESSAGE_EVENT", says="Welcome to the shop!")
    bot.events["WELCOME_MESSAGE_EVENT"]["manageFirstMessage"] = {"task": "displayWelcomeMsg"}
    bot.event("INTENT_UNIDENTIFIED", says="Try other words, please.")
    bot.event("TASK_FAILURE_EVENT", says="I have to discard your task.")
    bot.dialog("Break").script("null.x")
    agents = bot.dialog("Live agent").script(
        "BotUserSession.put('miawMetaInfo', {endChatShortHandCommand: 'stop', preChatInfo: {Parcel: context.entities.Parcel}});"
    )
    agents.message("I am getting somebody.").transfer("Human")
    track = bot.dialog("Track a parcel", says=["where is my parcel"])
    track.entity("Parcel", "Which one?", kind="list_of_values", values=["Books", "Shoes"])
    track.service(
        "Tracking", sampleResponse=[{"response": '{"statusCode": 200, "body": {"place": "Lisbon"}}'}]
    )
    track.message("{{context.entities.Parcel}}: {{context.Tracking.response.body.place}}.")
    track.node("dialogAct", "More", {"message": [bot.prompt("Do you need a person?")], "applyDefaultTemplate": True},
               then=[on_entity("More", "", "Never"), "Bye"])  # fmt: skip
    track.call(agents, name="Agents", then="end").message("Goodbye.", name="Bye", then="end")
    assigned = '{"context.entities.Parcel": "context.entities.Parcel"}'
    track.nodes[-2].more["contextMap"] = assigned
    return bot


def with_confirmation(bot: Bot) -> dict[str, object]:
    """The definition, in which the confirmation leads to the agents on yes."""
    definition = bot.definition
    for dialog in definition["dialogs"]:
        for node in dialog["nodes"]:
            if node["type"] == "dialogAct":
                node["transitions"][0] = {
                    "if": {"dialogAct": "yes"},
                    "then": bot.dialogs[2].node_id("Agents"),
                }
    return definition


@pytest.fixture
def own(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    bot = shop()
    folder: Path = bot.write(tmp_path_factory.mktemp("shop"), definition=with_confirmation(bot))
    stage = stages("real-bot", bot_folder=folder)
    yield stage
    stage.everybody_leaves()


def test_a_bot_of_a_real_shape_hands_over_from_a_called_dialog(own: Stage) -> None:
    ada = own.person()
    ada.says("good morning everybody")
    ada.hears("Welcome to the shop!")
    ada.says("where is my parcel")
    question = ada.hears("Which one?")
    assert [button["title"] for button in (question.template or {})["buttons"]] == ["Books", "Shoes"]
    ada.says("shoes")
    ada.hears("Shoes: Lisbon.")
    ada.hears("Do you need a person?")
    ada.says("yes please")
    ada.hears("I am getting somebody.")
    ada.hears("send: stop")
    (case,) = until(ada.cases)
    case.accepted_by(JANE)
    ada.hears(JANE)
    case.told_by(JANE, "It is on its way.")
    ada.hears("It is on its way.")
    assert case.attributes()["Parcel"] == "Shoes"
    ada.says("stop")
    ada.is_with_the_bot()


def test_the_bot_s_own_words_pass_through_botkit(own: Stage) -> None:
    ada = own.person()
    ada.says("break")
    ada.hears("Welcome to the shop!")
    ada.says("break")
    ada.hears("I have to discard your task.")
    ada.says("fhqwhgads")
    ada.hears("Try other words, please.")
    assert ada.told(by="botkit") == []
