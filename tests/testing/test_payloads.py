"""Made-up payloads have the shape of the platform's, and the hook parser reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from botkit.handoff import events
from botkit.handoff.conversation import Instant
from botkit.hooks.parser import Hook, HookParser
from botkit.hooks.paths import HookPaths
from botkit.testing import payloads
from botkit.testing.configuration import made_up_settings
from botkit.testing.payloads import ABSENT, BOT_ID, File, Payloads, User

BASE = f"https://bots.kore.ai/api/botsdk/stream/{BOT_ID}"
MEI = User(
    id="u-2", first_name="Mei", last_name="Tanaka", email="mei@example.com", language="ja", address="81901"
)
EVERY: dict[str, Callable[..., dict[str, Any]]] = {
    "on_user_message": payloads.user_message,
    "on_bot_message": payloads.bot_message,
    "on_agent_transfer": payloads.agent_transfer,
    "on_webhook": lambda **parts: payloads.webhook("CheckOrder", **parts),
    "on_event": payloads.event,
    "on_alert": payloads.alert,
    "on_variable_update": payloads.variable_update,
    "on_client_event": lambda **parts: payloads.client_event("TYPING_STARTED", **parts),
}
MEANT = {
    "on_user_message": events.UserMessage,
    "on_bot_message": events.BotMessage,
    "on_agent_transfer": events.AgentTransfer,
    "on_webhook": events.OtherHook,
    "on_event": events.OtherHook,
    "on_alert": events.Alert,
    "on_variable_update": events.OtherHook,
    "on_client_event": events.UserTyping,
}
OF_A_USER = sorted(set(EVERY) - {"on_variable_update"})


def read(event: str, payload: dict[str, Any]) -> Hook:
    """The hook as the parser reads it."""
    found = HookPaths("").parse(payloads.path(event))
    assert found is not None
    parser = HookParser(made_up_settings().bots[BOT_ID], insecure_http=False)
    return parser.read(found, json.dumps(payload).encode(), at=Instant(0.0))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("event", EVERY)
def test_the_parser_reads_every_hook_in_both_channel_shapes(event: str, nested: bool) -> None:
    hook = read(event, EVERY[event](nested=nested))
    assert type(hook.event) is MEANT[event]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("event", OF_A_USER)
def test_user_and_channel_are_found_in_both_channel_shapes(event: str, nested: bool) -> None:
    payload = EVERY[event](user=MEI, channel="facebook", nested=nested)
    channel = payload["channel"]
    assert ("channelInfos" in channel) is nested
    inside = channel["channelInfos"] if nested else channel
    assert (inside["type"], inside["from"], inside["userId"]) == ("facebook", "81901", "u-2")
    assert read(event, payload).users[:2] == ("u-2", "81901")


@pytest.mark.parametrize("event", OF_A_USER)
def test_the_channel_is_nested_where_the_platform_nests_it(event: str) -> None:
    nested = "channelInfos" in EVERY[event]()["channel"]
    assert nested is (event in ("on_agent_transfer", "on_webhook"))


@pytest.mark.parametrize("event", EVERY)
def test_the_same_call_gives_the_same_payload(event: str) -> None:
    assert EVERY[event]() == EVERY[event]()


@pytest.mark.parametrize("event", EVERY)
def test_the_urls_to_answer_to_carry_bot_and_request_id(event: str) -> None:
    payload = EVERY[event](request_id=17)
    assert payload["baseUrl"] == BASE
    assert payload["sendUserMessageUrl"] == f"{BASE}/sendUserMessage/17"
    assert payload["sendBotMessageUrl"] == f"{BASE}/sendBotMessage/17"
    assert all(
        url.endswith("/17") for name, url in payload.items() if name.endswith("Url") and name != "baseUrl"
    )


@pytest.mark.parametrize(
    ("event", "own"),
    [
        ("on_agent_transfer", {"callbackUrl", "getDialogUrl"}),
        ("on_webhook", {"callbackUrl", "getDialogUrl"}),
        ("on_alert", {"sendAlertMessageUrl"}),
        ("on_client_event", {"sendBotEventUrl"}),
        ("on_event", set()),
    ],
)
def test_some_hooks_bring_urls_of_their_own(event: str, own: set[str]) -> None:
    assert (
        set(EVERY[event]()) & {"callbackUrl", "getDialogUrl", "sendAlertMessageUrl", "sendBotEventUrl"} == own
    )


def test_the_variables_are_the_bots_so_no_user_is_named() -> None:
    payload = payloads.variable_update("variable_create", variable={"key": "hours"}, language="de")
    assert payload["data"] == {"eventType": "variable_create", "variable": {"key": "hours"}, "language": "de"}
    assert not {"channel", "context"} & set(payload)


def test_a_user_message_without_text_has_no_message() -> None:
    payload = payloads.user_message(None, attachments=["parcel.png"])
    assert "message" not in payload
    assert read("on_user_message", payload).attachments == (
        events.Attachment("parcel.png", "https://bots.kore.ai/api/attachment/file/file-1"),
    )


@pytest.mark.parametrize("nested", [False, True])
def test_files_come_along_in_both_channel_shapes(nested: bool) -> None:
    files: list[File | str] = [File("a.png", "https://bots.kore.ai/a", "image"), "b.pdf"]
    hook = read("on_user_message", payloads.user_message("look", attachments=files, nested=nested))
    assert [file.name for file in hook.attachments] == ["a.png", "b.pdf"]
    assert hook.attachments[0].url == "https://bots.kore.ai/a"


@pytest.mark.parametrize("nested", [False, True])
def test_somebody_who_connects_has_said_nothing(nested: bool) -> None:
    assert read("on_user_message", payloads.connect(nested=nested)).is_connect


def test_a_transfer_names_its_node_and_carries_what_the_script_set() -> None:
    meta = {"preChatInfo": {"City": "Pune"}, "endChatShortHandCommand": "bye"}
    event = read(
        "on_agent_transfer", payloads.agent_transfer(node="Legacy", session={"miawMetaInfo": meta})
    ).event
    assert isinstance(event, events.AgentTransfer)
    assert event.node_name == "Legacy"
    assert event.meta_infos == (("miawMetaInfo", events.MetaInfo((("City", "Pune"),), "bye")),)


def test_a_webhook_names_its_component_and_has_the_dialogs_context() -> None:
    payload = payloads.webhook(
        "CheckOrder", context={"order": "17", "session": {"UserSession": {"vip": True}}}
    )
    assert payload["dialogComponentName"] == "CheckOrder"
    assert payload["context"]["order"] == "17"
    assert payload["context"]["session"]["UserSession"] == {"vip": True}
    assert payload["context"]["session"]["UserContext"]["firstName"] == "Ada"


def test_an_event_says_its_type() -> None:
    closed = read("on_event", payloads.event("sessionClosure"))
    assert isinstance(closed.event, events.PlatformSessionClosed)


def test_a_client_event_may_be_the_clients_own() -> None:
    event = read("on_client_event", payloads.client_event(custom_event={"type": "cart", "items": 2})).event
    assert isinstance(event, events.UserCustomEvent)
    assert event.name == "cart"


def test_anything_can_be_changed_or_taken_away() -> None:
    payload = payloads.user_message(
        "hi",
        members={"messageObject": ABSENT, "extra": 1, "resetBotUrl": "https://bots.kore.ai/other"},
        meta_info={"nlMeta": {}},
        meta_tags={"userMetaTags": [{"name": "a", "value": "b"}]},
        intent="Order",
        bot="st-2",
    )
    assert "messageObject" not in payload
    assert payload["extra"] == 1
    assert payload["resetBotUrl"] == "https://bots.kore.ai/other"
    assert payload["metaInfo"] == {"nlMeta": {}}
    assert payload["metaTags"] == {"userMetaTags": [{"name": "a", "value": "b"}]}
    assert payload["context"]["intent"] == "Order"
    assert payload["botId"] == payload["context"]["botid"] == "st-2"


def test_what_is_known_of_the_user_is_what_agents_are_told() -> None:
    event = read("on_agent_transfer", payloads.agent_transfer(user=MEI, intent="Refund")).event
    assert isinstance(event, events.AgentTransfer)
    profile = event.profile
    assert (profile.first_name, profile.last_name, profile.email) == ("Mei", "Tanaka", "mei@example.com")
    assert (profile.language, profile.last_intent, profile.bot_name) == ("ja", "Refund", "Acme Assistant")


def test_each_payload_of_a_row_has_a_new_request_id() -> None:
    row = Payloads(user="u-9", channel="sms", origin="https://kore.example")
    first, second = row.user_message("a"), row.bot_message("b")
    assert second["requestId"] == first["requestId"] + 1
    assert first["channel"]["type"] == "sms"
    assert first["context"]["session"]["UserContext"]["_id"] == "u-9"
    assert first["baseUrl"].startswith("https://kore.example/")


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ("on_user_message", f"/kore/sdk/bots/{BOT_ID}/on_user_message"),
        ("on_webhook", f"/kore/sdk/bots/{BOT_ID}/components/dc-1/on_webhook"),
        ("on_agent_transfer", f"/kore/sdk/bots/{BOT_ID}/components/dc-1/on_agent_transfer"),
    ],
)
def test_transfers_and_webhooks_are_posted_to_a_component(event: str, path: str) -> None:
    assert payloads.path(event, component="dc-1", prefix="/kore") == path
