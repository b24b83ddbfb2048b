"""What a handler can see, ask and do, by the kind of its hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_type

from botkit.handlers import (
    AgentTransferContext,
    AlertContext,
    Answer,
    Attachment,
    BotMessageContext,
    BotVariable,
    Channel,
    ClientEventContext,
    Context,
    ConversationHandle,
    Defer,
    Dialog,
    Message,
    MetaTags,
    Next,
    PlatformEventContext,
    Sent,
    Session,
    Stop,
    User,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.templates import Template, button_template


def seen(ctx: Context) -> None:
    assert_type(ctx.event, str)
    assert_type(ctx.bot_id, str)
    assert_type(ctx.component_id, str)
    assert_type(ctx.request_id, str)
    assert_type(ctx.message, str)
    assert_type(ctx.agent_transfer, bool)
    assert_type(ctx.language, str)
    assert_type(ctx.body, bytes)
    assert_type(ctx.raw, Mapping[str, Any])
    assert_type(ctx.user, User)
    assert_type(ctx.channel, Channel)
    assert_type(ctx.attachments, tuple[Attachment, ...])
    assert_type(ctx.session, Session)
    assert_type(ctx.context, Mapping[str, Any])
    assert_type(ctx.meta_info, Mapping[str, Any])
    assert_type(ctx.meta_tags, Mapping[str, Any])
    assert_type(ctx.new_context(), dict[str, Any])
    assert_type(ctx.conversation, ConversationHandle)


def seen_in_the_views(user: User, channel: Channel, session: Session, attachment: Attachment) -> None:
    assert_type((user.id, user.first_name, user.last_name, user.email), tuple[str, str, str, str])
    assert_type(user.names, tuple[str, ...])
    assert_type(user.custom_data, Mapping[str, Any])
    assert_type((channel.type, channel.sender, channel.user_id, channel.bot_event), tuple[str, str, str, str])
    assert_type(channel.attachments, tuple[Attachment, ...])
    assert_type(channel.raw, Mapping[str, Any])
    assert_type(session.bot_user_session, Mapping[str, Any])
    assert_type(session.user_session, Mapping[str, Any])
    assert_type(session.user_context, Mapping[str, Any])
    assert_type(session.bot_context, Mapping[str, Any])
    assert_type(session.enterprise_context, Mapping[str, Any])
    assert_type((attachment.name, attachment.url), tuple[str, str])


def seen_of_one_hook(
    user_message: UserMessageContext,
    webhook: WebhookContext,
    event: PlatformEventContext,
    update: VariableUpdateContext,
    client_event: ClientEventContext,
) -> None:
    assert_type(user_message.is_connect, bool)
    assert_type(webhook.component_name, str)
    assert_type(event.event_type, str)
    assert_type(update.event_type, str)
    assert_type(update.data, Mapping[str, Any])
    assert_type(client_event.pre_defined_event, Mapping[str, Any])
    assert_type(client_event.custom_event, Mapping[str, Any])


def said(ctx: Context, template: Template) -> None:
    tags: MetaTags = {"userMetaTags": [{"name": "tier", "value": "gold"}]}
    assert_type(ctx.send_user_message(), Sent)
    assert_type(ctx.send_user_message("Hello"), Sent)
    assert_type(ctx.send_user_message(template), Sent)
    assert_type(ctx.send_user_message({"type": "template", "payload": {}}), Sent)
    assert_type(ctx.send_user_message("Hello", channels={"sms": "Hi", "facebook": template}), Sent)
    assert_type(ctx.send_user_message("Hello", meta_tags=tags, meta_info={"setBotLanguage": "de"}), Sent)
    assert_type(ctx.send_bot_message("hello", meta_tags=tags, meta_info={}), Sent)
    assert_type(ctx.skip_user_message(), Sent)
    assert_type(ctx.skip_bot_message(), Sent)
    assert_type(ctx.send_alert_message(template), Sent)
    assert_type(ctx.reset_bot(), Sent)
    assert_type(ctx.clear_agent_session(), Sent)
    assert_type(ctx.extend_request_id(), Sent)
    assert_type(ctx.close_conversation_session(), Sent)
    assert_type(ctx.send_feedback_message("csat", 5, botLanguage="en"), Sent)
    assert_type(ctx.send_bot_event("TYPING_STARTED"), Sent)
    assert_type(ctx.send_bot_event(custom_event={"seat": "12A"}), Sent)


def said_outside(conversation: ConversationHandle, anything: Message) -> None:
    assert_type(conversation.bot_id, str)
    assert_type(conversation.user_id, str)
    assert_type(conversation.send(anything, channels={"sms": anything}), Sent)
    assert_type(conversation.once("order-17").send("It has arrived."), Sent)
    assert_type(conversation.get_messages(limit=5, skip=1), Sequence[Mapping[str, Any]])


async def said_outside_on_an_event_loop(conversation: ConversationHandle) -> None:
    assert_type(await conversation.send("Hello"), None)
    assert_type(await conversation.aio.get_messages(), Sequence[Mapping[str, Any]])


def asked(ctx: Context) -> None:
    assert_type(ctx.get_messages(limit=5), Sequence[Mapping[str, Any]])
    assert_type(ctx.fetch_bot_variables("en", "de"), dict[str, tuple[BotVariable, ...]])
    assert_type(ctx.get_dialog(), Dialog)


async def asked_on_an_event_loop(ctx: Context) -> None:
    assert_type(await ctx.aio.get_messages(limit=5), Sequence[Mapping[str, Any]])
    assert_type(await ctx.aio.fetch_bot_variables("en"), dict[str, tuple[BotVariable, ...]])
    assert_type(await ctx.aio.get_dialog(), Dialog)


def returned(
    ctx: Context, user: UserMessageContext, bot: BotMessageContext, transfer: AgentTransferContext
) -> None:
    assert_type(ctx.next(), Next)
    assert_type(ctx.stop(), Stop)
    assert_type(user.next(message="hello"), Next)
    assert_type(bot.next("HELLO"), Next)
    assert_type(transfer.next(agent_system="second"), Next)
    assert_type(user.start_agent_session(agent_system="second", pre_chat={}, end_word="bye"), Sent)


def returned_to_a_webhook(ctx: WebhookContext) -> None:
    assert_type(ctx.respond({"order": "shipped"}, replace=True), Answer)
    assert_type(ctx.defer(within=timedelta(hours=1), otherwise={"order": "unknown"}), Defer)


def refused(
    ctx: Context,
    user: UserMessageContext,
    webhook: WebhookContext,
    alert: AlertContext,
    transfer: AgentTransferContext,
    sent: Sent,
) -> None:
    ctx.message = "another"  # type: ignore[misc]
    ctx.user.email = "eve@example.com"  # type: ignore[misc]
    ctx.context["order"] = "shipped"  # type: ignore[index]
    ctx.session.bot_user_session["order"] = "shipped"  # type: ignore[index]
    ctx.next(message="hello")  # type: ignore[call-arg]
    transfer.next(message="hello")  # type: ignore[call-arg]
    user.next(5)  # type: ignore[arg-type]
    user.respond({})  # type: ignore[attr-defined]
    user.defer()  # type: ignore[attr-defined]
    webhook.start_agent_session()  # type: ignore[attr-defined]
    alert.start_agent_session()  # type: ignore[attr-defined]
    webhook.defer(within=300)  # type: ignore[arg-type]
    webhook.respond("shipped")  # type: ignore[arg-type]
    ctx.send_user_message(5)  # type: ignore[arg-type]
    ctx.send_user_message(["Hello"])  # type: ignore[arg-type]
    ctx.send_user_message("Hello", {"sms": "Hi"})  # type: ignore[call-arg]
    ctx.send_user_message("Hello", meta_tags={"userMetaTags": {"tier": "gold"}})  # type: ignore[dict-item]
    ctx.send_bot_message(button_template("Sure?", ["Yes"]))  # type: ignore[arg-type]
    ctx.send_feedback_message("csat")  # type: ignore[call-arg]
    sent.wait()  # type: ignore[attr-defined]


async def refused_on_an_event_loop(ctx: Context) -> None:
    await ctx.get_dialog()  # type: ignore[misc]
