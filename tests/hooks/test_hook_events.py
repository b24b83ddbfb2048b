from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from botkit.errors import HookInvalid
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentTransfer,
    Attachment,
    BotMessage,
    FromClient,
    MetaInfo,
    OtherHook,
    PlatformSessionClosed,
    UserCustomEvent,
    UserMessage,
    UserTyping,
)
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from botkit.ledger.interface import Input
from botkit.testing.payload_parts import SESSION_ID
from tests.hooks.hook_payloads import (
    BASE,
    BOT_ID,
    HOST,
    NOW,
    OTHER_BOT_ID,
    USER,
    agent_transfer,
    as_body,
    settings,
    user_message,
)

CASES = Path(__file__).parents[1] / "cases"
FRESH = "0b0c9a8e-0000-4000-8000-000000000001"


def read(payload: dict[str, Any], event: str = "on_user_message", component: str = "default") -> Input:
    bot = settings().bots[BOT_ID]
    parser = HookParser(bot, insecure_http=False, new_id=lambda: FRESH)
    return parser.read(HookPath(BOT_ID, event, component), as_body(payload), at=Instant(NOW)).input


def said(payload: dict[str, Any]) -> UserMessage:
    event = read(payload).event
    assert isinstance(event, UserMessage)
    return event


def transferred(payload: dict[str, Any]) -> AgentTransfer:
    event = read(payload, "on_agent_transfer", "dc-1").event
    assert isinstance(event, AgentTransfer)
    return event


def test_a_user_message_keeps_its_raw_body_and_its_component() -> None:
    input = read(user_message("  hi "), component="dc-7")
    assert input.hook is not None
    assert input.hook.body == as_body(user_message("  hi "))
    assert input.hook.component_id == "dc-7"
    assert isinstance(input.event, UserMessage)
    assert input.event.text == "  hi "
    assert input.event.at == NOW
    assert input.event.request_number == 1501244156289


@pytest.mark.parametrize("request_id", [2**63, 10**40, str(2**63)])
def test_a_number_that_does_not_fit_into_64_bits_is_none(request_id: Any) -> None:
    assert said(user_message(request_id=request_id)).request_number is None


@pytest.mark.parametrize("message", ["", "   ", None, {"a": 1}])
def test_an_empty_or_non_text_message_has_no_text(message: Any) -> None:
    assert said(user_message(message)).text is None


def test_a_number_as_message_is_its_text() -> None:
    assert said(user_message(12345678901234567890123)).text == "12345678901234567890123"


def test_a_missing_message_has_no_text() -> None:
    payload = user_message()
    del payload["message"]
    assert said(payload).text is None


@pytest.mark.parametrize("nested", [False, True])
def test_a_connect_event_is_no_message(nested: bool) -> None:
    channel: dict[str, Any] = {"from": USER, "botEvent": "ON_CONNECT_EVENT"}
    event = said(user_message("Hi", channel={"channelInfos": channel} if nested else channel))
    assert event.connect
    assert event.text is None


def test_attachments_are_found_with_either_url() -> None:
    files = [
        {"fileName": "a.png", "fileUrl": "https://f/1"},
        {"url": {"fileUrl": "https://f/2"}},
        {"fileName": "no url"},
    ]
    event = said(user_message(None, channel={"from": USER, "attachments": files}))
    assert event.attachments == (Attachment("a.png", "https://f/1"), Attachment("file", "https://f/2"))


def test_attachments_of_the_last_message_count_where_there_is_no_text() -> None:
    payload = user_message("")
    files = {"attachments": [{"fileName": "a.pdf", "fileUrl": "https://f/a"}]}
    payload["context"]["session"]["BotUserSession"]["lastMessage"]["messagePayload"]["message"] = files
    assert said(payload).attachments == (Attachment("a.pdf", "https://f/a"),)
    payload["message"] = "something newer"
    assert said(payload).attachments == ()


def test_the_number_of_attachments_is_bounded() -> None:
    files = [{"fileName": str(n), "fileUrl": f"https://f/{n}"} for n in range(1000)]
    assert len(said(user_message(None, channel={"from": USER, "attachments": files})).attachments) == 20


# --- names ------------------------------------------------------------------------------------------------------


def test_every_name_of_the_user_is_kept_the_most_reliable_first() -> None:
    payload = user_message(
        channel={
            "from": "from-1",
            "userId": "user-1",
            "handle": {"userId": "handle-1"},
            "channelInfos": {"from": "from-2", "userId": "user-2", "handle": {"userId": "handle-2"}},
        }
    )
    payload["context"]["session"]["opts"]["userId"] = "opts-1"
    input = read(payload)
    assert input.conversation_id.user_id == USER
    assert input.aliases == ("opts-1", "from-2", "from-1", "user-2", "user-1", "handle-2", "handle-1")


def test_a_huge_number_as_user_id_stays_exact() -> None:
    payload = user_message(channel={"from": 123456789012345678901234567890}, context={})
    assert read(payload).conversation_id.user_id == "123456789012345678901234567890"


def test_a_message_without_a_user_gets_a_lane_of_its_own() -> None:
    one = read(user_message(channel={}, context={}, request_id=1))
    other = read(user_message(channel={}, context={}, request_id=2))
    assert one.conversation_id != other.conversation_id


def test_a_transfer_without_a_user_is_refused() -> None:
    with pytest.raises(HookInvalid, match="names no user"):
        read(agent_transfer(channel={}, context={}), "on_agent_transfer")


# --- keys -------------------------------------------------------------------------------------------------------


def test_the_same_hook_has_the_same_key() -> None:
    assert said(user_message()).key == said(user_message()).key != ""


def test_a_message_keeps_its_key_inside_another_context() -> None:
    changed = user_message()
    changed["context"]["intent"] = "something else"
    assert said(changed).key == said(user_message()).key


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "other"},
        {"request_id": 1501244156290},
        {"channel": {"from": USER, "attachments": [{"fileUrl": "https://f/1"}]}},
        {"context": {"session": {"UserContext": {"_id": "u-other"}}}},
    ],
)
def test_another_message_has_another_key(changes: dict[str, Any]) -> None:
    assert said(user_message(**changes)).key != said(user_message()).key


def test_a_message_without_a_request_id_has_no_key() -> None:
    assert said(user_message(request_id="", sendBotMessageUrl=f"{BASE}/sendBotMessage/1")).key == ""


def test_keys_of_one_request_id_differ_by_event_component_and_body() -> None:
    payload = user_message()
    keys = {
        read(payload).event.key,  # type: ignore[union-attr]
        read(payload, "on_bot_message").event.key,  # type: ignore[union-attr]
        read(payload, "on_bot_message", "dc-2").event.key,  # type: ignore[union-attr]
        read(user_message("another answer"), "on_bot_message").event.key,  # type: ignore[union-attr]
        read(payload, "on_alert").event.key,  # type: ignore[union-attr]
    }
    assert len(keys) == 5


def test_a_repeated_transfer_has_the_same_key_and_a_fresh_session_id() -> None:
    bot = settings().bots[BOT_ID]
    parser = HookParser(bot, insecure_http=False)
    path = HookPath(BOT_ID, "on_agent_transfer", "dc-1")
    first, second = (parser.read(path, as_body(agent_transfer()), at=Instant(NOW)).event for _ in range(2))
    assert isinstance(first, AgentTransfer)
    assert isinstance(second, AgentTransfer)
    assert first.key == second.key
    assert first.session_id != second.session_id


# --- the transfer -----------------------------------------------------------------------------------------------


def test_a_transfer_has_the_users_profile() -> None:
    event = transferred(agent_transfer(meta={"caseId": 5001}))
    assert event.session_id == FRESH
    profile = event.profile
    assert (profile.first_name, profile.last_name, profile.email) == ("Ada", "Lovelace", "ada@example.com")
    assert (profile.user_id, profile.bot_name, profile.channel) == (USER, "Acme Assistant", "rtm")
    assert (profile.language, profile.last_intent, profile.session_id) == (
        "fr",
        "Talk to agent",
        SESSION_ID,
    )
    assert profile.case_id == "5001"


def test_both_scripts_of_kores_page_are_read() -> None:
    meta = {
        "preChatInfo": {"FirstName": "Ada", "Age": 36, "Vip": True, "Note": None},
        "endChatShortHandCommand": " endagentchat ",
    }
    event = transferred(agent_transfer(meta=meta))
    pre_chat = (("FirstName", "Ada"), ("Age", "36"), ("Vip", "true"), ("Note", ""))
    assert event.meta_infos == (("miawMetaInfo", MetaInfo(pre_chat, "endagentchat")),)


def test_pre_chat_info_may_be_stringified() -> None:
    meta = {"preChatInfo": json.dumps({"Order": 17}), "agentSystem": "legacy"}
    event = transferred(agent_transfer(meta=meta))
    assert event.meta_infos == (("miawMetaInfo", MetaInfo((("Order", "17"),))),)
    assert event.agent_system == "legacy"


@pytest.mark.parametrize(
    "meta", [{}, {"preChatInfo": []}, {"preChatInfo": "nonsense"}, {"endChatShortHandCommand": {}}]
)
def test_invalid_meta_info_is_ignored(meta: dict[str, Any]) -> None:
    event = transferred(agent_transfer(meta=meta))
    assert (dict(event.meta_infos).get("miawMetaInfo", MetaInfo()), event.agent_system) == (MetaInfo(), None)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        (("context", "currentLanguage"), "fr"),
        (("channel", "botLanguage"), "it"),
        (
            ("context", "session", "BotUserSession", "lastMessage", "messagePayload", "meta", "locale"),
            "de-DE",
        ),
        ((), ""),
    ],
)
def test_language_sources_are_tried_in_order(path: tuple[str, ...], language: str) -> None:
    payload = agent_transfer()
    payload["channel"]["botLanguage"] = "it"
    sources: list[tuple[str, ...]] = [
        ("context", "currentLanguage"),
        ("channel", "botLanguage"),
        ("context", "session", "BotUserSession", "lastMessage", "messagePayload", "meta", "locale"),
    ]
    for source in sources[: sources.index(path) if path else None]:
        place = payload
        for key in source[:-1]:
            place = place[key]
        del place[source[-1]]
    assert transferred(payload).profile.language == language


def test_the_name_of_a_teams_user_is_found() -> None:
    payload = agent_transfer()
    payload["context"]["session"]["UserContext"] = {
        "_id": USER,
        "identities": [{"profileInfo": {"name": "Ada King Lovelace", "email": "ada@teams.example"}}],
    }
    profile = transferred(payload).profile
    assert (profile.first_name, profile.last_name, profile.email) == (
        "Ada",
        "King Lovelace",
        "ada@teams.example",
    )


def test_the_web_sdks_custom_data_fills_what_is_missing() -> None:
    payload = agent_transfer()
    payload["context"]["session"]["UserContext"] = {
        "_id": USER,
        "customData": {"firstName": "Ada", "email": "a@example.com"},
    }
    profile = transferred(payload).profile
    assert (profile.first_name, profile.email) == ("Ada", "a@example.com")


def _hook(name: str, **changes: Any) -> dict[str, Any]:
    """A hook in a shape seen in the field, for this bot."""
    shape = json.loads((CASES / name).read_text())
    urls = {key: value for key, value in user_message().items() if key.endswith("Url")}
    return {**shape, "botId": BOT_ID, **urls, **changes}


def test_the_address_of_an_email_user_is_in_their_identities() -> None:
    profile = transferred(_hook("hook-user-message-email.json")).profile
    assert (profile.email, profile.first_name, profile.channel) == ("john@example.com", "john", "email")


def test_an_identity_without_an_address_is_none() -> None:
    payload = agent_transfer()
    payload["context"]["session"]["UserContext"] = {
        "_id": USER,
        "identities": [{"val": "kore/u-1", "type": "mapped"}, {"val": "cs-1/ada@example.com"}, {"val": 7}],
    }
    assert transferred(payload).profile.email == "ada@example.com"


@pytest.mark.parametrize(
    "place",
    [
        {"channel": {"from": USER, "botInfo": {"customData": [{"callFlowId": "cf-0"}, {"language": "de"}]}}},
        {"channel": {"channelInfos": {"from": USER, "botInfo": {"customData": {"lang": "de"}}}}},
        {"context": {"session": {"UserContext": {"_id": USER, "customData": '{"locale": "de"}'}}}},
    ],
)
def test_the_language_may_be_a_parameter_of_the_client(place: dict[str, Any]) -> None:
    payload = agent_transfer() | place
    payload["context"].pop("currentLanguage", None)
    assert transferred(payload).profile.language == "de"


# --- the other events ---------------------------------------------------------------------------------------------


def test_on_bot_message_becomes_a_bot_message() -> None:
    event = read(user_message("Welcome"), "on_bot_message").event
    assert isinstance(event, BotMessage)
    assert event.text == "Welcome"


def test_a_session_closure_becomes_a_closed_platform_session() -> None:
    event = read(user_message(event={"eventType": "sessionClosure"}), "on_event").event
    assert isinstance(event, PlatformSessionClosed)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (user_message("hi"), "on_user_message"),
        (user_message(preDefinedEvent={"type": "TYPING_STARTED"}), "on_client_event"),
        (user_message(customEvent={"type": "cart"}), "on_client_event"),
        (agent_transfer(), "on_agent_transfer"),
    ],
)
def test_events_of_the_client_carry_its_events_url(payload: dict[str, Any], name: str) -> None:
    event = read(payload | {"sendBotEventUrl": f"{BASE}/sendBotEvent/1"}, name).event
    assert isinstance(event, FromClient)
    assert event.events_url == f"{BASE}/sendBotEvent/1"


@pytest.mark.parametrize(("kind", "started"), [("TYPING_STARTED", True), ("TYPING_STOPPED", False)])
def test_typing_events_become_user_typing(kind: str, started: bool) -> None:
    event = read(user_message(preDefinedEvent={"type": kind}), "on_client_event").event
    assert isinstance(event, UserTyping)
    assert event.started is started


@pytest.mark.parametrize(
    ("event", "extra", "name"),
    [
        ("on_event", {"event": {"eventType": "endDialog"}}, "on_event:endDialog"),
        ("on_event", {}, "on_event"),
        ("on_client_event", {"preDefinedEvent": {"type": "MESSAGE_READ"}}, "on_client_event"),
        ("on_client_event", {"customEvent": {}}, "on_client_event"),
        ("on_alert", {}, "on_alert"),
        ("on_variable_update", {}, "on_variable_update"),
        ("on_webhook", {}, "on_webhook"),
        ("on_something_new", {}, "on_something_new"),
    ],
)
def test_every_other_event_is_recorded_by_name(event: str, extra: dict[str, Any], name: str) -> None:
    found = read(user_message(**extra), event).event
    assert isinstance(found, OtherHook)
    assert found.name == name


# --- where to answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        "baseUrl",
        "sendUserMessageUrl",
        "sendBotMessageUrl",
        "skipUserMessageUrl",
        "skipBotMessageUrl",
        "callbackUrl",
        "resetBotUrl",
        "sendBotEventUrl",
        "clearConversationSessionUrl",
    ],
)
def test_a_url_of_another_host_is_refused_by_name(field: str) -> None:
    with pytest.raises(HookInvalid, match=r"evil\.example .*; see kore\.callback_hosts") as refused:
        read(user_message(**{field: "https://evil.example/api/botsdk/stream/x/1"}))
    assert refused.value.fix == "kore.callback_hosts"


@pytest.mark.parametrize("number", [5, 7.5])
def test_a_number_for_a_url_is_refused(number: float) -> None:
    with pytest.raises(HookInvalid, match=r"not a plain http\(s\) URL$") as refused:
        read(user_message(sendUserMessageUrl=number))
    assert refused.value.fix.startswith("correct the address")


@pytest.mark.parametrize(
    "base",
    [
        f"https://{HOST}@evil.example/x",
        f"https://{HOST}.evil.example/x/y",
        f"http://{HOST}/x",
        f"https://{HOST}\\@evil.example/x",
        f"https://{HOST}:444/x",
        "file:///etc/passwd",
    ],
)
def test_a_base_url_with_a_trick_is_refused(base: str) -> None:
    with pytest.raises(HookInvalid):
        read(user_message(baseUrl=base, sendBotMessageUrl=f"{base}/sendBotMessage/1"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseUrl": "https://evil.example/api/botsdk/stream/x"},
        {"sendBotMessageUrl": "https://evil.example/api/botsdk/stream/x/sendBotMessage/1501244156290"},
        {"sendBotMessageUrl": f"https://{HOST}.evil.example/sendBotMessage/1501244156290"},
        {"botId": OTHER_BOT_ID},
    ],
)
def test_a_wrong_hook_is_refused_after_many_good_ones(wrong: dict[str, str]) -> None:
    parser, path = (
        HookParser(settings().bots[BOT_ID], insecure_http=False),
        HookPath(BOT_ID, "on_user_message"),
    )
    for _ in range(3):
        parser.read(path, as_body(user_message()), at=Instant(NOW))
        with pytest.raises(HookInvalid):
            parser.read(path, as_body(user_message(**wrong)), at=Instant(NOW))


def test_urls_are_checked_where_the_base_url_ends_within_the_host() -> None:
    with pytest.raises(HookInvalid):
        read(user_message(baseUrl=f"https://{HOST}", sendBotMessageUrl=f"https://{HOST}.evil.example/x"))


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("on_user_message", "sendBotMessageUrl"),
        ("on_bot_message", "sendUserMessageUrl"),
        ("on_agent_transfer", "sendUserMessageUrl"),
    ],
)
def test_a_needed_url_that_cannot_be_derived_is_an_error(event: str, field: str) -> None:
    payload = user_message()
    for name in ("baseUrl", "sendBotMessageUrl", "sendUserMessageUrl"):
        del payload[name]
    with pytest.raises(HookInvalid, match=field):
        read(payload, event)


def test_a_url_that_can_be_derived_is_no_error() -> None:
    payload = user_message()
    del payload["sendBotMessageUrl"]
    assert isinstance(read(payload).event, UserMessage)


def test_other_events_need_no_url() -> None:
    assert isinstance(read({"event": {"eventType": "endFAQ"}}, "on_event").event, OtherHook)


def _in_session(**more: Any) -> dict[str, Any]:
    payload = agent_transfer()
    payload["context"]["session"]["BotUserSession"] = more
    return payload


def test_meta_info_for_live_chat_is_read_separately() -> None:
    both = _in_session(
        miawMetaInfo={"preChatInfo": {"City": "Pune"}},
        liveChatMetaInfo={"preChatInfo": {"City": "Poona"}, "endChatShortHandCommand": "bye"},
    )
    event = transferred(both)
    assert event.meta_infos == (
        ("miawMetaInfo", MetaInfo((("City", "Pune"),))),
        ("liveChatMetaInfo", MetaInfo((("City", "Poona"),), "bye")),
    )


def test_without_meta_info_for_live_chat_there_is_none() -> None:
    assert transferred(_in_session()).meta_infos == ()


@pytest.mark.parametrize(
    ("history", "name"),
    [
        (
            [{"type": "agentTransfer", "componentName": "legacy"}, {"dialogState": "transferredToAgent"}],
            "legacy",
        ),
        (
            [
                {"type": "agentTransfer", "componentName": "first"},
                {"type": "message", "componentName": "bye"},
                {"type": "agentTransfer", "componentName": "second"},
            ],
            "second",
        ),
        ([{"type": "message", "componentName": "legacy"}], ""),
        ([{"type": "agentTransfer"}], ""),
        ([], ""),
        (None, ""),
        ("nonsense", ""),
        ([1, "x"], ""),
    ],
)
def test_the_node_is_the_last_agent_transfer_of_the_dialogs_history(history: Any, name: str) -> None:
    payload = agent_transfer()
    payload["context"]["history"] = history
    assert transferred(payload).node_name == name


def test_the_node_is_found_if_another_field_has_an_unexpected_type() -> None:
    payload = agent_transfer()
    payload["context"]["history"] = [{"type": "agentTransfer", "componentName": "legacy"}]
    payload["context"]["intent"] = 7
    assert transferred(payload).node_name == "legacy"


@pytest.mark.parametrize(
    ("custom", "name"),
    [({"type": "cart", "n": 1}, "cart"), ({"name": "cart"}, "cart"), ({"n": 1}, "customEvent")],
)
def test_a_custom_event_keeps_all_its_members(custom: dict[str, Any], name: str) -> None:
    event = read(user_message(customEvent=custom), "on_client_event").event
    assert isinstance(event, UserCustomEvent)
    assert (event.name, json.loads(event.data)) == (name, custom)


def test_a_custom_event_that_is_too_large_is_left_out() -> None:
    event = read(user_message(customEvent={"type": "x", "data": "y" * 30_000}), "on_client_event").event
    assert isinstance(event, OtherHook)
