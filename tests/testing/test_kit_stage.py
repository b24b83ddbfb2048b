"""A user's own kit between the emulated clouds, over real sockets: the fixture `botkit_sandbox`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog

from botkit.config.settings import HandoffSettings
from botkit.handlers import UserMessageContext, WebhookContext
from botkit.kit import BotKit
from botkit.testing import KitStage, made_up_settings, payloads
from botkit.testing.kit_stage import on_stage
from botkit.testing.waiting import until, within
from botkit_sandbox.errors import ScriptEngineMissing

BOT = "st-33333333-3333-5333-8333-333333333333"
JANE = "Jane Doe"


@pytest.fixture(scope="module")
def stage() -> Iterator[KitStage]:
    kit = BotKit(
        made_up_settings(
            bots=[BOT],
            agent_systems=["first", "second"],
            handoff=HandoffSettings(responses={"en": {"agentJoinedMessage": "Here is {agent}."}}),
        )
    )

    @kit.on_user_message(bot=BOT)
    def hours(ctx: UserMessageContext) -> Any:
        if "open" in ctx.message:
            return ctx.send_user_message("We are open from 9 to 5.")
        if "human" in ctx.message:
            return ctx.start_agent_session(agent_system="second")

    @kit.on_webhook("CheckOrder")
    def check(ctx: WebhookContext) -> Any:
        return ctx.respond({"order": "on its way"})

    with structlog.testing.capture_logs(), on_stage(kit) as stage:
        yield stage


def test_a_handler_answers_in_the_users_window(stage: KitStage) -> None:
    ada = stage.person()
    ada.says("When are you open?")
    ada.hears("9 to 5")
    assert ada.chat() == [("user", "When are you open?"), ("botkit", "We are open from 9 to 5.")]


def test_agents_accept_and_answer(stage: KitStage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    case.accepted_by(JANE)
    ada.says("my parcel is late")
    case.gets("my parcel is late")
    case.told_by(JANE, "Let me look.")
    ada.hears("Let me look.")
    case.ended_by(JANE)
    ada.is_with_the_bot()


def test_the_kits_own_choices_for_the_hand_off_are_kept(stage: KitStage) -> None:
    ada = stage.person()
    ada.asks_for_an_agent().accepted_by(JANE)
    ada.hears("Here is Jane Doe.")


def test_the_kits_own_agent_systems_are_those_of_the_clouds(stage: KitStage) -> None:
    systems = stage.settings.bots[BOT].agents.systems
    assert list(systems) == ["first", "second"]
    ada = stage.person()
    ada.says("human please")
    until(ada.cases, "for a conversation at the agents'")
    assert ada.cases()[0].attributes()["Kore_User_Id"] == ada.id


def test_an_exchange_is_found_even_if_what_it_did_was_visible_before(stage: KitStage) -> None:
    wire, do = stage.clouds.wire, stage.clouds.do
    with ThreadPoolExecutor() as pool:
        do(lambda: wire.unanswered.update(["resetBot"]))
        found = pool.submit(stage.wire, "resetBot")
        assert not within(0.05, found.done)

        def answer() -> None:
            wire.record(source="botkit", target="kore", label="resetBot", status=200)
            wire.unanswered["resetBot"] -= 1

        do(answer)
        assert [entry.status for entry in found.result()] == [200]


def test_a_job_writes_to_a_user(stage: KitStage) -> None:
    ada = stage.person()
    ada.says("When are you open?")
    ada.hears("9 to 5")
    stage.kit.conversation(BOT, ada.id).send("It has arrived.")
    ada.hears("It has arrived.")


MADE_UP = {
    "on_user_message": payloads.user_message(),
    "on_bot_message": payloads.bot_message(),
    "on_agent_transfer": payloads.agent_transfer(),
    "on_webhook": payloads.webhook("CheckOrder"),
    "on_event": payloads.event(),
    "on_alert": payloads.alert(),
    "on_variable_update": payloads.variable_update(),
    "on_client_event": payloads.client_event("TYPING_STARTED"),
}


@pytest.fixture(scope="module")
def posted(stage: KitStage) -> dict[str, dict[str, Any]]:
    """One hook of each event, as the emulated platform posts it."""
    ada = stage.person()
    ada.types()
    ada.is_alerted("Look!")
    ada.reaches_webhook("CheckOrder")
    ada.asks_for_an_agent()
    ada.closes_the_window()
    until(lambda: all(map(stage.wire, MADE_UP)), "for a hook of each kind")
    return {name: json.loads(stage.wire(name)[0].request_body) for name in MADE_UP}


@pytest.mark.parametrize("event", MADE_UP)
def test_a_made_up_payload_has_the_members_of_the_emulated_platforms(
    event: str, posted: dict[str, dict[str, Any]]
) -> None:
    there, made_up = posted[event], MADE_UP[event]
    assert set(there) - set(made_up) == set()
    for name in ("channel", "context"):
        missing = set(there.get(name, {})) - set(made_up.get(name, {}))
        assert missing <= {"previousNodeName", "order"}  # Members that earlier dialogs set.
    assert {kind: type(there[kind]) for kind in there if kind in made_up} == {
        kind: type(made_up[kind]) for kind in there if kind in made_up
    }


def test_a_dialog_waits_at_a_webhook_node(stage: KitStage) -> None:
    ada = stage.person()
    ada.reaches_webhook("CheckOrder", then="Your order is {{context.order}}.")
    ada.hears("Your order is on its way.")


def test_a_wait_in_vain_says_what_for(stage: KitStage) -> None:
    ada = stage.person()
    with pytest.raises(AssertionError, match="in vain for a parcel; there is none"):
        until(list, lambda: "for a parcel; there is none", seconds=0)
    assert ada.chat() == []


def test_what_a_handler_raised_is_raised_at_the_end() -> None:
    kit = BotKit()

    @kit.on_user_message
    def broken(ctx: UserMessageContext) -> None:
        raise LookupError("no such order")

    def play() -> None:
        with on_stage(kit) as stage:
            stage.person().says("hi")
            until(lambda: stage.failures, "for the handler to fail")

    with pytest.raises(LookupError, match="no such order"):
        play()


def test_a_handler_may_be_meant_to_fail() -> None:
    kit = BotKit()

    @kit.on_user_message
    def broken(ctx: UserMessageContext) -> None:
        raise LookupError("no such order")

    with on_stage(kit) as stage:
        stage.strict = False
        ada = stage.person()
        ada.says("hi")
        ada.hears("Hello")


def test_without_quickjs_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with (
        pytest.raises(ScriptEngineMissing, match=r"pip install 'botkit\[sandbox\]'"),
        on_stage(BotKit()),
    ):
        pass
