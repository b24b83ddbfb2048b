"""`botkit check`, and how the command line loads commands and prints BotKit's errors."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest
import trustme
from click.testing import CliRunner, Result

from botkit import __version__, cli
from botkit.errors import ConfigurationError, LedgerBusy, Problem
from tests.config.folder import BOT_ID, SERVER, Folder


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=environ)


def check(folder: Folder, **environ: str) -> Result:
    return run("check", "--config", str(folder.path / "botkit.yaml"), **environ)


def test_a_valid_configuration_exits_with_0_and_is_summarised(folder: Folder) -> None:
    result = check(folder)
    assert result.exit_code == 0
    for said in (
        "1 bot",
        "Acme Assistant",
        BOT_ID,
        "salesforce-miaw at https://acme.my.salesforce-scrt.com",
        str(Path("var/botkit.db").absolute()),
    ):
        assert said in result.stdout
    assert "hunter2" not in result.output


def test_the_way_out_is_described_if_it_is_not_the_usual_one(folder: Folder) -> None:
    assert "network" not in check(folder).stdout
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(folder.path / "ca.pem")
    client = authority.issue_cert("botkit@example.com", key_type=trustme.KeyType.ECDSA)
    client.private_key_and_cert_chain_pem.write_to_path(folder.path / "client.pem")
    folder.server(
        SERVER
        + "network: {proxy: 'http://botkit:hunter2@proxy.example:3128', http_version: 2, ca_bundle: ca.pem,"
        + " client_certificate: client.pem, no_proxy: [.intranet, 'a.example:8443', 10.0.0.0/8]}\n"
    )
    result = check(folder)
    for said in (
        "  network  everything goes through the proxy http://proxy.example:3128 with a login\n",
        "  network  except what goes to *.intranet, a.example:8443, 10.0.0.0/8\n",
        f"  network  servers are trusted whose authority is in {folder.path / 'ca.pem'}, or the system knows\n",
        f"  network  servers that ask for a certificate get that of {folder.path / 'client.pem'}\n",
        "  network  HTTP/2 is spoken with servers that offer it, HTTP/1.1 with others\n",
    ):
        assert said in result.stdout
    assert "hunter2" not in result.output


def test_problems_are_printed_one_line_each_in_the_form_of_the_contract_and_it_exits_with_1(
    folder: Folder,
) -> None:
    folder.change_bot("client_id: cs-1", "clientid: ${ID}")
    result = check(folder, ID="x")
    file = folder.path / "bots/acme.yaml"
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f'{file}:5: kore.client_id: is missing; add client_id: "${{KORE_CLIENT_ID}}" (Client ID)',
        f"{file}:6: kore.clientid: is not known here; did you mean client_id?",
    ]
    assert result.stderr == "2 problems found\n"


@pytest.mark.parametrize("text", [None, "a: [", ""])
def test_a_missing_file_or_one_that_is_not_yaml_is_a_problem_like_any_other(
    folder: Folder, text: str | None
) -> None:
    file = folder.path / "botkit.yaml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    result = check(folder)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.startswith(f"{file}:1: (file): ")


def test_an_end_word_that_salesforce_takes_for_an_opt_out_is_a_warning(folder: Folder) -> None:
    folder.change_bot(
        "agents:\n",
        "handoff:\n  end_chat_command: Stop\n  end_chat_words:\n    en: [bye agent, /QUIT!]\n    de: [ende]\nagents:\n",
    )
    result = check(folder)
    file = folder.path / "bots/acme.yaml"
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if "warning" in line] == [
        f"  warning  {file}:{line}: {path}: “{word}” is an opt-out keyword of Salesforce's on some channels; "
        "choose another word, such as endagentchat"
        for line, path, word in (
            (10, "handoff.end_chat_command", "Stop"),
            (12, "handoff.end_chat_words.en[1]", "/QUIT!"),
        )
    ]


def test_variables_come_from_the_environment(folder: Folder) -> None:
    folder.change_bot("hunter2hunter2hunter2", "${KORE_CLIENT_SECRET}")
    assert check(folder, KORE_CLIENT_SECRET="s" * 16).exit_code == 0


def test_the_summary_shows_no_password(folder: Folder) -> None:
    url = "postgresql://botkit:hunter2@db/botkit?password=hunter2"
    folder.server(
        SERVER
        + f"store: {{url: '{url}', direct_url: 'postgresql:///botkit?host=/run/pg&password=hunter2'}}\n"
    )
    said = check(folder).stdout
    assert "  store    PostgreSQL at db:5432/botkit\n  direct   PostgreSQL at /run/pg:5432/botkit\n" in said
    assert "hunter2" not in said


def test_a_postgresql_store_needs_its_driver(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    folder.server(SERVER + "store: {url: 'postgresql://botkit:hunter2@db/botkit'}\n")
    result = check(folder)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{folder.path / 'botkit.yaml'}:3: store.url: needs psycopg, which is not installed; "
        "pip install 'botkit[postgresql]'\n"
    )


def test_an_option_that_does_not_exist_exits_with_2() -> None:
    assert run("check", "--nope").exit_code == 2


def test_version_is_that_of_the_package() -> None:
    assert run("--version").output == f"botkit, version {__version__}\n"


def test_help_lists_every_command_and_loads_none_of_them() -> None:
    code = (
        "import sys\nfrom botkit.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('botkit.cli.')])\n"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.endswith("[]\n")
    for command in ("check", "serve", "sandbox", "demo"):
        assert f"\n  {command} " in output


def test_an_unknown_command_is_refused() -> None:
    result = run("chekc")
    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ConfigurationError((Problem("a.yaml", 3, "bots", "is missing", "add it"),)),
            "a.yaml:3: bots: is missing; add it\n",
        ),
        (
            LedgerBusy("var/botkit.db is in use; stop the other process"),
            "BK-3001: var/botkit.db is in use; stop the other process\n",
        ),
    ],
)
def test_an_error_of_botkit_in_any_command_is_printed_without_a_traceback(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def serve() -> None:
        raise error

    module = types.ModuleType("botkit.cli.serve")
    module.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "botkit.cli.serve", module)
    result = run("serve")
    assert result.exit_code == 1
    assert result.output == said
    assert isinstance(result.exception, SystemExit)


LIVE_CHAT = """\
    legacy:
      type: salesforce-live-chat
      live_agent_url: https://d.la1-c1.salesforceliveagent.com
      organization_id: 00D000000000007
      deployment_id: 572000000000001
      button_id: 573000000000001
"""


def test_the_retirement_of_live_chat_is_a_notice_and_no_problem(folder: Folder) -> None:
    folder.change_bot("    salesforce:\n", f"{LIVE_CHAT}    salesforce:\n")
    folder.bot(
        (folder.path / "bots/acme.yaml").read_text().replace("agents:\n", "agents:\n  default: salesforce\n")
    )
    result = check(folder)
    assert result.exit_code == 0, result.output
    (notice,) = [line for line in result.stdout.splitlines() if line.startswith("  notice ")]
    assert "retired Live Chat" in notice
    assert "14 February 2026" in notice
    assert "salesforce-miaw" in notice
    assert "Acme Assistant: legacy" in notice


def test_a_terminal_without_utf_8_gets_question_marks() -> None:
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = (
        "from botkit.cli import main\nfrom rich.console import Console\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "Console(highlight=False).print('agent Jos\\xe9 \\u2014 \\u738b')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, check=False)
    assert done.stderr == b""
    assert done.stdout.endswith(b"agent Jos? ? ?\n")
