"""Hook payloads as the XO platform posts them: one function per hook, both shapes of `channel`, every member changeable.

    from botkit.testing import payloads

    body = payloads.user_message("When are you open?", channel="facebook", user=payloads.User(first_name="Mei"))

Payloads use no clock and no randomness: the same call gives the same payload. Each is a plain dictionary
(docs/protocols/kore-xo-botkit.md, 2.3 to 2.6) that a test may change further.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypedDict, Unpack

from botkit.testing import payload_parts
from botkit.testing.payload_parts import File, User, file_named, user_named

__all__ = [
    "ABSENT",
    "BOT_ID",
    "COMPONENT_ID",
    "FIRST_REQUEST_ID",
    "ORIGIN",
    "File",
    "Parts",
    "Payloads",
    "User",
    "agent_transfer",
    "alert",
    "bot_message",
    "client_event",
    "connect",
    "event",
    "path",
    "user_message",
    "variable_update",
    "webhook",
]

BOT_ID: Final = "st-11111111-1111-5111-8111-111111111111"
BOT_NAME: Final = "Acme Assistant"
COMPONENT_ID: Final = "dc-11111111-2222-5333-8444-888888888888"
ORIGIN: Final = "https://bots.kore.ai"
FIRST_REQUEST_ID: Final = 1_767_603_600_000
"""The platform uses milliseconds since 1970."""

ABSENT: Final = object()
"""In `members`: leave this member out of the payload."""

_COMPONENT_HOOKS = frozenset({"on_agent_transfer", "on_webhook"})


class Parts(TypedDict, total=False):
    """Options of every payload.

    Attributes:
        user: the user, or the user's id.
        bot: the bot's id.
        channel: Kore's name of the channel: ``rtm`` (the web), ``facebook``, ``msteams`` …
        nested: whether `channel` is nested under `channelInfos`. By default as the platform does for this hook.
        request_id: by default the next one.
        context: changes to the context, merged at every depth.
        session: variables in the context's `BotUserSession`, such as ``{"miawMetaInfo": {…}}``.
        intent: the dialog's name.
        meta_info: `metaInfo`.
        meta_tags: `metaTags`.
        members: other members of the payload; they replace existing ones. `ABSENT` leaves one out.
    """

    user: User | str
    bot: str
    channel: str
    nested: bool
    request_id: int | str
    context: Mapping[str, Any]
    session: Mapping[str, Any]
    intent: str
    meta_info: Mapping[str, Any]
    meta_tags: Mapping[str, Any]
    members: Mapping[str, Any]


class Payloads:
    """Makes payloads, each with a new `requestId`.

    Args:
        bot: the bot's id.
        bot_name: the bot's name.
        origin: scheme and host of the callback URLs.
        user: the default user.
        channel: the default channel, by Kore's name.
        first_request_id: the first `requestId`; it grows by one.
    """

    def __init__(
        self,
        *,
        bot: str = BOT_ID,
        bot_name: str = BOT_NAME,
        origin: str = ORIGIN,
        user: User | str = User(),  # noqa: B008 - frozen
        channel: str = "rtm",
        first_request_id: int = FIRST_REQUEST_ID,
    ) -> None:
        self.bot = bot
        self.bot_name = bot_name
        self.origin = origin
        self.user = user_named(user)
        self.channel = channel
        self._request_ids = itertools.count(first_request_id)

    def user_message(
        self,
        text: str | None = "hi",
        *,
        attachments: Sequence[File | str] = (),
        agent_transfer: bool = False,
        **parts: Unpack[Parts],
    ) -> dict[str, Any]:
        """on_user_message: a user's message to the bot or to the agent.

        Args:
            text: None for a payload without text, such as one with files only.
            attachments: files, or names of files.
            agent_transfer: whether the platform has the user in agent mode.
            **parts: see `Parts`.
        """
        made = self._made(parts, text=text or "", attachments=attachments)
        return _with(made | {"agent_transfer": agent_transfer} | _said(text), parts)

    def connect(self, **parts: Unpack[Parts]) -> dict[str, Any]:
        """on_user_message of a user who opened the chat and has not written yet."""
        made = self._made(parts)
        channel = made["channel"]
        channel.get("channelInfos", channel)["botEvent"] = "ON_CONNECT_EVENT"
        return _with(made | {"agent_transfer": False}, parts)

    def bot_message(
        self, text: str | None = "Hello!", *, agent_transfer: bool = False, **parts: Unpack[Parts]
    ) -> dict[str, Any]:
        """on_bot_message: a bot's message to the user. A template is sent as text: its JSON."""
        made = self._made(parts)
        return _with(made | {"agent_transfer": agent_transfer} | _said(text), parts)

    def agent_transfer(
        self, text: str = "talk to an agent", *, node: str = "LiveAgent", **parts: Unpack[Parts]
    ) -> dict[str, Any]:
        """on_agent_transfer: a dialog reached an Agent Transfer node.

        Args:
            text: the user's last message.
            node: the node's name.
            **parts: see `Parts`; ``session={"miawMetaInfo": {…}}`` sets what a Script node of the dialog would set.
        """
        made = self._made(parts, text=text, nested=True, node=node)
        return _with(made | self._component_urls(made), parts)

    def webhook(
        self, component: str, text: str = "", *, agent_transfer: bool = False, **parts: Unpack[Parts]
    ) -> dict[str, Any]:
        """on_webhook: a dialog waits at a Webhook node.

        Args:
            component: the node's name.
            text: the user's last message.
            agent_transfer: whether the platform has the user in agent mode.
            **parts: see `Parts`; `context` is the dialog's context so far.
        """
        made = self._made(parts, text=text, nested=True)
        made |= {"agent_transfer": agent_transfer, "message": text, **self._component_urls(made)}
        return _with(made | {"dialogComponentName": component, "contextId": payload_parts.SESSION_ID}, parts)

    def event(
        self, event_type: str = "endDialog", *, agent_transfer: bool = False, **parts: Unpack[Parts]
    ) -> dict[str, Any]:
        """on_event: ``endDialog``, ``endFAQ``, ``sessionClosure`` …"""
        made = self._made(parts)
        made |= {"message": "", "agent_transfer": agent_transfer}
        return _with(made | {"event": {"eventType": event_type}}, parts)

    def alert(
        self,
        text: str = "Your parcel is on its way.",
        *,
        agent_transfer: bool = False,
        **parts: Unpack[Parts],
    ) -> dict[str, Any]:
        """on_alert: an alert task has a message for the user."""
        made = self._made(parts) | {"agent_transfer": agent_transfer} | _said(text)
        return _with(made | {"sendAlertMessageUrl": _url(made, "sendAlertMessage")}, parts)

    def variable_update(
        self,
        event_type: str = "variable_update",
        *,
        variable: Mapping[str, Any] | None = None,
        language: str = "en",
        **parts: Unpack[Parts],
    ) -> dict[str, Any]:
        """on_variable_update: a variable of the bot changed. The payload has no user, channel or context."""
        made = self._addressed(parts)
        data = {"eventType": event_type, "variable": dict(variable or {}), "language": language}
        return _with(made | {"agent_transfer": False, "data": data}, parts)

    def client_event(
        self,
        pre_defined_event: str | Mapping[str, Any] | None = None,
        *,
        custom_event: Mapping[str, Any] | None = None,
        agent_transfer: bool = False,
        **parts: Unpack[Parts],
    ) -> dict[str, Any]:
        """on_client_event: an event of the user's client.

        Args:
            pre_defined_event: ``TYPING_STARTED``, ``TYPING_STOPPED``, ``MESSAGE_READ``, or the whole event.
            custom_event: an event of the client's own.
            agent_transfer: whether the platform has the user in agent mode.
            **parts: see `Parts`.
        """
        made = self._made(parts) | {"agent_transfer": agent_transfer}
        if isinstance(pre_defined_event, str):
            pre_defined_event = {"type": pre_defined_event}
        made |= {"preDefinedEvent": dict(pre_defined_event or {}), "customEvent": dict(custom_event or {})}
        return _with(made | {"sendBotEventUrl": _url(made, "sendBotEvent")}, parts)

    # --- parts of every payload ------------------------------------------------------------------------------------

    def _made(
        self,
        parts: Parts,
        *,
        text: str = "",
        attachments: Sequence[File | str] = (),
        nested: bool = False,
        node: str = "",
    ) -> dict[str, Any]:
        made = self._addressed(parts)
        user = user_named(parts.get("user", self.user))
        about = {
            "bot_id": made["botId"],
            "bot_name": self.bot_name,
            "channel": parts.get("channel", self.channel),
        }
        files = [
            payload_parts.announced(file_named(file), number, origin=self.origin)
            for number, file in enumerate(attachments, 1)
        ]
        channel = (
            payload_parts.nested_channel(user, **about, files=files, text=text)
            if parts.get("nested", nested)
            else payload_parts.flat_channel(user, **about, files=files)
        )
        intent = parts.get("intent", "Welcome")
        context = payload_parts.context_of(
            user,
            **about,
            text=text,
            intent=intent,
            session=parts.get("session", {}),
            node=node,
            # Each message has its own, as a client counts milliseconds.
            client_message_id=made["requestId"] if isinstance(made["requestId"], int) else None,
        )
        return made | {
            "taskId": payload_parts.TASK_ID,
            "nodeId": payload_parts.TRANSFER_NODE_ID if node else payload_parts.NODE_ID,
            "channel": channel,
            "context": payload_parts.merged(context, parts.get("context", {})),
            "metaInfo": dict(parts.get("meta_info", {"intentInfo": {"intentMatched": intent}})),
            "metaTags": dict(
                parts.get("meta_tags", {"userMetaTags": [], "sessionMetaTags": [], "messageMetaTags": []})
            ),
        }

    def _addressed(self, parts: Parts) -> dict[str, Any]:
        bot_id = parts.get("bot", self.bot)
        request_id = parts["request_id"] if "request_id" in parts else next(self._request_ids)
        made = {
            "requestId": request_id,
            "botId": bot_id,
            "baseUrl": f"{self.origin}/api/botsdk/stream/{bot_id}",
        }
        calls = (
            "sendUserMessage",
            "sendBotMessage",
            "skipUserMessage",
            "skipBotMessage",
            "resetBot",
            "getBotVariable",
            "clearConversationSession",
            "sendFeedbackMessage",
        )
        return made | {f"{call}Url": _url(made, call) for call in calls}

    def _component_urls(self, made: Mapping[str, Any]) -> dict[str, str]:
        return {"callbackUrl": _url(made, "serviceCallback"), "getDialogUrl": _url(made, "getDialog")}


def path(event: str, *, bot: str = BOT_ID, component: str = COMPONENT_ID, prefix: str = "") -> str:
    """The path a hook is posted to: transfers and webhooks belong to a component, the others to the bot (2.1).

    Args:
        event: the hook's name, such as ``on_user_message``.
        bot: the bot's id.
        component: the component's id.
        prefix: `server.prefix` of the configuration.
    """
    of = f"/components/{component}" if event in _COMPONENT_HOOKS else ""
    return f"{prefix}/sdk/bots/{bot}{of}/{event}"


P = ParamSpec("P")


def _as_function(method: Callable[Concatenate[Payloads, P], dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """The method of new `Payloads`, so that the same call always gives the same payload."""

    @wraps(method)
    def make(*args: P.args, **named: P.kwargs) -> dict[str, Any]:
        return method(Payloads(), *args, **named)

    return make


user_message = _as_function(Payloads.user_message)
connect = _as_function(Payloads.connect)
bot_message = _as_function(Payloads.bot_message)
agent_transfer = _as_function(Payloads.agent_transfer)
webhook = _as_function(Payloads.webhook)
event = _as_function(Payloads.event)
alert = _as_function(Payloads.alert)
variable_update = _as_function(Payloads.variable_update)
client_event = _as_function(Payloads.client_event)


def _said(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    return {"message": text, "originalMessage": text, "messageObject": {"message": {"body": text}}}


def _url(made: Mapping[str, Any], call: str) -> str:
    return f"{made['baseUrl']}/{call}/{made['requestId']}"


def _with(made: dict[str, Any], parts: Parts) -> dict[str, Any]:
    whole = {**made, **parts.get("members", {})}
    return {name: value for name, value in whole.items() if value is not ABSENT}
