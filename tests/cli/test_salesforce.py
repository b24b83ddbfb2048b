"""`botkit salesforce metadata`: which files it writes, for which attributes, and when it writes none."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from botkit import cli
from botkit.agents import DEFAULT_ATTRIBUTES
from botkit.agents.miaw.metadata.names import STANDARD
from botkit.config.load import load
from botkit.testing import KitTester
from botkit_sandbox.kore import sample_bot_folder
from tests.config.folder import BOT, BOT_ID, Folder

FIELDS = "main/default/objects/MessagingSession/fields"
OTHER_BOT = "st-22222222-2222-5222-8222-222222222222"


def metadata(folder: Folder, *arguments: str) -> Result:
    config = str(folder.path / "botkit.yaml")
    return CliRunner().invoke(
        cli.main, ["salesforce", "metadata", "--config", config, "--out", str(out(folder)), *arguments]
    )


def out(folder: Folder) -> Path:
    return folder.path / "force-app"


def fields(folder: Folder) -> set[str]:
    return {file.name.removesuffix("__c.field-meta.xml") for file in (out(folder) / FIELDS).iterdir()}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def export(folder: Folder, script: str) -> Path:
    definition = {"dialogComponents": [{"name": "Prepare", "type": "script", "script": script}]}
    folder.write("export/botDefinition.json", json.dumps(definition))
    return folder.path / "export"


def test_it_writes_a_project_for_the_bots_own_attributes(folder: Folder) -> None:
    result = metadata(folder, "--bot", BOT_ID)
    assert result.exit_code == 0, result.output
    assert (
        out(folder) / "main/default/EmbeddedServiceConfig/Kore_Custom_Client.EmbeddedServiceConfig-meta.xml"
    ).is_file()
    assert len(fields(folder)) == len(DEFAULT_ATTRIBUTES)
    assert {"FirstName", "Kore_User_Id", "Case_Id"} <= fields(folder)
    project = json.loads((folder.path / "sfdx-project.json").read_text())
    assert project["packageDirectories"] == [{"path": "force-app", "default": True}]
    assert "hunter2" not in result.output
    assert "hunter2" not in "".join(map(str, snapshot(out(folder)).values()))


def test_the_bots_mapping_and_further_attributes_replace_and_complete_the_default(folder: Folder) -> None:
    folder.bot(BOT + "handoff:\n  attributes: {Order_Channel: channel, _email: email}\n")
    result = metadata(folder, "--attribute", "Tier")
    assert result.exit_code == 0
    assert fields(folder) == {"Order_Channel", "Email", "Tier"}
    assert "Order_Channel  Order_Channel__c  handoff.attributes" in result.output


def test_an_export_adds_what_its_scripts_put_into_pre_chat_info(folder: Folder) -> None:
    result = metadata(folder, "--from-export", str(sample_bot_folder()))
    assert result.exit_code == 0
    assert {"Pincode", "City", "Country", "Order_Number"} <= fields(folder)
    assert "script SetHandoffInfo" in result.output


def test_everything_that_a_hand_off_of_the_sample_bot_sends_has_a_parameter_and_a_form_field(
    folder: Folder,
) -> None:
    folder.change_bot("hunter2hunter2hunter2", "hunter2" * 8)  # pyjwt warns of shorter secrets
    assert metadata(folder, "--from-export", str(sample_bot_folder())).exit_code == 0
    pre_chat = {"Pincode": "500081", "City": "Hyderabad", "Country": "India", "Order_Number": "17"}
    with KitTester(settings=load(folder.path / "botkit.yaml")) as tester:
        went = tester.transfers(session={"miawMetaInfo": {"preChatInfo": pre_chat}})
    (sent,) = (call.details["attributes"] for call in went.agent_calls if "attributes" in call.details)
    assert {"_firstName", "_email", "Kore_User_Id", "City"} <= sent.keys()
    (channel,) = (out(folder) / "main/default/messagingChannels").iterdir()
    (form,) = (out(folder) / "main/default/EmbeddedServiceConfig").iterdir()
    for name in sent:
        standard = STANDARD.get(name)
        written = f"<parameterType>{standard}<" if standard else f"<externalParameterName>{name}<"
        assert written in channel.read_text()
        assert f"<formField>{f'_{standard}' if standard else name}<" in form.read_text()


def test_what_a_script_hides_is_named_with_node_and_line(folder: Folder) -> None:
    script = quote("miawMetaInfo.preChatInfo = {City: 1};\nmiawMetaInfo.preChatInfo[key] = 2;")
    result = metadata(folder, "--from-export", str(export(folder, script)))
    assert result.exit_code == 0
    assert "City" in fields(folder)
    assert "Prepare, line 2: preChatInfo sets a name that is not written out: look there" in result.stderr


def test_an_unusable_name_of_a_script_is_left_out_and_named(folder: Folder) -> None:
    result = metadata(folder, "--from-export", str(export(folder, 'm.preChatInfo = {"a\\nb": 1, Good: 2}')))
    assert result.exit_code == 0
    assert "'a?b' of a script has a character that cannot be printed, and is left out" in result.stderr
    assert "Good" in fields(folder)


def test_an_export_without_pre_chat_info_is_said(folder: Folder) -> None:
    result = metadata(folder, "--from-export", str(export(folder, "var a = 1;")))
    assert result.exit_code == 0
    assert "sets preChatInfo" in result.stderr


def test_an_export_of_another_bot_is_said(folder: Folder) -> None:
    one = export(folder, "var a = 1;")
    definition = one / "botDefinition.json"
    definition.write_text(json.dumps({**json.loads(definition.read_text()), "_id": "st-another"}))
    result = metadata(folder, "--from-export", str(one))
    assert "the export is of the bot st-another" in result.stderr


def test_a_folder_that_is_no_export_is_an_error(folder: Folder) -> None:
    result = metadata(folder, "--from-export", str(folder.path / "bots"))
    assert result.exit_code == 1
    assert "botDefinition.json" in result.output
    assert not out(folder).exists()


def test_the_same_again_changes_nothing(folder: Folder) -> None:
    metadata(folder)
    before = snapshot(folder.path)
    assert metadata(folder).exit_code == 0
    assert snapshot(folder.path) == before


def test_files_that_differ_are_not_replaced_without_force(folder: Folder) -> None:
    metadata(folder)
    readme = out(folder) / "README.md"
    readme.write_text("mine")
    before = snapshot(folder.path)
    result = metadata(folder, "--attribute", "New")
    assert result.exit_code == 1
    assert "nothing was written" in result.stderr
    assert str(readme) in result.stderr
    assert snapshot(folder.path) == before
    assert metadata(folder, "--attribute", "New", "--force").exit_code == 0
    assert readme.read_text() != "mine"
    assert "New" in fields(folder)


def test_an_existing_project_is_kept_and_a_folder_outside_of_its_packages_is_said(folder: Folder) -> None:
    folder.write("sfdx-project.json", '{"packageDirectories": [{"path": "other"}]}')
    result = metadata(folder)
    assert result.exit_code == 0
    assert 'add {"path": "force-app"} to packageDirectories' in result.stderr
    folder.write("sfdx-project.json", '{"packageDirectories": [{"path": "./"}]}')
    assert "packageDirectories" not in metadata(folder).output


def test_a_name_that_cannot_be_an_attribute_is_an_error(folder: Folder) -> None:
    result = metadata(folder, "--attribute", "x" * 81)
    assert result.exit_code == 1
    assert "has more than 80 characters; rename it" in result.stderr
    assert not out(folder).exists()


def test_doubtful_names_are_notices(folder: Folder) -> None:
    result = metadata(folder, "--attribute", "order no.")
    assert result.exit_code == 0
    assert "no API name: 'order no.'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bot", "st-0"], f"no bot 'st-0'; it has {BOT_ID} (Acme Assistant)"),
        (
            ["--system", "desk"],
            "Acme Assistant has no system 'desk' of the type salesforce-miaw; it has salesforce",
        ),
    ],
)
def test_an_unknown_bot_or_system_is_named_with_the_known_ones(
    folder: Folder, arguments: list[str], said: str
) -> None:
    result = metadata(folder, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_with_several_bots_or_systems_one_has_to_be_named(folder: Folder) -> None:
    other = (
        "    one:\n      developer_name: A\n      organization_id: 00D000000000001\n"
        "      organization_base_url: https://acme.my.salesforce.com\n    two:"
    )
    second = BOT.replace("    salesforce:", other).replace(BOT_ID, OTHER_BOT)
    folder.bot(second.replace("systems:", "default: one\n  systems:"), "bots/second.yaml")
    assert "the configuration has several bots" in metadata(folder).stderr
    assert "name one with --system: one, two" in " ".join(metadata(folder, "--bot", OTHER_BOT).stderr.split())
    assert metadata(folder, "--bot", OTHER_BOT, "--system", "two").exit_code == 0


def test_a_bot_without_such_a_system_has_no_set_up(folder: Folder) -> None:
    folder.change_bot(
        "      organization_id: 00D000000000007\n      organization_base_url: https://acme.my.salesforce.com\n"
        "      developer_name: Kore_Custom_Client\n",
        "      type: salesforce-live-chat\n      live_agent_url: https://d.la1-c1.salesforceliveagent.com\n"
        "      organization_id: 00D000000000007\n      deployment_id: 572000000000001\n      button_id: 573000000000001\n",
    )
    result = metadata(folder)
    assert result.exit_code == 1
    assert "no agent system of the type salesforce-miaw" in result.stderr


def test_a_folder_that_cannot_be_written_is_an_error(folder: Folder) -> None:
    folder.write("force-app/main/default/queues", "a file in the way")
    result = metadata(folder)
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


def test_problems_of_the_configuration_are_printed_as_always(folder: Folder) -> None:
    folder.change_bot("developer_name: Kore_Custom_Client", "developer_name: no name")
    result = metadata(folder)
    assert result.exit_code == 1
    assert "agents.systems.salesforce.developer_name" in result.output
