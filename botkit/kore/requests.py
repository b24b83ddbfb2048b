"""Requests to the XO platform: URL, signed headers, body (docs/protocols/kore-xo-botkit.md, 4.2, 4.3). No I/O.

A message that is only passed on keeps the hook's body byte for byte. That is nearly all traffic, so the few members that are
missing are spliced in and the body is not encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never
from urllib.parse import urlencode

from msgspec import structs

from botkit.config.settings import KoreSettings
from botkit.errors import CallRefused
from botkit.handoff import effects
from botkit.hooks.address import CALL_URLS, Address, missing_url
from botkit.hooks.paths import DEFAULT_COMPONENT
from botkit.http import Request
from botkit.http.hosts import AllowedHosts
from botkit.http.values import Forwarding
from botkit.kore.bodies import (
    Changes,
    Members,
    changed,
    changed_context,
    completed,
    handoff_meta,
    members_to_change,
    splice,
)
from botkit.kore.rendering import client_event, client_typing, message_body
from botkit.kore.signing import Signer

MAX_MESSAGES = 100
"""Max records that one getMessages returns (4.5)."""

_DOWNLOAD_SECONDS = 30.0
_CLIENT_EVENT_SECONDS = 3.0
"""The timeout of an event to the user's client, which is useless later."""

_READS = ("fetch_bot_variable", "get_dialog")
SDK_CALLS = tuple(name for name in CALL_URLS if name not in _READS)
"""The calls of Kore's Node SDK that post a payload, in Python's spelling."""


class KoreRequests:
    """Builds the requests of one bot. Check the responses with `replies.check_reply`.

    Methods take the raw body of the hook that is answered; `address` reads it. The `idempotency_key` is sent as
    ``x-request-id``: it is the same for every attempt, so that both sides' logs show a repeated delivery.

    Args:
        settings: the bot's JWT app, and the hosts that may be called.
        bot_id: the platform's id of the bot.
        insecure_http: allow ``http://`` callbacks.
        clock: epoch seconds.

    All methods raise:
        CallRefused: the payload does not give the URL.
        HostNotAllowed: the URL's host is not one of `settings.callback_hosts`.
    """

    def __init__(
        self, settings: KoreSettings, *, bot_id: str, insecure_http: bool, clock: Callable[[], float]
    ) -> None:
        self._bot_id = bot_id
        self._hosts = AllowedHosts(settings.callback_hosts, insecure_http=insecure_http)
        self._signer = Signer(
            settings.client_id, settings.client_secret, algorithm=settings.algorithm, clock=clock
        )
        self._clock = clock
        self._timeout_seconds = settings.timeout.total_seconds()

    def sign_anew(self) -> None:
        """Forget the token that the platform refused; the next request gets a new one."""
        self._signer.forget()

    def address(self, body: bytes, *, component_id: str = DEFAULT_COMPONENT) -> Address:
        """Read the URLs and the user from a payload."""
        return Address.parse(body, bot_id=self._bot_id, component_id=component_id)

    def request(
        self,
        effect: effects.PlatformEffect,
        body: bytes,
        *,
        component_id: str = DEFAULT_COMPONENT,
        idempotency_key: str = "",
        forwarding: Forwarding | None = None,
    ) -> Request:
        """The request that carries out an effect.

        `body` is the payload of the hook that the effect answers, or the conversation's newest payload, which addresses the user;
        `component_id` is the component to which the platform addressed that hook. `forwarding` is what the hook's parser has
        found out; without it, the payload is read again.
        """
        match effect:
            case effects.PassToBot():
                return self._passed_on(
                    "pass to bot", "send_bot_message", body, component_id, idempotency_key, forwarding
                )
            case effects.PassToUser():
                return self._passed_on(
                    "pass to user", "send_user_message", body, component_id, idempotency_key, forwarding
                )
            case effects.SendToUser(content, agent_name):
                address = self.address(body, component_id=component_id)
                message = message_body(
                    splice(body, address.missing_members()),
                    content,
                    agent_name=agent_name,
                    channel_type=address.channel_type,
                )
                return self._post("send to user", address.url("send_user_message"), message, idempotency_key)
            case effects.TypingToUser(url, started):
                return self._client_event(
                    url, client_typing(started=started), body, component_id, idempotency_key
                )
            case effects.EventToUser(url, name, data):
                return self._client_event(url, client_event(name, data), body, component_id, idempotency_key)
            case effects.SkipUserMessage():
                call, changes = "skip_user_message", b""
            case effects.ClearAgentSession(session_id, record):
                call, changes = "clear_agent_session", handoff_meta(body, session_id, record)
            case effects.ExtendRequest():
                call, changes = "extend_request_id", b""
            case effects.CallWithHook() | effects.CallUser():
                call, changes = effect.call, effect.changes.encode()
            case effects.AnswerWebhook(context, instead):
                call, changes = "respond_to_hook", changed_context(body, context, replace=instead)
            case _:
                assert_never(effect)
        return self.call(
            call, body, component_id=component_id, changes=changes, idempotency_key=idempotency_key
        )

    def call(
        self,
        name: str,
        body: bytes,
        *,
        component_id: str = DEFAULT_COMPONENT,
        changes: Changes = b"",
        idempotency_key: str = "",
    ) -> Request:
        """Post a payload to the platform, unchanged or with changes.

        Args:
            name: one of `SDK_CALLS`.
            body: the payload. Without changes it keeps its bytes.
            component_id: the component to which the platform addressed that payload.
            changes: top-level members to replace or add; `bodies.completed` adds what the call needs.
            idempotency_key: see the class.

        Raises:
            CallRefused: also for an unknown call, changes that are not a JSON object, and incomplete feedback.
            MessageTooLong: a changed message is longer than a bot accepts.
        """
        address, url, members = self._prepared(name, body, component_id, changes)
        complete = splice(body, address.missing_members(address.payload_class))
        return self._post(_in_words(name), url, changed(complete, members), idempotency_key)

    def check(self, name: str, body: bytes, *, component_id: str, changes: Changes = b"") -> None:
        """Raise what `call` would raise. Nothing is encoded or signed."""
        _, url, _ = self._prepared(name, body, component_id, changes)
        self._checked(_in_words(name), url)

    def get_messages(
        self,
        body: bytes,
        *,
        component_id: str = DEFAULT_COMPONENT,
        limit: int,
        skip: int = 0,
        all_channels: bool = False,
        timeout_seconds: float | None = None,
    ) -> Request:
        """Get the conversation's history, newest first; `botkit.kore.history` reads the answer.

        With `all_channels`, the request names no channel. Whether the platform then answers with the messages of every channel
        is not documented; its SDK asks in this way (4.2).

        The request has no body: the platform answers a GET with a body with 400 (4.2).
        """
        address = self.address(body, component_id=component_id)
        query = {"skip": skip, "limit": min(limit, MAX_MESSAGES), "userId": address.user_id}
        if not all_channels and (channel := address.channel_type):
            query["channelType"] = channel
        return self._get("get_messages", address, query=urlencode(query), timeout_seconds=timeout_seconds)

    def fetch_bot_variable(
        self, body: bytes, *, component_id: str = DEFAULT_COMPONENT, language: str
    ) -> Request:
        """Get the bot's variables in one language; read the answer with `reads.read_variables`."""
        address = self.address(body, component_id=component_id)
        return self._get("fetch_bot_variable", address, headers={"bot-language": language})

    def get_dialog(self, body: bytes, *, component_id: str = DEFAULT_COMPONENT) -> Request:
        """Get the dialog that sent this payload; read the answer with `reads.read_dialog`."""
        return self._get("get_dialog", self.address(body, component_id=component_id))

    def download(self, url: str, *, max_bytes: int) -> Request:
        """Get a file that the user sent (4.4). Its URL comes with a hook, so its host has to be allowed like any other."""
        what = "download a file"
        headers = {"auth": self._signer.token()}
        url = self._checked(what, url)
        return Request(what, "GET", url, headers, timeout_seconds=_DOWNLOAD_SECONDS, max_bytes=max_bytes)

    def _passed_on(
        self,
        what: str,
        call: str,
        body: bytes,
        component_id: str,
        idempotency_key: str,
        forwarding: Forwarding | None,
    ) -> Request:
        if forwarding is not None and forwarding.call == call:
            url, members = forwarding.url, forwarding.members
        else:
            address = self.address(body, component_id=component_id)
            url, members = address.url(call), address.missing_members()
        return self._post(what, url, splice(body, members), idempotency_key)

    def _prepared(
        self, name: str, body: bytes, component_id: str, changes: Changes
    ) -> tuple[Address, str, Members]:
        if name not in SDK_CALLS:
            known = ", ".join(SDK_CALLS)
            raise CallRefused(_in_words(name), detail=f"there is no such call; there are {known}")
        address = self.address(body, component_id=component_id)
        url = _url(name, address)
        try:
            members = members_to_change(changes)
        except ValueError:
            raise CallRefused(_in_words(name), detail="the changes are not a JSON object") from None
        return address, url, completed(name, members, address=address, now=self._clock())

    def _client_event(
        self, url: str, event: Mapping[str, object], body: bytes, component_id: str, idempotency_key: str
    ) -> Request:
        # Only some hooks bring the URL at which the user's client accepts events, so it is put into the payload.
        request = self.call(
            "send_bot_event",
            changed(body, members_to_change({"sendBotEventUrl": url})),
            component_id=component_id,
            changes=event,
            idempotency_key=idempotency_key,
        )
        return structs.replace(request, timeout_seconds=min(request.timeout_seconds, _CLIENT_EVENT_SECONDS))

    def _get(
        self,
        name: str,
        address: Address,
        *,
        query: str = "",
        headers: Mapping[str, str] = {},
        timeout_seconds: float | None = None,
    ) -> Request:
        what = _in_words(name)
        url = self._checked(what, _url(name, address))
        return Request(
            what=what,
            method="GET",
            url=f"{url}?{query}" if query else url,
            headers={"auth": self._signer.token(), "Accept": "application/json", **headers},
            timeout_seconds=timeout_seconds or self._timeout_seconds,
        )

    def _post(self, what: str, url: str, body: bytes, idempotency_key: str) -> Request:
        url = self._checked(what, url)
        headers = {"auth": self._signer.token(), "Content-Type": "application/json"}
        if idempotency_key:
            headers["x-request-id"] = idempotency_key
        return Request(what, "POST", url, headers, body, self._timeout_seconds, body_is_read=False)

    def _checked(self, what: str, url: str) -> str:
        if not url:
            raise CallRefused(what, detail="the payload has neither the URL nor a baseUrl and requestId")
        self._hosts.check(url, what=what)
        return url


def _url(name: str, address: Address) -> str:
    url = address.url(name)
    if not url:
        raise CallRefused(_in_words(name), detail=missing_url(name))
    return url


def _in_words(name: str) -> str:
    return name.replace("_", " ")
