"""A bot's door: a hook's bytes in, an input for the ledger out. No WSGI, no ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from botkit.config.settings import BotSettings
from botkit.errors import CallRefused, HookInvalid, HookNotJson
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentTransfer, Attachment, Choice, Event, UserMessage
from botkit.hooks import callbacks, payload
from botkit.hooks.authentication import Authentication
from botkit.hooks.events import Arrival, to_event, transfer_event
from botkit.hooks.paths import HookPath
from botkit.hooks.people import names
from botkit.http.hosts import AllowedHosts
from botkit.kore.bodies import changed, members_to_change
from botkit.ledger.interface import HookBody, Input

MAX_REQUEST_ID = 64
"""The platform's are milliseconds since 1970 (protocols/kore-xo-botkit.md, 2.3): 13 digits. They end up in keys and URLs."""
_TOO_LARGE_REQUEST_ID = 10**MAX_REQUEST_ID


def new_uuid4() -> str:
    """A lower-case UUID 4, the form Salesforce wants."""
    return str(uuid4())


_KEPT = frozenset({"on_user_message", "on_agent_transfer"})
"""The hooks by whose payload a user can be written to later."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook that was read and may be taken: its bytes, what they say, and the input that stands for it."""

    path: HookPath
    body: bytes = field(repr=False)
    payload: payload.Payload = field(repr=False)
    users: tuple[str, ...]
    given: Input

    @property
    def event(self) -> Event:
        """What it means to the hand-off."""
        if self.given.event is None:
            raise TypeError("a hook always means something")
        return self.given.event

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that came along with a user's message."""
        return self.event.attachments if isinstance(self.event, UserMessage) else ()

    @property
    def is_connect(self) -> bool:
        """Whether somebody opened the chat and has said nothing yet."""
        return isinstance(self.event, UserMessage) and self.event.connect


class HookParser:
    """Reads the hooks of one bot."""

    def __init__(
        self, bot: BotSettings, *, insecure_http: bool, new_id: Callable[[], str] = new_uuid4
    ) -> None:
        self.authentication = Authentication(bot.kore)
        self._hosts = AllowedHosts(bot.kore.callback_hosts, insecure_http=insecure_http)
        self._keeps_payloads = bot.kore.keep_payloads
        self._new_id = new_id

    def read(self, path: HookPath, body: bytes, *, at: Instant) -> Hook:
        """What a hook of this bot means.

        Raises:
            HookNotJson: the body is not a JSON object.
            HookInvalid: it names a host that is not configured or another bot, or lacks what the event cannot do
                without.
        """
        read = payload.parse(body)
        _check_ids(read, path)
        try:
            callbacks.check(
                read,
                body,
                event=path.event,
                bot_id=path.bot_id,
                component_id=path.component_id,
                hosts=self._hosts,
            )
        except CallRefused as error:
            raise HookNotJson from error
        users = names(read)
        event = to_event(Arrival(path, body, at, self._new_id), read, users)
        if users:
            user = users[0]
        elif path.event == "on_agent_transfer":
            raise HookInvalid("The payload names no user (context.session.UserContext._id, channel.from)")
        else:
            # Nobody is named: it is passed on in a lane of its own, as no order to anything else is known.
            user = f"request:{read.request_id or ''}"
        given = Input(
            conversation_id=ConversationId(path.bot_id, user),
            event=event,
            hook=HookBody(body, path.component_id),
            aliases=users[1:],
            keep_payload=self._keeps_payloads and path.event in _KEPT,
        )
        return Hook(path, body, read, users, given)

    def reworded(self, hook: Hook, message: str) -> Hook:
        """The same hook, as if its message had been this. It is still known by the key of what really came."""
        body = changed(hook.body, members_to_change({"message": message}))
        read = payload.parse(body)
        event = to_event(Arrival(hook.path, body, hook.event.at, self._new_id), read, hook.users)
        given = replace(
            hook.given,
            event=replace(event, key=hook.event.key),
            hook=HookBody(body, hook.path.component_id),
        )
        return Hook(hook.path, body, read, hook.users, given)

    def transfer(self, hook: Hook, choice: Choice) -> AgentTransfer:
        """The hand-off this hook could begin: what its payload says, under a handler's choice.

        Raises:
            HookInvalid: the payload names no user.
        """
        if not hook.users:
            raise HookInvalid("The payload names no user, so there is nobody to hand over")
        arrival = Arrival(hook.path, hook.body, hook.event.at, self._new_id)
        return transfer_event(arrival, hook.payload, hook.users[0]).chosen(choice)


def _check_ids(read: payload.Payload, path: HookPath) -> None:
    """Raises: HookInvalid if the payload is about another bot than its path, or its requestId is none."""
    if read.bot_id and read.bot_id != path.bot_id:
        raise HookInvalid("botId is not that of the path")
    request_id = read.request_id
    if isinstance(request_id, str):
        too_long = len(request_id) > MAX_REQUEST_ID
    else:
        too_long = request_id is not None and abs(request_id) >= _TOO_LARGE_REQUEST_ID
    if too_long:
        raise HookInvalid(f"requestId is longer than {MAX_REQUEST_ID} characters")
