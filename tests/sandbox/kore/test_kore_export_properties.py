"""Whatever stands in a file, the loader returns a bot or its own error, and the rest of the sandbox can use the bot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore import KoreCloud, check, load_export
from botkit_sandbox.kore.about import about
from botkit_sandbox.kore.bot import bot_of
from botkit_sandbox.kore.decoding import decoded, is_encoded
from botkit_sandbox.kore.transfers import transfers, with_agent_dialog, with_transfer
from tests.sandbox.kore.exports import Bot, on_context

ROUTED = re.compile(r"st-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
WORDS = """
_id refId dialogs dialogComponents nodes components nodeId componentId componentIndex type transitions default then if
localeData en name text message errorMessage script dialogId sentences taskId sentence patterns botEvents forms
defaultLanguage supportedLanguages sessionInactiveTime botDefinition app envVariables key value
"""
KEYS = st.sampled_from(WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KEYS
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _whole() -> dict[str, Any]:
    bot = (
        Bot("Whole", languages=("en", "de"))
        .form("Address", {"name": "street"})
        .event("ON_CONNECT_EVENT", says="Hi")
    )
    one = bot.dialog("One", says=["one"], patterns=["one *"])
    one.entity("Size", "Size?", then=on_context("context.a", 1, "Code")).script("context.a = 1;", name="Code")
    one.action(
        "Both", ("service", "Call", {"endPoint": {}}), ("script", "Inner", {"script": "1"})
    ).unlinked_intent("X")
    return bot.definition


WHOLE = _whole()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


PLACES = [place for place in _places(WHOLE) if place]


def _usable(content: bytes, config: bytes | None = None, name: str = "botDefinition.json") -> None:
    """Load the export; if that succeeds, do what the sandbox does with it."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / name).write_bytes(content)
        if config is not None:
            (folder / "config.json").write_bytes(config)
        try:
            export = load_export(folder)
        except ExportError:
            return
    bot = bot_of(export)
    assert ROUTED.fullmatch(bot.id)
    assert bot.name.strip()
    assert bot.default_language in bot.languages
    assert isinstance(check(export), list)
    json.dumps(about(export, bot).as_json()).encode()
    assert any(map(transfers, with_agent_dialog(bot).dialogs.values()))
    for identifier in bot.dialogs:
        assert transfers(with_transfer(bot, identifier).dialogs[identifier])
    cloud = KoreCloud(wire=None, bus=None, bot=export)
    cloud.offer_agents()
    json.dumps(cloud.snapshot()).encode()


@UNHURRIED
@given(JSON, JSON)
def test_any_json_is_a_bot_or_an_export_error(definition: Any, config: Any) -> None:
    _usable(json.dumps(definition).encode(), json.dumps(config).encode())


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=4))
def test_an_export_with_any_values_replaced_is_still_loaded(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    definition = json.loads(json.dumps(WHOLE))
    for (*path, last), value in changes:
        try:
            owner: Any = definition
            for key in path:
                owner = owner[key]
            owner[last] = value
        except (KeyError, IndexError, TypeError):
            pass  # an earlier change removed this place
    _usable(json.dumps(definition).encode())


@UNHURRIED
@given(st.binary(max_size=200), st.sampled_from(["botDefinition.json", "bot.zip", "appDefinition.json"]))
def test_any_bytes_are_refused_with_the_loader_s_own_error(content: bytes, name: str) -> None:
    _usable(content, name=name)


@UNHURRIED
@given(st.data())
def test_a_damaged_zip_file_is_refused_with_the_loader_s_own_error(data: st.DataObject) -> None:
    with TemporaryDirectory() as made:
        whole = bytearray(Bot("Z").write(Path(made), zipped=True, definition=WHOLE).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _usable(bytes(whole[: data.draw(st.integers(1, len(whole)))]), name="bot.zip")


@given(st.text())
def test_what_the_builder_encoded_is_decoded(text: str) -> None:
    encoded = quote(text, safe="!~*'()", errors="replace")
    assert is_encoded(encoded)
    assert decoded(encoded) == text.encode(errors="replace").decode()


@given(st.text(), st.text())
def test_a_text_with_a_space_was_not_encoded(before: str, after: str) -> None:
    text = f"{before} %41{after}"
    assert decoded(text) == re.sub("[\ud800-\udfff]", "\ufffd", text)


@given(st.from_regex(r"[A-Za-z%.]{0,20}", fullmatch=True))
def test_a_percent_sign_that_begins_no_escape_is_itself(text: str) -> None:
    plain = re.sub("%(?![0-9A-Fa-f]{2})", "%25", text)
    assert decoded(text) == decoded(plain)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("100%", "100%"),
        ("50%25%", "50%%"),
        ("a%2", "a%2"),
        ("%ff%C3%BC%fe", "%ff\N{LATIN SMALL LETTER U WITH DIAERESIS}%fe"),
        ("Save 20%ab today", "Save 20%ab today"),
        ("line%0Aline", "line\nline"),
    ],
)
def test_texts_of_each_kind_are_decoded(text: str, meant: str) -> None:
    assert decoded(text) == meant
