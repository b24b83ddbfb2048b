"""`KitTester`: the result of a step, for every hook and every way to answer."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask, current_app

from botkit.errors import KitTesterMisused, NotConfigured, NothingToAnswer, ServerTrouble, UserNotReachable
from botkit.handlers import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.kit import BotKit
from botkit.templates import Button, button_template
from botkit.testing import KitTester, Payloads, User, made_up_settings
from botkit.testing.payloads import BOT_ID

OTHER_BOT = "st-22222222-2222-5222-8222-222222222222"


# --- what happens without handlers -----------------------------------------------------------------------------------


def test_a_message_goes_to_the_bot(tester: KitTester) -> None:
    went = tester.user_says("hi")
    assert (went.to_bot, went.to_user, went.to_agent) == (["hi"], [], [])
    assert went.status == 200


def test_what_the_bot_says_goes_to_the_user(tester: KitTester) -> None:
    assert tester.bot_says("Hello, Ada!").to_user == ["Hello, Ada!"]


def test_an_alert_goes_to_the_user(tester: KitTester) -> None:
    went = tester.alert("It has arrived.")
    assert (went.to_user, went.names) == (["It has arrived."], ["send_alert_message"])


def test_what_went_out_is_settled_in_the_store(kit: BotKit, tester: KitTester) -> None:
    tester.user_says("hi")
    tester.transfers()
    assert b"\nbotkit_outbox_depth 0.0\n" in kit.telemetry.exposition()


def test_somebody_who_connects_is_passed_on_without_words(tester: KitTester) -> None:
    went = tester.user_connects()
    assert (went.names, went.to_bot) == (["send_bot_message"], [""])


@pytest.mark.parametrize("hook", ["event", "variable_update", "client_event"])
def test_other_hooks_are_acknowledged(tester: KitTester, hook: str) -> None:
    went = getattr(tester, hook)()
    assert (went.status, went.names) == (200, [])


def test_a_webhook_nobody_handles_goes_on_with_its_own_context(tester: KitTester) -> None:
    went = tester.webhook("CheckOrder", context={"order": "17"})
    assert went.context is not None
    assert (went.context["order"], went.deferred) == ("17", False)


# --- handlers --------------------------------------------------------------------------------------------------------


def test_a_handler_answers_in_the_bots_place(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def hours(ctx: UserMessageContext) -> Any:
        if "open" in ctx.message:
            return ctx.send_user_message("We are open from 9 to 5.")

    went = tester.user_says("When are you open?")
    assert went.to_user == ["We are open from 9 to 5."]
    assert went.to_bot == []
    assert tester.user_says("hi").to_bot == ["hi"]


def test_a_coroutine_is_a_handler_too(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    async def hours(ctx: UserMessageContext) -> Any:
        await asyncio.sleep(0)
        return ctx.send_user_message("9 to 5")

    assert tester.user_says().to_user == ["9 to 5"]


def test_calls_are_as_they_are_on_the_wire(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def answer(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message("9 to 5", meta_tags={"messageMetaTags": [{"name": "a", "value": "b"}]})

    call = tester.user_says("hi", request_id=17).call("send_user_message")
    assert (call.method, call.url) == (
        "POST",
        f"https://bots.kore.ai/api/botsdk/stream/{BOT_ID}/sendUserMessage/17",
    )
    assert call.json["message"] == "9 to 5"
    assert call.json["metaTags"] == {"messageMetaTags": [{"name": "a", "value": "b"}]}
    assert call.json["__payloadClass"] == "OnMessagePayload"
    kore = tester.settings.bots[BOT_ID].kore
    claims = jwt.decode(
        call.headers["auth"],
        kore.client_secret.reveal(),
        algorithms=["HS256"],
        options={"verify_exp": False},
    )
    assert claims["appId"] == kore.client_id


def test_of_a_template_there_are_the_words_and_the_json(kit: BotKit, tester: KitTester) -> None:
    template = button_template("Which?", [Button("Order"), Button("Refund")])

    @kit.on_user_message
    def menu(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message(template)

    went = tester.user_says()
    assert went.to_user == ["Which?\n- Order\n- Refund"]
    assert went.calls[0].template == template.content
    assert tester.user_says(channel="sms").calls[0].template is None


def test_a_transfer_is_changed_by_a_handler(kit: BotKit, tester: KitTester) -> None:
    @kit.on_agent_transfer
    def routes(ctx: AgentTransferContext) -> Any:
        return ctx.next(pre_chat={"Priority": "high"})

    (opened, started) = tester.transfers().agent_calls
    assert (opened.name, started.name, started.system) == ("open", "start", "salesforce")
    assert started.details["attributes"]["Priority"] == "high"


def test_every_hook_has_its_handler(kit: BotKit, tester: KitTester) -> None:
    seen: list[str] = []

    @kit.on_bot_message
    def bot_message(ctx: BotMessageContext) -> Any:
        return ctx.next(message=ctx.message.upper())

    @kit.on_event("endDialog")
    def event(ctx: PlatformEventContext) -> None:
        seen.append(ctx.event_type)

    @kit.on_alert
    def alert(ctx: AlertContext) -> Any:
        return ctx.send_alert_message("Look!")

    @kit.on_variable_update
    def variable(ctx: VariableUpdateContext) -> None:
        seen.append(ctx.event_type)

    @kit.on_client_event
    def client(ctx: ClientEventContext) -> None:
        seen.append(ctx.pre_defined_event["type"])

    assert tester.bot_says("hello").to_user == ["HELLO"]
    assert tester.alert("x").to_user == ["Look!"]
    tester.event("endDialog")
    tester.event("endFAQ")
    tester.variable_update("variable_create")
    tester.client_event("TYPING_STARTED")
    assert seen == ["endDialog", "variable_create", "TYPING_STARTED"]


def test_handlers_see_what_the_test_says(kit: BotKit, tester: KitTester) -> None:
    seen: dict[str, Any] = {}

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        seen["who"] = (ctx.user.id, ctx.user.first_name, ctx.language, ctx.channel.type, ctx.channel.sender)
        seen["files"] = [file.name for file in ctx.attachments]
        seen["vip"] = ctx.session.bot_user_session["vip"]

    mei = User(id="u-2", first_name="Mei", language="ja", address="8190")
    tester.user_says("hi", user=mei, channel="sms", attachments=["a.png"], session={"vip": True})
    assert seen == {"who": ("u-2", "Mei", "ja", "sms", "8190"), "files": ["a.png"], "vip": True}


def test_user_and_channel_of_a_tester_are_everybodys(kit: BotKit) -> None:
    seen: list[tuple[str, str]] = []

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        seen.append((ctx.user.id, ctx.channel.type))

    with KitTester(kit, user="u-7", channel="facebook") as tester:
        tester.user_says()
    assert seen == [("u-7", "facebook")]


def test_any_payload_can_be_posted(tester: KitTester) -> None:
    went = tester.posts("on_user_message", Payloads().user_message("recorded", nested=True))
    assert went.to_bot == ["recorded"]


def test_a_hook_that_is_refused_says_so(tester: KitTester) -> None:
    went = tester.user_says("hi", members={"sendBotMessageUrl": "https://elsewhere.example/x"})
    assert went.status == 400
    assert went.body["errors"][0]["code"] == "INVALID_ARGUMENTS"
    assert went.calls == ()


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_a_webhook_is_answered_with_a_changed_context(kit: BotKit, tester: KitTester) -> None:
    @kit.on_webhook("CheckOrder")
    def check(ctx: WebhookContext) -> Any:
        return ctx.respond({"state": f"order {ctx.context['order']} is on its way"})

    went = tester.webhook("CheckOrder", context={"order": "17"})
    assert went.context is not None
    assert (went.context["order"], went.context["state"]) == ("17", "order 17 is on its way")
    assert "state" not in (tester.webhook("Another").context or {})


def test_a_deferred_webhook_is_answered_by_a_job_once(
    kit: BotKit, tester: KitTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)

    @kit.on_webhook("CheckOrder")
    def check(ctx: WebhookContext) -> Any:
        return ctx.defer()

    hook = tester.webhook("CheckOrder")
    assert (hook.status, hook.deferred, hook.context) == (202, True, None)
    went = tester.runs(kit.respond_to_hook, hook.request_id, {"state": "shipped"})
    assert went.names == ["respond_to_hook"]
    assert went.context is not None
    assert went.context["state"] == "shipped"
    with pytest.raises(NothingToAnswer):
        tester.runs(kit.respond_to_hook, hook.request_id)


def test_a_deferred_webhook_that_nobody_answers_reaches_its_time_limit(
    kit: BotKit, tester: KitTester
) -> None:
    @kit.on_webhook("CheckOrder")
    def check(ctx: WebhookContext) -> Any:
        return ctx.defer(within=timedelta(minutes=2), otherwise={"state": "unknown"})

    tester.webhook("CheckOrder")
    assert tester.passes(119).names == []
    went = tester.passes(1)
    assert went.context is not None
    assert went.context["state"] == "unknown"


# --- beside hooks ----------------------------------------------------------------------------------------------------


def test_a_job_writes_to_a_user(kit: BotKit, tester: KitTester) -> None:
    tester.user_says("hi", user="u-5")
    went = tester.runs(lambda: kit.conversation(BOT_ID, "u-5").send("It has arrived."))
    assert (went.to_user, went.status) == (["It has arrived."], None)


def test_a_job_may_be_a_coroutine(kit: BotKit, tester: KitTester) -> None:
    async def job(text: str) -> None:
        kit.conversation(BOT_ID, "u-5").send(text)

    tester.user_says("hi", user="u-5")
    assert tester.runs(job, "It has arrived.").to_user == ["It has arrived."]


def test_where_payloads_are_not_kept_nobody_can_be_written_to(kit: BotKit) -> None:
    with KitTester(kit, settings=made_up_settings(keep_payloads=False)) as tester:
        tester.user_says("hi", user="u-5")
        with pytest.raises(UserNotReachable):
            tester.runs(lambda: kit.conversation(BOT_ID, "u-5").send("x"))


async def test_a_test_may_be_a_coroutine(tester: KitTester) -> None:
    assert tester.user_says("hi").to_bot == ["hi"]


# --- what the platform is asked --------------------------------------------------------------------------------------


def _asks(kit: BotKit, what: str, *arguments: Any) -> list[Any]:
    found: list[Any] = []

    @kit.on_user_message
    def ask(ctx: UserMessageContext) -> None:
        found.append(getattr(ctx, what)(*arguments))

    return found


def test_the_conversation_so_far_is_read(kit: BotKit, tester: KitTester) -> None:
    found = _asks(kit, "get_messages")
    tester.answers(get_messages=[("user", "hi"), ("bot", "Hello!")])
    went = tester.user_says()
    newest, oldest = found[0]
    assert (newest["type"], newest["components"][0]["data"]["text"]) == ("outgoing", "Hello!")
    assert oldest["type"] == "incoming"
    assert went.names == ["get_messages", "send_bot_message"]
    assert went.calls[0].method == "GET"


def test_it_is_read_page_by_page(kit: BotKit, tester: KitTester) -> None:
    found: list[list[str]] = []

    @kit.on_user_message
    async def pages(ctx: UserMessageContext) -> None:
        for skip in (0, 2, 4):
            page = await ctx.aio.get_messages(limit=2, skip=skip)
            found.append([record["components"][0]["data"]["text"] for record in page])

    tester.answers(get_messages=[("user", str(number)) for number in range(3)])
    tester.user_says()
    assert found == [["2", "1"], ["0"], []]


def test_nothing_was_said_where_a_test_does_not_say(kit: BotKit, tester: KitTester) -> None:
    found = _asks(kit, "get_messages")
    tester.user_says()
    assert found == [[]]


def test_the_bots_variables_are_read_by_language(kit: BotKit, tester: KitTester) -> None:
    found = _asks(kit, "fetch_bot_variables", "en", "de", "fr")
    tester.answers(bot_variables={"en": {"hours": "9 to 5"}, "de": {"hours": "9 bis 17 Uhr"}})
    tester.user_says()
    read = {language: [(one.key, one.value) for one in values] for language, values in found[0].items()}
    assert read == {"en": [("hours", "9 to 5")], "de": [("hours", "9 bis 17 Uhr")], "fr": []}


def test_the_dialog_is_read(kit: BotKit, tester: KitTester) -> None:
    names: list[object] = []

    @kit.on_webhook
    def ask(ctx: WebhookContext) -> None:
        found = ctx.get_dialog().component("Ask")
        names.append(found and found["_id"])

    tester.answers(dialog={"components": [{"_id": "dc-9", "name": "Ask"}]})
    tester.webhook("CheckOrder")
    assert names == ["dc-9"]


def test_a_dialog_of_which_nothing_is_said_cannot_be_read(kit: BotKit, tester: KitTester) -> None:
    @kit.on_webhook
    def ask(ctx: WebhookContext) -> None:
        ctx.get_dialog()

    with pytest.raises(KitTesterMisused, match=r"answers\(dialog="):
        tester.webhook("CheckOrder")


def test_the_platform_may_be_in_trouble_when_it_is_asked(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def ask(ctx: UserMessageContext) -> Any:
        try:
            ctx.get_messages()
        except ServerTrouble:
            return ctx.send_user_message("I cannot look that up now.")

    tester.answers(get_messages=503)
    assert tester.user_says().to_user == ["I cannot look that up now."]


# --- which kit, which configuration ----------------------------------------------------------------------------------


def test_a_tester_gives_testers_of_other_kits(tester: KitTester) -> None:
    other = BotKit()

    @other.on_user_message
    def answer(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message("other")

    assert tester(other, user="u-3").user_says().to_user == ["other"]
    assert tester.user_says("hi").to_bot == ["hi"]


def test_the_bots_of_handlers_are_in_the_configuration_that_is_made_up(kit: BotKit) -> None:
    @kit.on_user_message(bot=OTHER_BOT)
    def answer(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message("other")

    with KitTester(kit) as tester:
        assert list(tester.settings.bots) == [OTHER_BOT]
        assert tester.user_says().to_user == ["other"]


def test_several_bots_have_their_own_users_and_handlers(kit: BotKit) -> None:
    @kit.on_user_message(bot=OTHER_BOT)
    def answer(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message("other")

    with KitTester(kit, settings=made_up_settings(bots=[BOT_ID, OTHER_BOT])) as tester:
        first = tester.user_says("hi")
        assert first.to_bot == ["hi"]
        went = tester.user_says("hi", bot=OTHER_BOT)
        assert went.to_user == ["other"]
        assert OTHER_BOT in went.calls[0].url
        assert went.request_id != first.request_id
        tester.transfers(bot=OTHER_BOT)
        assert tester.user_says("still the bot's").to_bot == ["still the bot's"]


def test_a_bot_that_is_not_configured_is_a_mistake_of_the_test(tester: KitTester) -> None:
    with pytest.raises(KitTesterMisused, match=BOT_ID):
        tester.user_says(bot="st-9")
    with pytest.raises(KitTesterMisused, match=BOT_ID):
        tester.posts("on_event", {"botId": "st-9"})


def test_the_kits_own_configuration_is_used_but_not_its_store() -> None:
    settings = made_up_settings(bots=[OTHER_BOT])
    kit = BotKit(settings)
    with KitTester(kit) as tester:
        assert tester.settings is settings
        assert tester.user_says().to_bot == ["hi"]
        assert kit.settings.store != settings.store
    assert kit.settings.store == settings.store


def test_handlers_for_bots_that_are_not_configured_are_refused(kit: BotKit) -> None:
    @kit.on_user_message(bot=OTHER_BOT)
    def answer(ctx: UserMessageContext) -> None: ...

    with pytest.raises(NotConfigured, match=OTHER_BOT):
        KitTester(kit, settings=made_up_settings())


def test_handlers_run_within_the_applications_context() -> None:
    kit, app = BotKit(), Flask("shop")
    names: list[str] = []

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        names.append(current_app.name)

    with KitTester(kit, app=app) as tester:
        tester.user_says()
    assert names == ["shop"]


def test_of_several_applications_the_named_one_has_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KORE_CLIENT_ID", "cs-1")
    monkeypatch.setenv("KORE_CLIENT_SECRET", "a secret of the tests that is long enough")
    kit, apps = BotKit(), [Flask("shop"), Flask("club")]
    for app in apps:
        kit.init_app(app, "config/botkit.yaml")
    for app in apps:
        with KitTester(kit, app=app) as tester:
            assert tester.settings is app.extensions["botkit"][0].service.settings
    with pytest.raises(NotConfigured, match="several applications"):
        KitTester(kit)


def test_a_closed_tester_leaves_no_thread_and_no_file(
    kit: BotKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with KitTester(kit) as tester:
        tester.user_says()
        assert list(tmp_path.iterdir()) != []
        assert "botkit-testing" in [thread.name for thread in threading.enumerate()]
    assert list(tmp_path.iterdir()) == []
    assert "botkit-testing" not in [thread.name for thread in threading.enumerate()]
