"""`botkit serve`: the service, on granian.

Granian runs its WSGI workers as processes of their own (its in-process mode knows no WSGI). Here there is exactly one, since one
process holds the store; the kit is started in the worker, and the first process only watches it. Should the first process be
killed, the worker must not live on with the port and the store's lock: it watches the pipe that multiprocessing keeps between
the two, and goes when that closes. A worker that was in the middle of something loses nothing: what was acknowledged stands
in the store.
"""

from __future__ import annotations

import functools
import gc
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botkit.cli import replace_unencodable, require, stalled
from botkit.config.agent_systems import notices
from botkit.config.load import load
from botkit.config.values import store_file
from botkit.hooks.bodies import MAX_CONCURRENT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

    from botkit.config.settings import Settings

    MakeApp = Callable[[Settings], Flask]
    """Makes an application with a kit in it."""

_MAX_CONNECTIONS = 4096
_MAX_FILES = 65_536


@click.command()
@click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The server's file, botkit.yaml.",
)
@click.option("--host", help="Listen here instead of server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of server.port; 0 takes a free one.")
@click.option(
    "--log",
    "log_format",
    type=click.Choice(["auto", "json", "console"]),
    default="auto",
    show_default=True,
    help="How log lines look; auto is for people on a terminal and JSON otherwise.",
)
def serve(config: Path, host: str | None, port: int | None, log_format: str) -> None:
    """Take the XO platform's hooks and carry conversations to the agents.

    Point the Callback URL of the bot's JWT app at the printed address. Ctrl-C or SIGTERM stops it in good order: hooks are
    refused, what is under way is finished, the rest waits in the store for the next start.
    """
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    run(config, host=host, port=port, as_json=as_json)


def run(
    config: Path, *, host: str | None, port: int | None, as_json: bool, make_app: MakeApp | None = None
) -> None:
    """Serve until somebody stops it.

    Args:
        config: the server's file.
        host: instead of the file's.
        port: instead of the file's; 0 takes a free one.
        as_json: how log lines look.
        make_app: makes the application, in the process that serves it; by default one that is nothing but a kit.

    Raises:
        ClickException: granian is not installed, or the port is taken.
    """
    require("granian")
    settings = load(config)
    address = host or settings.server.host
    free = _reserve(address, settings.server.port if port is None else port)
    for notice in notices(settings):
        click.echo(f"notice: {notice}", err=True)
    _server(address, free, settings.server.threads).serve(
        target_loader=functools.partial(_worker, config, as_json, address, free, make_app), wrap_loader=False
    )


def _server(address: str, port: int, threads: int) -> Any:
    from granian.constants import Interfaces
    from granian.server import Server

    return Server(
        "botkit",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        # So many are left for everybody else when as many as may be wait for bodies.
        blocking_threads=threads + MAX_CONCURRENT,
        # Granian counts a kept-alive connection as one request under way, also while it is silent.
        backpressure=_MAX_CONNECTIONS,
        workers_kill_timeout=20,
        websockets=False,
        log_enabled=False,
    )


def _reserve(host: str, port: int) -> int:
    """The port to listen on, made sure to be free.

    Granian shares its ports (SO_REUSEPORT): without this look, two services on one port would each get half of the hooks.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on {host}:{port} ({error.strerror}): stop what listens there, or choose another --port"
            ) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _worker(
    config: Path, as_json: bool, address: str, port: int, make_app: MakeApp | None
) -> WSGIApplication:
    """In the worker: everything that must not cross a fork. Returns the application.

    The port is bound when this begins, and hooks are taken when it ends.
    """
    replace_unencodable()
    _go_with_the_parent()
    _allow_many_files()
    gc.disable()  # What is imported stays: to look through it again and again is a tenth of the start (measured).
    from botkit.errors import BotKitError
    from botkit.kit import BotKit, create_app
    from botkit.observability.logs import set_up_logging
    from botkit.wsgi.middleware import BotKitMiddleware

    set_up_logging(json=as_json)
    try:
        settings = load(config)
        file = store_file(settings.store.url)
        is_new = file is not None and not file.exists()
        app = (make_app or create_app)(settings)
        kit: BotKit = app.extensions["botkit"][0].kit
        kit.start()
    except BotKitError as error:
        click.echo(f"{error.code}: {error}", err=True)
        sys.exit(1)
    door = app.wsgi_app
    assert isinstance(door, BotKitMiddleware)  # noqa: S101 (whoever made the application put it there)
    stalled.watch(port, door.bodies.waiting, max_concurrent=MAX_CONCURRENT)
    _announce(address, port, settings.server.prefix, file, is_new=is_new)
    # What was made so far stays for good, and a hook leaves no cycles behind: looking through everything after every
    # 700 new objects costs a tenth of the hooks per second (measured; the same with the collector switched off).
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    # Hooks, commits and calls take turns: with shorter ones an acknowledgement waits less for the others (measured: the
    # slowest hundredth a fifth sooner, and as many hooks per second).
    sys.setswitchinterval(0.002)
    return app.wsgi_app


def _announce(host: str, port: int, prefix: str, store: Path | None, *, is_new: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"BotKit listens on http://{shown}:{port}{prefix}")
    if store is not None:
        click.echo(f"The store is {store}")
    if is_new:
        click.echo(
            f"warning: a new store: {store} did not exist. If there should have been one, stop, and look at "
            "store.url and at the working directory",
            err=True,
        )
    sys.stdout.flush()


def _allow_many_files() -> None:
    """Every connection and every agent session's stream is a file; the usual limit of 1,024 is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _go_with_the_parent() -> None:
    """End this process when the one that watches it has gone, however it went."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="botkit-parent-watch", daemon=True).start()
