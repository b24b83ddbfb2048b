"""`botkit init`: the folder works, its answers are checked as `botkit check` does, and nothing is overwritten."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from botkit import cli
from botkit.cli import init as command
from botkit.cli.handlers_module import kit_of
from botkit.cli.init_answers import BY_NAME, in_env_file, in_yaml, write
from botkit.config.env_file import read_env_file
from botkit.config.load import load
from botkit.config.problems import Problems
from botkit.config.settings import BotSettings, Secret
from botkit.errors import NotConfigured
from botkit.testing.clouds import Clouds

SECRET = "a secret of sixteen or more"
OWN = {
    "--bot-id": "st-22222222-2222-5222-8222-222222222222",
    "--bot-name": "Käse & Co: Bot",
    "--client-id": "cs-7",
    "--organization-id": "00DDn00000CMYmJMAX",
    "--organization-base-url": "acme.my.salesforce.com",
    "--developer-name": "Bot_Handoff_API",
}


@pytest.fixture(autouse=True)
def no_secret_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KORE_CLIENT_ID", "KORE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "acme-bot"


def init(folder: Path, *arguments: str, answers: str | None = None, **options: Any) -> Result:
    return CliRunner().invoke(cli.main, ["init", str(folder), *arguments], input=answers, **options)


def own(**changes: str) -> list[str]:
    options = {**OWN, **{f"--{name.replace('_', '-')}": value for name, value in changes.items()}}
    return [word for option in options.items() for word in option]


def bot_of(folder: Path) -> BotSettings:
    (bot,) = load(folder / "config" / "botkit.yaml", environ={}).bots.values()
    return bot


def test_the_folder_is_what_was_answered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    result = init(
        folder, *own(), "--client-secret-file", str(tmp_path / "secret"), "--kore-host", "kore.acme.example"
    )
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert "Made up" not in result.output
    bot = bot_of(folder)
    assert bot.id == OWN["--bot-id"]
    assert bot.name == OWN["--bot-name"]
    assert (bot.kore.client_id, bot.kore.client_secret) == ("cs-7", Secret(SECRET))
    assert bot.kore.callback_hosts == ("kore.acme.example",)
    settings: Any = bot.agents.systems["salesforce"].settings
    assert settings.organization_id == OWN["--organization-id"]
    assert settings.organization_base_url == "https://acme.my.salesforce-scrt.com"
    assert settings.developer_name == "Bot_Handoff_API"
    assert bot.handoff.end_chat_command == "endagentchat"
    assert bot.file is not None
    assert bot.file.name == "kase-co-bot.yaml"
    written = [file for file in folder.rglob("*") if file.is_file()]
    assert [file.name for file in written if SECRET in file.read_text()] == [".env"]
    assert [file.name for file in written if "made up" in file.read_text()] == []


def test_what_nobody_answered_is_made_up_marked_and_good(folder: Path) -> None:
    result = init(folder)
    assert result.exit_code == 0, result.output
    for label in ("Bot ID", "Client Secret", "Organization Base URL", "Developer Name"):
        assert f"  {label}: " in result.output
    assert "warning" not in result.output
    warned = load(folder / "config" / "botkit.yaml", environ={}).warnings
    assert {warning.what for warning in warned} == {"is still a made-up value"}
    assert [warning.path for warning in warned] == [
        *("bot.id", "kore.client_id", "kore.client_secret"),
        *(f"agents.systems.salesforce.{key}" for key in ("organization_id", "organization_base_url")),
    ]
    marked = re.findall(
        r"^ *(\w+)[:=] ?.*# made up",
        (folder / ".env").read_text() + (folder / "config/bots/my-assistant.yaml").read_text(),
        re.MULTILINE,
    )
    assert len(marked) == 7


def test_a_made_up_secret_is_known_to_nobody(tmp_path: Path) -> None:
    secrets = set()
    for name in ("one", "two"):
        init(tmp_path / name)
        secrets.add(bot_of(tmp_path / name).kore.client_secret)
    assert len(secrets) == 2
    assert all(len(secret.reveal()) > 40 for secret in secrets)


def test_only_its_owner_may_read_the_secret(folder: Path) -> None:
    init(folder)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert ".env" in (folder / ".gitignore").read_text().splitlines()
    assert ".env" in (folder / ".dockerignore").read_text().splitlines()


def test_the_secret_may_come_from_the_environment(folder: Path) -> None:
    init(folder, env={"KORE_CLIENT_SECRET": SECRET})
    assert bot_of(folder).kore.client_secret == Secret(SECRET)


def test_a_secret_cannot_be_an_argument() -> None:
    result = CliRunner().invoke(cli.main, ["init", "x", "--client-secret", SECRET])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("organization_id", "00DDn00000CMYmJMAB", "its last three characters are not the checksum"),
        ("organization_id", "570000000000001", "copy the 15 or 18 characters starting with 00D"),
        (
            "organization_base_url",
            "https://acme.lightning.force.com",
            "use the My Domain URL, probably https://acme.my",
        ),
        ("organization_base_url", "http://127.0.0.1:8002", "this machine, not Salesforce"),
        ("developer_name", "Bot Handoff", "copy the deployment's API name"),
        ("bot_id", "cs-1", "st-"),
        ("kore_host", "https://bots.kore.ai/botbuilder", "write bots.kore.ai"),
        ("port", "port", "Port: "),
        ("bot_name", "two\nlines", "cannot be printed"),
        ("end_chat_command", " ", ""),
    ],
)
def test_a_wrong_answer_is_refused_as_check_does(folder: Path, option: str, value: str, said: str) -> None:
    result = init(folder, *own(**{option: value}))
    assert said in result.output
    assert (result.exit_code == 1) == bool(said)
    assert folder.exists() != bool(said)


def test_nothing_is_overwritten(folder: Path) -> None:
    folder.mkdir()
    (folder / "app.py").write_text("mine")
    (folder / ".env").symlink_to(folder / "elsewhere")
    result = init(folder)
    assert result.exit_code == 1
    assert "nothing was written" in result.output
    assert ".env, app.py already" in result.output
    assert sorted(file.name for file in folder.iterdir()) == [".env", "app.py"]
    assert (folder / "app.py").read_text() == "mine"


def test_a_bot_of_the_same_name_is_kept(folder: Path, answers: list[str]) -> None:
    (folder / "config" / "bots").mkdir(parents=True)
    (folder / "config" / "bots" / "acme.yaml").write_text("mine")
    answers += ["", "Acme", *[""] * 8]
    result = init(folder)
    assert "config/bots/acme.yaml already" in result.output
    assert not (folder / "app.py").exists()


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine")
    with pytest.raises(FileExistsError):
        write(tmp_path, {"app.py": "ours"})
    assert (tmp_path / "app.py").read_text() == "mine"


def test_a_folder_with_other_files_is_used(folder: Path) -> None:
    folder.mkdir()
    (folder / ".git").mkdir()
    assert init(folder).exit_code == 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = init(tmp_path / "file" / "in-it")
    assert result.exit_code == 1
    assert "cannot be written: Not a directory" in result.output


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a person types, in this order; the fixture fails for one that was not asked for."""
    typed: list[str] = []
    monkeypatch.setattr(command, "_is_asked", lambda: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **options: typed.pop(0) or options["default"])
    yield typed
    assert typed == []


def test_a_person_is_asked_until_each_answer_is_right(folder: Path, answers: list[str]) -> None:
    answers += ["st-2", OWN["--bot-id"], "Acme", "cs-7", "short", SECRET, "", "00D1", "00D000000000001"]
    answers += ["login.salesforce.com", "https://acme.my.salesforce.com", "Bot_Handoff_API", "leave"]
    answers += ["http://bot.acme.example", "https://bot.acme.example"]
    result = init(folder)
    assert result.exit_code == 0, result.output
    assert (
        "Organization Base URL: “login.salesforce.com” is the login page of every organisation"
        in result.output
    )
    assert "Client Secret: " in result.output
    assert "short" not in result.output.replace("shorter", "")
    assert load(folder / "config/botkit.yaml", environ={}).server.public_url == "https://bot.acme.example"
    bot = bot_of(folder)
    assert (bot.name, bot.kore.client_secret, bot.handoff.end_chat_command) == (
        "Acme",
        Secret(SECRET),
        "leave",
    )
    assert "Made up" not in result.output


def test_a_person_is_asked_only_for_what_no_option_gives(folder: Path, answers: list[str]) -> None:
    answers += ["", "", "", ""]
    result = init(folder, *own())
    assert result.exit_code == 0, result.output
    assert "Made up, and to be replaced (the files mark them):\n  Client Secret" in result.output


def test_an_end_word_that_salesforce_takes_for_itself_is_a_warning(folder: Path) -> None:
    result = init(folder, "--end-chat-command", "stop")
    assert result.exit_code == 0
    assert result.output.count("warning: ") == 1
    assert "warning: handoff.end_chat_command: “stop” is an opt-out keyword" in result.output


def test_nobody_is_asked_for_a_folder_that_is_taken(folder: Path, answers: list[str]) -> None:
    init(folder, "--no-input")
    assert init(folder).exit_code == 1


def test_every_template_is_filled_completely(folder: Path) -> None:
    init(folder)
    assert [file for file in folder.rglob("*") if file.is_file() and "@@" in file.read_text()] == []


@pytest.mark.parametrize(
    "text",
    [
        "Acme",
        "a: b",
        "yes: no",
        "12",
        "true",
        "${HOME}",
        "it's",
        'say "hi"',
        "# no comment",
        "- x",
        "Ä ö",
        "x #y",
        "~",
        "a:b",
        "'",
    ],
)
def test_any_name_is_read_back_as_it_was(folder: Path, text: str) -> None:
    result = init(folder, "--bot-name", text)
    assert result.exit_code == 0, result.output
    assert bot_of(folder).name == text
    assert in_yaml("Acme Assistant") == "Acme Assistant"


@pytest.mark.parametrize(
    "secret", ["a+b/c==", "it's", "$HOME `id`", "a \"b\" 'c' $d \\e `f`", "with space", "#x"]
)
def test_any_secret_is_read_back_by_botkit_and_by_a_shell(tmp_path: Path, secret: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"KORE_CLIENT_SECRET={in_env_file(secret)}\n")
    file.chmod(0o600)
    assert read_env_file(file, Problems())["KORE_CLIENT_SECRET"] == secret
    script = f'. {file}; printf %s "$KORE_CLIENT_SECRET"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == secret


@pytest.mark.parametrize(
    ("option", "value"),
    [("language", "not a language"), ("end_chat_command", "x" * 10_000), ("bot_name", "x" * 1000)],
)
def test_a_refusal_names_the_question(folder: Path, option: str, value: str) -> None:
    result = init(folder, f"--{option.replace('_', '-')}", value)
    assert result.exit_code == 1
    assert f"{BY_NAME[option].label}: " in result.output


@pytest.mark.parametrize(
    ("public_url", "prefix", "asked"),
    [
        ("https://acme.example", "", "http://127.0.0.1:8003/readyz"),
        ("https://acme.example/botkit/", "/botkit", "http://127.0.0.1:8003/botkit/readyz"),
    ],
)
def test_the_path_of_the_callback_url_is_the_prefix(
    folder: Path, public_url: str, prefix: str, asked: str
) -> None:
    assert init(folder, *own(), "--public-url", public_url).exit_code == 0
    settings = load(folder / "config/botkit.yaml", environ={})
    assert settings.server.prefix == prefix
    assert [warning for warning in settings.warnings if warning.path.startswith("server")] == []
    assert f"u.urlopen('{asked}'" in (folder / "compose.yaml").read_text()


# --- the emulated clouds


@pytest.fixture(scope="module")
def clouds() -> Iterator[Clouds]:
    clouds = Clouds()
    yield clouds
    clouds.close()


def test_the_values_of_a_running_sandbox_are_taken(folder: Path, clouds: Clouds) -> None:
    addresses = clouds.sandbox.addresses()
    result = init(folder, "--sandbox", addresses["page_url"], "--port", "8123")
    assert result.exit_code == 0, result.output
    assert "Made up" not in result.output
    bot = bot_of(folder)
    assert bot.kore.client_secret == Secret(addresses["client_secret"])
    assert bot.kore.callback_hosts == (addresses["kore_url"].removeprefix("http://"),)
    settings: Any = bot.agents.systems["salesforce"].settings
    assert settings.organization_base_url == addresses["salesforce_url"]
    assert load(folder / "config/botkit.yaml", environ={}).server.port == 8123


@pytest.mark.parametrize("source", ["-", "line.json"])
def test_the_values_of_its_line_of_json_are_taken(
    folder: Path, tmp_path: Path, clouds: Clouds, source: str
) -> None:
    line = json.dumps({**clouds.sandbox.addresses(), "botkit_url": "http://127.0.0.1:9003"})
    (tmp_path / "line.json").write_text(line)
    named = source if source == "-" else str(tmp_path / source)
    result = init(folder, "--sandbox", named, answers=line)
    assert result.exit_code == 0, result.output
    settings = load(folder / "config/botkit.yaml", environ={})
    assert (settings.server.port, settings.security.insecure_http) == (9003, True)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://127.0.0.1:9", "no sandbox answers at http://127.0.0.1:9"),
        ("no-such-file", "cannot be read: no-such-file"),
        ("-", "- has not what `botkit sandbox --json` prints"),
    ],
)
def test_without_a_sandbox_it_says_so(folder: Path, source: str, said: str) -> None:
    result = init(folder, "--sandbox", source, answers='{"bot_id": 1}')
    assert result.exit_code == 1
    assert said in result.output
    assert not folder.exists()


def test_another_server_is_no_sandbox(folder: Path, clouds: Clouds) -> None:
    result = init(folder, "--sandbox", clouds.salesforce.base_url)
    assert result.exit_code == 1
    assert "so it is not the sandbox's page" in result.output


# --- what is in the folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "acme-bot"
    assert init(folder, *own(), "--no-input").exit_code == 0
    return folder


@pytest.mark.slow
def test_its_test_passes_as_it_is(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=made,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_yaml_files_are_what_compose_reads(made: Path) -> None:
    import yaml

    service = yaml.safe_load((made / "compose.yaml").read_text())["services"]["botkit"]
    assert service["env_file"] == ".env"
    assert service["ports"] == ["127.0.0.1:8003:8003"]
    docker = (made / "Dockerfile").read_text()
    words = json.loads(docker.splitlines()[-1].removeprefix("CMD "))
    options = cli.main.get_command(None, words[1])  # type: ignore[arg-type]
    assert options is not None
    flags = {flag for option in options.params for flag in option.opts}
    assert {word for word in words if word.startswith("--")} <= flags


# --- serve --handlers


@pytest.mark.parametrize(
    ("text", "named", "said"),
    [
        ("", "nothing_here:kit", "there is no module nothing_here in /"),
        ("", "nothing_here.inner:kit", "there is no module nothing_here.inner in /"),
        ("", "app.py:kit", "app.py:kit is not MODULE:KIT; write app:kit"),
        ("", "./app:kit", "./app:kit is not MODULE:KIT"),
        ("", ":kit", ":kit is not MODULE:KIT"),
        ("", "MODULE:kit", "has no kit kit: write kit = BotKit() in it"),
        ("kit = 1", "MODULE", "has no kit kit"),
        (
            "from botkit import BotKit\nbot = BotKit()",
            "MODULE",
            "has no kit kit: write --handlers MODULE:bot",
        ),
        (
            "from botkit import BotKit\nfrom botkit.testing.configuration import made_up_settings\n"
            "kit = BotKit(made_up_settings())",
            "MODULE:kit",
            "and --config is another",
        ),
    ],
)
def test_serve_says_why_a_module_has_no_handlers(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, named: str, said: str
) -> None:
    name = f"bot_{abs(hash((text, named)))}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(NotConfigured) as error:
        kit_of(named.replace("MODULE", name))
    assert said.replace("MODULE:bot", f"{name}:bot") in str(error.value)
