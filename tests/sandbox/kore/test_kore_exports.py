"""Exports of every shape seen in the field are loaded; what is unusual in them is a warning."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore import archive, check, load_export
from botkit_sandbox.kore.bot import Bot as LoadedBot
from botkit_sandbox.kore.bot import bot_of
from botkit_sandbox.kore.findings import Kind
from tests.sandbox.kore.exports import DEFAULT_ERROR, Bot, single_dialog
from tests.sandbox.kore.platform_double import Start

ROUTED = r"st-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def pizza(**how: Any) -> Bot:
    """A bot with a node of each kind."""
    bot = Bot("Pizza", **how).form("Address", {"name": "street"}).variable("host", "api.example.com")
    bot.event("WELCOME_MESSAGE_EVENT", says="Welcome!").question("When do you open?", "At ten.")
    help_dialog = bot.dialog("Help").message("I bake.")
    order = bot.dialog("Order pizza", says=["I want a pizza"], patterns=["order * pizza"])
    order.entity("Size", "Which size?", kind="list_of_values", values=["small", "large"])
    order.script("context.price = 5;", name="Price").service("Stock").form("Where", "Address")
    order.confirm("Sure", "Sure?", yes="Done", no="Live").call(help_dialog)
    order.message("It costs {{context.price}}.", name="Done").transfer("Live")
    return bot


def loaded(path: Path) -> LoadedBot:
    return bot_of(load_export(path))


def kinds(path: Path) -> set[Kind]:
    return {finding.kind for finding in load_export(path).warnings}


@pytest.mark.parametrize("style", ["new", "old", "xo11"])
@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_of_each_builder_is_loaded(style: Any, zipped: bool, tmp_path: Path) -> None:
    bot = loaded(pizza(style=style).write(tmp_path, zipped=zipped))
    assert bot.name == "Pizza"
    assert [dialog.name for dialog in bot.dialogs.values()] == ["Help", "Order pizza"]
    assert [node.kind for node in bot.dialog_named("order pizza").nodes.values()] == [  # type: ignore[union-attr]
        "intent", "entity", "script", "service", "form", "dialogAct", "intent", "message", "agentTransfer",
    ]  # fmt: skip


@pytest.mark.parametrize("wrapper", ["botDefinition", "appDefinition", "app", "bot"])
def test_a_wrapper_around_the_definition_is_removed(wrapper: str, tmp_path: Path) -> None:
    assert loaded(pizza().write(tmp_path, wrapper=wrapper)).name == "Pizza"


def test_default_texts_of_the_platform_stand_beside_encoded_ones(tmp_path: Path) -> None:
    folder = pizza().write(tmp_path)
    size = next(
        n.component for d in loaded(folder).dialogs.values() for n in d.nodes.values() if n.kind == "entity"
    )
    assert size is not None
    assert [prompt.text for prompt in size.prompts] == ["Which size?"]
    assert [prompt.text for prompt in size.error_prompts] == [DEFAULT_ERROR]
    assert Kind.ENCODING in kinds(folder)


def test_an_export_without_config_is_loaded(tmp_path: Path) -> None:
    folder = pizza().write(tmp_path, config=False)
    assert loaded(folder).variables == ()
    assert Kind.CONFIG in kinds(folder)


def test_every_language_of_a_bot_is_loaded(tmp_path: Path) -> None:
    bot = Bot("Café", languages=("de", "en", "fr"))
    bot.dialog("Hallo").message({"de": "Grüß Gott", "en": "Hello", "fr": "Salut"})
    found = loaded(bot.write(tmp_path))
    assert (found.default_language, found.languages) == ("de", frozenset({"de", "en", "fr"}))


def test_the_old_form_with_one_dialog_is_loaded(tmp_path: Path) -> None:
    bot = Bot("Hotels", style="old")
    hotels = bot.dialog("Search hotels").entity("City", "Where?", kind="city").webhook("Ask")
    hotels.message("print('Found%20it')", scripted=True, encoded=False)
    (tmp_path / "SearchHotels.json").write_text(json.dumps(single_dialog(hotels)))
    found = loaded(tmp_path)
    (dialog,) = found.dialogs.values()
    assert (found.name, dialog.name) == ("Search hotels", "Search hotels")
    assert [node.kind for node in dialog.nodes.values()] == ["intent", "entity", "SDKWebHook", "message"]
    (prompt,) = list(dialog.nodes.values())[-1].component.prompts  # type: ignore[union-attr]
    assert (prompt.text, prompt.scripted) == ("print('Found it')", True)
    assert Kind.SUBDIALOG not in {finding.kind for finding in load_export(tmp_path).warnings}


def test_a_dialog_begins_with_its_intent_also_if_it_is_listed_later(tmp_path: Path) -> None:
    bot = Bot("Order")
    bot.dialog("Buy").message("First.").message("Second.")
    definition: dict[str, Any] = bot.definition
    definition["dialogs"][0]["nodes"].reverse()
    dialog = loaded(bot.write(tmp_path, definition=definition)).dialog_named("Buy")
    assert dialog is not None
    assert dialog.start.kind == "intent"


@pytest.mark.parametrize("written", [True, False])
def test_an_intent_node_without_a_dialog_is_a_warning(written: bool, tmp_path: Path) -> None:
    bot = Bot("Null")
    bot.dialog("Start").unlinked_intent("UserIntent", written=written).message("Hi")
    folder = bot.write(tmp_path)
    assert loaded(folder).dialog_named("Start") is not None
    assert Kind.SUBDIALOG in kinds(folder)


def test_an_export_of_nlp_data_alone_has_dialogs_without_nodes(tmp_path: Path) -> None:
    bot = pizza()
    definition = {
        **bot.definition,
        "dialogs": [{k: v for k, v in d.items() if k != "nodes"} for d in bot.definition["dialogs"]],
    }
    folder = bot.write(tmp_path, definition=definition)
    assert all(dialog.empty and dialog.start.kind == "intent" for dialog in loaded(folder).dialogs.values())
    assert Kind.EMPTY in kinds(folder)


SECRET = "hunter2000hunter2000"


def test_a_possible_credential_is_a_warning_that_never_shows_it(tmp_path: Path) -> None:
    bot = pizza().variable("apiToken", SECRET)
    bot.dialogs[0].script(f"var password = '{SECRET}';", name="Login").service(
        "Call", headers={"value": f"Bearer {SECRET}"}
    )
    warnings = load_export(bot.write(tmp_path)).warnings
    found = [warning for warning in warnings if warning.kind is Kind.CREDENTIAL]
    assert {warning.place for warning in found} == {
        "config.json: variable apiToken",
        "component Login",
        "component Call",
    }
    assert not [warning for warning in warnings if SECRET in repr(warning)]


@pytest.mark.parametrize("bot_id", ["st-11111111-1111-4111-8111-111111111111", "bot 7", "", 5, None])
def test_a_bot_id_that_botkit_refuses_is_replaced_by_a_stable_one(bot_id: Any, tmp_path: Path) -> None:
    bot = pizza()
    folder = bot.write(tmp_path, definition={**bot.definition, "_id": bot_id})
    ids = {load_export(folder).bot_id for _ in range(2)}
    assert len(ids) == 1
    assert re.fullmatch(ROUTED, ids.pop())
    assert Kind.BOT_ID in kinds(folder)


def _drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def drop(definition: dict[str, Any]) -> None:
        for key in keys:
            for item in definition[key]:
                item.pop("_id")

    return drop


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], Kind | None]] = {
    "ids of dialogs missing": (_drop("dialogs"), Kind.IDENTIFIER),
    "ids of components missing": (_drop("dialogComponents"), Kind.IDENTIFIER),
    "duplicated dialog": (lambda d: d["dialogs"].append(dict(d["dialogs"][0])), Kind.IDENTIFIER),
    "duplicated component": (lambda d: d["dialogComponents"].append(dict(d["dialogComponents"][0])), Kind.IDENTIFIER),
    "unknown node type": (lambda d: d["dialogs"][0]["nodes"][1].update(type="quantumLeap"), Kind.COMPONENT),
    "dangling transition": (
        lambda d: d["dialogs"][0]["nodes"][1].update(transitions=[{"default": "gone"}]), Kind.TRANSITION,
    ),
    "component gone": (lambda d: d["dialogComponents"].clear(), Kind.COMPONENT),
    "script missing": (
        lambda d: next(c for c in d["dialogComponents"] if c["type"] == "script").pop("script"), Kind.SCRIPT,
    ),
    "training of nothing": (lambda d: d["sentences"][0].update(taskId="dc-x"), Kind.TRAINING),
    "names missing": (lambda d: d.pop("localeData"), Kind.NAME),
    "no sentences": (lambda d: d.pop("sentences"), Kind.PART),
    "languages missing": (lambda d: d.pop("supportedLanguages") and d.pop("defaultLanguage"), None),
    "odd inactivity": (lambda d: d.update(sessionInactiveTime="soon"), None),
    "no components": (lambda d: d.pop("dialogComponents"), Kind.PART),
}  # fmt: skip


@pytest.mark.parametrize("name", list(DAMAGES))
def test_a_damaged_export_is_loaded_with_a_warning(name: str, tmp_path: Path) -> None:
    damage, kind = DAMAGES[name]
    bot = pizza()
    definition = json.loads(json.dumps(bot.definition))
    damage(definition)
    folder = bot.write(tmp_path, definition=definition)
    assert loaded(folder).name == "Pizza"
    assert kind is None or kind in kinds(folder)


def test_of_two_dialogs_with_one_id_both_are_there(tmp_path: Path) -> None:
    bot = pizza()
    definition = bot.definition
    definition["dialogs"][1]["_id"] = definition["dialogs"][0]["_id"]
    names = [dialog.name for dialog in loaded(bot.write(tmp_path, definition=definition)).dialogs.values()]
    assert names == ["Help", "Order pizza"]


def test_an_export_is_found_in_a_folder_further_down_and_in_a_zip_file_in_a_folder(tmp_path: Path) -> None:
    pizza().write(tmp_path / "deeper" / "still")
    assert loaded(tmp_path).name == "Pizza"
    pizza().write(tmp_path / "zips", zipped=True)
    assert loaded(tmp_path / "zips").name == "Pizza"
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.writestr("Export/botDefinition.json", json.dumps(pizza().definition))
        archive.writestr("Export/config.json", '{"name": "From the zip"}')
    assert load_export(tmp_path / "nested.zip").config == {"name": "From the zip"}


NO_EXPORTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda p: p / "absent", "there is no such folder or file"),
    "an empty folder": (lambda p: p, "no botDefinition.json or appDefinition.json"),
    "no JSON": (lambda p: _written(p, "botDefinition.json", "{"), "cannot be read as JSON"),
    "a merge that was not finished": (
        lambda p: _written(p, "botDefinition.json", '{\n<<<<<<< HEAD\n"_id": 1\n=======\n>>>>>>> abc\n}'),
        "resolve the merge conflicts",
    ),
    "an empty file": (lambda p: _written(p, "botDefinition.json", ""), "cannot be read as JSON"),
    "no object": (lambda p: _written(p, "botDefinition.json", "[1]"), "holds no JSON object"),
    "another vendor's bot": (
        lambda p: _written(p, "botDefinition.json", '{"intents": [], "clarificationPrompt": {}}'),
        "neither dialogs nor dialogComponents",
    ),
    "a broken zip": (lambda p: _written(p, "bot.zip", "PK\x03\x04 and no more"), "cannot be read"),
    "deep JSON": (lambda p: _written(p, "botDefinition.json", "[" * 200_000), "cannot be read as JSON"),
}  # fmt: skip


def _written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name if name.endswith(".zip") else folder


@pytest.mark.parametrize("name", list(NO_EXPORTS))
def test_what_is_no_export_is_refused_with_advice(name: str, tmp_path: Path) -> None:
    make, reason = NO_EXPORTS[name]
    with pytest.raises(ExportError, match=reason):
        load_export(make(tmp_path))


def test_two_exports_in_a_folder_are_named(tmp_path: Path) -> None:
    pizza().write(tmp_path / "test")
    pizza().write(tmp_path / "live")
    with pytest.raises(ExportError, match="holds 2 exports; name one of live, test"):
        load_export(tmp_path)


def test_the_strict_check_still_finds_what_the_platform_would_refuse() -> None:
    problems = check(pizza().definition)
    assert problems
    assert all("is not URL-encoded" in problem for problem in problems), problems


@pytest.mark.parametrize("zipped", [False, True])
async def test_scripts_call_the_functions_of_the_bot(zipped: bool, start: Start, tmp_path: Path) -> None:
    bot = Bot("Sums")
    bot.dialog("Sum").script("context.sum = twice(21);").message("It is {{context.sum}}.")
    path = bot.write(tmp_path, zipped=zipped, functions="function twice(n) { return 2 * n; }")
    platform = await start(bot=load_export(path))
    user = platform.cloud.add_user()
    await platform.says(user, "sum")
    assert ("bot", "It is 42.") in platform.chat(user)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("var http = require('http');", "part of a program"),
        ("document.title = 'x';", "part of a program"),
        ("function f( {", "is not JavaScript"),
        ("// " + "x" * 500_000, "over 500 KB"),
    ],
)
def test_another_javascript_file_beside_an_export_is_ignored(
    script: str, reason: str, tmp_path: Path
) -> None:
    export = load_export(pizza().write(tmp_path, functions=script))
    assert export.functions == ""
    assert [one.text for one in export.warnings if one.kind is Kind.FUNCTIONS and reason in one.text]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_over_the_limit_is_not_read(
    zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "FILE_LIMIT_BYTES", 1000)
    with pytest.raises(ExportError, match="it has over"):
        load_export(pizza().write(tmp_path, zipped=zipped))
