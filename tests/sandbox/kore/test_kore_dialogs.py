"""Dialogs on the emulated platform: understanding, scripts, entities, webhooks, transitions."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore import BotExport
from botkit_sandbox.kore.bot import bot_of
from botkit_sandbox.kore.script import Surroundings, run_script
from botkit_sandbox.kore.understanding import Pattern, Utterance, normalised, recognised_dialog
from tests.sandbox.kore.platform_double import SAMPLE, Hook, Platform, Start

BOT = bot_of(SAMPLE)


def changed(**scripts: str) -> BotExport:
    """The sample bot with other scripts, by component name."""
    definition = copy.deepcopy(dict(SAMPLE.definition))
    for component in definition["dialogComponents"]:
        if component["name"] in scripts:
            component["script"] = quote(scripts[component["name"]], safe="")
    return BotExport(definition=definition, config=SAMPLE.config)


def with_webhook() -> BotExport:
    """The sample bot whose order look-up is a Webhook node instead of a Script node."""
    definition = copy.deepcopy(dict(SAMPLE.definition))
    for component in definition["dialogComponents"]:
        if component["name"] == "LookUpOrder":
            component["type"] = "SDKWebHook"
    for dialog in definition["dialogs"]:
        for node in dialog["nodes"]:
            if dialog["lname"] == "order status" and node["type"] == "script":
                node["type"] = "SDKWebHook"
    return BotExport(definition=definition, config=SAMPLE.config)


# --- understanding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dialog"),
    [
        ("talk to an agent", "Talk to an agent"),
        ("  TALK TO AN AGENT!!! ", "Talk to an agent"),
        ("Please, talk to an agent", "Talk to an agent"),
        ("Where is my order?", "Order status"),
        ("hello", "Greeting"),
        ("order status", "Order status"),
        ("small talk", "Small talk"),
    ],
)
def test_sentences_are_understood_in_any_case_and_punctuation(text: str, dialog: str) -> None:
    meant = recognised_dialog(BOT, text, "en")
    assert meant is not None
    assert BOT.dialogs[meant].name == dialog


@pytest.mark.parametrize("text", ["", "?!", "the weather in Lisbon", "my", "endagentchat"])
def test_untrained_sentences_are_not_understood(text: str) -> None:
    assert recognised_dialog(BOT, text, "en") is None


def test_a_user_of_another_language_is_understood_in_the_language_the_bot_knows() -> None:
    assert recognised_dialog(BOT, "where is my order", "de") is not None


def test_a_sentence_equally_close_to_two_dialogs_is_not_understood() -> None:
    taught = SimpleNamespace(
        utterances=(
            Utterance("dg-pay", "en", normalised("pay my bill")),
            Utterance("dg-see", "en", normalised("see my bill")),
        ),
        patterns=(),
    )
    assert recognised_dialog(taught, "pay the my bill", "en") == "dg-pay"
    assert recognised_dialog(taught, "my bill", "en") is None


def test_a_pattern_wants_its_words_in_order() -> None:
    pattern = Pattern.written("dg", "en", "speak * ~person agent")
    assert pattern.matches(normalised("I must speak with some AGENT now"))
    assert not pattern.matches(normalised("an agent should speak"))


async def test_the_bot_says_so_when_it_does_not_understand(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "the weather in Lisbon")
    assert platform.chat(user)[-1][1].startswith("Sorry, I did not understand")


# --- nodes -----------------------------------------------------------------------------------------------------------


async def test_an_entity_node_asks_and_the_answer_feeds_the_script(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    assert platform.chat(user)[-1] == ("bot", "What is your order number?")
    await platform.says(user, "it is 48214")
    assert platform.chat(user)[-1] == ("bot", "Your order 48214 is on its way.")


async def test_an_entity_node_asks_again_when_the_answer_has_no_value(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "no idea whatsoever")
    assert platform.chat(user)[-1][1] == "An order number has digits, such as 48213."
    await platform.says(user, "48215")
    assert platform.chat(user)[-1][1] == "Your order 48215 is delivered."


async def test_an_entity_node_gives_up_after_five_retries(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    for _ in range(5):
        await platform.says(user, "no idea whatsoever")
    assert user.run is not None
    await platform.says(user, "no idea whatsoever")
    assert user.run is None


async def test_a_dialog_that_waits_gives_way_to_another_one(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "talk to an agent")
    assert user.agent_mode


async def test_session_variables_outlive_the_dialog(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "48213")
    await platform.says(user, "talk to an agent")
    context = platform.botkit.of("on_agent_transfer")[0].body["context"]
    meta = context["session"]["BotUserSession"]["miawMetaInfo"]
    assert meta["preChatInfo"]["Order_Number"] == "48213"
    assert "orderStatus" not in context


async def test_user_session_variables_outlive_the_session(start: Start) -> None:
    platform = await start(bot=changed(SetHandoffInfo='UserSession.put("tier", "gold", 60);'))
    user = await platform.handed_over()
    platform.cloud.time_out(user)
    await platform.says(user, "hello")
    context = platform.botkit.of("on_user_message")[-1].body["context"]
    assert context["session"]["UserSession"] == {"tier": "gold"}


async def test_the_page_s_two_scripts_pasted_one_after_the_other_lose_the_first(start: Start) -> None:
    script = """
        let miawMetaInfo = {};
        miawMetaInfo.endChatShortHandCommand = "endagentchat";
        context.session.BotUserSession.miawMetaInfo = miawMetaInfo;
        { let miawMetaInfo = {}; miawMetaInfo.preChatInfo = {"City": "Hyderabad"};
          context.session.BotUserSession.miawMetaInfo = miawMetaInfo; }
    """
    platform = await start(bot=changed(SetHandoffInfo=script))
    await platform.handed_over()
    session = platform.botkit.of("on_agent_transfer")[0].body["context"]["session"]["BotUserSession"]
    assert session["miawMetaInfo"] == {"preChatInfo": {"City": "Hyderabad"}}


@pytest.mark.parametrize(
    "script",
    ["throw new Error('no')", "while (true) {}", "(function f() { f(); })()"],
    ids=["throw", "loop", "deep"],
)
async def test_a_script_that_fails_ends_the_dialog_with_a_note(start: Start, script: str) -> None:
    platform = await start(bot=changed(SetHandoffInfo=script))
    user = platform.cloud.add_user()
    await platform.says(user, "talk to an agent")
    speaker, text = platform.chat(user)[-1]
    assert speaker == "system"
    assert text.startswith("Script node SetHandoffInfo failed: ")
    assert platform.botkit.of("on_agent_transfer") == []


async def test_a_webhook_node_takes_the_changed_context_from_the_answer(start: Start) -> None:
    platform = await start(bot=with_webhook())
    platform.botkit.answer = {"context": {"orderNumber": "7", "orderStatus": "lost"}}
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "7")
    (hook,) = platform.botkit.of("on_webhook")
    assert hook.body["dialogComponentName"] == "LookUpOrder"
    assert hook.body["context"]["entities"] == {"OrderNumber": 7}
    assert hook.component_id
    assert platform.chat(user)[-1][1] == "Your order 7 is lost."


async def test_a_webhook_node_answered_with_202_waits_for_the_service_callback(start: Start) -> None:
    platform = await start(bot=with_webhook())
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")

    async def later(hook: Hook) -> None:
        context = hook.body["context"] | {"orderNumber": "7", "orderStatus": "found"}
        assert (await platform.botkit.call("callbackUrl", hook, context=context))[0] == 200

    platform.botkit.react["on_webhook"] = later
    platform.botkit.webhook_status = 202
    await platform.says(user, "7")
    assert platform.chat(user)[-1][1] == "Your order 7 is found."


async def test_a_webhook_node_without_an_answer_ends_the_dialog(start: Start) -> None:
    platform = await start(bot=with_webhook(), webhook_timeout=timedelta(seconds=0.05))
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    platform.botkit.webhook_status = 202
    await platform.says(user, "7")
    assert platform.chat(user)[-1][0] == "system"


async def test_a_callback_without_a_waiting_node_is_refused(start: Start) -> None:
    platform = await start(bot=with_webhook())
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "7")
    (hook,) = platform.botkit.of("on_webhook")
    assert (await platform.botkit.call("callbackUrl", hook))[0] == 404


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ({"context": "entities.OrderNumber", "op": "eq", "value": "1"}, True),
        ({"context": "context.entities.OrderNumber", "op": "neq", "value": "1"}, False),
        ({"context": "orderStatus", "op": "cnt", "value": "way"}, True),
        ({"context": "nothing.here", "op": "dne"}, True),
        ({"conjoin": "and", "tests": [{"context": "orderNumber", "op": "eq", "value": "2"}]}, False),
        (
            {
                "conjoin": "or",
                "tests": [
                    {"context": "orderNumber", "op": "eq", "value": "2"},
                    {"context": "orderNumber", "op": "eq", "value": "1"},
                ],
            },
            True,
        ),
    ],
)
async def test_transitions_follow_their_conditions(
    start: Start, condition: dict[str, Any], taken: bool
) -> None:
    definition = copy.deepcopy(dict(SAMPLE.definition))
    dialog = next(d for d in definition["dialogs"] if d["lname"] == "order status")
    script = next(node for node in dialog["nodes"] if node["type"] == "script")
    script["transitions"] = [{"if": condition, "then": "message3"}, {"default": "end"}]
    platform = await start(bot=BotExport(definition=definition, config=SAMPLE.config))
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    await platform.says(user, "1")
    assert (platform.chat(user)[-1][1] == "Your order 1 is on its way.") is taken


async def test_transitions_in_a_circle_are_stopped(start: Start) -> None:
    definition = copy.deepcopy(dict(SAMPLE.definition))
    dialog = next(d for d in definition["dialogs"] if d["lname"] == "talk to an agent")
    dialog["nodes"][1]["transitions"] = [{"default": "intent0"}]
    platform = await start(bot=BotExport(definition=definition, config=SAMPLE.config))
    user = platform.cloud.add_user()
    await platform.says(user, "talk to an agent")
    assert platform.chat(user)[-1][0] == "system"


# --- scripts ---------------------------------------------------------------------------------------------------------


def run(source: str, **context: Any) -> dict[str, Any]:
    return run_script(
        source, context={"session": {}, **context}, around=Surroundings(environment={"REGION": "eu"})
    ).context


def test_a_script_changes_its_context() -> None:
    assert run("context.total = context.price * 2;", price=21)["total"] == 42


def test_agent_utils_set_meta_info_reaches_the_session() -> None:
    session = run('agentUtils.setMetaInfo("email", "asha@example.com");')["session"]
    assert session["BotUserSession"] == {"email": "asha@example.com"}


def test_session_objects_have_put_and_get_which_are_no_data() -> None:
    session = run('UserSession.put("n", 1, 20); context.n = UserSession.get("n");')["session"]
    assert session["UserSession"] == {"n": 1}


def test_a_script_sees_the_bot_s_variables() -> None:
    assert run("context.region = env.REGION;")["region"] == "eu"


def test_a_script_sees_text_as_it_is() -> None:
    tricky = 'quotes " and \\ and \u2028 and \U0001f600'
    assert run("context.copy = context.text;", text=tricky)["copy"] == tricky


@pytest.mark.parametrize(
    "source",
    [
        "require('fs')",
        "fetch('http://127.0.0.1')",
        "process.exit()",
        "context = 5",
        "context.self = context",
        "var a = []; while (true) { a.push('x'.repeat(100000) + a.length); }",
        "context.big = 'x'.repeat(1024 * 1024);",
    ],
)
def test_a_script_cannot_reach_out_or_grow_without_end(source: str) -> None:
    with pytest.raises(ScriptError):
        run(source)


def test_the_log_of_a_script_is_kept_and_bounded() -> None:
    ran = run_script("for (var i = 0; i < 500; i++) koreDebugger.log('x'.repeat(5000));", context={})
    assert len(ran.log) == 100
    assert max(map(len, ran.log)) == 1000


def test_a_script_message_prints_its_text() -> None:
    ran = run_script("print(JSON.stringify({a: 1}));", context={})
    assert json.loads(ran.printed) == {"a": 1}
