"""docs/handlers.md: each recipe does what the page says, and the tables of the page match the code."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from botkit import BotKit
from botkit.handlers.context import MAX_CALLS
from botkit.handlers.contexts import CONTEXTS
from botkit.handlers.dispatch import HANDLER_SECONDS, WEBHOOK_SECONDS
from botkit.handlers.running import MAX_OVERDUE
from botkit.hooks.events import HOOK_EVENTS
from botkit.relay.timers import KEEP
from botkit.testing import KitTester
from botkit.testing.configuration import made_up_settings
from tests.handlers.documented import DOCS, python_blocks, run

PAGE = (DOCS / "handlers.md").read_text("utf-8")
PREAMBLE, *BLOCKS = python_blocks("handlers.md")
RECIPES = re.findall(r"^### (.*)$", PAGE, re.M)


@dataclass
class Recipe:
    """A running recipe: its names, its tester, and the content of its queue."""

    kit: BotKit
    tester: KitTester
    names: dict[str, Any]
    queue: list[Callable[[], Any]] = field(default_factory=list)


class Crm:
    """A customer database, by key."""

    def __init__(self) -> None:
        self.noted: dict[str, dict[str, Any]] = {}

    def upsert(self, key: str, **fields: Any) -> None:
        self.noted.setdefault(key, {}).update(fields)


@pytest.fixture
def recipe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recipe]:
    """The recipe of a heading, after the first block of the page."""
    heading = request.node.get_closest_marker("recipe").args[0]
    queue: list[Callable[[], Any]] = []

    async def translate(text: str, *, to: str) -> str:
        return f"{text} ({to})"

    given = {
        "translations": SimpleNamespace(translate=translate),
        "crm": SimpleNamespace(Crm=Crm),
        "jobs": SimpleNamespace(enqueue=lambda job, *with_these: queue.append(partial(job, *with_these))),
    }
    for name, module in given.items():
        monkeypatch.setitem(sys.modules, name, module)
    kit = BotKit()
    names = run(kit, PREAMBLE, BLOCKS[RECIPES.index(heading)], page="handlers.md")
    settings = made_up_settings(
        bots=dict.fromkeys(one.bot for one in kit.handlers if one.bot is not None),
        agent_systems=["salesforce", "billing"],
    )
    with KitTester(kit, settings=settings) as tester:
        yield Recipe(kit, tester, names, queue)


def of(heading: str) -> pytest.MarkDecorator:
    return pytest.mark.recipe(heading)


# --- the recipes


@of("Answer a question")
def test_a_question_is_answered_and_anything_else_is_the_bots(recipe: Recipe) -> None:
    assert recipe.tester.user_says("When are you open?").to_user == ["We are open from 9 to 5."]
    assert recipe.tester.user_says("Hello").to_bot == ["Hello"]
    assert recipe.tester.user_says("Are you open?", agent_transfer=True).to_user != [
        "We are open from 9 to 5."
    ]


@of("Rephrase what the user says")
def test_the_bot_gets_other_words(recipe: Recipe) -> None:
    assert recipe.tester.user_says("👋 there").to_bot == ["hello there"]


@of("Translate what the bot says")
def test_the_user_is_shown_a_translation(recipe: Recipe) -> None:
    assert recipe.tester.bot_says("Hello", context={"currentLanguage": "de"}).to_user == ["Hello (de)"]
    assert recipe.tester.bot_says("Hello", context={"currentLanguage": "en_US"}).to_user == ["Hello"]


@of("Hide a message of the bot's")
def test_what_is_hidden_is_not_shown_and_the_platform_knows(recipe: Recipe) -> None:
    assert recipe.tester.bot_says("Did you know that cats purr?").names == ["skip_user_message"]
    assert recipe.tester.bot_says("Hello").to_user == ["Hello"]


@of("Hand over on a phrase, or to somebody angry")
@pytest.mark.parametrize(
    ("words", "tone"), [("I want to complain", None), ("Well", {"tone_name": "angry", "level": 2})]
)
def test_who_complains_or_is_angry_gets_an_agent(recipe: Recipe, words: str, tone: Any) -> None:
    went = recipe.tester.user_says(words, context={"message_tone": [tone] if tone else []})
    assert went.names[0] == "start_agent_session"
    assert went.agent_calls[-1].details["attributes"]["Topic"] == "complaint"
    assert went.to_bot == []
    assert any("goodbye" in text for text in went.to_user)


@of("Hand over on a phrase, or to somebody angry")
def test_who_is_calm_stays_with_the_bot(recipe: Recipe) -> None:
    calm = {"message_tone": [{"tone_name": "angry", "level": -1}, {"tone_name": "joy", "level": 3}]}
    assert recipe.tester.user_says("Well", context=calm).to_bot == ["Well"]


@of("Decline a hand-off out of hours")
def test_out_of_hours_nobody_is_looked_for(recipe: Recipe) -> None:
    recipe.names["somebody_is_there"] = lambda now: False
    went = recipe.tester.transfers()
    assert went.to_user == ["Our agents are there from Monday to Friday, 9 to 5."]
    assert (went.names[-1], list(went.agent_calls)) == ("clear_agent_session", [])
    recipe.names["somebody_is_there"] = lambda now: True
    assert recipe.tester.transfers().agent_calls


@of("Choose the agents, and what they are told")
@pytest.mark.parametrize(("topic", "system"), [("invoice", "billing"), ("parcel", "salesforce")])
def test_the_topic_chooses_the_agents(recipe: Recipe, topic: str, system: str) -> None:
    went = recipe.tester.transfers(session={"topic": topic, "orderNumber": "17"})
    assert went.agent_calls[-1].system == system
    attributes = went.agent_calls[-1].details["attributes"]
    assert (attributes["Order_Number"], attributes["Customer_Tier"]) == ("17", "gold")


@of("Answer a Webhook node at once")
def test_a_price_is_known_at_once(recipe: Recipe) -> None:
    went = recipe.tester.webhook("Price", session={"article": "hat"})
    assert went.context is not None
    assert went.context["price"] == "12 Euro"


@of("Answer a Webhook node later")
def test_an_order_is_looked_up_by_a_worker_or_given_up(recipe: Recipe) -> None:
    hook = recipe.tester.webhook("CheckOrder", session={"orderNumber": "17"})
    assert (hook.deferred, hook.to_user) == (True, ["Let me look that up."])
    context = recipe.tester.runs(recipe.queue.pop()).context
    assert context is not None
    assert context["order"] == {"state": "shipped", "number": "17"}
    recipe.tester.webhook("CheckOrder", session={"orderNumber": "18"})
    context = recipe.tester.passes(600).context
    assert context is not None
    assert context["order"] == {"state": "unknown"}


@of("Change an alert")
def test_an_offer_gets_buttons(recipe: Recipe) -> None:
    assert recipe.tester.alert("An offer for you").call("send_alert_message").template
    assert recipe.tester.alert("It is late").call("send_alert_message").template is None


@of("Write to a user later, and only once")
def test_a_job_that_is_run_twice_writes_once(recipe: Recipe) -> None:
    assert recipe.tester.user_says("Tell me when it is shipped").to_user == ["I will."]
    job = recipe.queue.pop()
    assert recipe.tester.runs(job).to_user == ["Your order has been shipped."]
    assert recipe.tester.runs(job).to_user == []
    later = recipe.names["shipped_as_coroutine"]
    went = recipe.tester.runs(later, *job.args[:2])  # type: ignore[attr-defined]
    assert went.to_user == ["Your order has been shipped."]


@of("Show that somebody is typing, and talk to the user's client")
def test_the_client_sees_typing_and_gets_an_event(recipe: Recipe) -> None:
    went = recipe.tester.client_event(custom_event={"type": "cart", "items": 2})
    assert went.names == ["send_bot_event", "send_user_message", "send_bot_event", "send_bot_event"]
    assert went.to_user == ["There are 2 things in your cart."]
    assert went.calls[-1].json["customEvent"] == {"type": "cart_seen"}


@of("Buttons on the web, other words by SMS")
@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("rtm", "What would you like?\n- Track my order\n- Talk to a human"),
        ("sms", "Answer ORDER or HUMAN."),
        ("facebook", "What would you like?\n- Track my order\n- Talk to a human"),
    ],
)
def test_each_channel_gets_what_it_can_show(recipe: Recipe, channel: str, words: str) -> None:
    call = recipe.tester.user_says("Menu", channel=channel).call("send_user_message")
    assert (call.text, call.template is not None) == (words, channel == "rtm")


@of("Tag the user, hand in a survey's answer")
def test_stars_are_handed_in_and_remembered(recipe: Recipe) -> None:
    went = recipe.tester.user_says("⭐⭐⭐⭐")
    assert went.call("send_feedback_message").json["feedbackData"]["score"] == 4
    assert went.call("send_user_message").json["metaTags"] == {
        "userMetaTags": [{"name": "rated", "value": "4"}]
    }


@of("Set the bot's language")
def test_the_bot_is_told_the_language_with_the_users_own_words(recipe: Recipe) -> None:
    call = recipe.tester.user_says("Auf Deutsch, bitte").call("send_bot_message")
    assert (call.text, call.json["metaInfo"]) == ("Auf Deutsch, bitte", {"setBotLanguage": "de"})


@of("Read the history and the bot's variables")
def test_what_was_said_last_is_said_again(recipe: Recipe) -> None:
    recipe.tester.answers(get_messages=[("user", "hi"), ("bot", "Hello!"), ("user", "say that again")])
    assert recipe.tester.user_says("Say that again").to_user == ["Hello!"]
    recipe.tester.answers(get_messages=[], bot_variables={"en": {"name": "Acme"}})
    assert recipe.tester.user_says("Say that again").to_user == ["Welcome to Acme."]


@of("Note what the platform tells")
def test_events_and_variables_are_noted(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        recipe.tester.event("endDialog")
        recipe.tester.event("endFAQ")
        recipe.tester.variable_update("variable_create", language="de")
    noted = [record.getMessage() for record in caplog.records if record.name == "documented"]
    assert [line.partition(":")[0] for line in noted] == ["a dialog ended", "variables"]
    assert noted[1] == "variables: variable_create in de"


@of("Note each hand-off in your CRM")
def test_each_hand_off_is_noted_with_its_id_as_the_key(recipe: Recipe) -> None:
    recipe.tester.transfers()
    recipe.tester.agent_joins("Jane", messaging_session_id="0MwWX0000004PnM0AU")
    assert recipe.tester.agent_ends().to_user[-1] == "How was it? Send us one to five stars."
    ((_, noted),) = recipe.names["crm"].noted.items()
    assert (noted["why"], noted["agents"], noted["salesforce"]) == ("agent", ["Jane"], "0MwWX0000004PnM0AU")
    assert {"user", "channel", "since", "agent", "waited", "talked"} <= set(noted)


@of("Begin anew, or end")
def test_the_user_begins_anew_and_ends(recipe: Recipe) -> None:
    assert recipe.tester.user_says("Start over").names == ["reset_bot", "send_user_message"]
    assert recipe.tester.user_says("Goodbye").names == ["send_user_message", "close_conversation_session"]


@of("Several bots")
def test_each_bot_has_handlers_of_its_own(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    shop, bank = recipe.tester.settings.bots
    assert recipe.tester.user_says("Hello", bot=shop).to_user == ["This is the shop."]
    assert recipe.tester.user_says("Hello", bot=bank).to_user == ["This is the bank."]
    recipe.tester.event("endFAQ", bot=bank)
    assert f"{bank} endFAQ" in capsys.readouterr().out.splitlines()


def test_every_recipe_has_a_test() -> None:
    module = sys.modules[__name__]
    marks = [mark for name in dir(module) for mark in getattr(getattr(module, name), "pytestmark", ())]
    assert {mark.args[0] for mark in marks if mark.name == "recipe"} == set(RECIPES)
    assert len(BLOCKS) == len(RECIPES)


# --- the tables


def table(heading: str) -> list[list[str]]:
    """The code spans of each cell, of the first table after a heading or line."""
    lines = PAGE.split(heading, 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line.strip("|").split(" | "))
    return rows


def test_the_calls_that_answer_a_hook_are_those_of_the_code() -> None:
    said = {
        row[0].strip(): frozenset(re.findall(r"`(\w+)`", row[1]))
        for row in table("Calls that answer a hook:")
    }
    assert said == {event.name: event.answers for event in HOOK_EVENTS.values() if event.answers}


def test_every_hook_is_there_with_its_context() -> None:
    said = {
        re.findall(r"@kit\.(\w+)", row[0])[0]: re.findall(r"`(\w+)`", row[2])[0]
        for row in table("## The hooks")
    }
    assert set(said) == set(HOOK_EVENTS)
    assert said == {event: context.__name__ for event, context in CONTEXTS.items()}


def test_the_time_limits_are_those_of_the_code() -> None:
    assert f"**Handlers have {HANDLER_SECONDS:g} seconds, of webhooks {WEBHOOK_SECONDS:g},**" in PAGE


def test_the_other_limits_are_those_of_the_code() -> None:
    assert (MAX_OVERDUE, MAX_CALLS) == (8, 100)
    assert "hangs in eight hooks at the same time" in PAGE
    assert "one handler may ask for 100" in PAGE


def test_payloads_are_kept_for_as_long_as_the_page_says() -> None:
    assert timedelta(hours=6) == KEEP
    assert "for six hours" in PAGE
    configuration = " ".join((DOCS / "configuration.md").read_text("utf-8").split())
    assert "until six hours after their last message" in configuration
