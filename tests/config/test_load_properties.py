"""With any content of the files, loading returns settings or problems, never another error."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.folder import BOT, SERVER, Folder

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["${X}", "${", "$${", "${file:/}", "${file:\0}", "1h", "http://[::1", "salesforce-miaw", "st-"]
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in a document."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, child in steps for place in paths(child, (*path, step)))]


FULL_BOT = yaml.safe_load(BOT) | {
    "handoff": {"responses": {"en": {"agentJoinedMessage": "x"}}, "responses_file": "r.json", "attributes": {"a": "email"}},
    "delivery": {"first_retry": "1s", "slowest_retry": "2s"},
}  # fmt: skip
FULL_SERVER = yaml.safe_load(SERVER) | {
    "server": {"port": 1, "prefix": ""},
    "store": {"url": "x"},
    "security": {},
}


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = json.loads(json.dumps(document))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def load(server: str | bytes, bot: str | bytes) -> None:
    with TemporaryDirectory() as path:
        folder = Folder(Path(path), {"X": "1"})
        folder.write("botkit.yaml", server)
        folder.write("bots/acme.yaml", bot)
        assert all(problem.isprintable() for problem in folder.problems())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(paths(FULL_BOT)), VALUES)
def test_any_value_at_any_place_of_a_bot_file(path: tuple[Any, ...], value: Any) -> None:
    load(SERVER, yaml.safe_dump(replaced(FULL_BOT, path, value), allow_unicode=True))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(paths(FULL_SERVER)), VALUES)
def test_any_value_at_any_place_of_the_server_file(path: tuple[Any, ...], value: Any) -> None:
    load(yaml.safe_dump(replaced(FULL_SERVER, path, value), allow_unicode=True), BOT)


@given(st.integers(0, len(BOT)), st.integers(0, 12), st.text("{}[]:-,?*&!|>%@`'\"#$\\ \n\tx\0é", max_size=6))
def test_any_damage_to_the_text_of_a_bot_file(start: int, length: int, text: str) -> None:
    load(SERVER, BOT[:start] + text + BOT[start + length :])


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_as_a_bot_file(data: bytes) -> None:
    load(SERVER, data)
