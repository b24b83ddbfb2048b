"""Salesforce's own library reads the package, offline: it finds every component, converts them and writes the same manifest.

It needs Node and its packages: ``npm ci --prefix tests/agents/miaw/metadata/library``. Without them these tests are skipped;
continuous integration has them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from botkit.agents.miaw.metadata.xml import NAMESPACE
from tests.agents.miaw.metadata.example import SETUP, files, write

LIBRARY = Path(__file__).with_name("library")
NODE = shutil.which("node")
INSTALLED = (LIBRARY / "node_modules/@salesforce/source-deploy-retrieve/package.json").is_file()

pytestmark = [
    pytest.mark.skipif(NODE is None or not INSTALLED, reason="Node or Salesforce's library is not installed"),
    pytest.mark.timeout(180),
]


@dataclass(frozen=True)
class Result:
    """What the library printed, and the folder of the converted components."""

    printed: dict[str, Any]
    converted: Path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("project")
    write(folder / "force-app")
    done = subprocess.run(
        [str(NODE), "read_package.js", str(folder / "force-app"), str(folder / "converted")],
        cwd=LIBRARY,
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    return Result(json.loads(done.stdout), folder / "converted")


def expected() -> list[str]:
    paths = [Path(path) for path in files() if path.endswith("-meta.xml")]
    kinds = {
        path: ET.fromstring(files()[path.as_posix()]).tag.removeprefix(f"{{{NAMESPACE}}}") for path in paths
    }
    parent = {"CustomField": "MessagingSession."}
    return sorted(f"{kind}:{parent.get(kind, '')}{path.name.split('.')[0]}" for path, kind in kinds.items())


def test_it_finds_every_component_and_no_other(result: Result) -> None:
    assert result.printed["components"] == expected()


def test_it_finds_every_component_of_the_manifests(result: Result) -> None:
    later = {
        f"Flow:{SETUP.flow}",
        f"MessagingChannel:{SETUP.channel}",
        f"EmbeddedServiceConfig:{SETUP.deployment}",
    }
    assert result.printed["inManifest"] == expected()
    assert result.printed["inFirstManifest"] == sorted(set(expected()) - later)


def test_it_writes_the_same_manifest(result: Result) -> None:
    assert ET.canonicalize(result.printed["manifest"], strip_text=True) == ET.canonicalize(
        files()["package.xml"], strip_text=True
    )


def test_it_converts_every_component_to_the_form_of_the_metadata_api(result: Result) -> None:
    there = {
        file.relative_to(result.converted).as_posix()
        for file in result.converted.rglob("*")
        if file.is_file()
    }
    assert there == {
        "package.xml",
        f"flows/{SETUP.flow}.flow",
        f"groups/{SETUP.group}.group",
        f"messagingChannels/{SETUP.channel}.messagingChannel",
        "objects/MessagingSession.object",
        f"permissionsets/{SETUP.reading}.permissionset",
        f"permissionsets/{SETUP.editing}.permissionset",
        f"queueRoutingConfigs/{SETUP.routing_config}.queueRoutingConfig",
        f"queues/{SETUP.queue}.queue",
        f"EmbeddedServiceConfig/{SETUP.deployment}.EmbeddedServiceConfig",
    }
    converted = ET.parse(result.converted / "objects/MessagingSession.object").getroot()
    names = [one.text for one in converted.findall(f"{{{NAMESPACE}}}fields/{{{NAMESPACE}}}fullName")]
    assert sorted(filter(None, names)) == sorted(parameter.field for parameter in SETUP.parameters)
