"""The emulated XO platform as one object: actions of users, settings of the bot, and the state.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botkit_sandbox.bus import Bus
from botkit_sandbox.errors import TooManyUsers, UserWithAgent
from botkit_sandbox.kore.about import about
from botkit_sandbox.kore.bot import Bot, bot_of
from botkit_sandbox.kore.closures import SESSION_CLOSURE, Closure
from botkit_sandbox.kore.core import Core, Subscription
from botkit_sandbox.kore.export import BotExport
from botkit_sandbox.kore.faults import Fault
from botkit_sandbox.kore.hooks import HookSender
from botkit_sandbox.kore.lanes import Lanes
from botkit_sandbox.kore.payloads import ClientMessage, variable_hook
from botkit_sandbox.kore.settings import KoreSandboxSettings, SubscriptionName
from botkit_sandbox.kore.stand_ins import StandIn, stand_ins_of
from botkit_sandbox.kore.talk import Talk
from botkit_sandbox.kore.transfers import with_agent_dialog, with_transfer
from botkit_sandbox.kore.users import Attachment, User, address_on
from botkit_sandbox.switches import changed
from botkit_sandbox.wire import Wire

FILES_KEPT = 200
DEFAULT_EVENTS: tuple[SubscriptionName, ...] = ("onMessage", "onHook", "onEvent", "onAgentTransfer")


class KoreCloud:
    """The emulated platform.

    Args:
        wire: where exchanges are recorded, or None.
        bus: where changes are published (topic ``kore``), or None.
        bot: the export to run.
        base_url: the URL of this platform, such as ``http://127.0.0.1:8001``; can be set after binding a port.
        botkit_url: the BotKit's Callback URL, with its apiPrefix if it has one; empty for none.
        events: the events to which the BotKit is subscribed.
        suggest: whether the page suggests sentences of this bot, instead of those of the sample bot.
        clock: seconds since 1970.
        randomness: the source of ids.
    """

    def __init__(
        self,
        *,
        wire: Wire | None,
        bus: Bus | None,
        bot: BotExport,
        base_url: str = "",
        botkit_url: str = "",
        events: Sequence[SubscriptionName] = DEFAULT_EVENTS,
        suggest: bool = False,
        settings: KoreSandboxSettings | None = None,
        clock: Callable[[], float] = time.time,
        randomness: random.Random | None = None,
    ) -> None:
        settings = settings or KoreSandboxSettings()
        dice = randomness or random.SystemRandom()
        self.export = bot
        self.core = Core(
            bot=bot_of(bot),
            settings=settings,
            wire=wire,
            bus=bus,
            clock=clock,
            new_id=lambda: str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            base_url=base_url,
            subscription=Subscription(host=botkit_url.rstrip("/"), events=frozenset(events)),
            stand_ins=stand_ins_of(bot.definition),
        )
        self.about = about(bot, self.core.bot)
        self._suggest = suggest
        self.hooks = HookSender(self.core)
        self.talk = Talk(self.core, self.hooks)
        self.lanes = Lanes(capacity=settings.inputs_waiting)
        self.files: dict[str, Attachment] = {}

    @property
    def bot_id(self) -> str:
        return self.core.bot.id

    @property
    def client_id(self) -> str:
        return self.core.app.client_id

    @property
    def client_secret(self) -> str:
        return self.core.app.client_secret

    @property
    def base_url(self) -> str:
        return self.core.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.core.base_url = url.rstrip("/")

    @property
    def botkit_url(self) -> str:
        return self.core.subscription.host

    async def close(self) -> None:
        """Cancel running work and close connections."""
        await self.lanes.close()
        await self.hooks.close()

    # --- the bot ---------------------------------------------------------------------------------------------------

    def add_transfer(self, dialog: str) -> None:
        """Let a dialog, by name or id, end at an agent. Users who are in it already go on in the former one.

        Raises:
            DialogUnknown: there is no such dialog.
        """
        self._change_bot(with_transfer(self.core.bot, dialog))

    def offer_agents(self) -> None:
        """Add a dialog "Talk to an agent" to a bot that has no transfer at all."""
        self._change_bot(with_agent_dialog(self.core.bot))

    def _change_bot(self, bot: Bot) -> None:
        self.core.bot = bot
        self.about = about(self.export, bot)
        self.core.publish("bot", bot=self.about.as_json())

    # --- settings of the bot -------------------------------------------------------------------------------------

    def subscribe(
        self, host: str, events: Sequence[SubscriptionName], *, unmasked_for_agents: bool = False
    ) -> None:
        """Register a BotKit, as the builder's screen or PUT sdkSubscription does (1)."""
        self.core.subscription = Subscription(
            host=host.rstrip("/"), events=frozenset(events), unmasked_for_agents=unmasked_for_agents
        )
        self.core.publish("subscription", host=host, events=sorted(events))
        self.variables_changed("sdk_subscription")

    def variables_changed(self, event_type: str, variable: Mapping[str, Any] | None = None) -> None:
        """Post on_variable_update, if BotKit is subscribed to onVariableUpdate (2.6)."""
        if self.core.is_subscribed("onVariableUpdate"):
            call = self.core.calls.issue("", "on_variable_update", now_ms=self.core.now_ms())
            body = variable_hook(self.core, call.id, event_type=event_type, variable=variable)

            async def post() -> None:
                await self.hooks.post("on_variable_update", body)

            self.lanes.run_now(post)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Set switches by name while running; durations in ISO 8601, such as ``PT5S``.

        Raises:
            ValueError: a name is not a switch, or a value is not allowed for it.
        """
        self.core.configure(changed(self.core.settings, changes))
        self.lanes.capacity = self.core.settings.inputs_waiting
        self.core.publish("switches", switches=dict(changes))

    def answer_in_place_of(self, name: str, answer: Mapping[str, Any] | None) -> StandIn:
        """Answer in place of a service or a form; None goes back to the answer of the export.

        Raises:
            StandInUnknown: the bot has none of this name.
            ValueError: the answer is not valid.
        """
        stand_ins = self.core.stand_ins
        stand_in = stand_ins.reset(name) if answer is None else stand_ins.give(name, answer)
        self.core.publish("standIns", standIn=stand_in.as_json())
        return stand_in

    def set_faults(self, rules: Sequence[Fault]) -> None:
        """Switch on exactly these faults."""
        self.core.faults.replace(list(rules))
        self.core.publish("faults", faults=self.core.faults.as_json())

    # --- what users do -------------------------------------------------------------------------------------------

    def add_user(
        self, *, name: str = "", email: str = "", language: str = "", channel: str = "rtm", user_id: str = ""
    ) -> User:
        """Add a user of the bot on one channel.

        Raises:
            TooManyUsers: the sandbox is full.
        """
        core = self.core
        return self._add(
            id=user_id or f"u-{uuid.uuid5(uuid.UUID(core.new_id()), 'user')}",
            name=name or f"Guest {len(core.users) + 1}",
            email=email,
            language=language or core.bot.default_language,
            channel=channel,
            session=core.new_session(),
            history=deque(maxlen=core.settings.messages_kept),
        )

    def _add(self, **fields: Any) -> User:
        core = self.core
        if len(core.users) >= core.settings.users_kept:
            raise TooManyUsers(f"there are {len(core.users)} users already; start the sandbox again")
        user = User(
            address=address_on(fields["channel"], fields["id"], len(core.users) + 1),
            messages=deque(maxlen=core.settings.messages_kept),
            last_activity_ms=core.now_ms(),
            **fields,
        )
        core.add(user)
        core.publish("user", user, added=self.user_snapshot(user))
        return user

    def user(self, identifier: str) -> User:
        """A user by id. Raises UserUnknown."""
        return self.core.user(identifier)

    def say(
        self, user: User, text: str, attachments: Sequence[Attachment] = (), *, payload: str = ""
    ) -> None:
        """The user sends a message. It is processed in the background, in order.

        Args:
            payload: what is behind a choice that the user clicks, such as a button; `text` is its label.

        Raises:
            LaneFull: too many actions of this user are waiting.
        """
        files = tuple(attachments)
        self.lanes.put(user.key, lambda: self.talk.user_says(user, text, files, payload=payload))
        self.files.update({file.id: file for file in files})
        while len(self.files) > FILES_KEPT:
            del self.files[next(iter(self.files))]

    def connect(self, user: User) -> None:
        """The user's client connects (ON_CONNECT_EVENT)."""
        self.lanes.put(user.key, lambda: self.talk.connects(user))

    def client_message(self, user: User, kind: ClientMessage, *, agent_transfer: bool | None = None) -> None:
        """The user's client sends a message of its own; `agent_transfer` is the flag of the hook, by default the current one."""
        self.lanes.put(user.key, lambda: self.talk.client_message(user, kind, agent_transfer=agent_transfer))

    def retry(self, user: User) -> None:
        """The user's client sends their last message again: the same clientMessageId, but a new hook."""
        self.lanes.put(user.key, lambda: self.talk.client_retries(user))

    def typing(self, user: User, *, started: bool) -> None:
        """The user starts or stops typing. The event does not wait for messages."""
        event = {"type": "TYPING_STARTED" if started else "TYPING_STOPPED"}
        self.lanes.run_now(lambda: self.talk.client_event(user, event))

    def read(self, user: User, message_id: str) -> None:
        """The user has read a message."""
        event = {"type": "MESSAGE_READ", "id": message_id}
        self.lanes.run_now(lambda: self.talk.client_event(user, event))

    def custom_event(self, user: User, event: Mapping[str, Any]) -> None:
        """The user's client sends a custom event."""
        self.lanes.run_now(lambda: self.talk.client_event(user, {}, event))

    def close_conversation(
        self, user: User, *, repeat: bool = False, closure: Closure = SESSION_CLOSURE
    ) -> None:
        """The user closes the conversation: sessionClosure, once or twice."""
        self.lanes.put(user.key, lambda: self.talk.closed(user, times=2 if repeat else 1, closure=closure))

    def renew_session(self, user: User) -> None:
        """The platform gives the user a new session without a word; an agent keeps them (2.8)."""

        async def renew() -> None:
            user.session = self.core.new_session()
            self.core.publish("session", user, conversationSessionId=user.session.id, closed=False)

        self.lanes.put(user.key, renew)

    def act_as(self, user: User, linked_bot: str) -> None:
        """From the next action on, a linked bot of this id speaks with the user; empty for the bot itself."""

        async def act() -> None:
            if linked_bot:
                self.core.linked_bots.add(linked_bot)
            user.linked_bot = linked_bot
            self.core.publish("user", user, changed=user.summary())

        self.lanes.put(user.key, act)

    def time_out(self, user: User, says: str = "", *, agent_transfer: bool | None = None) -> None:
        """Reset session and agent mode as after the bot's inactivity duration, without a hook (4.6).

        Args:
            user: the user.
            says: the bot's closing words, an ordinary message of the bot; empty for none.
            agent_transfer: the flag of their hook, by default the current one, which is false.
        """
        self.core.end_session(user)
        if says:
            self.lanes.put(
                user.key, lambda: self.talk.closing_words(user, says, agent_transfer=agent_transfer)
            )

    def join_channel(self, user: User, channel: str, *, same_session: bool = False) -> User:
        """The user is on another channel too, and stays on the present one.

        Both have the user's id, name, variables and history, but each its own chat, agent mode and, without `same_session`,
        session of the platform.

        Raises:
            AlreadyThere: the user is on that channel already.
            TooManyUsers: the sandbox is full.
        """
        core = self.core
        core.check_is_not_on(channel, user)
        return self._add(
            id=user.id,
            key=f"{user.id}~{1 + len(core.users)}",
            name=user.name,
            email=user.email,
            language=user.language,
            channel=channel,
            session=user.session if same_session else core.new_session(),
            history=user.history,
            variables=user.variables,
        )

    def switch_channel(self, user: User, channel: str) -> None:
        """The user goes on on another channel, as people do who leave the website and write from their phone.

        It happens after everything that the user did before. The platform keeps a session per channel, so the next message
        opens a new one. A user who is with an agent by then stays on the channel.

        Raises:
            UserWithAgent: an agent has the user already.
            AlreadyThere: the user writes from that channel too.
            LaneFull: too many actions of this user are waiting.
        """
        core = self.core
        with_agent = (
            f"{user.name} is with an agent on {user.channel}; end that first, or let a new user open the chat"
        )
        if user.agent_mode:
            raise UserWithAgent(with_agent)
        if user.channel != channel:
            core.check_is_not_on(channel, user)

        async def switch() -> None:
            if user.channel == channel:
                return
            if user.agent_mode:
                core.note(user, with_agent)
                return
            core.end_session(user)
            user.channel = channel
            user.address = address_on(channel, user.id, 1 + list(core.users).index(user.key))
            # The former address stays known, so that messages BotKit still sends there find the user.
            core.add(user)
            core.note(user, f"{user.name} writes from another channel now: {channel}.")
            core.publish("user", user, changed=user.summary())

        self.lanes.put(user.key, switch)

    def reach_webhook(self, user: User, name: str, then: str = "") -> None:
        """Reach a Webhook node of this name in a dialog. Then the bot says `then`, with ``{{context.…}}`` filled in."""
        self.lanes.put(user.key, lambda: self.talk.reaches_webhook(user, name, then))

    def platform_event(self, user: User, event: Mapping[str, Any]) -> None:
        """Post an event of the platform (on_event)."""
        self.lanes.put(user.key, lambda: self.talk.event(user, event))

    def alert(self, user: User, text: str) -> None:
        """The bot alerts the user."""
        self.lanes.put(user.key, lambda: self.talk.alert(user, text))

    # --- state ---------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything the page shows, JSON-ready."""
        core = self.core
        for user in core.users.values():
            core.reset_when_idle(user)
        return {
            "bot": self.about.as_json(),
            **({"suggestions": list(self.about.suggestions)} if self._suggest else {}),
            "botkit": {"url": core.subscription.host, "events": sorted(core.subscription.events)},
            "users": [self.user_snapshot(user) for user in core.users.values()],
            "faults": core.faults.as_json(),
        }

    def user_snapshot(self, user: User) -> dict[str, Any]:
        """One user with the whole chat."""
        messages: list[Mapping[str, Any]] = [message.as_json() for message in user.messages]
        return {**user.summary(), "messages": messages, "busy": self.lanes.busy(user.key)}
