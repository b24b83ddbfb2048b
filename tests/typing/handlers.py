"""Which functions may be handlers, and that decorating one leaves its type alone."""

from __future__ import annotations

from typing import assert_type

from botkit import BotKit
from botkit.handlers import (
    AgentJoinedContext,
    AgentTransferContext,
    AlertContext,
    Answer,
    BotMessageContext,
    ClientEventContext,
    Context,
    Defer,
    HandoffEndedContext,
    HandoffStartedContext,
    Next,
    PlatformEventContext,
    Sent,
    Stop,
    UserMessageContext,
    VariableUpdateContext,
    Verdict,
    WebhookContext,
    WebhookVerdict,
)

kit = BotKit()


# --- bare, with arguments, plain and as a coroutine ----------------------------------------------------------------


@kit.on_user_message
def user_message(ctx: UserMessageContext) -> Verdict:
    return ctx.next(message="hello") if ctx.message else ctx.stop()


@kit.on_user_message(bot="st-1", seconds=2)
async def user_message_later(ctx: UserMessageContext) -> Sent | None:
    return ctx.send_user_message("Hello") if ctx.message else None


@kit.on_bot_message
def bot_message(ctx: BotMessageContext) -> Next:
    return ctx.next(message=ctx.message.upper())


@kit.on_bot_message(bot="st-1")
async def bot_message_later(ctx: BotMessageContext) -> None: ...


@kit.on_agent_transfer
def agent_transfer(ctx: AgentTransferContext) -> Next:
    return ctx.next(agent_system="second", pre_chat={"City": "Pune", "Age": 7}, end_word="bye")


@kit.on_agent_transfer(seconds=0.5)
async def agent_transfer_later(ctx: AgentTransferContext) -> Stop:
    return ctx.stop()


@kit.on_webhook
def webhook(ctx: WebhookContext) -> Answer:
    return ctx.respond({"order": "shipped"})


@kit.on_webhook("CheckOrder")
def webhook_of_a_node(ctx: WebhookContext) -> Defer | Answer:
    return ctx.defer() if ctx.component_name else ctx.respond()


@kit.on_webhook("CheckOrder", bot="st-1", seconds=20)
async def webhook_later(ctx: WebhookContext) -> WebhookVerdict:
    return ctx.next()


@kit.on_webhook(bot="st-1")
def webhook_of_a_bot(ctx: WebhookContext) -> None: ...


@kit.on_event
def event(ctx: PlatformEventContext) -> None: ...


@kit.on_event("endDialog", bot="st-1")
async def event_of_a_type(ctx: PlatformEventContext) -> Sent:
    return ctx.send_user_message("How was it?")


@kit.on_alert
def alert(ctx: AlertContext) -> Sent:
    return ctx.send_alert_message()


@kit.on_variable_update
def variable_update(ctx: VariableUpdateContext) -> None: ...


@kit.on_client_event(seconds=1)
async def client_event(ctx: ClientEventContext) -> None: ...


async def they_are_what_they_were(
    user: UserMessageContext, webhook: WebhookContext, event: PlatformEventContext
) -> None:
    assert_type(user_message(ctx=user), Verdict)
    assert_type(await user_message_later(ctx=user), Sent | None)
    assert_type(webhook_of_a_node(ctx=webhook), Defer | Answer)
    assert_type(await event_of_a_type(ctx=event), Sent)


# --- one function for several hooks, objects, methods, lambdas -----------------------------------------------------


@kit.on_user_message
@kit.on_bot_message(bot="st-1")
def either(ctx: UserMessageContext | BotMessageContext) -> Next:
    return ctx.next(message=ctx.message.strip())


@kit.on_user_message
@kit.on_bot_message
@kit.on_agent_transfer
@kit.on_webhook
@kit.on_event
@kit.on_alert
@kit.on_variable_update
@kit.on_client_event
async def every(ctx: Context) -> None: ...


class Counter:
    """A handler with a memory."""

    def __call__(self, ctx: Context) -> None: ...

    def method(self, ctx: Context) -> Next:
        return ctx.next()


async def they_are_too(user: UserMessageContext, bot: BotMessageContext, alert: AlertContext) -> None:
    assert_type(either(ctx=user), Next)
    assert_type(either(ctx=bot), Next)
    await every(ctx=alert)


assert_type(kit.on_alert(Counter()), Counter)
kit.on_event(Counter().method)
kit.on_user_message(lambda ctx: ctx.send_user_message("Hello"))


# --- refused: the wrong context --------------------------------------------------------------------------------------


@kit.on_user_message  # type: ignore[type-var]
def of_another_hook(ctx: WebhookContext) -> None: ...


@kit.on_webhook("CheckOrder")  # type: ignore[type-var]
def of_messages(ctx: UserMessageContext) -> None: ...


@kit.on_alert  # type: ignore[type-var]
def without_a_context() -> None: ...


@kit.on_event("endDialog")  # type: ignore[type-var]
def with_two(ctx: PlatformEventContext, more: str) -> None: ...


# --- refused: what says nothing --------------------------------------------------------------------------------------


@kit.on_user_message  # type: ignore[type-var]
def returns_words(ctx: UserMessageContext) -> str:
    return ctx.message


@kit.on_user_message(bot="st-1")  # type: ignore[type-var]
async def returns_a_truth_later(ctx: UserMessageContext) -> bool:
    return True


@kit.on_user_message  # type: ignore[type-var]
def answers_what_is_no_webhook(ctx: UserMessageContext) -> Answer:
    return Answer(b"")


@kit.on_event  # type: ignore[type-var]
async def defers_what_is_no_webhook(ctx: PlatformEventContext) -> Defer | None:
    return None


@kit.on_bot_message  # type: ignore[type-var]
def gives_several(ctx: BotMessageContext) -> list[Sent]:
    return [ctx.send_user_message("one"), ctx.send_user_message("two")]


# --- refused: arguments ----------------------------------------------------------------------------------------------

kit.on_user_message("hello")  # type: ignore[call-overload]
kit.on_user_message(bot=5)  # type: ignore[call-overload]
kit.on_alert(seconds="2")  # type: ignore[call-overload]
kit.on_webhook(component_name="CheckOrder")  # type: ignore[call-overload]
kit.on_event(event_type="endDialog")  # type: ignore[call-overload]
kit.on_client_event(within=3)  # type: ignore[call-overload]


# --- moments of a hand-off -----------------------------------------------------------------------------------------


@kit.on_handoff_started
def started(ctx: HandoffStartedContext) -> None:
    assert_type(ctx.messaging_session_id, str)


@kit.on_agent_joined(seconds=2)
async def joined(ctx: AgentJoinedContext) -> Sent:
    return ctx.send_user_message(f"{ctx.agent} is here")


@kit.on_handoff_ended(bot="st-1")
def ended(ctx: HandoffEndedContext) -> Sent | None:
    return ctx.send_user_message("Bye") if ctx.durations.talking else None


kit.on_handoff_ended(user_message)  # type: ignore[type-var]
