"""The examples in `examples/`: each started by the command in its first lines, between both clouds, and used."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from botkit.agents.miaw import MiawSettings
from botkit.cli.sandbox import sandbox
from botkit.config.load import load
from botkit.testing.serving import free_ports
from botkit_sandbox.server import running_sandbox
from examples.flask_factory import create_app
from examples.rehearse import EXAMPLES, main

FOLDER = Path(__file__).parents[2] / "examples"

SEEN = {
    "plain": """
          Ada Lovelace  Are you open on Sunday?
                botkit  We are open from 9 to 5, and never on Sundays.
        Acme Assistant  Hello Ada! I am a robot.
                Reason: complaint
              Jane Doe  What can I do for you, Ada?
          Ada Lovelace  Be open on Sundays.
                botkit  Your conversation with the agent has ended. Thank you for contacting us.
                        hello
    """,
    "flask_factory": """
          Ada Lovelace  When are you open?
                botkit  We are open from 9 to 5.
                botkit  Thank you for asking Acme.
        Its own page: {"on_event":1,"on_user_message":2}
    """,
    "existing_wsgi": """
                botkit  We have 3 hats left.
        We have no caps left.
          hat: 3 left
    """,
    "webhook_node": """
        Acme Assistant  We are open from 9 to 5.
        Acme Assistant  Our technician will come on Tuesday at 10.
    """,
    "alert": """
                botkit  I will.
        Acme Assistant  An offer: two hats for the price of one. [Show me] [Not now]
        Acme Assistant  We move house on Monday.
                botkit  Your parcel is here. [Show me] [Not now]
        Acme Assistant  An offer: two hats for the price of one. Answer SHOW or NO.
                botkit  Your parcel is here. Answer SHOW or NO.
    """,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "plain" else pytest.mark.slow)
        for name in sorted(set(EXAMPLES) - {"webhook_node"})
    ],
)
def test_an_example_does_what_it_is_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(name, str(free_ports(3)))
    assert _missing(name, capsys.readouterr().out) == []


@pytest.mark.slow
def test_a_rehearsal_is_one_command() -> None:
    command = [sys.executable, str(FOLDER / "rehearse.py"), "webhook_node", str(free_ports(3))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert _missing("webhook_node", done.stdout) == []


@pytest.mark.parametrize("arguments", [[], ["nonsense"]])
def test_a_rehearsal_says_which_there_are(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="plain, flask_factory, existing_wsgi, webhook_node, alert"):
        main(*arguments)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_first_lines_say_how_it_is_run_and_watched(name: str) -> None:
    run, watch, *_ = (FOLDER / f"{name}.py").read_text("utf-8").splitlines()
    said = shlex.split(run.removeprefix("# Run it:").partition(" beside ")[0])
    played = [part.format(port="8003") for part in EXAMPLES[name].command]
    if said[0] == ".venv/bin/flask":
        said[:1] = [".venv/bin/python", "-m", "flask"]
    assert said == [".venv/bin/python", *played]
    assert watch.startswith(f"# Watch it: .venv/bin/python examples/rehearse.py {name} ")


def test_the_kits_commands_are_those_of_the_application() -> None:
    listed = create_app().test_cli_runner().invoke(args=["botkit", "handlers"])
    assert listed.output.splitlines() == [
        "on_event  count  all bots",
        "on_user_message  count  all bots",
        "on_user_message  opening_hours  all bots",
        'on_event("endDialog")  thanks  all bots',
        "on_handoff_ended  note  all bots",
    ]


def test_the_configuration_fits_the_sandbox_as_it_stands() -> None:
    settings = load(FOLDER / "config" / "botkit.yaml", environ={})
    (bot,) = settings.bots.values()
    system = bot.agents.systems["salesforce"].settings
    assert isinstance(system, MiawSettings)
    with running_sandbox() as addresses:
        assert bot.id == addresses["bot_id"]
        assert bot.kore.client_id == addresses["client_id"]
        assert bot.kore.client_secret.reveal() == addresses["client_secret"]
        assert system.organization_id == addresses["organization_id"]
        assert system.developer_name == addresses["developer_name"]


def test_its_ports_are_those_the_sandbox_expects() -> None:
    settings = load(FOLDER / "config" / "botkit.yaml", environ={})
    (bot,) = settings.bots.values()
    port = next(option.default for option in sandbox.params if option.name == "port")
    assert port == 8001
    assert settings.server.port == port + 2
    assert (
        cast(MiawSettings, bot.agents.systems["salesforce"].settings).organization_base_url
        == f"http://127.0.0.1:{port + 1}"
    )


def test_the_list_has_every_example() -> None:
    listed = (FOLDER / "README.md").read_text("utf-8")
    there = {
        path.name for path in FOLDER.iterdir() if path.suffix == ".py" or (path / "pyproject.toml").exists()
    }
    assert there == set(re.findall(r"\]\((\w+(?:\.py)?)/?\)", listed))


def _missing(name: str, printed: str) -> list[str]:
    """The expected lines that are missing."""
    seen = [line.strip() for line in printed.splitlines()]
    return [line for line in map(str.strip, SEEN[name].strip().splitlines()) if line not in seen]
