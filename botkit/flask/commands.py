"""The ``flask botkit`` commands: the kits of a Flask application, from a shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from botkit.config.agent_systems import notices
from botkit.errors import BotKitError, NothingToAnswer
from botkit.flask.mounted import Mounted, mounted_in

commands = AppGroup(
    "botkit", help="The kits that are mounted in this application, and messages to their users."
)


@commands.command("bots")
def bots() -> None:
    """List the bots and where their hooks go."""
    for mounted in _mounted():
        settings = mounted.service.settings
        for bot in settings.bots.values():
            click.echo(f"{bot.id}  {bot.name}  POST {settings.server.prefix}/sdk/bots/{bot.id}/…")
        for notice in notices(settings):
            click.echo(f"notice: {notice}", err=True)


@commands.command("handlers")
def handlers() -> None:
    """List the handlers in the order in which they are called."""
    for mounted in _mounted():
        for handler in mounted.kit.handlers:
            detail = f'("{handler.detail}")' if handler.detail else ""
            click.echo(f"{handler.event}{detail}  {handler.name}  {handler.bot or 'all bots'}")


@commands.command("send")
@click.argument("bot_id")
@click.argument("user_id")
@click.argument("text")
@click.option(
    "--channel",
    default="",
    help="By default the channel where the user is with an agent, else where they wrote last.",
)
def send(bot_id: str, user_id: str, text: str, channel: str) -> None:
    """Show TEXT to a user of a bot. It is on disk when this returns; the service delivers it."""
    with _errors_as_lines():
        service = _of_bot(bot_id).service
        service.visit()
        service.conversation(bot_id, user_id, channel=channel).send(text)


@commands.command("respond")
@click.argument("request_id")
@click.argument("context", default="{}")
@click.option("--bot", "bot_id", help="Needed only if two bots have a deferred webhook with this request id.")
def respond(request_id: str, context: str, bot_id: str | None) -> None:
    """Answer a deferred webhook, with changes to its CONTEXT as JSON."""
    try:
        changes: Any = json.loads(context)
    except ValueError:
        changes = None
    if not isinstance(changes, dict):
        raise click.BadParameter(
            'a JSON object is wanted, such as \'{"order": "shipped"}\'', param_hint="CONTEXT"
        )
    kits = [_of_bot(bot_id)] if bot_id else _mounted()
    with _errors_as_lines():
        for mounted in kits:
            try:
                mounted.service.visit()
                mounted.service.respond_to_hook(request_id, changes, replace=False, bot_id=bot_id)
            except NothingToAnswer:
                if mounted is kits[-1]:
                    raise
            else:
                return


def _mounted() -> list[Mounted]:
    return mounted_in(current_app)


def _of_bot(bot_id: str) -> Mounted:
    for mounted in _mounted():
        if any(bot_id in (bot.id, *bot.linked) for bot in mounted.service.settings.bots.values()):
            return mounted
    known = ", ".join(bot for mounted in _mounted() for bot in mounted.service.settings.bots)
    raise click.ClickException(f"no bot {bot_id} is configured here; there are {known}")


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    """Show an error of BotKit as a line, not as a traceback."""
    try:
        yield
    except BotKitError as error:
        raise click.ClickException(f"{error.code}: {error}") from None
