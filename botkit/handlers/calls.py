"""Every call of Kore's Node SDK that sends something, for whoever has somewhere to send it from.

The names are Node's in Python's spelling: ``sdk.sendUserMessage`` is `send_user_message`. What is asked for goes through the
ledger: it is durable, in order, repeated until it is delivered or given up, and made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit.handlers.messages import Message, MetaTags, as_changes, differs_by_channel, message_members
from botkit.handlers.verdicts import Sent
from botkit.handoff.events import ApiCall
from botkit.kore.bodies import check_message_for_bot


class Calls:
    """The sending half of the SDK. Who inherits says what is done with an `ApiCall`, and on which channel the user is."""

    __slots__ = ()

    def _ask(self, ask: ApiCall) -> Sent:
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
            message: words, a template, or a template's JSON; None for the hook's own message, as it came.
            channels: what to say instead on channels of these names.
            meta_tags: tags to set.
            meta_info: `metaInfo` to send along.

        Raises:
            CallRefused: it is no message.
        """
        return self._say("send_user_message", message, channels, meta_tags, meta_info)

    def send_bot_message(
        self,
        message: str | None = None,
        *,
        meta_tags: MetaTags | None = None,
        meta_info: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Say something to the bot as the user (sendBotMessage); None: the hook's own message, as it came.

        `meta_info` is how a message switches the bot's language (``{"setBotLanguage": "de"}``) or says what it means
        (``{"nlMeta": {"intent": …}}``).

        Raises:
            MessageTooLong: a bot would not take it.
        """
        if message is not None:
            check_message_for_bot(message)
        return self._say("send_bot_message", message, None, meta_tags, meta_info)

    def skip_user_message(self) -> Sent:
        """The bot's message is not shown to the user (skipUserMessage): answers on_bot_message."""
        return self._ask(ApiCall("skip_user_message"))

    def skip_bot_message(self) -> Sent:
        """The user's message is not given to the bot (skipBotMessage): answers on_user_message."""
        return self._ask(ApiCall("skip_bot_message"))

    def send_alert_message(self, message: Message | None = None) -> Sent:
        """Show an alert to the user (sendAlertMessage): answers on_alert."""
        return self._say("send_alert_message", message, None, None, None)

    def reset_bot(self) -> Sent:
        """Have the bot drop its task and its context without a word (resetBot)."""
        return self._ask(ApiCall("reset_bot"))

    def clear_agent_session(self) -> Sent:
        """Give the user back to the bot (clearAgentSession).

        Where BotKit's own hand-off is under way, it is ended: agents are told, the user is told.
        """
        return self._ask(ApiCall("clear_agent_session"))

    def extend_request_id(self) -> Sent:
        """Keep this hook's requestId usable for some minutes more (extendRequestId).

        Of hand-offs BotKit does that itself; of what is sent outside a hook, the newest requestId is used.
        """
        return self._ask(ApiCall("extend_request_id"))

    def close_conversation_session(self) -> Sent:
        """End the platform's conversation session (closeConversationSession)."""
        return self._ask(ApiCall("close_conversation_session"))

    def send_feedback_message(self, name: str, score: float | str, **data: Any) -> Sent:
        """Hand in a survey's answer (sendFeedbackMessage).

        Args:
            name: which survey.
            score: the answer.
            **data: anything else of `feedbackData`, spelled as the platform does: ``botLanguage="en"``.
        """
        return self._ask(
            ApiCall(
                "send_feedback_message",
                as_changes({"feedbackData": {"name": name, "score": score, **data}}),
            )
        )

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
        return self._ask(ApiCall("send_bot_event", as_changes(members)))

    def _say(
        self,
        call: str,
        message: Message | None,
        channels: Mapping[str, Message] | None,
        meta_tags: MetaTags | None,
        meta_info: Mapping[str, Any] | None,
    ) -> Sent:
        members = message_members(
            message,
            channel_type=self._channel_type() if differs_by_channel(message, channels) else "",
            channels=channels,
            meta_tags=meta_tags,
            meta_info=meta_info,
        )
        return self._ask(ApiCall(call, as_changes(members)))
