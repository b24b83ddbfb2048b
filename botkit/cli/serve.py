"""`botkit serve`: the service, on granian.

Granian runs its WSGI workers as separate processes (its in-process mode does not support WSGI). There is exactly one worker here,
since one process holds the store. The kit runs in the worker; the parent process only watches it. If the parent is killed, the
worker must release the port and the lock of the store: it watches the pipe that multiprocessing keeps between the two processes,
and kills itself when the pipe closes. Nothing is lost then: every acknowledged hook is in the store.
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
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botkit.cli import replace_unencodable, require, stalled
from botkit.config.agent_systems import notices
from botkit.config.load import load
from botkit.config.values import store_file
from botkit.hooks.bodies import MAX_CONCURRENT
from botkit.observability.events import get_logger
from botkit.observability.logs import LEVELS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

    from botkit.config.settings import Settings

    MakeApp = Callable[[Settings], Flask]
    """A function that makes an application with a kit in it."""

_log = get_logger("botkit.serve")

_MAX_CONNECTIONS = 4096
_MAX_FILES = 65_536


@click.command()
@click.option(
    "--config",
    "config",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    default="config/botkit.yaml",
    show_default=True,
    help="The server's file; it names the bots' files.",
)
@click.option("--host", help="Listen on this address instead of server.host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Listen on this port instead of server.port. 0 takes a free one.",
)
@click.option(
    "--log",
    "log_format",
    type=click.Choice(["auto", "json", "console"]),
    default="auto",
    show_default=True,
    help="The format of log lines; auto is console on a terminal and JSON otherwise.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    envvar="BOTKIT_LOG_LEVEL",
    show_envvar=True,
    help="The lowest level that is logged.",
)
@click.option(
    "--access-log",
    is_flag=True,
    envvar="BOTKIT_ACCESS_LOG",
    show_envvar=True,
    help="Log every request: method, path, status, milliseconds and bytes; no query, no user, no content.",
)
@click.option(
    "--handlers",
    "handlers",
    metavar="MODULE:KIT",
    help="Run the handlers of this kit, such as app:kit; the module is looked up in the working directory first.",
)
def serve(
    config: Path,
    host: str | None,
    port: int | None,
    log_format: str,
    log_level: str,
    access_log: bool,
    handlers: str | None,
) -> None:
    """Take the XO platform's hooks and carry conversations to the agents.

    Set the Callback URL of the bot's JWT app to the printed address. Ctrl-C or SIGTERM stops the service gracefully: new
    hooks are refused, running calls are finished, and everything else waits in the store for the next start.

    Errors in the configuration end it at once; `botkit check` prints them too. It needs the extra "serve".
    """
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    make_app: MakeApp | None = None
    if handlers is not None:
        from botkit.cli.handlers_module import with_handlers

        make_app = functools.partial(with_handlers, handlers, config)
    run(config, host=host, port=port, log=Log(as_json, log_level, access_log), make_app=make_app)


@dataclass(frozen=True, slots=True)
class Log:
    """How the service logs.

    Attributes:
        as_json: JSON lines instead of lines for people.
        level: one of `LEVELS`.
        requests: whether every request has a line.
    """

    as_json: bool
    level: str = "info"
    requests: bool = False


def run(
    config: Path, *, host: str | None, port: int | None, log: Log, make_app: MakeApp | None = None
) -> None:
    """Serve until a signal stops the process.

    Args:
        config: the server's file.
        host: replaces the host in the file.
        port: replaces the port in the file; 0 takes a free one.
        log: how the service logs.
        make_app: makes the application, in the worker process; by default an application with only a kit.

    Raises:
        ClickException: granian is not installed, or the port is taken.
    """
    require("granian")
    settings = load(config)
    address = host or settings.server.host
    free = _reserve(address, settings.server.port if port is None else port)
    _server(address, free, settings.server.threads).serve(
        target_loader=functools.partial(_worker, config, log, address, free, make_app), wrap_loader=False
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
        # `server.threads` threads are left for other requests while the maximum number of bodies is pending.
        blocking_threads=threads + MAX_CONCURRENT,
        # Granian counts every kept-alive connection as a running request, also while it is idle.
        backpressure=_MAX_CONNECTIONS,
        workers_kill_timeout=20,
        websockets=False,
        log_enabled=False,
    )


def _reserve(host: str, port: int) -> int:
    """The port to listen on, after a check that it is free.

    Granian shares its ports (SO_REUSEPORT): without this check, two services on one port would each get half of the hooks.
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


def _worker(config: Path, log: Log, address: str, port: int, make_app: MakeApp | None) -> WSGIApplication:
    """Set up the worker process, and return the application.

    Everything that must not cross a fork happens here. The port is bound before; hooks are accepted afterwards.
    """
    replace_unencodable()
    _die_with_the_parent()
    _allow_many_files()
    gc.disable()  # Imported objects stay alive: collecting during imports costs a tenth of the start (measured).
    from botkit.errors import BotKitError
    from botkit.kit import BotKit, create_app
    from botkit.observability.logs import set_up_logging
    from botkit.wsgi.access_log import AccessLog
    from botkit.wsgi.middleware import BotKitMiddleware

    set_up_logging(json=log.as_json, level=log.level)
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
    middleware = app.wsgi_app
    assert isinstance(middleware, BotKitMiddleware)  # noqa: S101 (every application with a kit has it)
    stalled.watch(port, middleware.bodies.waiting, max_concurrent=MAX_CONCURRENT)
    _announce(address, port, settings.server.prefix, file, [handler.name for handler in kit.handlers])
    _note(settings, file if is_new else None)
    # All objects so far stay alive, and a hook leaves no reference cycles: a collection after every 700 new objects costs a
    # tenth of the hooks per second (measured; the same as with the collector switched off).
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    # Threads for hooks, commits and calls take turns. With a shorter switch interval an acknowledgement waits less for the
    # other threads (measured: the 99th percentile is a fifth lower, at the same hooks per second).
    sys.setswitchinterval(0.002)
    return AccessLog(app.wsgi_app, monotonic=time.perf_counter) if log.requests else app.wsgi_app


def _announce(host: str, port: int, prefix: str, store: Path | None, handlers: list[str]) -> None:
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"BotKit listens on http://{shown}:{port}{prefix}")
    if store is not None:
        click.echo(f"The store is {store}")
    if handlers:
        click.echo(f"The handlers are {', '.join(handlers)}")
    sys.stdout.flush()


def _note(settings: Settings, new_store: Path | None) -> None:
    """Log what deserves attention at the start."""
    for warning in settings.warnings:
        _log.warning("configuration_warning", what=str(warning))
    for notice in notices(settings):
        _log.info("configuration_notice", what=str(notice))
    if new_store is not None:
        _log.warning(
            "new_store",
            file=str(new_store),
            fix="nothing at the first start; otherwise stop, and check store.url and the working directory",
        )


def _allow_many_files() -> None:
    """Raise the limit of open files: every connection and every agent stream is one, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _die_with_the_parent() -> None:
    """Kill this process when its parent has ended for any reason."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="botkit-parent-watch", daemon=True).start()
