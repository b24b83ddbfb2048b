"""`KoreClient`: one method for each call of Kore's SDK."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

from botkit.client.attempts import Attempts
from botkit.client.paging import every_message
from botkit.client.settings import Algorithm, check_not_empty, checked_settings, chosen_bot, whole_base_url
from botkit.config.load import load
from botkit.config.settings import Secret
from botkit.errors import SettingInvalid
from botkit.handlers.calls import Message, MetaTags, message_members
from botkit.http.carriers import SyncTransport
from botkit.http.hosts import AllowedHosts
from botkit.http.lenient_json import encoded
from botkit.http.network import DIRECT, Network
from botkit.http.retry import SYSTEM_CHANCE
from botkit.kore.history import HistoryMessage, MessagePage, read_page
from botkit.kore.reads import BotVariable, Dialog, read_dialog, read_variables
from botkit.kore.requests import MAX_MESSAGES, KoreRequests

Payload = Mapping[str, object] | bytes
"""A hook's payload, parsed or as its raw body. The raw body is better: numbers keep their spelling."""

Changes = Mapping[str, object]
"""Top-level members for a payload."""


class KoreClient:
    """The client of one bot. Use it in one thread; as a context manager it closes its connections.

    Every call takes the payload that it answers: a hook's, as BotKit's handlers get it, or one that you stored. Calls that read
    are repeated after every retryable error. Calls that post are repeated only if they cannot have arrived, because the
    platform shows a message twice if it gets it twice.

    Args:
        client_id: of the app on the XO platform, ``cs-…``.
        client_secret: the app's secret.
        bot_id: ``st-…``.
        callback_hosts: the only hosts that are called, for example ``bots.kore.ai``.
        algorithm: ``HS256`` or ``HS512``, as set on the app.
        base_url: ``https://{host}`` or the whole ``https://{host}/api/botsdk/stream/{bot id}``, for calls that need no
            payload. By default, the first callback host.
        insecure_http: allow ``http://``, for the sandbox.
        network: the proxy and further certificate authorities (`botkit.http.network.Network`); by default neither.
        timeout_seconds: for one attempt.
        attempts: max attempts for one call.
        clock: epoch seconds.
        sleep: waits between attempts.
        chance: jitter, drawn from [0, 1).

    Raises:
        SettingInvalid: an argument cannot be used.
        HostNotAllowed: the base URL is not one of the callback hosts.

    All calls also raise:
        CallRefused: the payload does not give the URL, or the platform refused the call (4xx).
        NotAuthorized: the platform refused the signature.
        RateLimited: too many calls; `retry_after` is the wait in seconds that the platform asks for.
        ServerTrouble: the platform is in trouble (5xx).
        Unreachable: no answer arrived; `possible_duplicate` says whether the call may still have been carried out.
        BadReply: the answer is not the platform's.
        HostNotAllowed: the payload names a host that is not one of the callback hosts.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str | Secret,
        bot_id: str,
        callback_hosts: Iterable[str],
        algorithm: Algorithm = "HS256",
        base_url: str = "",
        insecure_http: bool = False,
        network: Network = DIRECT,
        timeout_seconds: float = 10.0,
        attempts: int = 3,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = SYSTEM_CHANCE,
    ) -> None:
        # First, because the repr needs them even if a later check fails.
        self.bot_id, self.base_url = bot_id, base_url
        # From here on, no frame in a traceback holds the secret as plain text.
        client_secret = client_secret if isinstance(client_secret, Secret) else Secret(client_secret)
        settings = checked_settings(
            client_id=client_id,
            client_secret=client_secret,
            algorithm=algorithm,
            callback_hosts=callback_hosts,
            timeout_seconds=timeout_seconds,
        )
        if attempts < 1:
            raise SettingInvalid("attempts must be 1 or more")
        check_not_empty("bot_id", bot_id)
        self.base_url = whole_base_url(base_url or f"https://{settings.callback_hosts[0]}", bot_id=bot_id)
        hosts = AllowedHosts(settings.callback_hosts, insecure_http=insecure_http)
        hosts.check(self.base_url, what="use the base URL")
        self._requests = KoreRequests(settings, bot_id=bot_id, insecure_http=insecure_http, clock=clock)
        self._transport = SyncTransport(
            allowed_hosts=settings.callback_hosts, insecure_http=insecure_http, network=network
        )
        self._attempts = Attempts(
            self._transport.send,
            self._requests.sign_anew,
            max_attempts=attempts,
            clock=clock,
            sleep=sleep,
            chance=chance,
        )

    @classmethod
    def from_config(
        cls,
        path: str | os.PathLike[str],
        *,
        bot: str = "",
        base_url: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """A client with a bot's settings from the service's configuration.

        Args:
            path: `botkit.yaml`.
            bot: the bot's id; not needed if the file has only one bot.
            base_url: see the class.
            environ: fills `${NAME}`; by default the process's environment.

        Raises:
            ConfigurationError: the file has errors, or no such bot.
        """
        settings = load(path, environ=environ)
        chosen = chosen_bot(settings, bot, file=str(path))
        return cls(
            client_id=chosen.kore.client_id,
            client_secret=chosen.kore.client_secret,
            bot_id=chosen.id,
            callback_hosts=chosen.kore.callback_hosts,
            algorithm=chosen.kore.algorithm,
            base_url=base_url,
            insecure_http=settings.security.insecure_http,
            network=settings.network,
            timeout_seconds=chosen.kore.timeout.total_seconds(),
        )

    # --- messages ----------------------------------------------------------------------------------------------

    def send_user_message(
        self,
        payload: Payload,
        message: Message | None = None,
        *,
        channels: Mapping[str, Message] | None = None,
        meta_tags: MetaTags | None = None,
        meta_info: Changes | None = None,
        changes: Changes | None = None,
    ) -> None:
        """Show something to the user (sendUserMessage).

        Args:
            payload: the newest of the conversation.
            message: text, a template, or a template's JSON; None for the payload's own message.
            channels: another message for channels of these names.
            meta_tags: tags to set.
            meta_info: `metaInfo` to add.
            changes: other members to change.
        """
        self._say("send_user_message", payload, message, channels, meta_tags, meta_info, changes)

    def send_bot_message(
        self,
        payload: Payload,
        message: str | None = None,
        *,
        meta_tags: MetaTags | None = None,
        meta_info: Changes | None = None,
        changes: Changes | None = None,
    ) -> None:
        """Send a message to the bot as the user (sendBotMessage).

        Args:
            payload: the newest of the conversation.
            message: text; None for the payload's own message.
            meta_tags: tags to set.
            meta_info: `metaInfo`, for example ``{"setBotLanguage": "de"}``.
            changes: other members to change.

        Raises:
            MessageTooLong: more than 3000 characters, or a word of more than 1200; nothing was sent.
        """
        self._say("send_bot_message", payload, message, None, meta_tags, meta_info, changes)

    def send_alert_message(
        self,
        payload: Payload,
        message: Message | None = None,
        *,
        channels: Mapping[str, Message] | None = None,
        meta_tags: MetaTags | None = None,
        meta_info: Changes | None = None,
        changes: Changes | None = None,
    ) -> None:
        """Show the alert of an on_alert payload to the user (sendAlertMessage); arguments as for `send_user_message`."""
        self._say("send_alert_message", payload, message, channels, meta_tags, meta_info, changes)

    def skip_user_message(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Answer a bot's message (on_bot_message) so that the user does not see it (skipUserMessage)."""
        self._post("skip_user_message", payload, meta_tags=meta_tags)

    def skip_bot_message(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Answer a user's message (on_user_message) so that the bot does not get it (skipBotMessage)."""
        self._post("skip_bot_message", payload, meta_tags=meta_tags)

    # --- the conversation --------------------------------------------------------------------------------------

    def reset_bot(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Make the bot drop its task and its context silently (resetBot)."""
        self._post("reset_bot", payload, meta_tags=meta_tags)

    def start_agent_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Tell the platform that an agent has taken over (startAgentSession)."""
        self._post("start_agent_session", payload, meta_tags=meta_tags)

    def clear_agent_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Give the user back to the bot (clearAgentSession)."""
        self._post("clear_agent_session", payload, meta_tags=meta_tags)

    def extend_request_id(self, payload: Payload) -> None:
        """Keep the payload's requestId valid for some more minutes (extendRequestId)."""
        self._post("extend_request_id", payload)

    def close_conversation_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """End the platform's conversation session (closeConversationSession)."""
        self._post("close_conversation_session", payload, meta_tags=meta_tags)

    def send_feedback_message(self, payload: Payload, name: str, score: float | str, **data: object) -> None:
        """Send a survey's answer (sendFeedbackMessage). The user and the channel are read from the payload.

        Args:
            payload: the newest of the conversation.
            name: the survey.
            score: the answer.
            **data: other members of `feedbackData`, in the platform's spelling: ``botLanguage="en"``.
        """
        self._post("send_feedback_message", payload, {"feedbackData": {"name": name, "score": score, **data}})

    def send_bot_event(
        self,
        payload: Payload,
        pre_defined_event: str | Changes | None = None,
        *,
        custom_event: Changes | None = None,
    ) -> None:
        """Send an event to the user's client (sendBotEvent).

        Args:
            payload: of on_client_event; only this one gives the URL.
            pre_defined_event: ``TYPING_STARTED``, ``TYPING_STOPPED``, or an event with members such as
                ``{"type": "MESSAGE_READ", "id": "ms-…"}``.
            custom_event: an event of your own.
        """
        known = {"type": pre_defined_event} if isinstance(pre_defined_event, str) else pre_defined_event
        events = {"preDefinedEvent": known, "customEvent": custom_event}
        self._post(
            "send_bot_event", payload, {name: event for name, event in events.items() if event is not None}
        )

    def respond_to_hook(
        self, payload: Payload, *, context: Changes | None = None, changes: Changes | None = None
    ) -> None:
        """Answer a Webhook node that got a 202 before (respondToHook).

        Args:
            payload: of on_webhook.
            context: the whole changed context; by default the payload's own.
            changes: other members to change.
        """
        answer = {} if context is None else {"context": context}
        self._post("respond_to_hook", payload, {**answer, **(changes or {})})

    # --- reads ---------------------------------------------------------------------------------------------

    def get_messages(
        self, *, user_id: str, limit: int = 20, skip: int = 0, channel_type: str = ""
    ) -> MessagePage:
        """The conversation's history, newest first.

        Args:
            user_id: the platform's or the channel's id of the user.
            limit: the number of messages; the platform gives at most 100 at once.
            skip: the number of newest messages to leave out.
            channel_type: only messages of this channel.
        """
        payload = encoded({"baseUrl": self.base_url, "channel": {"from": user_id, "type": channel_type}})
        answer = self._attempts.read(lambda: self._requests.get_messages(payload, limit=limit, skip=skip))
        return read_page(answer.body)

    def iter_messages(self, *, user_id: str, channel_type: str = "") -> Iterator[HistoryMessage]:
        """The whole history, newest first; pages of a hundred are read as you go.

        New messages move the pages; no message is yielded twice because of that.

        Args:
            user_id: the platform's or the channel's id of the user.
            channel_type: only messages of this channel.
        """
        return every_message(
            lambda skip: self.get_messages(
                user_id=user_id, limit=MAX_MESSAGES, skip=skip, channel_type=channel_type
            )
        )

    def fetch_bot_variables(
        self, payload: Payload, languages: Iterable[str]
    ) -> dict[str, tuple[BotVariable, ...]]:
        """The bot's variables in each language.

        Args:
            payload: one with `getBotVariableUrl`.
            languages: for example ``["en", "de"]``.

        Raises:
            BadReply: also if the bot does not support a language; the error names it.
        """
        raw = _raw(payload)

        def answer(language: str) -> bytes:
            return self._attempts.read(lambda: self._requests.fetch_bot_variable(raw, language=language)).body

        return {language: read_variables(answer(language), language=language) for language in languages}

    def get_dialog(self, payload: Payload) -> Dialog:
        """The dialog that sent an on_agent_transfer or on_webhook payload."""
        raw = _raw(payload)
        answer = self._attempts.read(lambda: self._requests.get_dialog(raw))
        return read_dialog(answer.body)

    # --- connections -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bot_id={self.bot_id!r}, base_url={self.base_url!r})"

    # --- inside ------------------------------------------------------------------------------------------------

    def _say(
        self,
        name: str,
        payload: Payload,
        message: Message | None,
        channels: Mapping[str, Message] | None,
        meta_tags: MetaTags | None,
        meta_info: Changes | None,
        changes: Changes | None,
    ) -> None:
        raw = _raw(payload)
        members = message_members(
            message,
            channel_type=self._requests.address(raw).channel_type,
            channels=channels,
            meta_tags=meta_tags,
            meta_info=meta_info,
        )
        self._post(name, raw, {**members, **(changes or {})})

    def _post(
        self,
        name: str,
        payload: Payload,
        changes: Changes | None = None,
        *,
        meta_tags: MetaTags | None = None,
    ) -> None:
        raw = _raw(payload)
        tags = {} if meta_tags is None else message_members(None, channel_type="", meta_tags=meta_tags)
        together = {**(changes or {}), **tags}
        self._attempts.post(lambda: self._requests.call(name, raw, changes=together))


def _raw(payload: Payload) -> bytes:
    return payload if isinstance(payload, bytes) else encoded(payload)
