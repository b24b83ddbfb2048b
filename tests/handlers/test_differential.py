"""Every known payload of the platform, through every event, with handlers of every kind before the hand-off.

Whatever handlers do that is no answer, the platform sees what it sees without them: the same calls, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from botkit import BotKit
from botkit.handlers import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    Context,
    PlatformEventContext,
    Sent,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
    WebhookVerdict,
)
from botkit.hooks.events import HOOK_EVENTS
from tests.handlers.payload_samples import REFUSED, SAMPLES, UNKNOWN, Refused, Sample
from tests.handlers.taken_down import Answer, Call, TakenDown, taken_down

EVERY_CONTEXT = (
    UserMessageContext,
    BotMessageContext,
    AgentTransferContext,
    WebhookContext,
    PlatformEventContext,
    AlertContext,
    VariableUpdateContext,
    ClientEventContext,
)
ANSWERS = {
    "on_user_message": ("sendUserMessage", {"message": "answered", "overrideMessagePayload": None}),
    "on_bot_message": ("skipUserMessage", {}),
    "on_agent_transfer": ("clearAgentSession", {}),
    "on_alert": ("sendAlertMessage", {"message": "answered", "overrideMessagePayload": None}),
}
"""The answers of the handlers below: the call, and the changed members."""


ACKNOWLEDGED = b'{"headers":{"supportsMessageAck":true}}'


def on_everything(kit: BotKit, handler: Callable[[Any], Any]) -> None:
    """The same handler for every event."""
    for event in sorted(HOOK_EVENTS):
        getattr(kit, event)(handler)


def nothing(kit: BotKit) -> None:
    """No handler at all."""


def pass_on(kit: BotKit) -> None:
    """Handlers that read every member and do nothing, with each return value that means so."""

    def looks(ctx: Context) -> None:
        for kind in EVERY_CONTEXT:
            if isinstance(ctx, kind):
                for name in dir(kind):
                    if isinstance(getattr(kind, name, None), property) or name in (
                        "raw",
                        "user",
                        "channel",
                        "session",
                    ):
                        repr(getattr(ctx, name))
        ctx.new_context()["changed"] = "here alone"

    async def looks_slowly(ctx: Context) -> None:
        repr(ctx.raw)

    on_everything(kit, looks)
    on_everything(kit, looks_slowly)
    on_everything(kit, lambda ctx: ctx.next())


def answer(kit: BotKit) -> None:
    """Handlers that answer every event that can be answered."""

    @kit.on_user_message
    def user(ctx: UserMessageContext) -> Sent:
        return ctx.send_user_message("answered")

    @kit.on_bot_message
    def bot(ctx: BotMessageContext) -> Sent:
        return ctx.skip_user_message()

    @kit.on_agent_transfer
    def transfer(ctx: AgentTransferContext) -> Sent:
        return ctx.clear_agent_session()

    @kit.on_webhook
    def webhook(ctx: WebhookContext) -> WebhookVerdict:
        return ctx.respond({"answered": True})

    @kit.on_alert
    def alert(ctx: AlertContext) -> Sent:
        return ctx.send_alert_message("answered")


def raise_errors(kit: BotKit) -> None:
    """Handlers that request a call and then fail: their calls are dropped."""

    def raises(ctx: Context) -> None:
        ctx.send_user_message("never to be seen")
        raise LookupError("as handlers will")

    async def raises_slowly(ctx: Context) -> None:
        ctx.clear_agent_session()
        raise SystemExit

    on_everything(kit, raises)
    on_everything(kit, raises_slowly)


def return_an_invalid_result(kit: BotKit) -> None:
    """Handlers that request a call and return an invalid result."""

    def returns(ctx: Context) -> Any:
        ctx.send_user_message("never to be seen")
        return {"message": "as in Node"}

    on_everything(kit, returns)


KINDS: dict[str, Callable[[BotKit], None]] = {
    kind.__name__: kind for kind in (nothing, pass_on, answer, raise_errors, return_an_invalid_result)
}
WITHOUT_ANSWER = ("pass_on", "raise_errors", "return_an_invalid_result")


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TakenDown]]:
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(taken_down(tmp_path_factory.mktemp(kind), register))
            for kind, register in KINDS.items()
        }


@pytest.fixture(scope="module")
def defaults(kits: dict[str, TakenDown]) -> dict[Sample, tuple[Answer, list[Call]]]:
    """The answer and the calls of every sample without handlers."""
    return {one: kits["nothing"].post(one.event, one.body, one.component) for one in SAMPLES}


Defaults = dict[Sample, tuple[Answer, list[Call]]]


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_without_handlers_every_event_is_acknowledged_and_passed_on(
    defaults: Defaults, sample: Sample
) -> None:
    answer, calls = defaults[sample]
    assert (answer.status, answer.headers["supportsMessageAck"]) == ("200 OK", "true")
    assert answer.body == (sample.body if sample.event == "on_webhook" else ACKNOWLEDGED)
    assert [call.verb for call in calls] == list(sample.calls)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if len(one.calls) == 1], ids=str)
def test_what_is_passed_on_keeps_every_byte_of_the_payload(defaults: Defaults, sample: Sample) -> None:
    _, (call,) = defaults[sample]
    assert (call.body or b"").endswith(sample.body.lstrip()[1:])
    assert call.headers == (("Content-Type", "application/json"),)


@pytest.mark.parametrize("kind", WITHOUT_ANSWER)
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_handlers_that_do_not_answer_change_no_byte(
    kits: dict[str, TakenDown], defaults: Defaults, sample: Sample, kind: str
) -> None:
    assert kits[kind].post(sample.event, sample.body, sample.component) == defaults[sample]
    assert kits["pass_on"].handled("raised") == 0  # Every payload can be read.


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_handlers_answer_takes_the_place_of_the_default(kits: dict[str, TakenDown], sample: Sample) -> None:
    response, calls = kits["answer"].post(sample.event, sample.body, sample.component)
    assert (response.status, response.headers["supportsMessageAck"]) == ("200 OK", "true")
    if sample.event == "on_webhook":
        context = (sample.payload.get("context") or {}) | {"answered": True}
        assert json.loads(response.body) == sample.payload | {"context": context}
    if sample.event not in ANSWERS:
        assert calls == []
        return
    verb, changes = ANSWERS[sample.event]
    if sample.event == "on_alert" and not sample.calls:
        assert (
            calls == []
        )  # The payload has no URL for it: the call was refused, and there is no default either.
        return
    (call,) = calls
    assert call.verb == verb
    expected = sample.payload | changes
    assert {name: call.json[name] for name in expected} == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("refused", REFUSED, ids=str)
def test_an_invalid_hook_is_refused_before_any_handler(
    kits: dict[str, TakenDown], refused: Refused, kind: str
) -> None:
    kit = kits[kind]
    before = {outcome: kit.handled(outcome) for outcome in ("passed", "answered", "raised", "invalid_result")}
    response, calls = kit.post(refused.event, refused.body)
    (error,) = json.loads(response.body)["errors"]
    assert (response.status[:3], error["code"], calls) == (refused.status, refused.code, [])
    assert {outcome: kit.handled(outcome) for outcome in before} == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_event_is_acknowledged(kits: dict[str, TakenDown], kind: str) -> None:
    response, calls = kits[kind].post(UNKNOWN.event, UNKNOWN.body)
    assert (response.status, calls) == ("200 OK", [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_comes_twice_causes_its_calls_once(kits: dict[str, TakenDown], kind: str) -> None:
    kit, body = kits[kind], SAMPLES[0].body.replace(b"1501244156289", b"1501244156291")
    first, calls = kit.post("on_user_message", body)
    again, none = kit.post("on_user_message", body)
    assert (len(calls), none) == (1, [])
    assert first == again


def test_there_is_a_sample_of_every_event() -> None:
    assert {sample.event for sample in SAMPLES} == set(HOOK_EVENTS)
