"""Exports as the XO builder gives them run in the sandbox, with the service between the clouds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from botkit.cli.demo_check import on_stage
from botkit.config.load import load
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from botkit_sandbox.kore.transfers import AGENT_DIALOG
from tests.sandbox.kore.exports import Bot
from tests.scenarios.stage import END_WORD, JANE, Stage


def bakery(**how: Any) -> Bot:
    """A bot as many are: nothing in it hands over to an agent."""
    bot = Bot("Bäckerei", languages=("de", "en"), **how)
    bot.dialog("Opening hours", says=["when do you open"]).unlinked_intent("UserIntent").message(
        {"de": "Um sechs.", "en": "At six."}
    )
    complaint = bot.dialog("Complaint", says=["my bread is stale"])
    complaint.entity("Bread", "Which bread?").message("We are sorry about the {{context.entities.Bread}}.")
    return bot


SHAPES: dict[str, Callable[[Path], Path]] = {
    "a folder without config.json": lambda folder: bakery().write(folder, config=False),
    "a zip file of XO 11": lambda folder: bakery(style="xo11").write(folder, zipped=True),
    "an old export with a wrapper": lambda folder: bakery(style="old").write(folder, wrapper="app"),
    "a bot id of another form": lambda folder: bakery(id="bot-7").write(folder),
}


@pytest.fixture(params=list(SHAPES))
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    export = SHAPES[request.param](tmp_path / "export")
    stage = Stage.built(tmp_path / "stage", export)
    yield stage
    stage.close()


def test_a_bot_without_any_transfer_hands_over_on_talk_to_an_agent(own: Stage) -> None:
    ada = own.person()
    ada.says("when do you open")
    ada.hears("At six.")
    case = ada.is_helped_by(JANE, AGENT_DIALOG.lower())
    ada.says("my bread is stale")
    case.gets("my bread is stale")
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    ada.says("opening hours")
    ada.hears("At six.", times=2)


def test_a_dialog_that_is_given_a_transfer_ends_at_an_agent(tmp_path: Path) -> None:
    stage = Stage.built(tmp_path / "stage", bakery().write(tmp_path / "export"))
    try:
        given = requests.post(
            f"{stage.clouds.sandbox.addresses()['kore_url']}/sandbox/kore/transfers",
            json={"dialog": "complaint"},
            timeout=30,
        )
        assert [one["name"] for one in given.json()["dialogs"] if one["transfers"]] == [
            "Complaint",
            AGENT_DIALOG,
        ]
        ada = stage.person()
        ada.says("my bread is stale")
        ada.hears("Which bread?")
        ada.says("rye")
        ada.hears("We are sorry about the rye.")
        (case,) = until(ada.cases, "for a case")
        case.accepted_by(JANE)
        assert case.attributes()["Dialog"] == "Complaint"
        ada.hears(JANE)
    finally:
        stage.close()


def test_the_demo_runs_an_export_with_its_name_and_language(tmp_path: Path) -> None:
    export = bakery().write(tmp_path, zipped=True)
    port = free_ports(3)
    with on_stage(port, receive="stream", bot_folder=export, transfers=["Complaint"]) as stage:
        assert stage.about.handing_over == ("Complaint",)
        configured = (stage.service.configuration.parent / "bots" / "acme.yaml").read_text(encoding="utf-8")
    assert "name: Bäckerei" in configured
    assert "default_language: de" in configured


@pytest.mark.slow
def test_the_name_of_an_export_reads_no_variable_and_no_file(tmp_path: Path) -> None:
    bot = Bot("Bakery ${HOME} ${file:/etc/hostname}")
    bot.dialog("Opening hours").message("At six.")
    with on_stage(free_ports(3), receive="stream", bot_folder=bot.write(tmp_path / "export")) as stage:
        (configured,) = load(stage.service.configuration).bots.values()
    assert configured.name == bot.name


def _botkit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "botkit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_the_demo_names_the_dialogs_when_a_transfer_is_wanted_for_none_of_them(tmp_path: Path) -> None:
    export = bakery().write(tmp_path)
    done = _botkit("demo", "--port", str(free_ports(3)), "--bot", str(export), "--transfer", "Complaints")
    assert done.returncode == 1
    assert "the bot has no dialog 'Complaints'; name one of its 2, such as Complaint" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_of_the_demo_is_for_the_sample_bot(tmp_path: Path) -> None:
    done = _botkit("demo", "--check", "--bot", str(bakery().write(tmp_path)))
    assert done.returncode == 2
    assert "--check plays the sample bot" in done.stderr
