"""A user's own kit between the emulated clouds: real sockets, real time, the real relay."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from botkit.config.load import load
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    BotSettings,
    Settings,
)
from botkit.handlers.registry import Handler
from botkit.kit import BotKit
from botkit.service.service import Environment
from botkit.testing.clouds import Clouds
from botkit.testing.harness import raised_by_test
from botkit.testing.process import write_configuration
from botkit.testing.serving import Server, nothing_here
from botkit.testing.stage import Stage
from botkit_sandbox.kore import load_export, sample_bot_folder
from botkit_sandbox.kore.script import require_engine


@dataclass
class KitStage(Stage):
    """The clouds, and a kit between them.

    Attributes:
        kit: the kit.
        settings: the kit's configuration on this stage.
        failures: errors that handlers raised so far; the first is raised again at the end of the test.
        strict: set it to False for handlers that are meant to fail.
    """

    kit: BotKit
    settings: Settings
    failures: list[BaseException] = field(default_factory=list)
    strict: bool = True


@contextmanager
def on_stage(kit: BotKit, *, bot_folder: Path | None = None) -> Iterator[KitStage]:
    """Start both clouds with this kit between them.

    The kit keeps the hand-off settings and the agent systems of its configuration. The clouds' addresses and secrets replace its
    own, and a temporary store replaces its store. An agent system that is neither MIAW nor Live Chat stays as configured.

    Args:
        kit: the kit; users talk to the first bot of its configuration.
        bot_folder: an exported bot; by default the sample bot.

    Raises:
        ScriptEngineMissing: the extra ``sandbox`` is not installed.
    """
    require_engine()
    own = kit.settings if kit.is_configured else None
    ids = list(own.bots) if own is not None else [one.bot for one in kit.handlers if one.bot is not None]
    failures: list[BaseException] = []

    def failed(handler: Handler, error: BaseException) -> None:
        failures.append(error)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botkit-testing-")))
        exported = bot_folder or sample_bot_folder()
        clouds = Clouds(_renamed(exported, folder / "bot", ids[0]) if ids else exported)
        stack.callback(clouds.close)
        settings = _settings(folder, clouds.sandbox.addresses(), own, ids)
        service = stack.enter_context(
            kit.override_settings(settings, environment=Environment(on_failure=failed))
        )
        server = Server(service.middleware(nothing_here))
        stack.callback(server.close)
        service.start()
        stage = KitStage(clouds, kit, settings, failures)
        stage.hooks_go_to(server.url)
        yield stage
        stage.everybody_leaves()
    if failures and stage.strict:
        raise raised_by_test(failures)


def _renamed(exported: Path, folder: Path, bot_id: str) -> Path:
    """Write the exported bot under another id: the id in the kit's configuration and handlers."""
    export = load_export(exported)
    folder.mkdir()
    for name, content in (
        ("botDefinition.json", json.dumps({**export.definition, "_id": bot_id})),
        ("config.json", json.dumps(dict(export.config))),
        ("functions.js", export.functions),
    ):
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _settings(folder: Path, addresses: Mapping[str, str], own: Settings | None, ids: list[str]) -> Settings:
    """The demo's settings for each of these bots, with the choices of the kit's own settings."""
    made = load(write_configuration(folder, addresses, port=8003))
    (bot,) = made.bots.values()
    bots = {bot_id: replace(bot, id=bot_id) for bot_id in (ids or [bot.id])}
    if own is not None:
        bots = {bot_id: _like(one, own.bots[bot_id]) for bot_id, one in bots.items()}
    return replace(made, bots=MappingProxyType(bots))


def _like(bot: BotSettings, own: BotSettings) -> BotSettings:
    kore = replace(bot.kore, keep_payloads=own.kore.keep_payloads)
    systems = {name: _on_stage(system, bot.agents.systems) for name, system in own.agents.systems.items()}
    agents: AgentsSettings = replace(own.agents, systems=MappingProxyType(systems))
    return replace(bot, name=own.name, kore=kore, agents=agents, handoff=own.handoff)


def _on_stage(system: AgentSystemSettings, clouds: Mapping[str, AgentSystemSettings]) -> AgentSystemSettings:
    cloud = next((one for one in clouds.values() if one.type == system.type), None)
    return system if cloud is None else replace(system, settings=cloud.settings)
