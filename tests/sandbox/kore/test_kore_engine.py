"""The dialog engine plays what real exports use, over real sockets: each bot here has a shape seen in the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from botkit_sandbox.kore import BotExport, about
from botkit_sandbox.kore.users import User
from tests.sandbox.kore.exports import (
    Bot,
    on_all,
    on_any_entity,
    on_context,
    on_entity,
)
from tests.sandbox.kore.platform_double import Platform, Start


def export(bot: Bot, **changes: Any) -> BotExport:
    """The export of a bot, with some keys of its definition changed."""
    return BotExport(definition=bot.definition | changes, config=bot.config)


async def talked(platform: Platform, *texts: str, user: User | None = None) -> list[tuple[str, str]]:
    """Say these texts; returns what the user was told, with the lines of the sandbox."""
    user = user or platform.cloud.add_user()
    for text in texts:
        await platform.says(user, text)
    return [(speaker, text) for speaker, text in platform.chat(user) if speaker != "user"]


def said(told: list[tuple[str, str]]) -> list[str]:
    return [text for speaker, text in told if speaker == "bot"]


def notes(told: list[tuple[str, str]]) -> list[str]:
    return [text for speaker, text in told if speaker == "system"]


# --- conditions ------------------------------------------------------------------------------------------------------


async def test_a_condition_on_an_entity_names_the_node_of_the_entity(start: Start) -> None:
    bot = Bot("Bank")
    menu = bot.dialog("Menu")
    menu.entity("Choice", "1 or 2?", then=[on_entity("Choice", "2", "Two"), "One"])
    menu.message("You chose one.", name="One", then="end").message("You chose two.", name="Two")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "menu", "2")) == ["1 or 2?", "You chose two."]
    assert said(await talked(platform, "menu", "5")) == ["1 or 2?", "You chose one."]


@pytest.mark.parametrize(
    ("op", "value", "answer", "taken"),
    [
        ("eq", "yes", "YES", True),
        ("neq", "yes", "no", True),
        ("neq", "yes", "Yes", False),
        ("gt", "5", "6", True),
        ("gt", "5", "5", False),
        ("gte", "5", "5", True),
        ("lt", "10", "9", True),
        ("lte", "10", "11", False),
        ("cnt", "way", "on its way", True),
        ("", "", "anything", True),
        ("dne", "", "anything", False),
        ("unheard of", "x", "x", False),
    ],
)
async def test_every_operator_of_the_builder_compares(
    start: Start, op: str, value: str, answer: str, taken: bool
) -> None:
    bot = Bot("Compare")
    dialog = bot.dialog("Compare")
    dialog.entity("Answer", "Well?", then=[on_entity("Answer", value, "Taken", op=op), "Otherwise"])
    dialog.message("otherwise", name="Otherwise", then="end").message("taken", name="Taken")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "compare", answer))[-1] == ("taken" if taken else "otherwise")


async def test_a_condition_without_an_operator_asks_whether_there_is_a_value(start: Start) -> None:
    bot = Bot("Exists")
    dialog = bot.dialog("Exists").entity("City", "Where?")
    dialog.node("logic", "Check", then=[on_any_entity("City", "Known"), "end"]).message(
        "Known.", name="Known"
    )
    assert said(await talked(await start(bot=export(bot)), "exists", "Lisbon"))[-1] == "Known."


async def test_compound_conditions_and_values_that_are_variables(start: Start) -> None:
    bot = Bot("Compound").variable("HOME", "Lisbon")
    dialog = bot.dialog("Compound").script("context.limit = 3; context.count = 4;").entity("City", "Where?")
    both = on_all(
        on_context("context.count", "context.limit", "", op="gt"),
        on_entity("City", "env.HOME", ""),
        target="Home",
    )
    dialog.node("logic", "Check", then=[both, "end"]).message("At home.", name="Home")
    assert said(await talked(await start(bot=export(bot)), "compound", "lisbon"))[-1] == "At home."


async def test_a_tone_can_decide(start: Start) -> None:
    bot = Bot("Tones")
    dialog = bot.dialog("Complain").entity("Complaint", "What happened?")
    dialog.node(
        "logic", "Check", then=[on_context("context.message_tone.angry", 2, "Sorry", op="gte"), "end"]
    )
    dialog.message("I am sorry.", name="Sorry")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "complain", "your service is terrible"))[-1] == "I am sorry."
    assert said(await talked(platform, "complain", "the parcel is late"))[-1] == "What happened?"


# --- asking ----------------------------------------------------------------------------------------------------------


def confirming() -> Bot:
    bot = Bot("Confirm")
    bot.dialog("Leave").confirm("Sure", "Are you sure?", yes="Granted", no="Kept").message(
        "Granted.", name="Granted", then="end"
    ).message("You stay.", name="Kept")
    return bot


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("yes", "Granted."),
        ("Yeah, go ahead", "Granted."),
        ("👍", "Granted."),
        ("no", "You stay."),
        ("of course not", "You stay."),
        ("I don't think so", "You stay."),
    ],
)
async def test_a_confirmation_understands_yes_and_no(start: Start, answer: str, reply: str) -> None:
    assert said(await talked(await start(bot=export(confirming())), "leave", answer)) == [
        "Are you sure?",
        reply,
    ]


async def test_a_confirmation_asks_again_when_the_answer_is_neither(start: Start) -> None:
    definition = confirming().definition
    for dialog in definition["dialogs"]:
        for node in dialog["nodes"]:
            if node["type"] == "dialogAct":
                node["transitions"] = [t for t in node["transitions"] if "if" in t]
    platform = await start(bot=BotExport(definition=definition, config={}))
    told = said(await talked(platform, "leave", "what is the weather", "yes"))
    assert told == ["Are you sure?", "Are you sure?", "Granted."]


async def test_a_confirmation_shows_its_options_as_the_builder_says(start: Start) -> None:
    bot = confirming()
    bot.dialogs[0].nodes[0].content["applyDefaultTemplate"] = True
    platform = await start(bot=export(bot))
    user = platform.cloud.add_user()
    await talked(platform, "leave", user=user)
    template = user.messages[-1].template
    assert template is not None
    assert template["text"] == "Are you sure?"
    assert [(b["title"], b["payload"]) for b in template["buttons"]] == [("Yes", "yes"), ("No", "no")]


def colours() -> Bot:
    bot = Bot("Colours")
    values: list[Mapping[str, Any]] = [
        {"title": "Dark red", "value": "RED", "synonyms": ["crimson", "wine, ruby"]},
        {"title": "Blue", "value": "BLUE", "synonyms": []},
    ]
    bot.dialog("Paint").entity(
        "Colour", "Which colour?", kind="list_of_values", values=values, error="Not one of ours."
    ).message("{{context.entities.Colour}} it is.")
    return bot


@pytest.mark.parametrize(
    ("answer", "value"),
    [("dark red", "RED"), ("BLUE", "BLUE"), ("I like crimson most", "RED"), ("ruby", "RED")],
)
async def test_an_item_of_a_list_is_known_by_title_value_and_synonym(
    start: Start, answer: str, value: str
) -> None:
    assert said(await talked(await start(bot=export(colours())), "paint", answer))[-1] == f"{value} it is."


async def test_a_list_of_values_is_shown_and_asked_again(start: Start) -> None:
    platform = await start(bot=export(colours()))
    user = platform.cloud.add_user()
    await talked(platform, "paint", "green", user=user)
    template = user.messages[-1].template
    assert template is not None
    assert template["text"] == "Not one of ours."
    assert [button["title"] for button in template["buttons"]] == ["Dark red", "Blue"]


async def test_a_list_of_values_may_stand_in_the_context(start: Start) -> None:
    bot = Bot("Listed")
    dialog = bot.dialog("Buy").script(
        "context.items = [{Id: 'Big TV', Value: 'tv', Syn: ['screen']}, 'Radio'];"
    )
    where = {"variable": "context.items", "titleKey": "Id", "valueKey": "Value", "synonymsKey": "Syn"}
    dialog.entity("Item", "What?", kind="list_of_values", error="No such thing.", applyDefaultTemplate=True,
                  localeData={"en": {"label": "Item", "allowedValues": where}})  # fmt: skip
    dialog.message("{{context.entities.Item}}")
    platform = await start(bot=export(bot))
    user = platform.cloud.add_user()
    await talked(platform, "buy", user=user)
    assert [button["title"] for button in (user.messages[-1].template or {})["buttons"]] == [
        "Big TV",
        "Radio",
    ]
    assert said(await talked(platform, "a boat", "my screen", user=user))[-1] == "tv"
    assert said(await talked(platform, "buy", "radio"))[-1] == "Radio"


async def test_a_list_of_values_is_text_where_buttons_are_not_shown(start: Start) -> None:
    platform = await start(bot=export(colours()))
    user = platform.cloud.add_user(channel="sms")
    assert said(await talked(platform, "paint", user=user)) == ["Which colour?\nDark red\nBlue"]


async def test_the_number_of_tries_and_the_node_afterwards_are_those_of_the_node(start: Start) -> None:
    bot = Bot("Tries")
    dialog = bot.dialog("Tries")
    retry = {"retry_limit": "1", "action": "executeNode", "ref": ""}
    dialog.entity("Age", "Your age?", kind="number", error="Digits, please.").message("Thanks.", then="end")
    dialog.message("Let us leave it.", name="Leave")
    retry["ref"] = dialog.node_id("Leave")
    dialog.nodes[0].more["nodeOptions"] = {"eventOptions": {"defaultMaxRetry": retry}}
    told = said(await talked(await start(bot=export(bot)), "tries", "old", "very old"))
    assert told == ["Your age?", "Digits, please.", "Let us leave it."]


async def test_an_optional_entity_is_asked_once_and_may_have_a_default(start: Start) -> None:
    bot = Bot("Optional")
    dialog = (
        bot.dialog("Book")
        .entity("Guests", "How many guests?", kind="number")
        .message("For {{context.entities.Guests}}.")
    )
    dialog.nodes[0].more["nodeOptions"] = {"promptOptions": "optional", "defaultValue": bot.prompt("2")}
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "book", "some")) == ["How many guests?", "For 2."]
    assert said(await talked(platform, "book", "5")) == ["How many guests?", "For 5."]


async def test_a_hidden_entity_is_not_asked(start: Start) -> None:
    bot = Bot("Hidden")
    dialog = (
        bot.dialog("Book")
        .entity("Guests", "How many guests?", kind="number")
        .message("For {{context.entities.Guests}}.")
    )
    dialog.nodes[0].more["nodeOptions"] = {"promptOptions": "hidden", "defaultValue": bot.prompt("2")}
    assert said(await talked(await start(bot=export(bot)), "book")) == ["For 2."]


@pytest.mark.parametrize("blank", ["undefined", "null", "''", "' '"])
async def test_an_entity_that_a_script_blanks_is_asked(start: Start, blank: str) -> None:
    bot = Bot("Blank")
    dialog = bot.dialog("Book").script(f"context.entities.Guests = {blank};")
    dialog.entity("Guests", "How many guests?", kind="number").message("For {{context.entities.Guests}}.")
    told = await talked(await start(bot=export(bot)), "book", "3")
    assert said(told) == ["How many guests?", "For 3."]


async def test_a_dialog_that_comes_back_to_an_entity_asks_again(start: Start) -> None:
    bot = Bot("Loop")
    dialog = bot.dialog("Shop").entity(
        "Item", "What would you like?", then=[on_entity("Item", "nothing", "Bye"), "Added"]
    )
    dialog.message("Added {{context.entities.Item}}.", name="Added", then="Item").message("Bye.", name="Bye")
    told = said(await talked(await start(bot=export(bot)), "shop", "tea", "milk", "nothing"))
    assert told == [
        "What would you like?", "Added tea.", "What would you like?", "Added milk.", "What would you like?", "Bye.",
    ]  # fmt: skip


# --- dialogs that call dialogs ---------------------------------------------------------------------------------------


async def test_a_called_dialog_returns_to_its_caller_with_the_callers_context(start: Start) -> None:
    bot = Bot("Calls")
    child = (
        bot.dialog("Address").entity("Street", "Which street?").message("{{context.entities.Street}}, noted.")
    )
    parent = (
        bot.dialog("Order")
        .entity("Item", "What?")
        .call(child)
        .message("{{context.entities.Item}} is on its way.")
    )
    assert parent is not None
    told = said(await talked(await start(bot=export(bot)), "order", "tea", "High Street"))
    assert told == ["What?", "Which street?", "High Street, noted.", "tea is on its way."]


async def test_a_called_dialog_that_ends_the_current_task_does_not_return(start: Start) -> None:
    bot = Bot("Ends")
    child = bot.dialog("Goodbye").message("Goodbye.")
    parent = bot.dialog("Order").call(child, name="Bye").message("Never said.")
    parent.nodes[0].more["nodeOptions"] = {"transitionMode": "endCurrentTask"}
    assert said(await talked(await start(bot=export(bot)), "order")) == ["Goodbye."]


async def test_a_call_assigns_entities_of_the_called_dialog(start: Start) -> None:
    bot = Bot("Assigns")
    child = bot.dialog("Pay").entity("Amount", "How much?").message("Paid {{context.entities.Amount}}.")
    parent = bot.dialog("Order").entity("Price", "What price?", kind="number").call(child, name="Pay")
    assigned = {"context.entities.Amount": "context.entities.Price", "context.entities.Other": ""}
    parent.nodes[1].more["contextMap"] = json.dumps(assigned)
    assert said(await talked(await start(bot=export(bot)), "order", "12")) == ["What price?", "Paid 12."]


async def test_dialogs_that_call_each_other_without_the_user_are_stopped(start: Start) -> None:
    bot = Bot("Circle")
    one, two = bot.dialog("One"), bot.dialog("Two")
    one.call(two, name="ToTwo")
    two.call(one, name="ToOne")
    told = said(await talked(await start(bot=export(bot)), "one"))
    assert told == ["Sorry something went wrong and I cannot complete your request now"]


async def test_both_dialogs_are_reported_as_ended(start: Start) -> None:
    bot = Bot("Events")
    child = bot.dialog("Child").message("Child.")
    bot.dialog("Parent").call(child).message("Parent.")
    platform = await start(bot=export(bot))
    await talked(platform, "parent")
    ended = [hook.body["event"]["taskName"] for hook in platform.botkit.of("on_event")]
    assert ended == ["Child", "Parent"]


# --- services, forms, bot actions ------------------------------------------------------------------------------------


def shop(**service: Any) -> Bot:
    bot = Bot("Shop").form("Address", {"name": "street"}, {"name": "express", "type": "checkbox"})
    dialog = bot.dialog("Track").service("Orders", **service)
    dialog.message(
        "Order {{context.Orders.response.body.orders[0].id}} ({{context.Orders.response.statusCode}})."
    )
    bot.dialog("Move").form("Where", "Address").message("To {{context.forms.Address.street}}.")
    return bot


async def control(platform: Platform, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    url = f"{platform.url}/sandbox/kore/{path}"
    async with platform.http.request(method, url, json=body) as response:
        return response.status, await response.json()


async def test_a_service_is_answered_as_you_say_and_the_chat_says_so(start: Start) -> None:
    platform = await start(bot=export(shop()))
    answer = {"statusCode": 203, "body": {"orders": [{"id": 7}]}}
    status, given = await control(platform, "PUT", "stand-ins/Orders", answer)
    assert (status, given["origin"], given["answer"]["body"]) == (200, "own", answer["body"])
    told = await talked(platform, "track")
    assert said(told) == ["Order 7 (203)."]
    assert notes(told) == [
        '[the emulator does not call service Orders; answered 203 {"orders": [{"id": 7}]}]'
    ]
    assert (await control(platform, "DELETE", "stand-ins/Orders"))[1]["origin"] == "default"
    assert said(await talked(platform, "track")) == ["Order  (200)."]


async def test_the_sample_response_of_the_export_is_the_default_answer(start: Start) -> None:
    sample = {"statusCode": 200, "body": {"orders": [{"id": "A-1"}]}, "headers": {"server": "x"}}
    bot = shop(sampleResponse=[{"isDefault": True, "name": "s", "response": json.dumps(sample)}])
    assert said(await talked(await start(bot=export(bot)), "track")) == ["Order A-1 (200)."]


async def test_a_sample_of_the_old_builder_is_the_body_itself(start: Start) -> None:
    bot = shop(sampleResponse=[{"response": json.dumps({"orders": [{"id": 5}]})}])
    assert said(await talked(await start(bot=export(bot)), "track")) == ["Order 5 (200)."]


@pytest.mark.parametrize(
    "sample", ['{"errors": [{"msg": "no"}]}', '{"statusCode": 404, "body": "gone"}', "not JSON", ""]
)
async def test_a_sample_of_a_failure_is_no_answer(start: Start, sample: str) -> None:
    bot = shop(sampleResponse=[{"response": sample}])
    assert said(await talked(await start(bot=export(bot)), "track")) == ["Order  (200)."]


async def test_a_query_of_a_data_table_finds_the_row_of_the_sample(start: Start) -> None:
    bot = Bot("Table")
    row = {"payload": {"Name": "Asha"}}
    bot.dialog("Look up").service(
        "Find", serviceNodeType="datatable", payload={"method": "query"},
        sampleResponse=[{"response": json.dumps(row)}],
    ).message("{{context.Find.response.body.queryResult[0].Name}} of {{context.Find.response.body.total}}")  # fmt: skip
    assert said(await talked(await start(bot=export(bot)), "look up")) == ["Asha of 1"]


async def test_a_form_is_submitted_with_plausible_values_or_yours(start: Start) -> None:
    platform = await start(bot=export(shop()))
    told = await talked(platform, "move")
    assert said(told)[-1] == "To street."
    assert notes(told)[0].startswith("[the emulator does not show form Where; it was submitted with")
    await control(platform, "PUT", "stand-ins/Where", {"street": "High Street"})
    assert said(await talked(platform, "move"))[-1] == "To High Street."


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("stand-ins/Nobody", {}, 404),
        ("stand-ins/Orders", {"statusCode": "200"}, 400),
        ("stand-ins/Orders", {"statusCode": 7}, 400),
        ("stand-ins/Orders", [], 400),
    ],
)
async def test_an_invalid_answer_is_refused(start: Start, path: str, body: Any, status: int) -> None:
    platform = await start(bot=export(shop()))
    answered, content = await control(platform, "PUT", path, body)
    assert answered == status
    assert content["error"]


async def test_all_stand_ins_are_listed(start: Start) -> None:
    platform = await start(bot=export(shop()))
    _, listed = await control(platform, "GET", "stand-ins")
    kinds = [(one["name"], one["kind"], one["origin"]) for one in listed["standIns"]]
    assert kinds == [("Orders", "service", "default"), ("Where", "form", "default")]
    assert listed["standIns"][1]["answer"] == {"street": "street", "express": True}


async def test_the_nodes_of_a_bot_action_run_along_their_own_transitions(start: Start) -> None:
    bot = Bot("Action")
    dialog = bot.dialog("Act")
    last = {"script": "context.order.push('last');"}
    first = {"script": "context.order = ['first'];"}
    dialog.action("Both", ("script", "Last", last), ("script", "First", first)).message("{{context.order}}")
    definition = bot.definition
    node = next(node for node in definition["dialogs"][0]["nodes"] if node["type"] == "botAction")
    parts = {part["componentId"]: dict(part) for part in node["nodes"]}
    last_part, first_part = parts[dialog.component_id("Last")], parts[dialog.component_id("First")]
    del last_part["level"]
    last_part["transitions"] = [{"default": "end"}]
    first_part["transitions"] = [{"default": last_part["nodeId"]}]
    component = next(one for one in definition["dialogComponents"] if one["_id"] == node["componentId"])
    component["nodes"] = [last_part, first_part]
    platform = await start(bot=BotExport(definition=definition, config={}))
    assert said(await talked(platform, "act")) == ['["first", "last"]']


async def test_a_node_that_is_not_played_is_said_and_passed(start: Start) -> None:
    bot = Bot("XO 11", style="xo11")
    bot.dialog("Ask").node("generativeai", "Poet").message("Done.")
    told = await talked(await start(bot=export(bot)), "ask")
    assert notes(told) == ["[the emulator does not play node Poet (generativeai); the dialog goes on]"]
    assert said(told) == ["Done."]


@pytest.mark.parametrize("kind", sorted(about.PLAYED | about.STAND_INS))
async def test_no_node_without_a_warning_about_the_export_is_left_out(start: Start, kind: str) -> None:
    bot = Bot("All")
    bot.dialog("Play").node(kind, "Node")
    told = await talked(await start(bot=export(bot)), "play")
    assert not any("does not play" in note for note in notes(told))


# --- events, questions, small talk -----------------------------------------------------------------------------------


async def test_the_bot_s_own_words_stand_for_ours_when_it_does_not_understand(start: Start) -> None:
    bot = Bot("Own words").event(
        "INTENT_UNIDENTIFIED", says="Come again, {{context.session.UserContext.firstName}}?"
    )
    platform = await start(bot=export(bot))
    user = platform.cloud.add_user(name="Asha Rao")
    assert said(await talked(platform, "fhqwhgads", user=user)) == ["Come again, Asha?"]


async def test_an_event_may_start_a_dialog_or_run_a_script(start: Start) -> None:
    bot = Bot("Handlers")
    fallback = bot.dialog("Fallback").message("Let me see.")
    bot.event("INTENT_UNIDENTIFIED", dialog=fallback)
    bot.event("ON_CONNECT_EVENT", script="print('Hello, ' + UserContext.firstName + '!');")
    platform = await start(bot=export(bot))
    user = platform.cloud.add_user(name="Asha Rao")
    platform.cloud.connect(user)
    assert said(await talked(platform, "fhqwhgads", user=user)) == ["Hello, Asha!", "Let me see."]


async def test_the_standard_response_of_the_bot_is_used(start: Start) -> None:
    response = {
        "Key": "List of tasks menu++I couldn't understand your request",
        "language": "en",
        "channelUXMaps": [{"channel": "default", "botUXMap": {"uXMap": "Please rephrase."}}],
    }
    platform = await start(bot=export(Bot("Standard"), koraResponses=[response]))
    assert said(await talked(platform, "fhqwhgads")) == ["Please rephrase."]


async def test_a_first_message_is_welcomed_unless_the_bot_answers_it(start: Start) -> None:
    bot = Bot("Welcome").event("WELCOME_MESSAGE_EVENT", says="Welcome!")
    bot.events["WELCOME_MESSAGE_EVENT"]["manageFirstMessage"] = {"task": "respondToUserInput"}
    bot.dialog("Order").message("Ordered.")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "order")) == ["Ordered."]
    assert said(await talked(platform, "good evening to you", "order")) == ["Welcome!", "Ordered."]


async def test_a_channel_may_have_a_welcome_of_its_own(start: Start) -> None:
    bot = (
        Bot("Calls")
        .event("ON_CONNECT_EVENT", says="Hello!")
        .event("TELEPHONY_WELCOME_EVENT", says="You are on the line.")
    )
    bot.event("CONVERSATION_END", says="Never said.")
    platform = await start(bot=export(bot))
    web, phone = platform.cloud.add_user(), platform.cloud.add_user(channel="ivr")
    for user in (web, phone):
        platform.cloud.connect(user)
        await platform.quiet(user)
    assert [text for _, text in platform.chat(web) + platform.chat(phone)] == [
        "Hello!",
        "You are on the line.",
    ]
    _, state = await control(platform, "GET", "state")
    assert [row["places"] for row in state["bot"]["warnings"] if row["kind"] == "event"] == [
        ["CONVERSATION_END"]
    ]


async def test_a_user_who_was_welcomed_on_connecting_is_not_welcomed_again(start: Start) -> None:
    bot = Bot("Once").event("WELCOME_MESSAGE_EVENT", says="Welcome!").event("ON_CONNECT_EVENT", says="Hello!")
    bot.event("INTENT_UNIDENTIFIED", says="What?")
    platform = await start(bot=export(bot))
    user = platform.cloud.add_user()
    platform.cloud.connect(user)
    assert said(await talked(platform, "fhqwhgads", user=user)) == ["Hello!", "What?"]


async def test_a_failed_script_is_followed_by_the_bot_s_task_failure_message(start: Start) -> None:
    bot = Bot("Fails").event("TASK_FAILURE_EVENT", says="Something went wrong.")
    bot.dialog("Break").script("null.x", name="Broken").message("Never said.")
    told = await talked(await start(bot=export(bot)), "break")
    assert notes(told)[0].startswith("Script node Broken failed: TypeError")
    assert said(told) == ["Something went wrong."]


async def test_questions_of_the_knowledge_graph_are_answered(start: Start) -> None:
    bot = Bot("Questions").question("When do you open?", "At ten, 100 % sure.")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "when do you open")) == ["At ten, 100 % sure."]
    assert said(await talked(platform, "please when do you open")) == ["At ten, 100 % sure."]


async def test_a_dialog_that_waits_takes_the_words_of_a_question_as_its_answer(start: Start) -> None:
    bot = Bot("Questions").question("Tea", "Tea is a drink.")
    bot.dialog("Shop").entity("Item", "What would you like?").message("Added {{context.entities.Item}}.")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "shop", "tea")) == ["What would you like?", "Added tea."]


async def test_small_talk_is_answered(start: Start) -> None:
    talk = [
        {
            "language": "en",
            "groups": [
                {
                    "nodes": [
                        {"userUtterances": [{"text": "~emohello"}], "botUtterances": [{"text": "Hey :)"}]},
                        {"userUtterances": [{"text": "get_it"}], "botUtterances": [{"text": "Good."}]},
                    ]
                }
            ],
        }
    ]
    platform = await start(bot=export(Bot("Small talk"), smallTalk=talk))
    assert said(await talked(platform, "Hello!", "get it")) == ["Hey :)", "Good."]


# --- what hooks carry ------------------------------------------------------------------------------------------------


async def test_tags_of_scripts_and_nodes_reach_the_hooks(start: Start) -> None:
    bot = Bot("Tags")
    dialog = bot.dialog("Tag").script(
        "tags.addUserLevelTag('tier', 'gold'); tags.addMessageLevelTag('kind', 3);"
    )
    dialog.message("Tagged.")
    dialog.nodes[1].more["nodeOptions"] = {
        "customTags": {"session": [{"name": "topic", "value": "tea"}, {"name": "", "value": ""}]}
    }
    platform = await start(bot=export(bot))
    await talked(platform, "tag")
    tags = platform.botkit.of("on_bot_message")[0].body["metaTags"]
    assert tags == {
        "userMetaTags": [{"name": "tier", "value": "gold"}],
        "sessionMetaTags": [{"name": "topic", "value": "tea"}],
        "messageMetaTags": [{"name": "kind", "value": "3"}],
    }
    context = platform.botkit.of("on_bot_message")[0].body["context"]
    assert context["currentTags"] == {"tags": ["Tag"]}
    await talked(platform, "hello", user=next(iter(platform.cloud.core.users.values())))
    context = platform.botkit.of("on_user_message")[-1].body["context"]
    assert (context["currentTags"], context["historicTags"]) == ({"tags": []}, [{"tags": ["Tag"]}])


async def test_tones_of_the_message_and_of_the_session_reach_the_hooks(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await talked(platform, "I am very angry", "hello", user=user)
    first, second = (hook.body["context"] for hook in platform.botkit.of("on_user_message"))
    assert first["message_tone"] == [{"tone_name": "angry", "count": 1, "level": 3}]
    assert second["message_tone"] == []
    assert second["dialog_tone"] == first["message_tone"]


async def test_variables_of_the_bot_are_shared_by_its_users(start: Start) -> None:
    bot = Bot("Shared")
    bot.dialog("Set").script("BotContext.put('offer', 'tea', 100);").message("Set.")
    bot.dialog("Get").message('{{BotContext.get("offer")}}!')
    platform = await start(bot=export(bot))
    await talked(platform, "set")
    assert said(await talked(platform, "get")) == ["tea!"]


async def test_variables_of_a_user_are_the_same_on_every_channel(start: Start) -> None:
    bot = Bot("Shared")
    bot.dialog("Set").script("UserSession.put('tier', 'gold', 100);").message("Set.")
    bot.dialog("Get").message('{{UserSession.get("tier")}}!')
    platform = await start(bot=export(bot))
    ada = platform.cloud.add_user()
    phone = platform.cloud.join_channel(ada, "whatsapp")
    await talked(platform, "set", user=ada)
    assert said(await talked(platform, "get", user=phone)) == ["gold!"]


# --- placeholders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{context.entities.City}}!", "Lisbon!"),
        ("{{ context.entities.City }}", "Lisbon"),
        ("{{context.list[1].name}}", "two"),
        ("{{context.nobody.here}}.", "."),
        ("{{context.nobody || 'friend'}}", "friend"),
        ("{{context.entities.City.toUpperCase()}}", "LISBON"),
        ("{{env.HOST}} {{content.greeting}}", "api.example.com Hello"),
        ("{{context.count + 1}}", "2"),
        ("{{context.flag}}", "true"),
        ("{{context.list}}", '[{"name": "one"}, {"name": "two"}]'),
        ("a {{ b } c", "a {{ b } c"),
    ],
)
async def test_placeholders_are_paths_or_expressions(start: Start, text: str, shown: str) -> None:
    bot = Bot("Place").variable("HOST", "api.example.com")
    dialog = bot.dialog("Place").entity("City", "Where?")
    dialog.script("context.list = [{name: 'one'}, {name: 'two'}]; context.count = 1; context.flag = true;")
    dialog.message(text)
    content = [{"key": "greeting", "localeData": {"en": {"value": "Hello"}}}]
    platform = await start(bot=export(bot, contentVariables=content))
    assert said(await talked(platform, "place", "Lisbon"))[-1] == shown


async def test_an_expression_that_fails_is_said(start: Start) -> None:
    bot = Bot("Place")
    bot.dialog("Place").message("Hi {{context.nobody.name()}}.")
    told = await talked(await start(bot=export(bot)), "place")
    assert said(told) == ["Hi ."]
    assert "{{context.nobody.name()}} has no value: TypeError" in notes(told)[0]


async def test_placeholders_inside_a_scripted_message_are_filled_in_before_it_runs(start: Start) -> None:
    bot = Bot("Inside")
    dialog = bot.dialog("Inside").script("context.rate = 1.5; context.amount = 10;")
    dialog.message(
        "var total = {{context.rate}} * {{context.amount}}; print('It is ' + total);", scripted=True
    )
    assert said(await talked(await start(bot=export(bot)), "inside")) == ["It is 15"]


async def test_content_is_in_the_user_s_language(start: Start) -> None:
    bot = Bot("Content", languages=("en", "de"))
    bot.dialog("Greet").message("{{content.greeting}}")
    content = [{"key": "greeting", "localeData": {"en": {"value": "Hello"}, "de": {"value": "Hallo"}}}]
    platform = await start(bot=export(bot, contentVariables=content))
    user = platform.cloud.add_user(language="de")
    assert said(await talked(platform, "greet", user=user)) == ["Hallo"]


async def test_a_script_may_close_the_session(start: Start) -> None:
    bot = Bot("Close")
    bot.dialog("Leave").script("koreUtil.closeConversationSession();").message("Never said.")
    platform = await start(bot=export(bot))
    assert said(await talked(platform, "leave")) == []
    assert [hook.body["event"]["eventType"] for hook in platform.botkit.of("on_event")] == ["sessionClosure"]


async def test_a_function_that_the_sandbox_lacks_is_said_and_the_script_goes_on(start: Start) -> None:
    bot = Bot("Lacks")
    bot.dialog("Rule").script(
        "var r = new koreUtil.rrule({freq: 1}); context.text = 'so ' + r.toText();"
    ).message("{{context.text}}")
    told = await talked(await start(bot=export(bot)), "rule")
    assert said(told) == ["so "]
    assert "koreUtil.rrule" in notes(told)[0]


async def test_scripts_call_the_functions_of_the_bot(start: Start) -> None:
    bot = Bot("Functions")
    bot.dialog("Add").script("context.sum = add(2, context.three);").message("{{context.sum}} {{add(1, 1)}}")
    functions = "function add(a, b) { context.three = 3; return a + (b || context.three); }"
    own = BotExport(definition=bot.definition, config=bot.config, functions=functions)
    assert said(await talked(await start(bot=own), "add")) == ["5 2"]


async def test_a_file_of_functions_that_fails_is_said_and_the_scripts_run(start: Start) -> None:
    bot = Bot("Functions")
    bot.dialog("Add").script("context.sum = 2;").message("{{context.sum}}")
    functions = "function add(a) { return a; } var tenant = context.entities.Tenant.name;"
    own = BotExport(definition=bot.definition, config=bot.config, functions=functions)
    told = await talked(await start(bot=own), "add")
    assert said(told) == ["2"]
    assert notes(told)[0].startswith("[the bot's file of functions failed: TypeError")


# --- switches --------------------------------------------------------------------------------------------------------


async def test_a_revisited_entity_may_keep_its_value(start: Start) -> None:
    bot = Bot("Loop")
    dialog = bot.dialog("Shop").entity(
        "Item", "What?", then=[on_context("context.seen", True, "Bye"), "Added"]
    )
    dialog.message("Added.", name="Added").script("context.seen = true;", then="Item").message(
        "Bye.", name="Bye"
    )
    platform = await start(bot=export(bot), revisited_entity="keep")
    assert said(await talked(platform, "shop", "tea")) == ["What?", "Added.", "Bye."]


async def test_a_placeholder_without_a_value_may_show_undefined(start: Start) -> None:
    bot = Bot("Absent")
    bot.dialog("Greet").message("Hi {{context.name}}, {{context.a || context.b}}!")
    platform = await start(bot=export(bot), absent_value="undefined")
    assert said(await talked(platform, "greet")) == ["Hi undefined, undefined!"]


async def test_the_welcome_may_be_left_out(start: Start) -> None:
    bot = Bot("Welcome").event("WELCOME_MESSAGE_EVENT", says="Welcome!")
    bot.events["WELCOME_MESSAGE_EVENT"]["manageFirstMessage"] = {"task": "triggerWelcomeDialog"}
    bot.dialog("Order").message("Ordered.")
    assert said(await talked(await start(bot=export(bot)), "order", "order")) == ["Welcome!", "Ordered."]
    platform = await start(bot=export(bot), welcomes=False)
    assert said(await talked(platform, "order")) == ["Ordered."]
