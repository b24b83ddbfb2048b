"""The schemas are valid, ship in the wheel, and the documentation lists exactly their keys."""

from __future__ import annotations

import importlib.resources
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from botkit.config import reference
from botkit.config.schema import bot_schema, schema_text, server_schema

ROOT = Path(__file__).parents[2]


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every value's description in a schema, with its path."""
    for key, child in node.get("properties", {}).items():
        yield f"{path}/{key}", child
        yield from nodes(child, f"{path}/{key}")
    for key, child in node.get("$defs", {}).items():
        yield from nodes(child, f"{path}#{key}")


@pytest.mark.parametrize("name", ["botkit", "bot"])
def test_the_schemas_are_valid_json_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(schema_text(name)))


@pytest.mark.parametrize("root", [server_schema().root, bot_schema().root], ids=["server", "bot"])
def test_an_editor_has_a_title_and_a_description_for_every_key(root: Mapping[str, Any]) -> None:
    bare = [path for path, node in nodes(root) if not (node.get("title") and node.get("description"))]
    assert bare == []


@pytest.mark.parametrize("root", [server_schema().root, bot_schema().root], ids=["server", "bot"])
def test_every_pattern_says_how_to_write_the_value_right(root: Mapping[str, Any]) -> None:
    def patterns(node: Any) -> Iterator[Mapping[str, Any]]:
        if isinstance(node, dict):
            if isinstance(node.get("pattern"), str):
                yield node
            for child in node.values():
                yield from patterns(child)

    assert [node for node in patterns(root) if not node.get("patternErrorMessage")] == []


def test_a_schema_is_found_in_the_package_first_and_in_the_checkout_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schema_text("bot") == (ROOT / "schemas/bot.schema.json").read_text(encoding="utf-8")
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/bot.schema.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path)
    assert schema_text("bot") == "{}"


def test_the_wheel_carries_the_schemas_inside_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["schemas"] == "botkit/schemas"


def test_the_documentation_lists_exactly_the_keys_of_the_schemas() -> None:
    document = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert reference.with_tables(document) == document, "regenerate with: python -m botkit.config.reference"


def test_the_schema_for_editors_is_composed_of_the_agent_systems_own_fragments() -> None:
    assert schema_text("bot") == reference.composed_schema(), (
        "regenerate with: python -m botkit.config.reference"
    )


@pytest.mark.parametrize("example", ["config/botkit.yaml", "config/bots/acme.yaml"])
def test_the_examples_point_editors_at_their_schema(example: str) -> None:
    file = ROOT / example
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / first.partition("=")[2]).resolve().parent == ROOT / "schemas"
