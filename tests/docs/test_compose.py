"""The Compose file of several processes, and the files beside it, fit each other and the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from botkit.config.load import load
from botkit.hooks.bodies import MAX_BYTES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/compose"
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")


@pytest.fixture
def services() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]


@pytest.fixture
def variables() -> dict[str, str]:
    lines = (FOLDER / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _filled_in(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: variables[found[1]], text)


def test_the_processes_load_their_configuration(services: dict[str, Any], variables: dict[str, str]) -> None:
    given = {
        name: _filled_in(value, variables) for name, value in services["botkit-1"]["environment"].items()
    }
    settings = load(FOLDER / "config/botkit.yaml", environ=variables | given)
    assert settings.store.url.startswith("postgresql://")
    assert settings.store.url.partition("@")[2] == "postgresql/botkit"


def test_nginx_knows_every_process(services: dict[str, Any]) -> None:
    processes = {f"{name}:8003" for name in services if name.startswith("botkit-")}
    assert len(processes) == 3
    assert set(re.findall(r"^ *server (\S+) resolve", NGINX, re.MULTILINE)) == processes


def test_one_process_builds_the_image_of_all(services: dict[str, Any]) -> None:
    """If each built it, each would get an image of its own, and the next `up` would restart them all together."""
    processes = [service for name, service in services.items() if name.startswith("botkit-")]
    assert [process["image"] for process in processes] == ["botkit"] * 3
    assert sum("build" in process for process in processes) == 1


def test_nginx_takes_out_no_process_that_waits_for_postgresql() -> None:
    assert re.findall(r"^ *server \S+ resolve (\S+);", NGINX, re.MULTILINE) == ["max_fails=0"] * 3


def test_nginx_takes_the_bodies_that_the_program_takes() -> None:
    assert f"client_max_body_size {MAX_BYTES // 1024**2}m;" in NGINX


def test_the_image_has_what_it_is_built_of() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()
    ]
    sent = re.findall(r"^!(.+)$", (FOLDER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(source.rstrip("/") for source in copied) == sorted(sent)
    assert [source for source in copied if not (ROOT / source).exists()] == []
