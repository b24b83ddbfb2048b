"""Where a hook's payload says we can answer: request id, URLs, user and channel.

The platform gives full URLs, to be used as they are (protocols/kore-xo-botkit.md 4.2); one that is missing is derived
from `baseUrl` and `requestId` (2.3), and these from a URL that is there. Parsing reads the top level only: values that
nobody asks for are skipped, `channel` and `context` stay bytes until someone does, and the URLs that few calls need are
read when one of those is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote

import msgspec

from botkit.errors import CallRefused
from botkit.http import lenient_json

_ABSENT = msgspec.Raw()


class _Payload(msgspec.Struct, rename="camel", frozen=True):
    """The members of a payload that an answer needs. `Any` because a payload is taken as it comes; read with `_text`."""

    request_id: msgspec.Raw = _ABSENT
    base_url: Any = None
    send_user_message_url: Any = None
    send_bot_message_url: Any = None
    skip_user_message_url: Any = None
    callback_url: Any = None
    channel: msgspec.Raw = _ABSENT
    context: msgspec.Raw = _ABSENT
    payload_class: msgspec.Raw = msgspec.field(default=_ABSENT, name="__payloadClass")
    bot_id: msgspec.Raw = _ABSENT
    component_id: msgspec.Raw = _ABSENT
    ack_message: msgspec.Raw = _ABSENT


class _RarelyNeeded(msgspec.Struct, rename="camel", frozen=True):
    """The members that passing a message on does not need."""

    skip_bot_message_url: Any = None
    send_alert_message_url: Any = None
    reset_bot_url: Any = None
    get_bot_variable_url: Any = None
    clear_conversation_session_url: Any = None
    send_feedback_message_url: Any = None
    send_bot_event_url: Any = None
    get_dialog_url: Any = None
    dialog_component_name: Any = None
    event: Any = None
    data: Any = None


_decode = msgspec.json.Decoder(_Payload).decode
_decode_rarely_needed = msgspec.json.Decoder(_RarelyNeeded).decode


@dataclass(frozen=True, slots=True)
class Address:
    """How one payload can be answered. Every URL is ``""`` when the payload neither gives it nor lets us derive it."""

    bot_id: str
    component_id: str
    _payload: _Payload = field(repr=False)
    _body: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes, *, bot_id: str, component_id: str) -> Self:
        """Read the address from a hook's raw body.

        Raises:
            CallRefused: the body is not a JSON object.
        """
        try:
            return cls(bot_id, component_id, _read(body), body)
        except (ValueError, RecursionError):
            raise CallRefused("read a payload's address", detail="the payload is not a JSON object") from None

    @property
    def request_id(self) -> str:
        """The platform's call id; a number keeps its spelling. Without one, what a given URL ends with."""
        raw = bytes(self._payload.request_id)
        if raw[:1] == b'"':
            return _text(lenient_json.decoded(raw))
        if raw and raw[:1] in b"-0123456789":
            return raw.decode()
        for url in (self._payload.send_user_message_url, self._payload.send_bot_message_url):
            if (text := _text(url)).count("/") > 3:
                return unquote(text.rpartition("/")[2])
        return ""

    @property
    def base_url(self) -> str:
        """``https://{host}/api/botsdk/stream/{botId}``, given or cut from a send URL."""
        if base := _text(self._payload.base_url):
            return base.rstrip("/")
        for url, verb in (
            (self._payload.send_user_message_url, "sendUserMessage"),
            (self._payload.send_bot_message_url, "sendBotMessage"),
        ):
            before, found, _ = _text(url).rpartition(f"/{verb}/")
            if found:
                return before
        return ""

    @property
    def send_user_message_url(self) -> str:
        return _text(self._payload.send_user_message_url) or self._derived("sendUserMessage")

    @property
    def send_bot_message_url(self) -> str:
        return _text(self._payload.send_bot_message_url) or self._derived("sendBotMessage")

    @property
    def skip_user_message_url(self) -> str:
        return _text(self._payload.skip_user_message_url) or self._derived("skipUserMessage")

    @property
    def skip_bot_message_url(self) -> str:
        return _text(self._rarely_needed.skip_bot_message_url) or self._derived("skipBotMessage")

    @property
    def start_agent_session_url(self) -> str:
        return self._derived("startAgentSession")

    @property
    def clear_agent_session_url(self) -> str:
        return self._derived("clearAgentSession")

    @property
    def extend_request_url(self) -> str:
        return self._derived("extendcallid")

    @property
    def get_messages_url(self) -> str:
        """Without its query."""
        return f"{base}/getMessages" if (base := self.base_url) else ""

    @property
    def callback_url(self) -> str:
        """Where a Webhook node is answered later."""
        return _text(self._payload.callback_url) or self._derived("serviceCallback")

    # The paths of these are not documented, so they are there when the payload has them (4.2).

    @property
    def send_alert_message_url(self) -> str:
        return _text(self._rarely_needed.send_alert_message_url)

    @property
    def reset_bot_url(self) -> str:
        return _text(self._rarely_needed.reset_bot_url)

    @property
    def get_bot_variable_url(self) -> str:
        return _text(self._rarely_needed.get_bot_variable_url)

    @property
    def clear_conversation_session_url(self) -> str:
        return _text(self._rarely_needed.clear_conversation_session_url)

    @property
    def send_feedback_message_url(self) -> str:
        return _text(self._rarely_needed.send_feedback_message_url)

    @property
    def send_bot_event_url(self) -> str:
        return _text(self._rarely_needed.send_bot_event_url)

    @property
    def get_dialog_url(self) -> str:
        return _text(self._rarely_needed.get_dialog_url)

    @property
    def channel_type(self) -> str:
        """Kore's name of the channel (``rtm``, ``facebook`` …) from either shape (2.4); ``""`` if not given."""
        channel, infos = self._channel()
        return _text(infos.get("type")) or _text(channel.get("type"))

    @property
    def bot_language(self) -> str:
        """The language that the channel names, ``""`` if it names none."""
        channel, infos = self._channel()
        return _text(infos.get("botLanguage")) or _text(channel.get("botLanguage"))

    @property
    def user_id(self) -> str:
        """The user as getMessages wants it: `channel.channelInfos.from`, else `channel.from` (2.4), else the context's."""
        channel, infos = self._channel()
        for value in (infos.get("from"), channel.get("from"), infos.get("userId"), channel.get("userId")):
            if name := _text(value):
                return name
        session = _member(_object(self._payload.context), "session")
        return _text(_member(session, "UserContext").get("_id")) or _text(
            _member(session, "opts").get("userId")
        )

    @property
    def is_transfer(self) -> bool:
        """Whether this is on_agent_transfer's payload and no message's: of those two, only it has a callbackUrl (2.3)."""
        return bool(_text(self._payload.callback_url))

    @property
    def payload_class(self) -> str:
        """The name that Kore's SDK gives this kind of payload, whichever event it is of."""
        rest = self._rarely_needed
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
        """What a payload we send on needs and this one lacks (4.3), as JSON members each followed by a comma.

        Args:
            payload_class: see there; empty where it can only be a message or a transfer, which costs less to tell.
        """
        payload = self._payload
        members = b""
        if not payload.payload_class:
            kind = payload_class or ("OnAgentTransferPayload" if self.is_transfer else "OnMessagePayload")
            members += b'"__payloadClass":"' + kind.encode() + b'",'
        if not payload.request_id and (request_id := self.request_id):
            members += b'"requestId":' + _json_text(request_id) + b","
        if not payload.bot_id:
            members += b'"botId":' + _json_text(self.bot_id) + b","
        if not payload.component_id:
            members += b'"componentId":' + _json_text(self.component_id) + b","
        if not payload.ack_message:
            members += b'"ackMessage":true,'
        return members

    @property
    def _rarely_needed(self) -> _RarelyNeeded:
        try:
            return _decode_rarely_needed(self._body)
        except (msgspec.DecodeError, UnicodeError):
            return _decode_rarely_needed(lenient_json.repaired(self._body))

    def _derived(self, verb: str) -> str:
        base, request_id = self.base_url, self.request_id
        return f"{base}/{verb}/{quote(request_id, safe='')}" if base and request_id else ""

    def _channel(self) -> tuple[dict[str, object], dict[str, object]]:
        channel = _object(self._payload.channel)
        return channel, _member(channel, "channelInfos")


def _read(body: bytes) -> _Payload:
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return _decode(lenient_json.repaired(body))


def _text(value: object) -> str:
    """A text, or a number's exact digits (some deployments' user ids are numbers)."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _object(raw: msgspec.Raw) -> dict[str, object]:
    if not raw:
        return {}
    try:
        value = lenient_json.decoded(bytes(raw))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _member(value: dict[str, object], name: str) -> dict[str, object]:
    member = value.get(name)
    return member if isinstance(member, dict) else {}


_json_text = msgspec.json.encode
