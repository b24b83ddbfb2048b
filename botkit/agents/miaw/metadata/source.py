"""All files of a set-up: the components in source format, two manifests and the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

from botkit.agents.miaw.metadata import channel, deployment, fields, flow, routing
from botkit.agents.miaw.metadata.names import API_VERSION, Setup
from botkit.agents.miaw.metadata.xml import document

COMPONENTS = "main/default"
"""The folder of the components, below the package's folder."""

MANIFEST = "package.xml"
FIRST_MANIFEST = "package-first.xml"
"""The components that everything else rests on: a flow cannot be deployed before the fields that it writes."""

PROJECT_FILE = "sfdx-project.json"
"""Salesforce's tools look for it above the folder they are started in."""

_README = Template(Path(__file__).with_name("readme.md").read_text(encoding="utf-8"))
_LATER = ("Flow", "MessagingChannel", "EmbeddedServiceConfig")


def files(setup: Setup, *, folder: str, config: str, bot_id: str) -> dict[str, str]:
    """Every file of a package by its path below the package's folder.

    Args:
        setup: the names of everything.
        folder: the package's folder as the README's commands name it: relative to the folder with `sfdx-project.json`.
        config: BotKit's configuration file, as the README's commands name it.
        bot_id: the bot's id, likewise.
    """
    found = {f"{COMPONENTS}/{path}": text for path, text in _components(setup)}
    members = _members(setup)
    found[MANIFEST] = _manifest(members)
    found[FIRST_MANIFEST] = _manifest({kind: names for kind, names in members.items() if kind not in _LATER})
    found["README.md"] = _readme(setup, folder=folder, config=config, bot_id=bot_id)
    return dict(sorted(found.items()))


def project(folder: str) -> str:
    """The text of `sfdx-project.json` for a project with this one package."""
    return f"""{{
    "packageDirectories": [{{"path": "{folder}", "default": true}}],
    "sourceApiVersion": "{API_VERSION}"
}}
"""


def _components(setup: Setup) -> Iterable[tuple[str, str]]:
    for one in setup.parameters:
        path = f"objects/{fields.OBJECT}/fields/{one.field}.field-meta.xml"
        yield path, fields.custom_field(setup, one)
    for name, editable in ((setup.reading, False), (setup.editing, True)):
        yield f"permissionsets/{name}.permissionset-meta.xml", fields.permission_set(setup, editable=editable)
    yield (
        f"queueRoutingConfigs/{setup.routing_config}.queueRoutingConfig-meta.xml",
        routing.routing_config(setup),
    )
    yield f"groups/{setup.group}.group-meta.xml", routing.group(setup)
    yield f"queues/{setup.queue}.queue-meta.xml", routing.queue(setup)
    yield f"flows/{setup.flow}.flow-meta.xml", flow.flow(setup)
    yield f"messagingChannels/{setup.channel}.messagingChannel-meta.xml", channel.channel(setup)
    yield (
        f"EmbeddedServiceConfig/{setup.deployment}.EmbeddedServiceConfig-meta.xml",
        deployment.deployment(setup),
    )


def _members(setup: Setup) -> dict[str, list[str]]:
    """The components by type. EmbeddedServiceConfig has no wildcard, so every manifest names each component."""
    return {
        "CustomField": sorted(f"{fields.OBJECT}.{one.field}" for one in setup.parameters),
        "EmbeddedServiceConfig": [setup.deployment],
        "Flow": [setup.flow],
        "Group": [setup.group],
        "MessagingChannel": [setup.channel],
        "PermissionSet": [setup.editing, setup.reading],
        "Queue": [setup.queue],
        "QueueRoutingConfig": [setup.routing_config],
    }


def _manifest(members: Mapping[str, list[str]]) -> str:
    types = [
        ("types", [*(("members", name) for name in names), ("name", kind)])
        for kind, names in members.items()
        if names
    ]
    return document("Package", [*types, ("version", API_VERSION)])


def _readme(setup: Setup, *, folder: str, config: str, bot_id: str) -> str:
    rows = "\n".join(
        f"| {_cell(one.attribute)} | {_kind(one.standard)} | `{one.name}` | `{one.field}` |"
        for one in setup.parameters
    )
    shown = ", ".join(["Id", "Status", *(one.field for one in setup.parameters)])
    return _README.substitute(
        bot=setup.bot_name,
        bot_id=bot_id,
        config=config,
        folder=folder,
        version=API_VERSION,
        components=f"{folder}/{COMPONENTS}",
        deployment=setup.deployment,
        channel=setup.channel,
        flow=setup.flow,
        queue=setup.queue,
        group=setup.group,
        routing=setup.routing_config,
        reading=setup.reading,
        editing=setup.editing,
        count=len(setup.parameters),
        fields=shown,
        rows=rows,
        words=" and ".join(f"*{word}*" for word in channel.OPT_OUT),
        minutes=channel.GUEST_TOKEN_MINUTES,
    )


def _cell(attribute: str) -> str:
    """An attribute as code in a table's cell."""
    return f"`{attribute.replace('|', chr(92) + '|').replace('`', chr(39))}`"


def _kind(standard: str) -> str:
    return f"standard, {standard}" if standard else "custom, hidden in the form"
