"""The shared state of the emulated platform: bot, users, request ids, clock and chats.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit_sandbox.bus import Bus
from botkit_sandbox.errors import AlreadyThere, UserUnknown
from botkit_sandbox.kore.bot import Bot
from botkit_sandbox.kore.calls import CallBook
from botkit_sandbox.kore.credentials import JwtApp
from botkit_sandbox.kore.faults import Faults
from botkit_sandbox.kore.history import Direction, record
from botkit_sandbox.kore.masking import masked
from botkit_sandbox.kore.settings import KoreSandboxSettings, SubscriptionName
from botkit_sandbox.kore.stand_ins import StandIns
from botkit_sandbox.kore.templates import Rendered
from botkit_sandbox.kore.users import Attachment, ChatMessage, Session, Speaker, User
from botkit_sandbox.wire import Wire


@dataclass(frozen=True, slots=True)
class Subscription:
    """The URL of the bot's BotKit, and the events to which it is subscribed (1)."""

    host: str
    events: frozenset[SubscriptionName]
    unmasked_for_agents: bool = False
    """PIIMaskingDisabledForAgentTransfer."""


@dataclass(slots=True)
class Core:
    """Shared state. `clock` gives seconds since 1970, `new_id` a fresh UUID as text."""

    bot: Bot
    settings: KoreSandboxSettings
    wire: Wire | None
    bus: Bus | None
    clock: Callable[[], float]
    new_id: Callable[[], str]
    base_url: str
    subscription: Subscription
    faults: Faults = field(default_factory=Faults)
    users: dict[str, User] = field(default_factory=dict)
    linked_bots: set[str] = field(default_factory=set)
    feedback: list[Mapping[str, Any]] = field(default_factory=list)
    stand_ins: StandIns = field(default_factory=lambda: StandIns({}))
    shared_variables: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"EnterpriseContext": {}, "BotContext": {}}
    )
    app: JwtApp = field(init=False)
    calls: CallBook = field(default_factory=CallBook)
    _by_address: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.configure(self.settings)

    def configure(self, settings: KoreSandboxSettings) -> None:
        """Let these settings count from now on, also where they are kept apart."""
        self.settings = settings
        self.app = JwtApp(
            algorithm=settings.algorithm,
            require_expiry=settings.require_expiry,
            enforce_jti=settings.enforce_jti,
        )
        self.calls.lifetime_ms = _ms(settings.request_lifetime.total_seconds())

    def now(self) -> float:
        """The platform's time, in seconds since 1970."""
        return self.clock() + self.settings.clock_ahead

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    @property
    def stream_url(self) -> str:
        """`baseUrl` of every payload, but those of linked bots."""
        return self.stream_url_of(self.bot.id)

    def stream_url_of(self, bot_id: str) -> str:
        return f"{self.base_url}/api/botsdk/stream/{bot_id}"

    def knows_bot(self, bot_id: str) -> bool:
        """Whether this is the bot, or one that is linked to it."""
        return bot_id == self.bot.id or bot_id in self.linked_bots

    @property
    def inactivity_ms(self) -> int:
        own = self.settings.inactivity
        return self.bot.inactive_ms if own is None else _ms(own.total_seconds())

    def is_subscribed(self, event: SubscriptionName) -> bool:
        return bool(self.subscription.host) and event in self.subscription.events

    def add(self, user: User) -> None:
        self.users[user.key] = user
        self._by_address[user.address] = user.key

    def user(self, identifier: str) -> User:
        """A user by the platform's id or by the id of the channel.

        Raises:
            UserUnknown: there is none.
        """
        user = self.users.get(identifier) or self.users.get(self._by_address.get(identifier, ""))
        if user is None:
            raise UserUnknown(f"there is no user {identifier[:80]}")
        return user

    def check_is_not_on(self, channel: str, user: User) -> None:
        """Raises: AlreadyThere, since the platform knows a user once on each channel."""
        if any(one.id == user.id and one.channel == channel for one in self.users.values()):
            raise AlreadyThere(f"{user.name} is on {channel} already")

    def publish(self, kind: str, user: User | None = None, **more: Any) -> None:
        """Publish a change on the bus."""
        if self.bus is not None:
            who = {"userId": user.key} if user is not None else {}
            self.bus.publish("kore", {"kind": kind, **who, **more})

    def new_session(self) -> Session:
        """Open a session. Its id has 24 hexadecimal digits, as on the platform."""
        return Session(id=self.new_id().replace("-", "")[:24], opened_ms=self.now_ms())

    def attachment_url(self) -> str:
        return f"{self.base_url}/api/attachment/file"

    def file_url(self, file: Attachment) -> str:
        """The address of a user's file, as the switch `file_url` has it."""
        url = f"{self.attachment_url()}/{file.id}"
        match self.settings.file_url:
            case "relative":
                return url.removeprefix(self.base_url)
            case "named":
                return f"{url}?name={file.name}"
        return url

    def add_user_message(
        self, user: User, text: str, attachments: tuple[Attachment, ...], payload: str = ""
    ) -> ChatMessage:
        """Add a message of the user to the chat and the history; `payload` is what is behind a clicked choice."""
        return self._record_message(
            user,
            direction="incoming",
            message=ChatMessage(
                id=f"ms-{self.new_id()}",
                at_ms=self.now_ms(),
                speaker="user",
                name=user.name or None,
                text=text,
                attachments=attachments,
                payload=payload,
                client_id=self._next_client_id(user),
            ),
            raw=payload or text,
            label=text if payload and self.settings.label_in_history else "",
        )

    def _next_client_id(self, user: User) -> int | None:
        """Of the web client only: the milliseconds of its clock."""
        if user.channel != "rtm":
            return None
        ids = (message.client_id for message in reversed(user.messages) if message.client_id)
        return max(self.now_ms(), 1 + next(ids, 0))

    def record_control_message(self, user: User, text: str) -> None:
        """Add a control message of the client to the history; nobody sees it (4.5)."""
        self._record(user, f"ms-{self.new_id()}", self.now_ms(), direction="ctrlmsg", raw=text)

    def as_masked(self, user: User, text: str) -> str:
        """A text as hooks and the history have it."""
        lifted = user.agent_mode and self.subscription.unmasked_for_agents
        return masked(text) if self.settings.mask_personal_data and not lifted else text

    def show(self, user: User, speaker: Speaker, what: Rendered) -> ChatMessage:
        """Show the user a message of the bot, of BotKit or of an agent."""
        names = {"bot": self.bot.name, "agent": what.agent_name}
        return self._record_message(
            user,
            direction="outgoing",
            message=ChatMessage(
                id=f"ms-{self.new_id()}",
                at_ms=self.now_ms(),
                speaker=speaker,
                name=names.get(speaker),
                text=what.text,
                template=what.template,
            ),
            raw=what.raw,
        )

    def note(self, user: User, text: str) -> None:
        """Add a note of the sandbox to the chat. It is not part of the history, since the platform does not have it."""
        message = ChatMessage(id=f"ms-{self.new_id()}", at_ms=self.now_ms(), speaker="system", text=text)
        user.messages.append(message)
        self.publish("message", user, message=message.as_json())

    def set_agent_mode(self, user: User, on: bool) -> None:
        user.agent_typing = user.agent_typing and on
        if user.agent_mode != on:
            user.agent_mode = on
            self.publish("agentMode", user, agentMode=on)

    def end_session(self, user: User) -> None:
        """Close the session with its variables, dialog and agent mode. The next input opens a new one."""
        user.session.closed = True
        self.reset_dialog(user)
        self.set_agent_mode(user, False)
        self.publish("session", user, conversationSessionId=user.session.id, closed=True)

    def reset_dialog(self, user: User) -> None:
        """Clear the context and drop the current dialog without a message, as resetBot does (4.2)."""
        user.resets += 1
        user.run = None
        user.stalled = False
        user.context = {}

    def reset_when_idle(self, user: User) -> None:
        """Apply the inactivity rule (4.6): silence resets the session and agent mode, regardless of BotKit."""
        if not user.session.closed and self.now_ms() - user.last_activity_ms >= self.inactivity_ms:
            self.end_session(user)

    def _record_message(
        self,
        user: User,
        *,
        direction: Literal["incoming", "outgoing"],
        message: ChatMessage,
        raw: str,
        label: str = "",
    ) -> ChatMessage:
        user.last_activity_ms = message.at_ms
        user.messages.append(message)
        self._record(
            user,
            message.id,
            message.at_ms,
            direction=direction,
            raw=raw,
            label=label,
            attachments=message.attachments,
        )
        self.publish("message", user, message=message.as_json())
        return message

    def _record(
        self,
        user: User,
        message_id: str,
        at_ms: int,
        *,
        direction: Direction,
        raw: str,
        label: str = "",
        attachments: tuple[Attachment, ...] = (),
    ) -> None:
        user.history.append(
            record(
                user,
                bot_id=self.bot.id,
                message_id=message_id,
                component_id=f"cp-{self.new_id()}",
                at_ms=at_ms,
                direction=direction,
                text=self.as_masked(user, raw) if direction == "incoming" else raw,
                label=label,
                attachments=attachments,
                attachment_url=self.attachment_url(),
            )
        )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
