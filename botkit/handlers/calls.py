"""The calls of Kore's Node SDK that send something, and the messages they send.

The names are Node's in Python's spelling: ``sdk.sendUserMessage`` is `send_user_message`. Each call goes through the ledger: it
is durable, in order, deduplicated, and retried until it is delivered or given up. Messages become members of the payload
(docs/protocols/kore-xo-botkit.md, 4.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botkit.errors import CallRefused
from botkit.handlers.verdicts import Sent
from botkit.handoff.events import ApiCall
from botkit.http.lenient_json import encoded
from botkit.kore.bodies import check_message_for_bot
from botkit.templates.template import Template, override

MAX_MESSAGE_BYTES = 256 * 1024

Message = str | Template | Mapping[str, Any]
"""A text, a template of `botkit.templates`, or the JSON of a template."""

MetaTags = Mapping[str, Iterable[Mapping[str, str]]]
"""``{"userMetaTags": [{"name", "value"}], "sessionMetaTags": …, "messageMetaTags": …}`` (2.3)."""


class Calls:
    """The sending calls of the SDK. Subclasses carry out an `ApiCall`, and know the user's channel."""

    __slots__ = ()

    def _request(self, api_call: ApiCall) -> Sent:
        raise NotImplementedError

    def _channel_type(self) -> str:
        raise NotImplementedError

    def send_user_message(
        self,
        message: Message | None = None,
        *,
        channels: Mapping[str, Message] | None = None,
        meta_tags: MetaTags | None = None,
        meta_info: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Show something to the user (sendUserMessage).

        Args:
            message: a text, a template, or the JSON of a template; None for the hook's own message, unchanged.
            channels: other messages for channels of these names.
            meta_tags: tags to set.
            meta_info: `metaInfo` to send along.

        Raises:
            CallRefused: the message cannot be written as JSON.
        """
        return self._send("send_user_message", message, channels, meta_tags, meta_info)

    def send_bot_message(
        self,
        message: str | None = None,
        *,
        meta_tags: MetaTags | None = None,
        meta_info: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Send the bot a message in the user's name (sendBotMessage); None: the hook's own message, unchanged.

        `meta_info` can switch the bot's language (``{"setBotLanguage": "de"}``) or name the intent
        (``{"nlMeta": {"intent": …}}``).

        Raises:
            MessageTooLong: the message is longer than a bot accepts.
        """
        if message is not None:
            check_message_for_bot(message)
        return self._send("send_bot_message", message, None, meta_tags, meta_info)

    def skip_user_message(self) -> Sent:
        """Do not show the bot's message to the user (skipUserMessage): answers on_bot_message."""
        return self._request(ApiCall("skip_user_message"))

    def skip_bot_message(self) -> Sent:
        """Do not give the user's message to the bot (skipBotMessage): answers on_user_message."""
        return self._request(ApiCall("skip_bot_message"))

    def send_alert_message(self, message: Message | None = None) -> Sent:
        """Show an alert to the user (sendAlertMessage): answers on_alert."""
        return self._send("send_alert_message", message, None, None, None)

    def reset_bot(self) -> Sent:
        """Make the bot drop its task and its context silently (resetBot)."""
        return self._request(ApiCall("reset_bot"))

    def clear_agent_session(self) -> Sent:
        """Give the user back to the bot (clearAgentSession).

        A hand-off of BotKit in progress is ended: the agents and the user are told.
        """
        return self._request(ApiCall("clear_agent_session"))

    def extend_request_id(self) -> Sent:
        """Keep this hook's requestId usable for some minutes more (extendRequestId).

        BotKit does that itself during a hand-off. Calls outside a hook use the newest requestId.
        """
        return self._request(ApiCall("extend_request_id"))

    def close_conversation_session(self) -> Sent:
        """End the platform's conversation session (closeConversationSession)."""
        return self._request(ApiCall("close_conversation_session"))

    def send_feedback_message(self, name: str, score: float | str, **data: Any) -> Sent:
        """Submit a user's answer to a survey (sendFeedbackMessage).

        Args:
            name: the survey.
            score: the answer.
            **data: anything else of `feedbackData`, spelled as the platform does: ``botLanguage="en"``.
        """
        changes = as_changes({"feedbackData": {"name": name, "score": score, **data}})
        return self._request(ApiCall("send_feedback_message", changes))

    def send_bot_event(
        self,
        pre_defined_event: str | Mapping[str, Any] | None = None,
        *,
        custom_event: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Send the user's client an event (sendBotEvent): ``TYPING_STARTED``, ``TYPING_STOPPED``, or one of your own."""
        members: dict[str, Any] = {}
        if pre_defined_event is not None:
            members["preDefinedEvent"] = (
                {"type": pre_defined_event} if isinstance(pre_defined_event, str) else dict(pre_defined_event)
            )
        if custom_event is not None:
            members["customEvent"] = dict(custom_event)
        return self._request(ApiCall("send_bot_event", as_changes(members)))

    def _send(
        self,
        call: str,
        message: Message | None,
        channels: Mapping[str, Message] | None,
        meta_tags: MetaTags | None,
        meta_info: Mapping[str, Any] | None,
    ) -> Sent:
        differs_by_channel = bool(channels) or isinstance(message, Template)
        members = message_members(
            message,
            channel_type=self._channel_type() if differs_by_channel else "",
            channels=channels,
            meta_tags=meta_tags,
            meta_info=meta_info,
        )
        return self._request(ApiCall(call, as_changes(members)))


def message_members(
    message: Message | None,
    *,
    channel_type: str,
    channels: Mapping[str, Message] | None = None,
    meta_tags: MetaTags | None = None,
    meta_info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The members of a payload that carry a message (4.3); none if the payload is sent unchanged.

    Args:
        message: the message; None for the payload's own.
        channel_type: Kore's name of the user's channel.
        channels: other messages for channels of these names, ``rtm`` or ``facebook``.
        meta_tags: tags of the user, the session or this message.
        meta_info: such as ``{"setBotLanguage": "de"}``.

    Raises:
        CallRefused: the message cannot be written as JSON.
    """
    chosen = channels.get(channel_type, message) if channels else message
    members: dict[str, Any] = {}
    if chosen is not None:
        members = _message_members(
            chosen, channel_type, is_for_channel=channels is not None and channel_type in channels
        )
    if meta_tags is not None:
        members["metaTags"] = {kind: [dict(tag) for tag in tags] for kind, tags in meta_tags.items()}
    if meta_info is not None:
        members["metaInfo"] = dict(meta_info)
    return members


def as_changes(members: Mapping[str, Any]) -> str:
    """Members as JSON text; empty for no members.

    Raises:
        CallRefused: a value cannot be written as JSON, or the text is over `MAX_MESSAGE_BYTES`.
    """
    if not members:
        return ""
    try:
        written = encoded(members)
    except (TypeError, ValueError, RecursionError) as error:
        raise CallRefused(
            "write a message", detail=f"it cannot be written as JSON ({type(error).__name__})"
        ) from None
    if len(written) > MAX_MESSAGE_BYTES:
        raise CallRefused("write a message", detail=f"it is over {MAX_MESSAGE_BYTES // 1024} KB of JSON")
    return written.decode()


def _message_members(message: Message, channel_type: str, *, is_for_channel: bool) -> dict[str, Any]:
    match message:
        case str():
            # An override in the payload would be shown instead of the message.
            return {"message": message, "overrideMessagePayload": None}
        case Template() if is_for_channel:
            # The caller chose it for this channel, so it is sent unchanged; by default a template is the web channel's.
            return {"message": message.text, "overrideMessagePayload": message.as_override()}
        case Template():
            return message.for_channel(channel_type).as_changes()
        case Mapping():
            return {"overrideMessagePayload": override(message)}
        case _:
            raise CallRefused("write a message", detail=f"a {type(message).__name__} is not a message")
