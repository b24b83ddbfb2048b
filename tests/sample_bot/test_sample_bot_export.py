"""The export of the sample bot is valid, and the checker finds every kind of problem."""

from __future__ import annotations

import copy
import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore import BotExport, check, load_export, sample_bot_folder
from botkit_sandbox.kore.findings import Kind

FOLDER = sample_bot_folder()
ROOT = Path(__file__).resolve().parents[2]
BOTKIT_PATH = re.compile(r"st-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

Definition = dict[str, Any]


@pytest.fixture
def definition() -> Definition:
    return json.loads((FOLDER / "botDefinition.json").read_text())


def component(definition: Definition, kind: str) -> dict[str, Any]:
    return next(c for c in definition["dialogComponents"] if c["type"] == kind)


def test_the_sample_bot_is_sound() -> None:
    assert check(load_export(FOLDER)) == []


def test_the_sample_bot_is_what_its_source_describes(tmp_path: Path) -> None:
    script = (ROOT / "scripts" / "make_sample_bot.py").read_text()
    copied = tmp_path / "scripts" / "make_sample_bot.py"
    copied.parent.mkdir()
    copied.write_text(script)
    subprocess.run([sys.executable, str(copied)], check=True, timeout=30)
    for name in ("botDefinition.json", "config.json", "icon.png"):
        assert (tmp_path / "sample_bot" / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_its_bot_id_is_one_botkit_s_routes_take(definition: Definition) -> None:
    assert BOTKIT_PATH.fullmatch(definition["_id"])


def test_it_claims_no_encrypted_hash_or_environment_version(definition: Definition) -> None:
    assert not {"encryptedHash", "environmentVersionInfo"} & set(definition)


def test_it_talks_to_an_agent_by_script_message_and_transfer(definition: Definition) -> None:
    dialog = next(d for d in definition["dialogs"] if d["localeData"]["en"]["name"] == "Talk to an agent")
    assert [node["type"] for node in dialog["nodes"]] == ["intent", "script", "message", "agentTransfer"]


def test_its_script_sets_both_parts_of_miaw_meta_info(definition: Definition) -> None:
    script = unquote(
        next(c for c in definition["dialogComponents"] if c["name"] == "SetHandoffInfo")["script"]
    )
    assert 'miawMetaInfo.endChatShortHandCommand = "endagentchat"' in script
    assert "miawMetaInfo.preChatInfo = {" in script
    assert script.count("BotUserSession.miawMetaInfo =") == 1


def test_its_icon_fits_the_import() -> None:
    data = (FOLDER / "icon.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert max(struct.unpack(">II", data[16:24])) <= 40
    assert len(data) <= 80 * 1024


def _set(owner: dict[str, Any], **values: Any) -> None:
    owner.update(values)


BREAKS: dict[str, tuple[Callable[[Definition], None], str]] = {
    "bot id": (lambda d: _set(d, _id="st-11111111-1111-4111-8111-111111111111"), "UUID of version 5"),
    "name": (lambda d: d["localeData"]["en"].pop("name"), "localeData.en.name is missing"),
    "no locale": (lambda d: d.pop("localeData"), "no localeData"),
    "language": (lambda d: _set(d, defaultLanguage="fr"), "not one of supportedLanguages"),
    "no dialogs": (lambda d: d.pop("dialogs"), '"dialogs" is missing'),
    "component gone": (lambda d: d["dialogComponents"].pop(0), "is not among dialogComponents"),
    "target": (
        lambda d: _set(d["dialogs"][0]["nodes"][0], transitions=[{"default": "message9"}]),
        "a transition leads to message9",
    ),
    "conditional target": (
        lambda d: _set(d["dialogs"][0]["nodes"][0], transitions=[{"if": {}, "then": "message9"}]),
        "a transition leads to message9",
    ),
    "type": (lambda d: _set(d["dialogs"][0]["nodes"][1], type="script"), "make them equal"),
    "first node": (lambda d: d["dialogs"][0]["nodes"].pop(0), "the first node must be its intent"),
    "no nodes": (lambda d: d["dialogs"][0]["nodes"].clear(), "it has no nodes"),
    "same node id": (
        lambda d: _set(d["dialogs"][0]["nodes"][2], nodeId="message1"),
        "nodeId message1 occurs twice",
    ),
    "intent's dialog": (
        lambda d: _set(component(d, "intent"), dialogId=d["dialogs"][1]["_id"]),
        "it must be the dialog itself",
    ),
    "intent's dialog gone": (lambda d: _set(component(d, "intent"), dialogId="dg-x"), "add that dialog"),
    "sentence": (
        lambda d: _set(d["sentences"][0], taskId=component(d, "message")["_id"]),
        "is not an intent component",
    ),
    "sentence id": (lambda d: _set(d["sentences"][0], _id="1"), "24 hexadecimal digits"),
    "not encoded": (lambda d: _set(component(d, "script"), script="var a = 1;"), "not URL-encoded"),
    "broken encoding": (lambda d: _set(component(d, "script"), script="a%2"), "not URL-encoded"),
    "not JavaScript": (
        lambda d: _set(component(d, "script"), script=quote("let = = 5", safe="")),
        "is not JavaScript",
    ),
    "no script": (lambda d: component(d, "script").pop("script"), 'it has no "script"'),
    "plain message": (
        lambda d: _set(component(d, "message")["message"][0]["localeData"]["en"], text="hello there"),
        "text is not URL-encoded",
    ),
    "password": (
        lambda d: _set(component(d, "script"), script=quote("var password = 'hunter2000';", safe="")),
        "seems to hold a credential",
    ),
    "bearer token": (
        lambda d: _set(
            component(d, "script"), script=quote("h.Authorization = 'Bearer abcdefghijklmnopqrst'", safe="")
        ),
        "seems to hold a credential",
    ),
    "basic authorisation": (
        lambda d: _set(component(d, "entity"), headers={"value": '{"Authorization":"Basic QUxMT1dFRA=="}'}),
        "seems to hold a credential",
    ),
    "key in an address": (
        lambda d: _set(component(d, "entity"), endPoint={"path": "/w?q=x&appid=0123456789abcdef0123"}),
        "seems to hold a credential",
    ),
    "secret of a login": (
        lambda d: _set(d, idpConfigurations=[{"idpConfig": {"clientSecret": "s3cr3t"}}]),
        "idpConfigurations: it seems to hold a credential",
    ),
    "component id": (lambda d: _set(d["dialogComponents"][-1], _id="dc-1"), "a UUID of version 5"),
    "same component id": (
        lambda d: d["dialogComponents"].append(copy.deepcopy(d["dialogComponents"][0])),
        "occurs twice",
    ),
    "refId": (lambda d: d["dialogs"][0].pop("refId"), "has no refId"),
    "pattern": (lambda d: _set(d, patterns=[{"refId": "x", "taskName": "t"}]), "is no component's"),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_the_checker_finds(name: str, definition: Definition) -> None:
    damage, message = BREAKS[name]
    damage(definition)
    problems = check(definition)
    assert any(message in problem for problem in problems), problems


def test_the_checker_survives_any_shape() -> None:
    for value in (None, 5, "x", [], [5], {}, {"a": 1}, [{"nodes": 5, "transitions": {}}]):
        keys = ("dialogs", "dialogComponents", "sentences", "patterns", "localeData", "_id")
        assert check(dict.fromkeys(keys, value))


def test_a_script_is_parsed_but_not_executed(definition: Definition) -> None:
    component(definition, "script")["script"] = quote("while (true) {}", safe="")
    assert check(definition) == []


def test_a_wrapped_definition_is_unwrapped(tmp_path: Path, definition: Definition) -> None:
    (tmp_path / "appDefinition.json").write_text(json.dumps({"appDefinition": definition}))
    (tmp_path / "config.json").write_text('{"name": "Acme Assistant", "envVariables": []}')
    assert load_export(tmp_path).name == "Acme Assistant"


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no botDefinition\.json or appDefinition\.json"):
        load_export(tmp_path)


def test_a_folder_without_config_is_loaded_with_a_warning(tmp_path: Path, definition: Definition) -> None:
    (tmp_path / "botDefinition.json").write_text(json.dumps(definition))
    warnings = load_export(tmp_path).warnings
    assert ["no readable config.json" in warning.text for warning in warnings] == [True]


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "botDefinition.json").write_text("{")
    with pytest.raises(ExportError, match="cannot be read as JSON"):
        load_export(tmp_path)


def test_an_unsound_export_is_loaded_with_all_its_problems_as_warnings(
    tmp_path: Path, definition: Definition
) -> None:
    definition["_id"] = "st-1"
    definition["sentences"][0]["_id"] = "1"
    (tmp_path / "botDefinition.json").write_text(json.dumps(definition))
    (tmp_path / "config.json").write_text('{"name": "Acme Assistant"}')
    export = load_export(tmp_path)
    assert [warning.kind for warning in export.warnings] == [Kind.BOT_ID, Kind.IDENTIFIER]
    assert BOTKIT_PATH.fullmatch(export.bot_id)


def test_a_credential_in_config_is_found(definition: Definition) -> None:
    variable = {"key": "apiToken", "value": "abc", "variableType": "env"}
    problems = check(BotExport(definition=definition, config={"name": "x", "envVariables": [variable]}))
    assert any("looks like a credential" in problem for problem in problems)
