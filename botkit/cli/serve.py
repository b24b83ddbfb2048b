"""`botkit serve`: the service, on uvicorn.

One process with one event loop, which takes the hooks and does all calls; handlers and pages that may block have threads.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botkit.cli import require
from botkit.config.agent_systems import notices
from botkit.config.load import load
from botkit.config.values import store_file
from botkit.observability.events import get_logger
from botkit.observability.logs import LEVELS
from botkit.observability.outputs import replace_outputs

if TYPE_CHECKING:
    from botkit.asgi.interface import Application
    from botkit.config.settings import Settings
    from botkit.kit import BotKit

    MakeKit = Callable[[Settings], BotKit]
    """A function that makes a kit, with a configuration of its own or without one."""

_log = get_logger("botkit.serve")

_MAX_FILES = 65_536
_BACKLOG = 2048
_FIX_OF_FILES = (
    "raise the limit of open files (LimitNOFILE of systemd, ulimit -n), or lower server.max_connections"
)


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

    Set the Callback URL of the bot's JWT app to the printed address. Ctrl-C, SIGTERM or the end of the terminal (SIGHUP,
    unless nohup lets it be ignored) stops the service gracefully: new hooks are refused, running calls are finished, and
    everything else waits in the store for the next start.

    Errors in the configuration end it at once; `botkit check` prints them too. It needs the extra "serve".
    """
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    make_kit: MakeKit | None = None
    if handlers is not None:
        from botkit.cli.handlers_module import kit_of

        make_kit = lambda _: kit_of(handlers)  # noqa: E731
    run(config, host=host, port=port, log=Log(as_json, log_level, access_log), make_kit=make_kit)


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
    config: Path,
    *,
    host: str | None,
    port: int | None,
    log: Log,
    make_kit: MakeKit | None = None,
    behind: Application | None = None,
) -> None:
    """Serve until a signal stops the process. Standard output and standard error are replaced until the process ends.

    Args:
        config: the server's file.
        host: replaces the host in the file.
        port: replaces the port in the file; 0 takes a free one.
        log: how the service logs.
        make_kit: makes the kit; by default one without handlers, alone on its store.
        behind: the application that gets what is neither a hook nor a page; by default there is nothing.

    Raises:
        ClickException: uvicorn is not installed, or the port is taken.
        BotKitError: the configuration, the handlers or the store cannot be used.
    """
    replace_outputs()
    require("uvicorn", "httptools")
    gc.disable()  # Imported objects stay alive: collecting during imports costs a tenth of the start (measured).
    from botkit.asgi.not_found import NotFound
    from botkit.cli.uvicorn_server import Listening, serve_until_stopped
    from botkit.kit import BotKit
    from botkit.observability.logs import set_up_logging

    settings = load(config)
    files = _allow_many_files()
    set_up_logging(json=log.as_json, level=log.level)
    file = store_file(settings.store.url)
    is_new = file is not None and not file.exists()
    # The other half is for the event streams of conversations, calls and the store.
    max_connections = min(settings.server.max_connections, files // 2)
    host = host or settings.server.host
    listener = _listen(host, settings.server.port if port is None else port)
    monitors = None
    if (health_port := settings.server.health_port) is not None:
        monitors = _listen(host, health_port, names="server.health_port")
    kit = make_kit(settings) if make_kit is not None else BotKit(settings, share=False)
    hooks = kit.asgi(behind or NotFound(settings.server.prefix), config=None if kit.is_configured else config)

    def started() -> None:
        _announce(
            listener, monitors, settings.server.prefix, file, [handler.name for handler in kit.handlers]
        )
        _note(settings, file if is_new else None)
        if max_connections < settings.server.max_connections:
            _log.warning("fewer_connections", limit=max_connections, fix=_FIX_OF_FILES)
        # All objects so far stay alive, and a hook leaves no reference cycles: a collection after every 700 new objects costs a
        # tenth of the hooks per second (measured; the same as with the collector switched off).
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()

    everybody = Listening(
        listener, kit.asgi_pages(hooks), max_connections, settings.server.max_connections_per_address
    )
    # With pages of their own, so that their threads are not those that requests to the other listener may keep busy.
    pages = (
        Listening(monitors, kit.asgi_pages(NotFound(settings.server.prefix)))
        if monitors is not None
        else None
    )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve_until_stopped(hooks, everybody, pages, started=started, logs_requests=log.requests))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, if it is installed: the same hooks for less processor time."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _listen(host: str, port: int, *, names: str = "--port") -> socket.socket:
    """A socket that is bound to the address; `names` is what sets the port. Raises: ClickException if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio sets TCP_NODELAY only then, and an answer in two parts would wait 40 ms between them.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Now: two sockets that may reuse an address can be bound to one port, but only one of them can listen.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise click.ClickException(
            f"cannot listen on {host}:{port} ({error.strerror}): {_fix_of(error, names)}"
        ) from error
    return listener


def _fix_of(error: OSError, port: str) -> str:
    if isinstance(error, socket.gaierror):
        return "correct the host: server.host or --host"
    match error.errno:
        case errno.EADDRINUSE:
            return f"stop what listens there, or choose another {port}"
        case errno.EADDRNOTAVAIL:
            return "no such address on this machine; write 127.0.0.1 behind a proxy on it, or 0.0.0.0 in a container"
        case errno.EACCES:
            return f"choose a {port} of 1024 or more, which needs no privileges"
    return "check server.host and server.port"


def _announce(
    listener: socket.socket,
    monitors: socket.socket | None,
    prefix: str,
    store: Path | None,
    handlers: list[str],
) -> None:
    click.echo(f"BotKit listens on {_origin_of(listener)}{prefix}")
    if monitors is not None:
        click.echo(f"Monitors are answered on {_origin_of(monitors)}{prefix}")
    if store is not None:
        click.echo(f"The store is {store}")
    if handlers:
        click.echo(f"The handlers are {', '.join(handlers)}")
    sys.stdout.flush()


def _origin_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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


def _allow_many_files() -> int:
    """Raise the limit of open files: every connection and every agent stream is one, and the usual limit is 1,024.

    Returns:
        The limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _MAX_FILES if soft == resource.RLIM_INFINITY else soft
