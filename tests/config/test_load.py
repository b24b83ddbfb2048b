"""From YAML files to settings: values, filled-in values, defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from botkit.agents.miaw import MiawSettings
from botkit.config.load import load
from botkit.config.schema import Schema, bot_schema, server_schema
from botkit.config.settings import (
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
    Secret,
    SecuritySettings,
    ServerSettings,
    TranscriptSettings,
)
from botkit.errors import ConfigurationError
from tests.config.folder import BOT, BOT_ID, SERVER, Folder

EXAMPLE = Path(__file__).parents[2] / "config" / "botkit.yaml"


def test_the_smallest_configuration_is_good_and_complete(folder: Folder) -> None:
    bot = folder.load_bot()
    assert (bot.id, bot.name, bot.file) == (BOT_ID, "Acme Assistant", folder.path / "bots/acme.yaml")
    assert bot.kore == KoreSettings("cs-1", Secret("hunter2hunter2hunter2"), callback_hosts=("bots.kore.ai",))
    assert bot.agents.default == "salesforce"
    assert bot.agents.systems["salesforce"].type == "salesforce-miaw"
    assert bot.agents.systems["salesforce"].settings == MiawSettings(
        "00D000000000007", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client"
    )
    assert bot.handoff == HandoffSettings()
    assert bot.delivery == DeliverySettings()


def test_the_defaults_the_schemas_show_are_those_the_settings_have(folder: Folder) -> None:
    plain = folder.load()
    folder.server(
        yaml.safe_dump(_with_defaults(server_schema(), server_schema().start, yaml.safe_load(SERVER)))
    )
    spelt_out = _with_defaults(bot_schema(), bot_schema().start, yaml.safe_load(BOT))
    spelt_out["agents"]["systems"]["salesforce"] = _with_defaults(
        bot_schema(),
        bot_schema().root["$defs"]["salesforce-miaw"],
        spelt_out["agents"]["systems"]["salesforce"],
    )
    assert spelt_out["delivery"]["first_retry"] == "250ms"
    folder.bot(yaml.safe_dump(spelt_out))
    assert folder.load() == plain


def _with_defaults(schema: Schema, node: Mapping[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    filled = dict(written)
    for key, child in node["properties"].items():
        rule = schema.resolve(child)
        if "default" in rule:
            filled.setdefault(key, rule["default"])
        elif "properties" in rule:
            filled[key] = _with_defaults(schema, rule, filled.get(key, {}))
    return filled


def test_every_optional_value_with_a_default_in_the_settings_shows_it_in_the_schema() -> None:
    places: dict[str, tuple[Schema, ServerSettings | SecuritySettings | DeliverySettings]] = {
        "server": (server_schema(), ServerSettings()),
        "security": (server_schema(), SecuritySettings()),
        "delivery": (bot_schema(), DeliverySettings()),
    }
    for section, (schema, settings) in places.items():
        shown = schema.start["properties"][section]["properties"]
        assert set(shown) == set(settings.__dataclass_fields__)
        without = {key for key, rule in shown.items() if "default" not in schema.resolve(rule)}
        assert all(getattr(settings, key) is None for key in without)


def test_every_key_arrives_in_the_settings(folder: Folder) -> None:
    folder.server(
        "version: 1\n"
        "server: {host: 0.0.0.0, port: 0, prefix: /kore/botkit, public_url: 'https://b.example/kore/botkit', threads: 8}\n"
        f"store: {{url: 'sqlite:///{folder.path}/b.db?timeout=5'}}\n"
        "security: {insecure_http: true}\n"
        "bots: [bots/acme.yaml]\n"
    )
    folder.bot(
        BOT.replace(
            "  callback_hosts: [bots.kore.ai]\n",
            "  algorithm: HS512\n  callback_hosts: [Bots.Kore.ai, '127.0.0.1:8001', bots.kore.ai]\n"
            "  clock_leeway: 0\n  accept_apikey: true\n  timeout: 1.5\n",
        )
        .replace("agents:\n", "agents:\n  default: salesforce\n  channels: {facebook: second}\n")
        .replace(
            "      developer_name: Kore_Custom_Client\n",
            "      developer_name: Kore_Custom_Client\n"
            "    second:\n"
            "      type: salesforce-miaw\n"
            "      organization_id: 00DD0000000JudkMAC\n"
            "      organization_base_url: http://127.0.0.1:8002/\n"
            "      developer_name: Second\n"
            "      receive: poll\n"
            "      poll_interval: 500ms\n"
            "      timeout: 3s\n"
            "      platform: Mobile\n",
        )
        + "handoff:\n"
        "  end_chat_command: ' stop '\n"
        "  default_language: pt-BR\n"
        "  responses: {en: {agentJoinedMessage: Hi, agentLeftMessage: null}}\n"
        "  attributes: {_firstName: first_name, Case Number: case_id}\n"
        "  accept_timeout: 2m\n"
        "  transfer_grace: 250ms\n"
        "  transcript: {limit: 0, timeout: 2s}\n"
        "delivery: {give_up_after: 1h, first_retry: 100ms, slowest_retry: 1m}\n"
    )
    settings = folder.load()
    assert settings.server == ServerSettings("0.0.0.0", 0, "/kore/botkit", "https://b.example/kore/botkit", 8)
    assert settings.store.url == f"sqlite:///{folder.path}/b.db?timeout=5"
    assert settings.security == SecuritySettings(insecure_http=True)
    bot = settings.bots[BOT_ID]
    assert bot.kore == KoreSettings(
        "cs-1",
        Secret("hunter2hunter2hunter2"),
        algorithm="HS512",
        callback_hosts=("bots.kore.ai", "127.0.0.1:8001"),
        clock_leeway=timedelta(0),
        accept_apikey=True,
        timeout=timedelta(seconds=1.5),
    )
    assert (bot.agents.for_channel("facebook"), bot.agents.for_channel("rtm")) == ("second", "salesforce")
    assert bot.agents.systems["second"].settings == MiawSettings(
        "00DD0000000JudkMAC",
        "http://127.0.0.1:8002",
        "Second",
        receive="poll",
        poll_interval=timedelta(milliseconds=500),
        timeout=timedelta(seconds=3),
        platform="Mobile",
    )
    assert bot.handoff == HandoffSettings(
        end_chat_command="stop",
        default_language="pt-BR",
        responses={"en": {"agentJoinedMessage": "Hi", "agentLeftMessage": None}},
        attributes={"_firstName": "first_name", "Case Number": "case_id"},
        accept_timeout=timedelta(minutes=2),
        transfer_grace=timedelta(milliseconds=250),
        transcript=TranscriptSettings(limit=0, timeout=timedelta(seconds=2)),
    )
    assert bot.delivery == DeliverySettings(
        timedelta(hours=1), timedelta(milliseconds=100), timedelta(minutes=1)
    )


def test_several_bots_are_keyed_by_their_ids_and_a_file_named_twice_is_read_once(folder: Folder) -> None:
    other = BOT_ID.replace("77777777-", "22222222-", 1)
    folder.bot(BOT.replace(BOT_ID, other), "bots/deeper/other.yaml")
    folder.server("version: 1\nbots: ['bots/**/*.yaml', bots/acme.yaml, bots/../bots/acme.yaml]\n")
    assert set(folder.load().bots) == {BOT_ID, other}


def test_a_relative_sqlite_path_is_made_absolute_from_the_working_directory(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    assert folder.load().store.url == f"sqlite:///{folder.path}/var/botkit.db"


def test_sections_whose_lines_are_all_commented_out_are_empty_sections(folder: Folder) -> None:
    folder.add_to_bot("handoff:\n  # default_language: de\n  transcript:\ndelivery:\n")
    assert folder.load_bot().handoff == HandoffSettings()


def test_yaml_words_that_are_no_booleans_for_editors_are_none_here(folder: Folder) -> None:
    folder.add_to_bot("handoff: {end_chat_command: off, responses: {no: {agentJoinedMessage: yes}}}\n")
    handoff = folder.load_bot().handoff
    assert handoff.end_chat_command == "off"
    assert handoff.responses == {"no": {"agentJoinedMessage": "yes"}}


def test_the_commented_examples_are_good_once_the_two_secrets_are_set() -> None:
    settings = load(EXAMPLE, environ={"KORE_CLIENT_ID": "cs-1", "KORE_CLIENT_SECRET": "s" * 16})
    assert [bot.name for bot in settings.bots.values()] == ["Acme Assistant"]
    with pytest.raises(ConfigurationError) as error:
        load(EXAMPLE, environ={})
    assert [problem.path for problem in error.value.problems] == ["kore.client_id", "kore.client_secret"]


def test_no_repr_of_the_settings_shows_a_secret(folder: Folder) -> None:
    settings = folder.load()
    assert "hunter2" not in repr(settings)
    assert "sqlite" not in repr(settings)


# --- what is filled in -----------------------------------------------------------------------------------------


def test_values_come_from_the_environment_also_in_the_middle_of_a_text(folder: Folder) -> None:
    folder.environ.update(WHO="Acme", EMPTY="")
    folder.change_bot("Acme Assistant", "The ${WHO} bot, ${NONE:-by default}, ${EMPTY:-not empty}${EMPTY}!")
    assert folder.load_bot().name == "The Acme bot, by default, not empty!"


def test_values_come_from_files_without_their_last_line_end(folder: Folder) -> None:
    folder.write("secret", "pässpässpässpäss\n")
    folder.change_bot(
        "client_secret: hunter2hunter2hunter2", f"client_secret: ${{file:{folder.path}/secret}}"
    )
    assert folder.load_bot().kore.client_secret.reveal() == "pässpässpässpäss"


def test_a_relative_file_is_looked_for_beside_the_yaml_file(folder: Folder) -> None:
    folder.write("bots/secret", "s3cret-s3cret-s3cret")
    folder.change_bot("hunter2hunter2hunter2", "${file:secret}")
    assert folder.load_bot().kore.client_secret.reveal() == "s3cret-s3cret-s3cret"


@pytest.mark.parametrize(
    ("written", "meant"), [("$${WHO}", "${WHO}"), ("$WHO", "$WHO"), ("$$", "$$"), ("a $${ b", "a ${ b")]
)
def test_two_dollars_keep_the_characters_as_they_are(folder: Folder, written: str, meant: str) -> None:
    folder.environ["WHO"] = "x"
    folder.change_bot("Acme Assistant", f"'{written}'")
    assert folder.load_bot().name == meant


def test_a_filled_in_value_is_not_filled_in_again(folder: Folder) -> None:
    folder.environ["A"] = "${B}"
    folder.change_bot("Acme Assistant", "${A}")
    assert folder.load_bot().name == "${B}"


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_port_from_the_environment_is_a_number_and_a_client_id_of_digits_a_text(
    folder: Folder, quote: str
) -> None:
    folder.environ.update(PORT="8100", ID="0123", HTTP="true")
    folder.server(
        f"version: 1\nserver:\n  port: {quote}${{PORT}}{quote}\n"
        f"security:\n  insecure_http: {quote}${{HTTP}}{quote}\nbots: [bots/*.yaml]\n"
    )
    folder.change_bot("client_id: cs-1", f"client_id: {quote}${{ID}}{quote}")
    settings = folder.load()
    assert settings.server.port == 8100
    assert settings.security.insecure_http is True
    assert settings.bots[BOT_ID].kore.client_id == "0123"


def test_a_duration_from_the_environment_may_have_a_unit_or_not(folder: Folder) -> None:
    folder.environ.update(A="3", B="4s")
    folder.add_to_bot('delivery: {first_retry: "${A}", slowest_retry: "${B}"}\n')
    delivery = folder.load_bot().delivery
    assert (delivery.first_retry, delivery.slowest_retry) == (timedelta(seconds=3), timedelta(seconds=4))
