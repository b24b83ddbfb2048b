"""Every call of Kore's SDK from handlers and background jobs, as bytes that the emulated platform received.

`tests/kore/test_sdk_calls_on_the_wire.py` has the same for `KoreClient`. Each row names the event, the call, and the
changes to the event's payload; the rest of the payload is sent back unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from botkit import BotKit
from botkit.handlers import ConversationHandle, Sent, UserMessageContext, Verdict, WebhookVerdict
from botkit.handlers.calls import Calls
from botkit.handlers.reads import Reads
from botkit.hooks.events import HOOK_EVENTS
from botkit.kore.requests import SDK_CALLS
from botkit.templates import button_template
from botkit.testing.waiting import until
from botkit_sandbox.wire import WireEntry
from tests.handlers.payload_samples import CONTACT_CENTRE, VARIABLE_EVENTS
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import Person, Stage

TAGS = {"sessionMetaTags": [{"name": "campaign", "value": "spring"}]}
TEMPLATE = button_template("Which?", ["Tea", "Coffee"])
ACKNOWLEDGED = '{"headers":{"supportsMessageAck":true}}'

TODO: dict[tuple[str, str], Callable[[Any], Any]] = {}
"""What a user's next event makes its handler do, by user and event."""
SEEN: list[tuple[str, str, Any]] = []
"""What handlers were called for: event, user, and what they did of it."""
NEWEST: dict[str, str] = {}
"""The requestId of the newest hook of each kind."""


def register(kit: BotKit) -> None:
    """One handler for every event: it does what the test wants, once, and otherwise returns None."""

    def obey(ctx: Any) -> Any:
        todo = TODO.pop((ctx.event, ctx.user.id), None) or TODO.pop((ctx.event, ""), None)
        done = todo(ctx) if todo is not None else None
        NEWEST[ctx.event] = ctx.request_id
        SEEN.append((ctx.event, ctx.user.id, done))
        return done if isinstance(done, Verdict | WebhookVerdict) else None

    for event in sorted(HOOK_EVENTS):
        getattr(kit, event)(obey)

    @kit.on_user_message
    async def ask(ctx: UserMessageContext) -> None:
        if ctx.message == "ask on a loop":
            history = await ctx.aio.get_messages(limit=3)
            SEEN.append(("history", ctx.user.id, [record["type"] for record in history]))


@pytest.fixture
def stage(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    stage = stages("sdk-on-the-wire", handlers=register, bot={"kore": {"keep_payloads": True}})
    TODO.clear()
    SEEN.clear()
    yield stage
    stage.everybody_leaves()
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []


# --- causing events, and what is on the wire of them


def cause(stage: Stage, ada: Person, hook: str, /, **what: Any) -> None:
    """Have the platform post an event of this user."""
    clouds = stage.clouds
    match hook:
        case "on_user_message" if "connects" in what:
            ada.connects()
        case "on_user_message":
            ada.says(what.get("text", "good evening"))
        case "on_bot_message":
            ada.says("hi")
        case "on_agent_transfer":
            ada.says("just a human please")
        case "on_webhook":
            ada.says("price please")
        case "on_event" if "closes" in what:
            ada.closes_the_window()
        case "on_event":
            clouds.do(clouds.kore.platform_event, ada.user, what.get("event", {"eventType": "endFAQ"}))
        case "on_alert":
            clouds.do(clouds.kore.alert, ada.user, "It is late.")
        case "on_variable_update":
            clouds.do(clouds.kore.variables_changed, what.get("event_type", "variable_update"))
        case "on_client_event" if "custom" in what:
            clouds.do(clouds.kore.custom_event, ada.user, what["custom"])
        case "on_client_event" if "read" in what:
            clouds.do(clouds.kore.read, ada.user, what["read"])
        case "on_client_event":
            ada.types(started=what.get("started", True))


def hook_of(stage: Stage, ada: Person, event: str) -> tuple[WireEntry, dict[str, Any]]:
    """The first hook of this event and user, and its payload. Changed variables have no user."""
    about = NEWEST[event] if event == "on_variable_update" else ada.id
    entry = until(lambda: stage.wire(event, about=about), f"for {event}")[0]
    payload: dict[str, Any] = json.loads(entry.request_body)
    return entry, payload


def call_about(stage: Stage, verb: str, request_id: Any) -> WireEntry:
    """BotKit's call of this name for this hook."""
    found = until(
        lambda: stage.wire(verb, about=f"/{verb}/{request_id}", source="botkit"),
        f"for {verb} of {request_id}",
    )
    return found[-1]


def component_of(hook: WireEntry) -> str:
    """The component in a hook's path."""
    parts = hook.path.split("/")
    return parts[parts.index("components") + 1] if "components" in parts else "default"


def check_posted(
    stage: Stage, call: WireEntry, verb: str, hook: WireEntry, changes: Mapping[str, Any]
) -> None:
    """Method, path, headers and body of a call: the hook's payload, completed as Kore's SDK does, with the changes."""
    payload = json.loads(hook.request_body)
    assert (call.method, call.status) == ("POST", 200)
    assert call.path == f"/api/botsdk/stream/{stage.clouds.kore.bot_id}/{verb}/{payload['requestId']}"
    headers = {name.lower(): value for name, value in call.request_headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["auth"].startswith("eyJ")  # The wire log truncates it; a wrong one would cause a 401.
    assert headers["x-request-id"]

    completed = {"__payloadClass": "OnMessagePayload", "componentId": component_of(hook), "ackMessage": True}
    assert json.loads(call.request_body) == completed | payload | changes
    if not set(changes) - {"__payloadClass"}:
        assert call.request_body.endswith(hook.request_body[1:])


# --- calls that post something


@dataclass(frozen=True)
class Row:
    """One call: its event, the last part of its URL, the code that requests it, and the changes to the payload."""

    call: str
    event: str
    verb: str
    ask: Callable[[Any], Sent]
    changes: Mapping[str, Any] = field(default_factory=dict)
    then: Callable[[Stage, Person], object] = lambda stage, ada: True
    """What the platform made of it."""


ROWS = [
    Row(
        "send_user_message",
        "on_user_message",
        "sendUserMessage",
        lambda ctx: ctx.send_user_message(TEMPLATE, meta_tags=TAGS),
        {**TEMPLATE.for_channel("rtm").as_changes(), "metaTags": TAGS},
        lambda stage, ada: ada.told()[-1:] == ["Which?"] and ada.user.tags["sessionMetaTags"],
    ),
    Row(
        "send_bot_message",
        "on_user_message",
        "sendBotMessage",
        lambda ctx: ctx.send_bot_message("menu", meta_info={"setBotLanguage": "en"}),
        {"message": "menu", "overrideMessagePayload": None, "metaInfo": {"setBotLanguage": "en"}},
        lambda stage, ada: "What is it about?" in ada.told(),
    ),
    Row(
        "skip_user_message",
        "on_bot_message",
        "skipUserMessage",
        lambda ctx: ctx.skip_user_message(),
    ),
    Row("skip_bot_message", "on_user_message", "skipBotMessage", lambda ctx: ctx.skip_bot_message()),
    Row(
        "send_alert_message",
        "on_alert",
        "sendAlertMessage",
        lambda ctx: ctx.send_alert_message("Storm!"),
        {"__payloadClass": "OnAlertPayload", "message": "Storm!", "overrideMessagePayload": None},
        lambda stage, ada: ada.told()[-1:] == ["Storm!"],
    ),
    Row(
        "reset_bot",
        "on_user_message",
        "resetBot",
        lambda ctx: ctx.reset_bot(),
        {},
        lambda stage, ada: ada.user.resets,
    ),
    Row(
        "clear_agent_session",
        "on_agent_transfer",
        "clearAgentSession",
        lambda ctx: ctx.clear_agent_session(),
        {"__payloadClass": "OnAgentTransferPayload"},
        lambda stage, ada: not ada.user.agent_mode and ada.cases() == [],
    ),
    Row("extend_request_id", "on_user_message", "extendcallid", lambda ctx: ctx.extend_request_id()),
    Row(
        "close_conversation_session",
        "on_user_message",
        "clearConversationSession",
        lambda ctx: ctx.close_conversation_session(),
        {},
        lambda stage, ada: ada.user.session.closed,
    ),
    Row(
        "send_feedback_message",
        "on_user_message",
        "sendFeedbackMessage",
        lambda ctx: ctx.send_feedback_message("CSAT", 4, channel="web", createdOn="2026-01-01T00:00:00.000Z"),
        {
            "feedbackData": {
                "name": "CSAT",
                "score": 4,
                "channel": "web",
                "createdOn": "2026-01-01T00:00:00.000Z",
            }
        },
        lambda stage, ada: any(
            one["channelUId"] == ada.user.address for one in stage.clouds.kore.core.feedback
        ),
    ),
    Row(
        "send_bot_event",
        "on_client_event",
        "sendBotEvent",
        lambda ctx: ctx.send_bot_event("TYPING_STARTED"),
        {"preDefinedEvent": {"type": "TYPING_STARTED"}, "customEvent": {}},
        lambda stage, ada: ada.user.agent_typing,
    ),
]
ONLY_WITH_THEIR_HOOK = {"send_alert_message", "send_bot_event"}
"""Where to is in the payloads of on_alert and on_client_event alone."""


def with_feedback_completed(row: Row, payload: Mapping[str, Any]) -> dict[str, Any]:
    changes = dict(row.changes)
    if row.call == "send_feedback_message":
        channel = payload["channel"]
        known = {
            "botId": payload["botId"],
            "channelUId": channel["from"],
            "botLanguage": channel["botLanguage"],
        }
        changes["feedbackData"] = known | row.changes["feedbackData"]
    return changes


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.call)
def test_a_call_of_a_handler_posts_its_hooks_payload(stage: Stage, row: Row) -> None:
    ada = stage.person()
    TODO[row.event, ada.id] = row.ask
    cause(stage, ada, row.event)
    hook, payload = hook_of(stage, ada, row.event)
    call = call_about(stage, row.verb, payload["requestId"])
    check_posted(stage, call, row.verb, hook, with_feedback_completed(row, payload))
    until(lambda: row.then(stage, ada), f"for what comes of {row.call}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.call)
def test_a_call_outside_any_hook_posts_the_newest_payload(stage: Stage, row: Row) -> None:
    ada = stage.person()
    bot_id = stage.clouds.kore.bot_id
    conversation: list[ConversationHandle] = []
    if row.call in ONLY_WITH_THEIR_HOOK:
        event = row.event
        TODO[event, ada.id] = lambda ctx: conversation.append(ctx.conversation)
        cause(stage, ada, event)
        until(lambda: conversation, "for the handler")
    else:
        event = "on_user_message"
        TODO[event, ada.id] = lambda ctx: ctx.send_user_message("Good evening.")
        cause(stage, ada, event)
        ada.hears("Good evening.")
        conversation.append(stage.service.kit.conversation(bot_id, ada.id))
    hook, payload = hook_of(stage, ada, event)
    if (
        row.call == "send_alert_message"
    ):  # By default an alert is passed on after its handler; that call is not the row's.
        until(
            lambda: stage.wire(row.verb, about=f"/{payload['requestId']}", source="botkit"), "for the alert"
        )
    before = len(stage.wire(row.verb, about=f"/{payload['requestId']}", source="botkit"))
    row.ask(conversation[0])
    calls = until(
        lambda: stage.wire(row.verb, about=f"/{payload['requestId']}", source="botkit")[before:],
        f"for {row.verb}",
    )
    changes = with_feedback_completed(row, payload)
    if event == "on_user_message":
        changes.pop("__payloadClass", None)
    check_posted(stage, calls[-1], row.verb, hook, changes)


def test_starting_an_agent_session_posts_its_hooks_payload_and_opens_the_hand_off(stage: Stage) -> None:
    ada = stage.person()
    TODO["on_user_message", ada.id] = lambda ctx: ctx.start_agent_session(pre_chat={"Mood": "angry"})
    cause(stage, ada, "on_user_message")
    hook, payload = hook_of(stage, ada, "on_user_message")
    call = call_about(stage, "startAgentSession", payload["requestId"])
    check_posted(stage, call, "startAgentSession", hook, {})
    assert ada.user.agent_mode
    until(ada.cases, "for the conversation at the agents'")
    assert ada.cases()[0].attributes()["Mood"] == "angry"


# --- webhooks


def test_a_webhook_is_answered_at_once_with_its_payload_and_the_context_changed(stage: Stage) -> None:
    ada = stage.person()
    TODO["on_webhook", ada.id] = lambda ctx: ctx.respond({"price": "12 Euro"})
    cause(stage, ada, "on_webhook")
    ada.hears("It is 12 Euro.")
    hook, payload = hook_of(stage, ada, "on_webhook")
    assert hook.status == 200
    assert json.loads(hook.response_body) == payload | {"context": payload["context"] | {"price": "12 Euro"}}


@pytest.mark.parametrize("replace", [False, True], ids=["merged", "replaced"])
def test_a_deferred_webhook_is_answered_202_and_then_called_back(stage: Stage, replace: bool) -> None:
    ada = stage.person()
    TODO["on_webhook", ada.id] = lambda ctx: ctx.defer()
    cause(stage, ada, "on_webhook")
    hook, payload = hook_of(stage, ada, "on_webhook")
    assert (hook.status, json.loads(hook.response_body)) == (
        202,
        {"customCode": "ASYNC_RESPONSE", "message": "AsyncResponse", "statusCode": 202},
    )
    stage.service.kit.respond_to_hook(str(payload["requestId"]), {"price": "12 Euro"}, replace=replace)
    call = call_about(stage, "serviceCallback", payload["requestId"])
    context = ({} if replace else payload["context"]) | {"price": "12 Euro"}
    check_posted(
        stage, call, "serviceCallback", hook, {"__payloadClass": "OnHookPayload", "context": context}
    )
    ada.hears("It is 12 Euro.")


# --- questions


@dataclass(frozen=True)
class Question:
    """One reading call: its event, the code that requests it, and its path after the bot's base URL."""

    call: str
    event: str
    ask: Callable[[Any], Any]
    line: str
    answers: Callable[[Any], object]
    language: str | None = None


QUESTIONS = [
    Question(
        "get_messages",
        "on_user_message",
        lambda ctx: ctx.get_messages(limit=5, skip=0),
        "getMessages?skip=0&limit=5&userId={user}&channelType=rtm",
        lambda records: [record["type"] for record in records] == ["incoming"],
    ),
    Question(
        "fetch_bot_variables",
        "on_user_message",
        lambda ctx: ctx.fetch_bot_variables("en"),
        "getBotVariable/{request}",
        lambda found: found == {"en": ()},
        language="en",
    ),
    Question(
        "get_dialog",
        "on_agent_transfer",
        lambda ctx: ctx.get_dialog(),
        "getDialog/{request}",
        lambda dialog: dialog.nodes and dialog.components,
    ),
    Question(
        "fetch_bot_variables when they change",
        "on_variable_update",
        lambda ctx: ctx.fetch_bot_variables("en"),
        "getBotVariable/{request}",
        lambda found: found == {"en": ()},
        language="en",
    ),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.call.replace(" ", "_"))
def test_a_question_of_a_handler_is_a_get_without_a_body(stage: Stage, question: Question) -> None:
    ada = stage.person()
    someone = "" if question.event == "on_variable_update" else ada.id
    TODO[question.event, someone] = question.ask
    cause(stage, ada, question.event)
    (answer,) = until(
        lambda: [done for event, user, done in SEEN if (event, user) == (question.event, someone)]
    )
    assert question.answers(answer)
    _, payload = hook_of(stage, ada, question.event)
    line = question.line.format(user=ada.user.address, request=payload["requestId"])
    path = f"/api/botsdk/stream/{stage.clouds.kore.bot_id}/{line}"
    (call,) = [one for one in stage.wire(line.partition("/")[0].partition("?")[0]) if one.path == path]
    check_asked(call, question.language)


def check_asked(call: WireEntry, language: str | None = None) -> None:
    assert (call.method, call.status, call.request_body) == ("GET", 200, "")
    assert call.request_headers["auth"].startswith("eyJ")
    assert call.request_headers.get("bot-language") == language
    assert "Content-Type" not in call.request_headers


def test_a_coroutine_asks_on_its_loop(stage: Stage) -> None:
    ada = stage.person()
    cause(stage, ada, "on_user_message", text="ask on a loop")
    until(lambda: ("history", ada.id, ["incoming"]) in SEEN, "for the history")
    (call,) = stage.wire("getMessages", about=ada.user.address)
    check_asked(call)


def test_the_history_is_read_outside_any_hook(stage: Stage) -> None:
    ada = stage.person()
    cause(stage, ada, "on_user_message")
    hook_of(stage, ada, "on_user_message")
    until(lambda: [event for event, user, _ in SEEN if user == ada.id])
    conversation = stage.service.kit.conversation(stage.clouds.kore.bot_id, ada.id)
    assert [record["type"] for record in until(lambda: conversation.get_messages(limit=2))][-1] == "incoming"
    (call,) = stage.wire("getMessages", about=f"limit=2&userId={ada.user.address}")
    check_asked(call)


# --- events


@dataclass(frozen=True)
class BaseEvent:
    """One event of the platform: its cause, its handler's view of it, and its default effect."""

    name: str
    event: str
    sees: Callable[[Any], Any]
    what: Any
    verb: str = ""
    payload_class: str = "OnMessagePayload"
    how: Mapping[str, Any] = field(default_factory=dict)


HAPPENINGS = [
    BaseEvent(
        "on_user_message", "on_user_message", lambda ctx: ctx.message, "good evening", "sendBotMessage"
    ),
    BaseEvent("on_bot_message", "on_bot_message", lambda ctx: ctx.message[:5], "Hello", "sendUserMessage"),
    BaseEvent("on_agent_transfer", "on_agent_transfer", lambda ctx: ctx.component_id[:3], "dc-"),
    BaseEvent("on_webhook", "on_webhook", lambda ctx: ctx.component_name, "Price"),
    BaseEvent(
        "on_alert", "on_alert", lambda ctx: ctx.message, "It is late.", "sendAlertMessage", "OnAlertPayload"
    ),
    *(
        BaseEvent(kind, "on_variable_update", lambda ctx: ctx.event_type, kind, how={"event_type": kind})
        for kind in VARIABLE_EVENTS
    ),
    *(
        BaseEvent(kind, "on_event", lambda ctx: ctx.event_type, kind, how={"event": {"eventType": kind}})
        for kind in ("endDialog", "endFAQ", *CONTACT_CENTRE)
    ),
    BaseEvent(
        "sessionClosure", "on_event", lambda ctx: ctx.event_type, "sessionClosure", how={"closes": True}
    ),
    BaseEvent(
        "ON_CONNECT_EVENT",
        "on_user_message",
        lambda ctx: ctx.is_connect,
        True,
        "sendBotMessage",
        how={"connects": True},
    ),
    *(
        BaseEvent(
            f"TYPING_{'STARTED' if started else 'STOPPED'}",
            "on_client_event",
            lambda ctx: ctx.pre_defined_event["type"],
            f"TYPING_{'STARTED' if started else 'STOPPED'}",
            how={"started": started},
        )
        for started in (True, False)
    ),
    BaseEvent(
        "MESSAGE_READ",
        "on_client_event",
        lambda ctx: ctx.pre_defined_event["id"],
        "ms-1",
        how={"read": "ms-1"},
    ),
    BaseEvent(
        "customEvent",
        "on_client_event",
        lambda ctx: ctx.custom_event["type"],
        "cart",
        how={"custom": {"type": "cart"}},
    ),
]


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda one: one.name)
def test_an_event_reaches_its_handler_is_acknowledged_and_goes_its_way(
    stage: Stage, happening: BaseEvent
) -> None:
    ada = stage.person()
    someone = "" if happening.event == "on_variable_update" else ada.id
    TODO[happening.event, someone] = happening.sees
    cause(stage, ada, happening.event, **happening.how)
    until(lambda: (happening.event, someone, happening.what) in SEEN, f"for {happening.name}")
    hook, payload = hook_of(stage, ada, happening.event)
    where = (
        ""
        if happening.event not in ("on_agent_transfer", "on_webhook")
        else f"/components/{component_of(hook)}"
    )
    assert hook.path.endswith(f"/sdk/bots/{stage.clouds.kore.bot_id}{where}/{happening.event}")
    assert (hook.method, hook.status) == ("POST", 200)
    assert hook.response_body == (hook.request_body if happening.event == "on_webhook" else ACKNOWLEDGED)
    if happening.verb:
        call = call_about(stage, happening.verb, payload["requestId"])
        check_posted(stage, call, happening.verb, hook, {"__payloadClass": happening.payload_class})
    if happening.event == "on_agent_transfer":
        until(ada.cases, "for the conversation at the agents'")


def test_the_payload_of_an_event_says_what_it_is_of(stage: Stage) -> None:
    ada = stage.person()
    TODO["on_event", ada.id] = lambda ctx: ctx.send_user_message("Was that all?")
    cause(stage, ada, "on_event")
    hook, payload = hook_of(stage, ada, "on_event")
    call = call_about(stage, "sendUserMessage", payload["requestId"])
    changes = {"__payloadClass": "OnEventPayload", "message": "Was that all?", "overrideMessagePayload": None}
    check_posted(stage, call, "sendUserMessage", hook, changes)


# --- nothing is missing


def test_every_call_that_can_be_asked_for_has_a_row() -> None:
    of_conversations = {name for name in vars(Calls) if not name.startswith("_")}
    assert {row.call for row in ROWS} == of_conversations
    assert of_conversations | {"start_agent_session", "respond_to_hook"} == set(SDK_CALLS)


def test_every_question_has_a_row() -> None:
    asked = {question.call.partition(" ")[0] for question in QUESTIONS}
    assert asked == {name for name in vars(Reads) if not name.startswith("_")}


def test_every_event_has_a_row() -> None:
    assert {happening.event for happening in HAPPENINGS} == set(HOOK_EVENTS)
