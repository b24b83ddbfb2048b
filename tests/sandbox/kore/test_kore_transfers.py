"""Transfers that the sandbox adds to a bot, and what the state tells about the bot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from botkit_sandbox.errors import DialogUnknown
from botkit_sandbox.kore import load_export
from botkit_sandbox.kore.about import about
from botkit_sandbox.kore.bot import bot_of
from botkit_sandbox.kore.transfers import AGENT_DIALOG, with_agent_dialog, with_transfer
from tests.sandbox.kore.exports import Bot, on_act, on_context
from tests.sandbox.kore.platform_double import Platform, Start


def branching() -> Bot:
    """A dialog with three ends: a transition to "end", an empty one, and one that leads nowhere."""
    bot = Bot("Branches")
    dialog = bot.dialog("Ask", says=["ask me"])
    dialog.script(
        "context.way = context.way || 'first';", then=[on_context("context.way", "first", "One"), "Two"]
    )
    dialog.message("One.", name="One", then="end")
    dialog.message("Two.", name="Two", then=[on_act("yes", "Gone"), ""])
    bot.dialog("Other").message("Hi.")
    return bot


@pytest.fixture
async def branches(start: Start, tmp_path: Path) -> Platform:
    return await start(bot=load_export(branching().write(tmp_path)))


async def test_every_end_of_the_dialog_leads_to_the_agent(branches: Platform) -> None:
    branches.cloud.add_transfer("ask")
    user = branches.cloud.add_user(name="Asha")
    await branches.says(user, "ask me")
    assert user.agent_mode
    hook = await branches.botkit.nth("on_agent_transfer")
    meta = hook.body["context"]["session"]["BotUserSession"]["miawMetaInfo"]
    assert meta == {"endChatShortHandCommand": "endagentchat", "preChatInfo": {"Dialog": "Ask"}}
    dialog = branches.cloud.core.bot.dialog_named("Ask")
    assert dialog is not None
    ends = [
        transition.get(key)
        for node in dialog.nodes.values()
        if node.kind in ("script", "message") and node.id in {one["nodeId"] for one in dialog.raw["nodes"]}
        for transition in node.transitions
        for key in ("default", "then")
        if key in transition
    ]
    assert set(ends) <= set(dialog.nodes), ends


async def test_a_dialog_gets_a_transfer_by_the_control_api(branches: Platform) -> None:
    url = f"{branches.url}/sandbox/kore/transfers"
    async with branches.http.post(url, json={"dialog": "Other"}) as response:
        assert response.status == 200
        assert {one["name"]: one["transfers"] for one in (await response.json())["dialogs"]} == {
            "Ask": False,
            "Other": True,
        }
    async with branches.http.post(url, json={"dialog": "Othr"}) as response:
        assert response.status == 404
        assert "such as Other" in (await response.json())["error"]
    async with branches.http.post(url, json={}) as response:
        assert response.status == 400


async def test_the_state_tells_dialogs_languages_and_warnings(branches: Platform) -> None:
    async with branches.http.get(f"{branches.url}/sandbox/kore/state") as response:
        bot = (await response.json())["bot"]
    assert (bot["name"], bot["languages"]) == ("Branches", ["en"])
    assert [one["name"] for one in bot["dialogs"]] == ["Ask", "Other"]
    assert [(row["kind"], row["count"]) for row in bot["warnings"]] == [("transfer", 1), ("transition", 1)]


async def test_every_warning_is_told_with_its_place_and_its_fix(branches: Platform) -> None:
    async with branches.http.get(f"{branches.url}/sandbox/kore/warnings") as response:
        warnings = (await response.json())["warnings"]
    assert [(one["kind"], one["text"].rpartition("; ")[2]) for one in warnings] == [
        ("transition", 'use a nodeId or "end"'),
        ("transfer", "add one in the builder, or let the sandbox add one"),
    ]
    assert warnings[0]["place"].startswith("dialog ask, node ")


def test_a_transfer_that_is_there_already_is_not_added_twice(tmp_path: Path) -> None:
    bot = bot_of(load_export(branching().write(tmp_path)))
    once = with_transfer(bot, "Ask")
    assert with_transfer(once, "Ask") is once
    assert with_agent_dialog(once) is once


def test_a_dialog_of_no_such_name_is_told_with_close_ones(tmp_path: Path) -> None:
    bot = bot_of(load_export(branching().write(tmp_path)))
    with pytest.raises(DialogUnknown, match="no dialog 'Asks'; name one of its 2, such as Ask"):
        with_transfer(bot, "Asks")


@pytest.mark.parametrize("sentence", [AGENT_DIALOG, "talk to an agent!", "agent"])
async def test_a_bot_without_a_transfer_gets_a_dialog_for_it(sentence: str, branches: Platform) -> None:
    branches.cloud.offer_agents()
    user = branches.cloud.add_user()
    await branches.says(user, sentence)
    assert user.agent_mode


def test_suggestions_are_sentences_of_the_bot_the_first_one_leads_to_an_agent(tmp_path: Path) -> None:
    export = load_export(branching().write(tmp_path))
    bot = with_agent_dialog(bot_of(export))
    told = about(export, bot)
    assert told.suggestions == (AGENT_DIALOG, "ask me", "Other")
    assert told.asking == AGENT_DIALOG.lower()


def test_a_hidden_dialog_is_suggested_only_if_no_other_one_leads_to_an_agent(tmp_path: Path) -> None:
    made = branching()
    made.dialog("Help").transfer()
    definition: dict[str, Any] = made.definition
    dialogs = {one["lname"]: one for one in definition["dialogs"]}
    dialogs["help"]["isHidden"] = dialogs["other"]["isHidden"] = True
    export = load_export(made.write(tmp_path, definition=definition))
    assert about(export, bot_of(export)).suggestions == ("Help", "ask me")


async def test_a_dialog_of_which_the_export_has_no_node_says_so_and_can_still_hand_over(
    start: Start, tmp_path: Path
) -> None:
    bot = Bot("Names only")
    bot.dialog("Ask", says=["ask me"])
    definition: dict[str, Any] = bot.definition
    del definition["dialogs"][0]["nodes"]
    platform = await start(bot=load_export(bot.write(tmp_path, definition=definition)))
    user = platform.cloud.add_user()
    await platform.says(user, "ask me")
    told = [text for who, text in platform.chat(user) if who == "system"]
    assert told == ["[dialog Ask has no nodes in this export]"]
    platform.cloud.add_transfer("Ask")
    await platform.says(user, "ask me")
    assert user.agent_mode
    assert [text for who, text in platform.chat(user) if who == "system"] == told
