"""From `botkit.yaml` and the bot files it names to `Settings`, or to every problem in them at once."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yaml.nodes import ScalarNode

from botkit.config.bot_file import BotFile, read_bot_file
from botkit.config.env_file import Variables
from botkit.config.filling import Filling
from botkit.config.outgoing import check_network, network_settings
from botkit.config.problems import WHOLE_FILE, Problems, dotted
from botkit.config.schema import server_schema
from botkit.config.settings import SecuritySettings, ServerSettings, Settings, StoreSettings
from botkit.config.validation import Checked, check, typed
from botkit.config.values import absolute_store_url, check_store_url, path_of
from botkit.config.yaml_file import locate, read_yaml
from botkit.errors import Problem, UnusableValue
from botkit.ledger.kinds import is_postgresql


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a whole configuration.

    Args:
        path: the server's file, `botkit.yaml`; problems name it as it is given here.
        environ: the variables for `${NAME}`; by default those of the process. They win over those of `env_file`.

    Raises:
        ConfigurationError: with every problem of every file.
    """
    problems = Problems()
    server, variables = _read_server_file(Path(path), os.environ if environ is None else environ, problems)
    bots: list[BotFile] = []
    if server is not None:
        insecure_http = server.at("security", "insecure_http") is True
        for file in _bot_files(server):
            bot = read_bot_file(file, environ=variables, problems=problems, insecure_http=insecure_http)
            if bot is not None:
                bots.append(bot)
    _check_ids(bots, problems)
    problems.raise_if_any()
    assert server is not None  # noqa: S101 (a file that could not be read is a problem)
    return _settings(server, bots, variables, tuple(problems.warnings))


def _read_server_file(
    file: Path, environ: Mapping[str, str], problems: Problems
) -> tuple[Checked | None, Mapping[str, str]]:
    """The server's file, and the variables for this file and those of the bots."""
    root = read_yaml(file, problems)
    if root is None:
        return None, environ
    line, bots_own = locate(root, ("kore",))
    if bots_own is not None and locate(root, ("bots",))[1] is None:
        problems.add(file, line, WHOLE_FILE, "is a bot's file", "name botkit.yaml, which lists it under bots")
        return None, environ
    line, named = locate(root, ("env_file",))
    if isinstance(named, ScalarNode) and "${" in named.value:
        problems.add(
            file, line, "env_file", "contains ${", "write the path itself; nothing is filled in here"
        )
    elif isinstance(named, ScalarNode) and named.value and "\0" not in named.value:
        environ = Variables(environ, file.parent / named.value, problems)
    root = Filling(file, environ, problems).fill(root)
    server = check(file, root, server_schema(), problems)
    _check_store(server)
    if (server.text("server", "public_url") or "").startswith("http:") and not server.at(
        "security", "insecure_http"
    ):
        server.complain(("server", "public_url"), "is not encrypted", "write the https:// address")
    _check_prefix(server)
    _check_health_port(server)
    check_network(server, environ)
    return server, environ


def _check_store(server: Checked) -> None:
    """The URLs may hold a password, so they are not shown."""
    url, direct_url = server.text("store", "url") or "", server.text("store", "direct_url") or ""
    try:
        check_store_url(url)
    except UnusableValue as unusable:
        server.complain(("store", "url"), unusable.what, unusable.fix)
    if direct_url and not is_postgresql(url):
        server.complain(
            ("store", "direct_url"),
            "is for PostgreSQL only",
            "remove it, or name the database in store.url, too",
        )
    elif direct_url:
        try:
            check_store_url(direct_url)
        except UnusableValue as unusable:
            server.complain(("store", "direct_url"), unusable.what, unusable.fix)


def _check_prefix(server: Checked) -> None:
    """Warn if the platform would call other paths than those that are served."""
    public_url, prefix = server.text("server", "public_url"), server.text("server", "prefix") or ""
    path = path_of(public_url or "")
    if public_url and path != prefix:
        what = f"has the path “{path or '/'}”, and server.prefix is “{prefix}”: hooks under another path are answered with 404"
        shown = path or '""'
        server.warn(("server", "public_url"), what, f"write prefix: {shown}, unless a proxy changes the path")


def _check_health_port(server: Checked) -> None:
    port = server.at("server", "health_port")
    if port and port == (server.at("server", "port") or ServerSettings().port):
        server.complain(
            ("server", "health_port"), "is server.port, too", "choose another port for the monitors"
        )


def _bot_files(server: Checked) -> Sequence[Path]:
    """Every file that the patterns of `bots` match, each once, in the order of its pattern and its name."""
    found: dict[Path, Path] = {}
    for index in range(len(server.items("bots"))):
        pattern = server.text("bots", index)
        if not pattern:
            continue
        names = sorted(glob.glob(pattern, root_dir=server.file.parent, recursive=True))
        files = [file for name in names if (file := server.file.parent / name).is_file()]
        if not files:
            what = f"{server.shown(('bots', index))}matches no file"
            fix = "add a bot's file there, or correct the pattern; it is relative to this file"
            server.complain(("bots", index), what, fix)
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _check_ids(bots: Sequence[BotFile], problems: Problems) -> None:
    first: dict[str, str] = {}
    for bot in bots:
        bot_id = bot.checked.text("bot", "id")
        if not bot_id:
            continue
        file = bot.checked.file
        line, _ = locate(bot.checked.root, ("bot", "id"))
        if bot_id in first:
            what, fix = f"the same id as in {first[bot_id]}", "remove one of the two files, or correct its id"
            problems.add(file, line, "bot.id", what, fix)
        first.setdefault(bot_id, f"{file}:{line}")
    for bot in bots:
        for index, linked in enumerate(bot.checked.items("bot", "linked")):
            if not isinstance(linked, str):
                continue
            file, place = bot.checked.file, ("bot", "linked", index)
            line, _ = locate(bot.checked.root, place)
            if linked in first:
                what, fix = (
                    f"the same id as in {first[linked]}",
                    "a bot is configured or linked once: remove one",
                )
                problems.add(file, line, dotted(place), what, fix)
            first.setdefault(linked, f"{file}:{line}")


def _settings(
    server: Checked, bots: Sequence[BotFile], environ: Mapping[str, str], warnings: tuple[Problem, ...]
) -> Settings:
    value: Any = server.settings()
    listening = typed(value.get("server", {}), ServerSettings)
    store = {"url": StoreSettings().url, **value.get("store", {})}
    return Settings(
        server=replace(listening, public_url=listening.public_url.rstrip("/")),
        store=typed({**store, "url": absolute_store_url(store["url"])}, StoreSettings),
        security=typed(value.get("security", {}), SecuritySettings),
        bots=MappingProxyType({bot.id: bot for bot in (file.settings() for file in bots)}),
        network=network_settings(server, environ),
        warnings=warnings,
    )
