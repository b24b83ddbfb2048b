"""`KoreClient`: one method for each call of Kore's SDK."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

from botkit.client.attempts import Attempts
from botkit.client.settings import Algorithm, check_given, checked_settings, chosen_bot, whole_base_url
from botkit.config.load import load
from botkit.config.settings import Secret
from botkit.errors import SettingInvalid
from botkit.handlers.calls import Message, MetaTags, message_members
from botkit.http.carriers import SyncTransport
from botkit.http.hosts import AllowedHosts
from botkit.http.lenient_json import encoded
from botkit.kore.history import HistoryMessage, MessagePage, read_page
from botkit.kore.reads import BotVariable, Dialog, read_dialog, read_variables
from botkit.kore.requests import MAX_MESSAGES, KoreRequests

Payload = Mapping[str, object] | bytes
"""A hook's payload, as it was parsed or as its raw body, which is better: numbers keep their spelling."""

Changes = Mapping[str, object]
"""Top-level members for a payload."""

_DEFAULT_COMPONENT = "default"
_PAGES_REMEMBERED = 2


class KoreClient:
    """One bot's client. Use it in one thread; as a context manager it closes its connections.

    Every call takes the payload that is answered: of a hook, as BotKit's handlers get it, or kept by you. Questions are
    asked again when that may help. What posts something is sent again only if it certainly did not arrive, since the
    platform shows a message twice that it gets twice.

    Args:
        client_id: the app's on the XO platform, ``cs-…``.
        client_secret: its secret.
        bot_id: ``st-…``.
        callback_hosts: the only hosts that are called, such as ``bots.kore.ai``.
        algorithm: ``HS256`` or ``HS512``, as set on the app.
        base_url: ``https://{host}``, or the whole ``https://{host}/api/botsdk/stream/{bot id}``, for questions that need no
            payload. The first callback host, where it is not given.
        insecure_http: let ``http://`` through, for the sandbox.
        timeout_seconds: for one attempt.
        attempts: the most for one question.
        clock: epoch seconds.
        sleep: waits between attempts.
        chance: jitter, drawn from [0, 1).

    Raises:
        SettingInvalid: one of these cannot be used.
        HostNotAllowed: the base URL is not one of the callback hosts.

    All calls raise, beside what they say themselves:
        CallRefused: the payload does not say where to call, or the platform refuses the call (4xx).
        NotAuthorized: the platform does not take the signature.
        RateLimited: too many calls; `retry_after` is how many seconds the platform asked to wait.
        ServerTrouble: the platform is in trouble (5xx).
        Unreachable: there was no answer; `possible_duplicate` says whether the call may have been obeyed all the same.
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
        timeout_seconds: float = 10.0,
        attempts: int = 3,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        # First of all, for the repr of a client that could not be made.
        self.bot_id, self.base_url = bot_id, base_url
        # From here on no frame of a traceback holds the secret as a plain text.
        client_secret = client_secret if isinstance(client_secret, Secret) else Secret(client_secret)
        settings = checked_settings(
            client_id=client_id,
            client_secret=client_secret,
            algorithm=algorithm,
            callback_hosts=callback_hosts,
            timeout_seconds=timeout_seconds,
        )
        if attempts < 1:
            raise SettingInvalid("attempts has to be 1 or more")
        check_given("bot_id", bot_id)
        self.base_url = whole_base_url(base_url or f"https://{settings.callback_hosts[0]}", bot_id=bot_id)
        hosts = AllowedHosts(settings.callback_hosts, insecure_http=insecure_http)
        hosts.check(self.base_url, what="use the base URL")
        self._calls = KoreRequests(settings, bot_id=bot_id, insecure_http=insecure_http, clock=clock)
        self._transport = SyncTransport(allowed_hosts=settings.callback_hosts, insecure_http=insecure_http)
        self._attempts = Attempts(
            self._transport.send,
            self._calls.sign_anew,
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
        """A client with what the service's own configuration says of a bot.

        Args:
            path: `botkit.yaml`.
            bot: the bot's id; not needed where the file has one bot only.
            base_url: see the class.
            environ: what `${NAME}` is filled from; the process's environment when left out.

        Raises:
            ConfigurationError: the file is not right, or has no such bot.
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
            payload: the conversation's newest.
            message: words, a template, or a template's JSON; None for the payload's own message.
            channels: what to say instead on channels of these names.
            meta_tags: tags to set.
            meta_info: `metaInfo` to send along.
            changes: any other members to change.
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
        """Say something to the bot as the user (sendBotMessage).

        Args:
            payload: the conversation's newest.
            message: words; None for the payload's own message.
            meta_tags: tags to set.
            meta_info: `metaInfo`, such as ``{"setBotLanguage": "de"}``.
            changes: any other members to change.

        Raises:
            MessageTooLong: over 3000 characters, or a word of over 1200; nothing was sent.
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
        """Show the alert of an on_alert payload to the user (sendAlertMessage); arguments as of `send_user_message`."""
        self._say("send_alert_message", payload, message, channels, meta_tags, meta_info, changes)

    def skip_user_message(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Answer a bot's message (on_bot_message): it is not shown to the user (skipUserMessage)."""
        self._post("skip_user_message", payload, meta_tags=meta_tags)

    def skip_bot_message(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Answer a user's message (on_user_message): it is not given to the bot (skipBotMessage)."""
        self._post("skip_bot_message", payload, meta_tags=meta_tags)

    # --- the conversation --------------------------------------------------------------------------------------

    def reset_bot(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Have the bot drop its task and its context without a word (resetBot)."""
        self._post("reset_bot", payload, meta_tags=meta_tags)

    def start_agent_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Tell the platform that an agent has the user from now on (startAgentSession)."""
        self._post("start_agent_session", payload, meta_tags=meta_tags)

    def clear_agent_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """Give the user back to the bot (clearAgentSession)."""
        self._post("clear_agent_session", payload, meta_tags=meta_tags)

    def extend_request_id(self, payload: Payload) -> None:
        """Keep the payload's requestId usable for some minutes more (extendRequestId)."""
        self._post("extend_request_id", payload)

    def close_conversation_session(self, payload: Payload, *, meta_tags: MetaTags | None = None) -> None:
        """End the platform's conversation session (closeConversationSession)."""
        self._post("close_conversation_session", payload, meta_tags=meta_tags)

    def send_feedback_message(self, payload: Payload, name: str, score: float | str, **data: object) -> None:
        """Hand in a survey's answer (sendFeedbackMessage). Who gave it, and where, is read from the payload.

        Args:
            payload: the conversation's newest.
            name: which survey.
            score: the answer.
            **data: anything else of `feedbackData`, spelled as the platform does: ``botLanguage="en"``.
        """
        self._post("send_feedback_message", payload, {"feedbackData": {"name": name, "score": score, **data}})

    def send_bot_event(
        self,
        payload: Payload,
        pre_defined_event: str | Changes | None = None,
        *,
        custom_event: Changes | None = None,
    ) -> None:
        """Send the user's client an event (sendBotEvent).

        Args:
            payload: of on_client_event, which alone says where to.
            pre_defined_event: ``TYPING_STARTED``, ``TYPING_STOPPED``, or an event with members such as
                ``{"type": "MESSAGE_READ", "id": "ms-…"}``.
            custom_event: one of your own making.
        """
        known = {"type": pre_defined_event} if isinstance(pre_defined_event, str) else pre_defined_event
        events = {"preDefinedEvent": known, "customEvent": custom_event}
        self._post(
            "send_bot_event", payload, {name: event for name, event in events.items() if event is not None}
        )

    def respond_to_hook(
        self, payload: Payload, *, context: Changes | None = None, changes: Changes | None = None
    ) -> None:
        """Answer a Webhook node that was answered with 202 before (respondToHook).

        Args:
            payload: of on_webhook.
            context: the whole changed context; the payload's own where it is not given.
            changes: any other members to change.
        """
        answer = {} if context is None else {"context": context}
        self._post("respond_to_hook", payload, {**answer, **(changes or {})})

    # --- questions ---------------------------------------------------------------------------------------------

    def get_messages(
        self, *, user_id: str, limit: int = 20, skip: int = 0, channel_type: str = ""
    ) -> MessagePage:
        """What was said, newest first.

        Args:
            user_id: the platform's or the channel's id of the user.
            limit: how many; the platform gives at most 100 at once.
            skip: how many of the newest to leave out.
            channel_type: only of this channel.
        """
        payload = encoded({"baseUrl": self.base_url, "channel": {"from": user_id, "type": channel_type}})
        answer = self._attempts.read(
            lambda: self._calls.get_messages(payload, component_id=_DEFAULT_COMPONENT, limit=limit, skip=skip)
        )
        return read_page(answer.body)

    def iter_messages(self, *, user_id: str, channel_type: str = "") -> Iterator[HistoryMessage]:
        """Everything that was said, newest first, a hundred at a time as you go.

        What is said meanwhile moves the pages; nothing is given twice because of that.

        Args:
            user_id: the platform's or the channel's id of the user.
            channel_type: only of this channel.
        """
        skip = 0
        pages: list[set[str]] = []
        while True:
            page = self.get_messages(
                user_id=user_id, limit=MAX_MESSAGES, skip=skip, channel_type=channel_type
            )
            for message in page.messages:
                if not message.id or not any(message.id in ids for ids in pages):
                    yield message
            if not page.more_available or not page.records:
                return
            skip += page.records
            pages = [*pages[1 - _PAGES_REMEMBERED :], {message.id for message in page.messages}]

    def fetch_bot_variables(
        self, payload: Payload, languages: Iterable[str]
    ) -> dict[str, tuple[BotVariable, ...]]:
        """The bot's variables in each language.

        Args:
            payload: one that has `getBotVariableUrl`.
            languages: such as ``["en", "de"]``.

        Raises:
            BadReply: also when the bot does not speak one of them; it is named.
        """
        raw = _raw(payload)

        def asked(language: str) -> bytes:
            return self._attempts.read(
                lambda: self._calls.fetch_bot_variable(
                    raw, component_id=_DEFAULT_COMPONENT, language=language
                )
            ).body

        return {language: read_variables(asked(language), language=language) for language in languages}

    def get_dialog(self, payload: Payload) -> Dialog:
        """The dialog that an on_agent_transfer or on_webhook payload came from."""
        raw = _raw(payload)
        answer = self._attempts.read(lambda: self._calls.get_dialog(raw, component_id=_DEFAULT_COMPONENT))
        return read_dialog(answer.body)

    # --- how calls are made ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bot_id={self.bot_id!r}, base_url={self.base_url!r})"

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
            channel_type=self._calls.address(raw, component_id=_DEFAULT_COMPONENT).channel_type,
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
        self._attempts.post(
            lambda: self._calls.call(name, raw, component_id=_DEFAULT_COMPONENT, changes=together)
        )


def _raw(payload: Payload) -> bytes:
    return payload if isinstance(payload, bytes) else encoded(payload)
