"""`botkit init`: a folder that works, for a bot of one's own or for the emulated clouds."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from botkit.cli.init_answers import BY_NAME, QUESTIONS, Answers, Question, write
from botkit.errors import Problem

SANDBOX = "http://127.0.0.1:8001"
_MAX_BYTES = 64 * 1024
_FROM_SANDBOX = {
    "bot_id": "bot_id",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "organization_id": "organization_id",
    "organization_base_url": "salesforce_url",
    "developer_name": "developer_name",
}
"""Question → member of the line that `botkit sandbox --json` prints."""


def answer_options(command: Any) -> Any:
    """Add an option for every answer that may stand on a command line; a secret may not."""
    for question in reversed(QUESTIONS):
        if not question.secret:
            flag = "--" + question.name.replace("_", "-")
            shown = f"  [default: {question.made_up}]" if question.fixed and question.made_up else ""
            text = f"{question.label}: {question.where}.{shown}"
            command = click.option(flag, question.name, metavar="TEXT", help=text)(command)
    return command


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--sandbox",
    "sandbox",
    metavar="ADDRESS|FILE|-",
    is_flag=False,
    flag_value=SANDBOX,
    help="Take the values of the emulated clouds: from the address of a running `botkit sandbox` (alone: "
    f"{SANDBOX}), or from the line that `botkit sandbox --json` prints, in a file or on the standard input.",
)
@answer_options
@click.option(
    "--client-secret-file",
    "secret_file",
    metavar="FILE|-",
    help="A file with the Client Secret. Otherwise KORE_CLIENT_SECRET of the environment is taken, or it is asked for.",
)
@click.option(
    "--no-input", is_flag=True, help="Ask nothing. Values that are not given are made up, and marked."
)
def init(
    folder: Path, sandbox: str | None, secret_file: str | None, no_input: bool, **options: str | None
) -> None:
    """Write a folder that works: the configuration, a handler with its test, and a container.

    Asks for each value that no option gives, and checks it as `botkit check` does; an empty answer leaves a made-up
    value to replace later. On anything but a terminal nothing is asked. Files that exist are never overwritten.

    \b
    Your own bot and organisation      botkit init acme-bot
    The emulated clouds                botkit sandbox &
                                       botkit init acme-bot --sandbox
    """
    answers = _from_options(sandbox, secret_file, options)
    for name in answers.given:
        if problem := answers.problem_with(BY_NAME[name]):
            raise click.ClickException(_worded(BY_NAME[name], problem))
    _require_free(folder, answers.files())
    if not no_input and sandbox is None and _is_asked():
        answers = _asked(answers)
    if problems := answers.problems():  # pragma: no cover - each answer was checked alone
        raise click.ClickException(str(problems[0]))
    files = answers.files()
    _require_free(folder, files)
    try:
        write(folder, files)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None
    _report(folder, answers, files, emulated=sandbox is not None)


def _require_free(folder: Path, files: dict[str, str]) -> None:
    if existing := [path for path in files if os.path.lexists(folder / path)]:
        raise click.ClickException(f"nothing was written, because {folder} has {', '.join(existing)} already")


def _is_asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def _from_options(sandbox: str | None, secret_file: str | None, options: dict[str, str | None]) -> Answers:
    given = _of_sandbox(sandbox) if sandbox is not None else {}
    given.update({name: value.strip() for name, value in options.items() if value and value.strip()})
    if secret_file is not None:
        given["client_secret"] = _text_of(secret_file, "the file with the secret").strip()
    elif "client_secret" not in given and (secret := os.environ.get("KORE_CLIENT_SECRET")):
        given["client_secret"] = secret
    return Answers(given, insecure_http=sandbox is not None)


def _of_sandbox(source: str) -> dict[str, str]:
    """The answers for the emulated clouds: what `botkit sandbox --json` prints, from where it is to be had."""
    if source.startswith(("http://", "https://")):
        text = _asked_of_sandbox(source)
    else:
        text = _text_of(source, "the sandbox's line of JSON")
    try:
        said = json.loads(text)
        given = {name: str(said[member]) for name, member in _FROM_SANDBOX.items()}
        port, host = urlsplit(said["botkit_url"]).port, urlsplit(said["kore_url"]).netloc
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"{source} has not what `botkit sandbox --json` prints") from None
    return {**given, "bot_name": "Acme Assistant", "kore_host": str(host), "port": str(port or 8003)}


def _asked_of_sandbox(address: str) -> str:
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # the sandbox is on this machine, or named on purpose
            url = f"{address.rstrip('/')}/sandbox/addresses"
            with session.get(url, timeout=5, allow_redirects=False, stream=True) as answer:
                text = next(answer.iter_content(_MAX_BYTES), b"").decode("utf-8", "replace")
    except requests.RequestException:
        raise click.ClickException(
            f"no sandbox answers at {address}: start `botkit sandbox`, or name the address of its page"
        ) from None
    if not answer.ok:
        raise click.ClickException(f"{address} answers {answer.status_code}, so it is not the sandbox's page")
    return text


def _text_of(name: str, what: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(_MAX_BYTES)
        with Path(name).open(encoding="utf-8") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        raise click.ClickException(f"{what} cannot be read: {name} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{what} is not UTF-8 text: {name}") from None


def _asked(answers: Answers) -> Answers:
    """Ask for what is missing, each value until it is right; an empty answer leaves it made up."""
    click.echo("Leave an answer empty to fill it in later.\n")
    for question in QUESTIONS:
        if question.name in answers.given or question.name in ("language", "port"):
            continue
        label = f"{click.style(question.label, bold=True)} ({question.where})"
        default = question.made_up if question.fixed else ""
        while True:
            said = click.prompt(
                label, default=default, show_default=bool(default), hide_input=question.secret
            )
            tried = answers.with_answer(question.name, said.strip())
            problem = tried.problem_with(question)
            if problem is None:
                answers = tried
                break
            click.echo(f"  {_worded(question, problem)}")
    click.echo()
    return answers


def _worded(question: Question, problem: Problem) -> str:
    return f"{question.label}: {problem.what}; {problem.fix}"


def _report(folder: Path, answers: Answers, files: dict[str, str], *, emulated: bool) -> None:
    botkit = "botkit" if shutil.which("botkit") else shlex.quote(str(Path(sys.argv[0]).absolute()))
    config = "--config config/botkit.yaml"
    click.echo(f"{folder}: {len(files)} files for {click.style(answers.value('bot_name'), bold=True)}")
    for path in files:
        click.echo(f"  {path}")
    for warning in answers.warnings():
        click.echo(f"\nwarning: {warning.path}: {warning.what}; {warning.fix}")
    if made_up := answers.made_up():
        click.echo("\nMade up, and to be replaced (the files mark them):")
        for question in made_up:
            click.echo(f"  {question.label}: {question.where}")
    click.echo("\nNext:")
    click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo(f"  {botkit} doctor {config}")
    click.echo(f"  {botkit} serve {config} --handlers app:kit")
    if emulated:
        click.echo(
            f"\nThen open the sandbox's page and say: talk to an agent. BotKit listens on port {answers.value('port')}."
        )
    else:
        click.echo(
            "\nThen let the bot's Callback URL on the platform lead to BotKit, subscribe OnMessage, OnAgentTransferNode and "
            "OnEvent, and publish the bot. Say to it: ping botkit."
        )
