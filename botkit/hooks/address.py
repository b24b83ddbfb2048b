"""The address of a hook's payload: its request id, the URLs of the calls, the user and the channel.

The platform gives full URLs, which are used unchanged (docs/protocols/kore-xo-botkit.md, 4.2). A missing one is derived from
`baseUrl` and `requestId` (2.3), and these from a URL that is present. Parsing reads the top level only: `channel` and `context`
stay bytes until they are needed, and the URLs of less frequent calls are read when such a call is made.

The sender of a hook names the URLs that BotKit calls with the bot's signature. So `check_urls` checks them before a hook is
accepted, given and derived ones, as the carriers of the calls do again: a call that would be refused belongs to no accepted hook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, unquote

import msgspec

from botkit.errors import CallRefused, HookInvalid, HookNotJson, HostNotAllowed
from botkit.handoff.attributes import as_text
from botkit.handoff.record import Record
from botkit.hooks.payload import ABSENT, AllCallUrls, CallUrls, Channel, Context, Payload, S, read
from botkit.http import lenient_json
from botkit.http.hosts import AllowedHosts
from botkit.http.values import Forwarding

MAX_REQUEST_ID: Final = 64
"""The platform's are milliseconds since 1970 (docs/protocols/kore-xo-botkit.md, 2.3): 13 digits. Keys and URLs contain them."""


class _Envelope(CallUrls, frozen=True):
    """The members that passing a message on needs. Raw ones tell an absent member from null."""

    request_id: msgspec.Raw = ABSENT
    channel: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT
    payload_class: msgspec.Raw = msgspec.field(default=ABSENT, name="__payloadClass")
    bot_id: msgspec.Raw = ABSENT
    component_id: msgspec.Raw = ABSENT
    ack_message: msgspec.Raw = ABSENT


_ENVELOPE_FIELDS = frozenset(_Envelope.__struct_fields__)


class _Details(AllCallUrls, frozen=True):
    """The members that passing a message on does not need."""

    get_bot_variable_url: str | None = None
    send_feedback_message_url: str | None = None
    get_dialog_url: str | None = None
    dialog_component_name: Any = None
    event: Any = None
    data: Any = None


class CallUrl(NamedTuple):
    """The source of a call's URL.

    Attributes:
        member: the field of the payload; empty for a URL that is always derived.
        verb: the path segment of the derived URL; empty where the path is not documented, so that the member is needed (4.2).
        comes_with: the hook events whose payloads have the member; empty for any.
    """

    member: str
    verb: str = ""
    comes_with: str = ""


CALL_URLS: Final[Mapping[str, CallUrl]] = {
    "send_user_message": CallUrl("send_user_message_url", "sendUserMessage"),
    "send_bot_message": CallUrl("send_bot_message_url", "sendBotMessage"),
    "skip_user_message": CallUrl("skip_user_message_url", "skipUserMessage"),
    "skip_bot_message": CallUrl("skip_bot_message_url", "skipBotMessage"),
    "send_alert_message": CallUrl("send_alert_message_url", comes_with="on_alert"),
    "reset_bot": CallUrl("reset_bot_url"),
    "start_agent_session": CallUrl("", "startAgentSession"),
    "clear_agent_session": CallUrl("", "clearAgentSession"),
    "extend_request_id": CallUrl("", "extendcallid"),
    "close_conversation_session": CallUrl("clear_conversation_session_url"),
    "send_feedback_message": CallUrl("send_feedback_message_url"),
    "send_bot_event": CallUrl("send_bot_event_url", comes_with="on_client_event"),
    "respond_to_hook": CallUrl("callback_url", "serviceCallback"),
    "fetch_bot_variable": CallUrl("get_bot_variable_url"),
    "get_dialog": CallUrl("get_dialog_url", comes_with="on_agent_transfer and on_webhook"),
}
"""By the call's name. getMessages is not here: its URL has no requestId."""


class Address(Record, frozen=True):
    """The address of one payload: everything that a call to answer it needs."""

    bot_id: str
    component_id: str
    _envelope: _Envelope
    _body: bytes

    _hidden = frozenset({"_envelope", "_body"})

    @classmethod
    def parse(cls, body: bytes, *, bot_id: str, component_id: str) -> Self:
        """Read the address from a hook's raw body. Raises: CallRefused if the body is not a JSON object."""
        try:
            return cls(bot_id, component_id, read(_Envelope, body), body)
        except ValueError:
            raise CallRefused("read a payload's address", detail="the payload is not a JSON object") from None

    @property
    def request_id(self) -> str:
        """The platform's id of the call; a number keeps its spelling. Where it is missing, the last segment of a given URL."""
        raw = bytes(self._envelope.request_id)
        if raw[:1] == b'"':
            return str(lenient_json.decoded(raw))
        if raw and raw[:1] in b"-0123456789":
            # A longer spelling is not the platform's; the number itself may be short.
            return raw.decode() if len(raw) <= MAX_REQUEST_ID else as_text(lenient_json.decoded(raw))
        for url in (self._envelope.send_user_message_url, self._envelope.send_bot_message_url):
            if url is not None and url.count("/") > 3:
                return unquote(url.rpartition("/")[2])
        return ""

    @property
    def base_url(self) -> str:
        """``https://{host}/api/botsdk/stream/{botId}``, given or cut from a send URL."""
        return _base_of(self._envelope)

    def url(self, call: str) -> str:
        """The URL of a call: given or derived, else empty."""
        if call == "get_messages":
            return f"{base}/getMessages" if (base := self.base_url) else ""
        member, verb, _ = CALL_URLS[call]
        url: str | None = None
        if member:
            url = getattr(self._envelope if member in _ENVELOPE_FIELDS else self._details, member)
        return url or (self._derived(verb) if verb else "")

    def derived_urls(self) -> Iterator[str]:
        """Every URL that can be derived from `baseUrl` and `requestId`."""
        return (url for _, verb, _ in CALL_URLS.values() if verb and (url := self._derived(verb)))

    @property
    def channel_type(self) -> str:
        """Kore's name of the channel (``rtm``, ``facebook`` …) from either shape (2.4); ``""`` if not given."""
        return self._channel.type_name

    @property
    def bot_language(self) -> str:
        """The language that the channel names, ``""`` if it names none."""
        return self._channel.language

    @property
    def user_id(self) -> str:
        """The user's id for getMessages: `channel.channelInfos.from`, else `channel.from` (2.4), else the context's."""
        channel, infos = self._channel, self._channel.infos
        for value in (infos.from_, channel.from_, infos.user_id, channel.user_id):
            if value not in (None, ""):
                return str(value)
        session = _read_member(Context, self._envelope.context).session
        user = session and session.user_context and session.user_context.id
        return str(user or (session and session.opts and session.opts.user_id) or "")

    @property
    def is_transfer(self) -> bool:
        """Whether this is the payload of on_agent_transfer, not of a message: only the former has a callbackUrl (2.3)."""
        return bool(self._envelope.callback_url)

    @property
    def payload_class(self) -> str:
        """The name of this kind of payload in Kore's SDK, for any event."""
        rest = self._details
        if rest.dialog_component_name and self.is_transfer:
            return "OnHookPayload"
        if self.is_transfer:
            return "OnAgentTransferPayload"
        if rest.send_alert_message_url:
            return "OnAlertPayload"
        if rest.event:
            return "OnEventPayload"
        return "OnVariableUpdate" if rest.data else "OnMessagePayload"

    def missing_members(self, payload_class: str = "") -> bytes:
        """The members that the platform requires and this payload lacks (4.3): JSON members, each followed by a comma.

        Args:
            payload_class: the property of this name; empty for a message or a transfer, which are told apart at less cost.
        """
        payload = self._envelope
        return _members(
            "" if payload.payload_class else payload_class or _class_of(payload),
            "" if payload.request_id else self.request_id,
            None if payload.bot_id else self.bot_id,
            None if payload.component_id else self.component_id,
            bool(payload.ack_message),
        )

    @property
    def _details(self) -> _Details:
        return read(_Details, self._body)

    @property
    def _channel(self) -> Channel:
        return _read_member(Channel, self._envelope.channel)

    def _derived(self, verb: str) -> str:
        base, request_id = self.base_url, self.request_id
        return f"{base}/{verb}/{quote(request_id, safe='')}" if base and request_id else ""


def _base_of(urls: CallUrls) -> str:
    """See `Address.base_url`."""
    if base := (urls.base_url or "").rstrip("/"):
        return base
    for url, verb in (
        (urls.send_user_message_url, "sendUserMessage"),
        (urls.send_bot_message_url, "sendBotMessage"),
    ):
        before, found, _ = (url or "").rpartition(f"/{verb}/")
        if found:
            return before
    return ""


def missing_url(call: str) -> str:
    """The detail of the error when `Address.url` is empty."""
    source = CALL_URLS.get(call)
    if source is None or source.verb:
        return "the payload has neither the URL nor a baseUrl and requestId"
    hint = f", which comes with {source.comes_with}" if source.comes_with else ""
    return f"the payload has no {_camel_case(source.member)}{hint}: use a payload that has it"


def check_urls(
    payload: Payload, body: bytes, *, needed_call: str, bot_id: str, component_id: str, hosts: AllowedHosts
) -> None:
    """Return if the payload names only allowed hosts and can be answered.

    Args:
        payload: the payload of a hook.
        body: its bytes.
        needed_call: the call that must be possible; empty for none.
        bot_id: the bot of the hook's path, like `component_id`.
        hosts: the hosts that may be called.

    Raises:
        HookInvalid: a URL names a host that is not configured, or the URL of the needed call is neither given nor derivable.
        HookNotJson: the payload cannot be read.
    """
    try:
        request_id = payload.request_id
        hosts.check_each(payload.call_urls, end=str(request_id or ""), what="accept a hook")
        if base := _base_of(payload):
            hosts.check_base(base, what="accept a hook")
        if not request_id:  # It is cut from a URL, so its length has no limit of its own.
            for url in _parsed(body, bot_id, component_id).derived_urls():
                hosts.check(url, what="accept a hook")
    except HostNotAllowed as error:
        see = "" if error.fix else "; see kore.callback_hosts"
        raise HookInvalid(
            f"Callback URL refused: {error.detail}{see}", fix=error.fix or "kore.callback_hosts"
        ) from error
    if not needed_call or getattr(payload, member := CALL_URLS[needed_call].member):
        return
    if not _parsed(body, bot_id, component_id).url(needed_call):
        raise HookInvalid(
            f"{_camel_case(member)} is missing, and cannot be derived from baseUrl and requestId"
        )


def _parsed(body: bytes, bot_id: str, component_id: str) -> Address:
    try:
        return Address.parse(body, bot_id=bot_id, component_id=component_id)
    except CallRefused as error:
        raise HookNotJson from error


def forwarding(payload: Payload, call: str, *, component_id: str) -> Forwarding | None:
    """How a payload is passed on with a call; None if `Address` has to find out.

    Args:
        payload: the payload of a message.
        call: the name of the call in `CALL_URLS`.
        component_id: the component of the hook's path.
    """
    url: str | None = getattr(payload, CALL_URLS[call].member)
    if not url or not payload.request_id or not payload.bot_id:
        return None
    members = _members_of_message(
        "" if payload.payload_class else _class_of(payload),
        "",
        None,
        None if payload.component_id else component_id,
        bool(payload.ack_message),
    )
    return Forwarding(call, url, members)


def _class_of(payload: CallUrls) -> str:
    """The class of a message or a transfer: only the latter has a callbackUrl (2.3)."""
    return "OnAgentTransferPayload" if payload.callback_url else "OnMessagePayload"


def _members(
    payload_class: str, request_id: str, bot_id: str | None, component_id: str | None, acknowledges: bool
) -> bytes:
    """JSON members to insert into a payload, each followed by a comma. What is empty or None is not inserted."""
    members = b""
    if payload_class:
        members += b'"__payloadClass":"' + payload_class.encode() + b'",'
    if request_id:
        members += b'"requestId":' + _json_text(request_id) + b","
    if bot_id is not None:
        members += b'"botId":' + _json_text(bot_id) + b","
    if component_id is not None:
        members += b'"componentId":' + _json_text(component_id) + b","
    return members if acknowledges else members + b'"ackMessage":true,'


_members_of_message = lru_cache(maxsize=64)(_members)
"""Messages lack the same few members."""


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _read_member(struct: type[S], json: msgspec.Raw) -> S:
    """A member of a payload as a struct; an empty one where the member is missing or no object."""
    if not json:
        return struct()
    try:
        return read(struct, json)
    except ValueError:
        return struct()


_json_text = msgspec.json.encode
