"""The bot's handlers before the hand-off, over real sockets: the effects for user, bot and agent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from botkit import BotKit
from botkit.errors import UserNotReachable
from botkit.handlers.contexts import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
)
from botkit.handlers.verdicts import Next, Sent, Stop, Verdict
from botkit.templates import button_template
from botkit.testing.waiting import until
from botkit_sandbox.wire import WireEntry
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, OMAR, Person, Stage

SEEN: dict[str, list[Any]] = {}
"""What handlers saw, by kind."""


def seen(kind: str, value: Any) -> None:
    SEEN.setdefault(kind, []).append(value)


def register(kit: BotKit) -> None:
    """The handlers of this stage: each message names its treatment."""

    @kit.on_user_message
    def by_word(ctx: UserMessageContext) -> Verdict:
        match ctx.message:
            case "hours?":
                return ctx.send_user_message("We are open from 9 to 5.")
            case "HI":
                return ctx.next(message=ctx.message.lower())
            case "psst":
                return ctx.skip_bot_message()
            case "stop here":
                return ctx.stop()
            case "wait and see":
                ctx.send_user_message("One moment.")
                return ctx.next(message="hi")
            case "angry":
                return ctx.start_agent_session(pre_chat={"Mood": "angry"}, end_word="calm")
            case "enough":
                return ctx.clear_agent_session()
            case "choose":
                return ctx.send_user_message(button_template("Which?", ["Tea", "Coffee"]))
            case "by channel":
                return ctx.send_user_message("web", channels={"facebook": "facebook"})
            case "tag me":
                return ctx.send_user_message(
                    "Tagged.", meta_tags={"userMetaTags": [{"name": "vip", "value": "1"}]}
                )
            case "start over":
                ctx.reset_bot()
                return ctx.send_user_message("From the beginning.")
            case "bye":
                ctx.send_user_message("Bye.")
                return ctx.close_conversation_session()
            case "history":
                return ctx.send_user_message(f"{len(ctx.get_messages(limit=5))} messages")
            case "variables":
                found = ctx.fetch_bot_variables("en")
                return ctx.send_user_message(f"variables in {', '.join(found)}")
            case "rate":
                ctx.send_feedback_message("csat", 5, botLanguage="en")
                return ctx.send_user_message("Thank you.")
            case "who":
                return ctx.send_user_message(f"{ctx.user.first_name} on {ctx.channel.type} in {ctx.language}")
            case "keep it":
                seen("kept", ctx.conversation)
                return None
        return None

    @kit.on_user_message
    async def slowly(ctx: UserMessageContext) -> Verdict:
        if ctx.message == "await":
            await asyncio.sleep(0)
            seen("coroutine", len(await ctx.aio.get_messages(limit=1)))
            return await_me(ctx.send_user_message("awaited"))
        return None

    def await_me(sent: Sent) -> Sent:
        return sent

    @kit.on_bot_message
    def polish(ctx: BotMessageContext) -> Next | Sent | None:
        if ctx.message.startswith("Hello"):
            return ctx.next(message=ctx.message.replace("Hello", "Hello, dear"))
        if ctx.message.startswith("Ask me"):
            return ctx.skip_user_message()
        return None

    @kit.on_agent_transfer
    def choose(ctx: AgentTransferContext) -> Next | Stop | Sent | None:
        if ctx.user.first_name == "Nobody":
            ctx.send_user_message("Not today.")
            return ctx.clear_agent_session()
        if ctx.user.first_name == "Vera":
            return ctx.next(pre_chat={"Rank": "gold"}, end_word="adieu")
        return None

    @kit.on_event("endDialog")
    def ended(ctx: PlatformEventContext) -> None:
        seen("ended", ctx.event_type)

    @kit.on_event
    def any_event(ctx: PlatformEventContext) -> None:
        seen("event", ctx.event_type)

    @kit.on_alert
    def alert(ctx: AlertContext) -> Sent | None:
        if ctx.message == "storm":
            return ctx.send_alert_message("Storm warning!")
        return None

    @kit.on_variable_update
    def variable(ctx: VariableUpdateContext) -> None:
        seen("variable", ctx.event_type)

    @kit.on_client_event
    def client(ctx: ClientEventContext) -> Sent | None:
        seen("client", dict(ctx.pre_defined_event) or dict(ctx.custom_event))
        return ctx.send_bot_event("TYPING_STARTED") if ctx.custom_event else None


@pytest.fixture
def stage(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    stage = stages("handlers", handlers=register, bot={"kore": {"keep_payloads": True}})
    SEEN.clear()
    yield stage
    stage.everybody_leaves()
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []


def test_a_handler_answers_and_the_bot_hears_nothing(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hours?")
    ada.hears("We are open from 9 to 5.")
    assert ada.chat() == [("user", "hours?"), ("botkit", "We are open from 9 to 5.")]


def test_a_handler_changes_what_the_bot_hears(stage: Stage) -> None:
    ada = stage.person()
    ada.says("HI")
    ada.hears("I am the Acme Assistant")
    (passed,) = stage.wire("sendBotMessage", about=ada.id)
    assert '"message":"hi"' in passed.request_body


def test_a_handler_changes_and_hides_what_the_bot_says(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hi")
    until(lambda: stage.wire("skipUserMessage", about=ada.id), "for the second message to be skipped")
    assert ada.chat() == [("user", "hi"), ("bot", "Hello, dear Ada! I am the Acme Assistant.")]


@pytest.mark.parametrize("sentence", ["psst", "stop here"])
def test_a_message_that_stops_at_a_handler_is_skipped_so_that_the_platform_goes_on(
    stage: Stage, sentence: str
) -> None:
    ada = stage.person()
    ada.says(sentence)
    ada.says("hours?")
    ada.hears("We are open")
    assert len(stage.wire("skipBotMessage", about=ada.id)) == 1
    assert stage.wire("sendBotMessage", about=ada.id) == []


def test_a_handler_speaks_and_the_bot_answers_all_the_same(stage: Stage) -> None:
    ada = stage.person()
    ada.says("wait and see")
    ada.hears("Acme Assistant")
    assert ada.told()[0] == "One moment."


def test_a_handler_hands_over_without_an_agent_transfer_node_and_takes_back(stage: Stage) -> None:
    ada = stage.person()
    ada.says("angry")
    until(lambda: ada.cases(), "for the conversation")
    (case,) = ada.cases()
    case.accepted_by(JANE)
    ada.hears(JANE)
    assert case.attributes()["Mood"] == "angry"
    ada.says("my parcel")
    case.gets("my parcel")
    case.told_by(JANE, "I see")
    ada.hears("I see")
    ada.says("enough")
    case.is_over()
    ada.is_with_the_bot()
    ada.says("hours?")
    ada.hears("We are open")


def test_the_end_word_a_handler_chose_ends_the_chat(stage: Stage) -> None:
    ada = stage.person()
    ada.says("angry")
    until(lambda: ada.cases(), "for the conversation")
    (case,) = ada.cases()
    case.accepted_by(OMAR)
    ada.hears(OMAR)
    ada.says("calm")
    case.is_over()
    ada.is_with_the_bot()


def test_a_handler_chooses_what_agents_are_told_and_the_end_word(stage: Stage) -> None:
    vera = stage.person("Vera Gold")
    case = vera.asks_for_an_agent()
    vera.hears("adieu")
    assert case.attributes()["Rank"] == "gold"


def test_a_handler_declines_the_hand_off(stage: Stage) -> None:
    nobody = stage.person("Nobody Here")
    nobody.says("talk to an agent")
    nobody.hears("Not today.")
    nobody.is_with_the_bot()
    assert nobody.cases() == []


def test_a_template_is_shown_on_the_web_and_said_elsewhere(stage: Stage) -> None:
    ada, bob = stage.person(), stage.person("Bob Builder", channel="facebook")
    ada.says("choose")
    bob.says("choose")
    bob.hears("Tea")
    ada.hears("Which?")
    (on_web,) = stage.wire("sendUserMessage", about=ada.id)
    (elsewhere,) = stage.wire("sendUserMessage", about=bob.id)
    assert '"isTemplate":true' in on_web.request_body
    assert '"overrideMessagePayload":null' in elsewhere.request_body


def test_a_message_may_differ_by_channel(stage: Stage) -> None:
    ada, bob = stage.person(), stage.person("Bob Builder", channel="facebook")
    for person, expected in ((ada, "web"), (bob, "facebook")):
        person.says("by channel")
        person.hears(expected)


def test_tags_feedback_and_a_reset_go_along(stage: Stage) -> None:
    ada = stage.person()
    ada.says("tag me")
    ada.hears("Tagged.")
    ada.says("rate")
    ada.hears("Thank you.")
    ada.says("start over")
    ada.hears("From the beginning.")
    assert '"name":"vip"' in stage.wire("sendUserMessage", about=ada.id)[0].request_body
    assert '"score":5' in stage.wire("sendFeedbackMessage", about=ada.id)[0].request_body
    assert len(stage.wire("resetBot", about=ada.id)) == 1


def test_a_handler_closes_the_session(stage: Stage) -> None:
    ada = stage.person()
    ada.says("bye")
    ada.hears("Bye.")
    until(lambda: "sessionClosure" in SEEN.get("event", ()), "for the session to close")


def test_handlers_read_the_history_and_the_variables(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hours?")
    ada.hears("We are open")
    ada.says("history")
    ada.hears("messages")
    ada.says("variables")
    ada.hears("variables in en")


def test_a_coroutine_is_a_handler_like_any_other(stage: Stage) -> None:
    ada = stage.person()
    ada.says("await")
    ada.hears("awaited")
    assert SEEN["coroutine"] == [1]


def test_a_context_knows_who_is_talking_and_where(stage: Stage) -> None:
    ada = stage.person(language="de")
    ada.says("who")
    ada.hears("Ada on rtm in de")


def test_dialogs_alerts_variables_and_client_events_reach_their_handlers(stage: Stage) -> None:
    ada, kore = stage.person(), stage.clouds.kore
    ada.says("hi")
    until(lambda: "ended" in SEEN, "for the end of the dialog")
    stage.clouds.do(kore.alert, ada.user, "storm")
    ada.hears("Storm warning!")
    stage.clouds.do(kore.alert, ada.user, "sunshine")
    ada.hears("sunshine")
    ada.types()
    until(lambda: {"type": "TYPING_STARTED"} in SEEN.get("client", ()), "for the user's typing")
    stage.clouds.do(kore.custom_event, ada.user, {"type": "cart", "items": 2})
    until(lambda: stage.wire("sendBotEvent", about=ada.id), "for the bot's event")
    stage.clouds.do(kore.variables_changed, "variable_update")
    until(lambda: "variable_update" in SEEN.get("variable", ()), "for the variables' event")
    assert set(SEEN["ended"]) == {"endDialog"}


def test_a_background_job_writes_to_a_user_from_a_thread_and_from_a_coroutine(stage: Stage) -> None:
    ada = stage.person()
    ada.says("keep it")
    until(lambda: "kept" in SEEN, "for the handler")
    kept = SEEN["kept"][0]
    job = threading.Thread(target=lambda: kept.send("from a thread"))
    job.start()
    job.join(10)
    ada.hears("from a thread")

    async def later() -> None:
        await kept.send("from a coroutine")

    asyncio.run(later())
    ada.hears("from a coroutine")


def test_what_is_sent_once_is_sent_once(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hours?")
    ada.hears("We are open")
    conversation = stage.service.kit.conversation(stage.clouds.kore.bot_id, ada.id)
    for _ in range(3):
        conversation.once("order-17").send("It has been shipped.")
    conversation.send("That is all.")
    ada.hears("That is all.")
    assert ada.told().count("It has been shipped.") == 1


def test_a_user_who_has_never_written_cannot_be_written_to(stage: Stage) -> None:
    stranger = stage.service.kit.conversation(stage.clouds.kore.bot_id, "u-nobody")
    with pytest.raises(UserNotReachable, match=r"kore\.keep_payloads"):
        stranger.send("hello?")


def test_what_a_job_says_waits_for_the_user_where_their_last_message_is_too_long_ago(
    stages: Stages, logged: list[Any]
) -> None:
    stage = stages("jobs", bot={"kore": {"keep_payloads": True}})
    ada = stage.person()
    ada.says("hi")
    until(lambda: len(ada.chat()) == 3, "for the bot's greeting")
    forgotten(stage, ada)
    for text in ("It has been shipped.", "It will come on Friday."):
        stage.service.kit.conversation(stage.clouds.kore.bot_id, ada.id).send(text)
    until(lambda: refused(stage), "for the platform's refusal")
    stage.restarts()
    until(lambda: len(refused(stage)) > 1, "for another attempt")
    assert ada.told("botkit") == []
    ada.says("where is my order?")
    ada.hears("It will come on Friday.")
    assert ada.told("botkit") == ["It has been shipped.", "It will come on Friday."]
    stage.everybody_leaves()
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []


def forgotten(stage: Stage, person: Person) -> None:
    """Let the platform refuse answers to this person's earlier hooks."""
    core = stage.clouds.kore.core
    for hook in stage.wire("on_user_message", about=person.id, source="kore"):
        request_id = str(json.loads(hook.request_body)["requestId"])
        stage.clouds.do(lambda number=request_id: setattr(core.calls.find(number, now_ms=0), "expires_ms", 0))


def refused(stage: Stage) -> list[WireEntry]:
    return [call for call in stage.wire("sendUserMessage", about="shipped") if call.status == 400]


def test_handlers_are_counted(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hours?")
    ada.hears("We are open")
    exposed = requests.get(f"{stage.service.url}/metrics", timeout=30).text
    counted = [line for line in exposed.splitlines() if line.startswith("botkit_handlers_total")]
    assert any('event="on_user_message"' in line and 'outcome="answered"' in line for line in counted)
