from __future__ import annotations

import pytest

from botkit.hooks.paths import HookPath, HookPaths
from tests.hooks.hook_payloads import BOT_ID


def test_a_bot_level_event_has_the_default_component() -> None:
    found = HookPaths("").parse(f"/sdk/bots/{BOT_ID}/on_user_message")
    assert found == HookPath(BOT_ID, "on_user_message", "default")


def test_a_component_level_event_names_its_component() -> None:
    found = HookPaths("").parse(f"/sdk/bots/{BOT_ID}/components/dc-12/on_agent_transfer")
    assert found == HookPath(BOT_ID, "on_agent_transfer", "dc-12")


def test_the_prefix_belongs_to_the_path() -> None:
    paths = HookPaths("/botkit/v1")
    assert paths.parse(f"/botkit/v1/sdk/bots/{BOT_ID}/on_event") == HookPath(BOT_ID, "on_event")
    assert paths.parse(f"/sdk/bots/{BOT_ID}/on_event") is None


def test_a_trailing_slash_is_ignored() -> None:
    assert HookPaths("").parse(f"/sdk/bots/{BOT_ID}/on_event/") == HookPath(BOT_ID, "on_event")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sdk/bots/",
        f"/sdk/bots/{BOT_ID}",
        f"/sdk/bots/{BOT_ID}/",
        f"/sdk/bots/{BOT_ID}/components/on_event",
        f"/sdk/bots/{BOT_ID}/components/dc-1/on_event/more",
        f"/sdk/bots/{BOT_ID}/on event",
        f"/sdk/bots/{BOT_ID}/../on_event",
        f"/sdk/bots/{BOT_ID.replace('-5222-', '-4222-')}/on_event",
        "/sdk/bots/acme/on_event",
        f"/other/sdk/bots/{BOT_ID}/on_event",
        f"/sdk/bots/{BOT_ID}/on_event\n",
    ],
)
def test_any_other_path_is_no_hook(path: str) -> None:
    assert HookPaths("").parse(path) is None


def test_a_remembered_path_is_parsed_alike() -> None:
    paths = HookPaths("")
    path = f"/sdk/bots/{BOT_ID}/on_event"
    assert paths.parse(path) == paths.parse(path)
