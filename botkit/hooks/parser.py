"""The hook parser of a bot: turns the bytes of a hook into an input for the ledger. Independent of WSGI and of the store."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from msgspec import structs

from botkit.config.settings import BotSettings
from botkit.errors import HookInvalid
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentTransfer, Attachment, Choice, PlatformHookEvent, UserMessage
from botkit.handoff.record import Record
from botkit.hooks.address import MAX_REQUEST_ID, check_urls, forwarding
from botkit.hooks.authentication import Authentication
from botkit.hooks.events import Arrival, HookEvent, agent_transfer, hook_event
from botkit.hooks.identity import identity
from botkit.hooks.paths import HookPath
from botkit.hooks.payload import Payload, parse
from botkit.http.hosts import AllowedHosts
from botkit.http.network import DIRECT, Network
from botkit.ledger.interface import HookBody, Input

_TOO_LARGE_REQUEST_ID = 10**MAX_REQUEST_ID


MAX_SHOWN = 64


def how_to_link(bot: BotSettings, bot_id: str) -> str:
    """The advice for a hook of a bot that is not configured, for a caller who is authenticated as `bot`."""
    return f"If {bot_id} is linked to {bot.name}, add to {file_of(bot)}, under bot: linked: [{bot_id}]"


def file_of(bot: BotSettings) -> str:
    """The name of the bot's file, without its folder."""
    return bot.file.name if bot.file is not None else "its file"


def new_uuid4() -> str:
    """A lower-case UUID 4, the form that Salesforce requires."""
    return str(uuid4())


class Hook(Record, frozen=True):
    """A hook that was read and may be accepted.

    Attributes:
        kind: the declaration of its event.
        path: the bot, the component and the event's name.
        body: the payload's bytes.
        payload: the same, parsed.
        users: every name of the user, canonical first.
        input: the input that represents it in the ledger.
    """

    kind: HookEvent
    path: HookPath
    body: bytes
    payload: Payload
    users: tuple[str, ...]
    input: Input

    _hidden = frozenset({"body", "payload"})

    @property
    def event(self) -> PlatformHookEvent:
        """The hook as an event of the hand-off."""
        event = self.input.event
        if not isinstance(event, PlatformHookEvent):
            raise TypeError("the input of a hook always has the event of that hook")
        return event

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that came with a user's message."""
        return self.event.attachments if isinstance(self.event, UserMessage) else ()

    @property
    def is_connect(self) -> bool:
        """Whether the user opened the chat without writing anything."""
        return isinstance(self.event, UserMessage) and self.event.connect


class HookParser:
    """Reads the hooks of one bot, and of the bots that are linked to it: they count as its own."""

    def __init__(
        self,
        bot: BotSettings,
        *,
        insecure_http: bool,
        network: Network = DIRECT,
        new_id: Callable[[], str] = new_uuid4,
    ) -> None:
        self.bot = bot
        self.authentication = Authentication(bot.kore)
        self._bot_ids = frozenset({bot.id, *bot.linked})
        self._hosts = AllowedHosts(bot.kore.callback_hosts, insecure_http=insecure_http, network=network)
        self._keeps_payloads = bot.kore.keep_payloads
        self._new_id = new_id

    def read(self, path: HookPath, body: bytes, *, at: Instant) -> Hook:
        """Read a hook of this bot.

        Raises:
            HookNotJson: the body is not a JSON object.
            HookInvalid: it names a host that is not configured or another bot, or lacks a member that the event needs.
        """
        kind, payload = hook_event(path.event), parse(body)
        self._check_ids(payload)
        if path.bot_id != self.bot.id:
            path = structs.replace(path, bot_id=self.bot.id)
        check_urls(
            payload,
            body,
            needed_call=kind.needed_call,
            bot_id=path.bot_id,
            component_id=path.component_id,
            hosts=self._hosts,
        )
        named = identity(payload)
        users = named.users
        user_id = users[0] if users else ""
        event = kind.to_event(Arrival(path, body, payload, user_id, named.sessions, at, self._new_id))
        if not users:
            if isinstance(event, AgentTransfer):
                raise HookInvalid("The payload names no user (context.session.UserContext._id, channel.from)")
            # Without a user, the hook's order relative to others is unknown, so it gets a lane of its own.
            user_id = f"request:{payload.request_id or ''}"
        input = Input(
            conversation_id=ConversationId(path.bot_id, user_id, named.channel),
            event=event,
            hook=HookBody(
                body,
                path.component_id,
                forwarding(payload, kind.needed_call, component_id=path.component_id) if kind.skip else None,
            ),
            aliases=users[1:],
            keep_payload=self._keeps_payloads and kind.keeps_payload,
        )
        return Hook(kind, path, body, payload, users, input)

    def with_body(self, hook: Hook, body: bytes) -> Hook:
        """The same hook with another body. It keeps what identifies it."""
        payload = parse(body)
        event = structs.replace(hook.kind.to_event(self._arrival(hook, body, payload)), key=hook.event.key)
        if isinstance(event, UserMessage) and isinstance(hook.event, UserMessage):
            event = structs.replace(event, request_id=hook.event.request_id)
        input = structs.replace(hook.input, event=event, hook=HookBody(body, hook.path.component_id))
        return structs.replace(hook, body=body, payload=payload, input=input)

    def transfer(self, hook: Hook, choice: Choice) -> AgentTransfer:
        """The hand-off that this hook could begin: from its payload, with a handler's choice applied.

        Raises:
            HookInvalid: the payload names no user.
        """
        if not hook.users:
            raise HookInvalid("The payload names no user to hand over")
        return agent_transfer(self._arrival(hook, hook.body, hook.payload)).chosen(choice)

    def _check_ids(self, payload: Payload) -> None:
        """Raises: HookInvalid if the payload is about other bots only, or its requestId is too long."""
        named: tuple[str, ...] = ()
        if payload.bot_id != self.bot.id:
            named = payload.bot_ids
        if named and self._bot_ids.isdisjoint(named):
            raise HookInvalid(
                f"botId is not that of the path. {how_to_link(self.bot, named[0][:MAX_SHOWN])}",
                fix="bot.linked",
            )
        request_id = payload.request_id
        if isinstance(request_id, int):
            too_long = not -_TOO_LARGE_REQUEST_ID < request_id < _TOO_LARGE_REQUEST_ID
        else:
            too_long = request_id is not None and len(request_id) > MAX_REQUEST_ID
        if too_long:
            raise HookInvalid(f"requestId is longer than {MAX_REQUEST_ID} characters")

    def _arrival(self, hook: Hook, body: bytes, payload: Payload) -> Arrival:
        user_id = hook.users[0] if hook.users else ""
        return Arrival(
            hook.path, body, payload, user_id, identity(payload).sessions, hook.event.at, self._new_id
        )
