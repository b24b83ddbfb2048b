"""`KitTester`: a user's handlers with everything around them played, and what goes out taken down. No network, no waiting.

    def test_hours(kit_tester):
        went = kit_tester(kit).user_says("When are you open?")
        assert went.to_user == ["We are open from 9 to 5."]
        assert went.to_bot == []

Door, rules and ledger are the real ones. Every step of a test returns when all that follows from it is done.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from botkit.config.settings import Settings
from botkit.errors import KitTesterMisused
from botkit.flask.mounted import mounted_in
from botkit.handoff.conversation import ConversationId, Instant
from botkit.hooks import payload
from botkit.hooks.user import names
from botkit.http.lenient_json import encoded
from botkit.kit import BotKit
from botkit.testing import wire
from botkit.testing.agent_side import AgentSide, Answer, Whose
from botkit.testing.configuration import made_up_settings
from botkit.testing.failures import raised_by_test
from botkit.testing.payloads import COMPONENT_ID, FIRST_REQUEST_ID, Parts, Payloads
from botkit.testing.people import File, User, user_named
from botkit.testing.records import StepResult
from botkit.testing.service import PlayedService

if TYPE_CHECKING:
    from flask import Flask

_BETWEEN_BOTS = 1_000_000
"""How far the requestIds of two bots are apart."""
_AGENT_MODE = {"start_agent_session": True, "clear_agent_session": False}


class Options(TypedDict, total=False):
    """What a tester can be given besides a kit: see `KitTester`."""

    settings: Settings | None
    app: Flask | None
    user: User | str
    channel: str
    handler_seconds: float | None
    strict: bool


class KitTester(AgentSide):
    """Plays everybody around one kit: the platform with its users, the agents, and time.

    A step is a verb: `user_says`, `webhook`, `agent_says`, `passes` … Each returns what `StepResult` out because of it. A handler
    that raises, returns rubbish or takes too long makes its step raise that very error, as does a call it asked for that
    cannot be made; with ``strict = False`` things go on as they would in production.

    Calling a tester gives another one, for another kit: ``kit_tester(kit)``.

    Args:
        kit: whose handlers; without one, the tester shows what BotKit does by itself.
        settings: the configuration; by default the kit's own, or, if it has none, one that is made up. The store in it is
            never touched.
        app: the Flask application the kit is mounted in: handlers are called within its context.
        user: who talks where a step does not say.
        channel: Kore's name of the channel where a step does not say.
        handler_seconds: the time limit of handlers that have none of their own.
        strict: see above.

    Raises:
        NotConfigured: a handler is for a bot that `settings` does not name.
    """

    def __init__(
        self,
        kit: BotKit | None = None,
        *,
        settings: Settings | None = None,
        app: Flask | None = None,
        user: User | str = User(),  # noqa: B008 - frozen
        channel: str = "rtm",
        handler_seconds: float | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__()
        self.kit = kit or BotKit()
        self.settings = settings or _settings_of(self.kit, app)
        self.strict = strict
        context_factory = app.app_context if app is not None else nullcontext
        self._service = PlayedService(
            self.kit, self.settings, context_factory=context_factory, handler_seconds=handler_seconds
        )
        self._payloads = {
            bot.id: Payloads(
                bot=bot.id,
                bot_name=bot.name,
                origin=f"https://{bot.kore.callback_hosts[0]}",
                user=user,
                channel=channel,
                first_request_id=FIRST_REQUEST_ID + number * _BETWEEN_BOTS,
            )
            for number, bot in enumerate(self.settings.bots.values())
        }
        self._bot_id = next(iter(self._payloads))
        self._with_agent: set[ConversationId] = set()
        self._of_request: dict[str, ConversationId] = {}
        self._others: list[KitTester] = []
        self._now = ConversationId(self._bot_id, self._payloads[self._bot_id].user.id)

    def __call__(self, kit: BotKit, **options: Unpack[Options]) -> KitTester:
        """A tester of another kit, which is closed with this one. Options as for `KitTester`."""
        other = KitTester(kit, **options)
        self._others.append(other)
        return other

    def close(self) -> None:
        """Leave nothing behind. The fixture does it; elsewhere ``with KitTester(kit) as tester:``."""
        for one in reversed(self._others):
            one.close()
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the platform and its users --------------------------------------------------------------------------------

    def user_says(
        self,
        text: str | None = "hi",
        *,
        attachments: Sequence[File | str] = (),
        agent_transfer: bool | None = None,
        **parts: Unpack[Parts],
    ) -> StepResult:
        """on_user_message.

        Args:
            text: None where the user says nothing, such as with files alone.
            attachments: the files that come along, or their names.
            agent_transfer: whether the platform takes the user for talking to an agent; by default as things are.
            **parts: see `payloads.Parts`: ``user=…``, ``channel=…``, ``bot=…``, ``context=…``, ``session=…`` and more.
        """
        __tracebackhide__ = True
        made = self._make(parts)
        return self._hook(
            "on_user_message",
            made.user_message(
                text, attachments=attachments, agent_transfer=self._mode(agent_transfer, parts), **parts
            ),
        )

    def user_connects(self, **parts: Unpack[Parts]) -> StepResult:
        """on_user_message of somebody who has opened the chat."""
        __tracebackhide__ = True
        return self._hook("on_user_message", self._make(parts).connect(**parts))

    def bot_says(
        self, text: str | None = "Hello!", *, agent_transfer: bool | None = None, **parts: Unpack[Parts]
    ) -> StepResult:
        """on_bot_message: the bot has something for the user."""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        made = self._make(parts).bot_message(text, agent_transfer=mode, **parts)
        return self._hook("on_bot_message", made)

    def transfers(
        self, text: str = "talk to an agent", *, node: str = "LiveAgent", **parts: Unpack[Parts]
    ) -> StepResult:
        """on_agent_transfer: a dialog has reached an Agent Transfer node.

        Args:
            text: what the user said last.
            node: the node's name.
            **parts: see `payloads.Parts`; ``session={"miawMetaInfo": {…}}`` is what the dialog's Script node set.
        """
        __tracebackhide__ = True
        made = self._make(parts).agent_transfer(text, node=node, **parts)
        self._with_agent.add(self._whose(made))
        return self._hook("on_agent_transfer", made)

    def webhook(
        self,
        component: str,
        text: str = "",
        *,
        agent_transfer: bool | None = None,
        **parts: Unpack[Parts],
    ) -> StepResult:
        """on_webhook: a dialog waits at a Webhook node. `StepResult.context` is what it goes on with, unless it was `deferred`.

        Args:
            component: the node's name.
            text: what the user said last.
            agent_transfer: whether the platform takes the user for talking to an agent; by default as things are.
            **parts: see `payloads.Parts`; ``context={…}`` is what the dialog knows.
        """
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        made = self._make(parts).webhook(component, text, agent_transfer=mode, **parts)
        return self._hook("on_webhook", made)

    def event(
        self, event_type: str = "endDialog", *, agent_transfer: bool | None = None, **parts: Unpack[Parts]
    ) -> StepResult:
        """on_event: ``endDialog``, ``endFAQ``, ``sessionClosure`` …"""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        return self._hook("on_event", self._make(parts).event(event_type, agent_transfer=mode, **parts))

    def alert(
        self,
        text: str = "Your parcel is on its way.",
        *,
        agent_transfer: bool | None = None,
        **parts: Unpack[Parts],
    ) -> StepResult:
        """on_alert: an alert task has something for the user."""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        return self._hook("on_alert", self._make(parts).alert(text, agent_transfer=mode, **parts))

    def variable_update(
        self,
        event_type: str = "variable_update",
        *,
        variable: Mapping[str, Any] | None = None,
        language: str = "en",
        **parts: Unpack[Parts],
    ) -> StepResult:
        """on_variable_update: the bot's variables changed."""
        __tracebackhide__ = True
        made = self._make(parts).variable_update(event_type, variable=variable, language=language, **parts)
        return self._hook("on_variable_update", made)

    def client_event(
        self,
        pre_defined_event: str | Mapping[str, Any] | None = None,
        *,
        custom_event: Mapping[str, Any] | None = None,
        agent_transfer: bool | None = None,
        **parts: Unpack[Parts],
    ) -> StepResult:
        """on_client_event: ``TYPING_STARTED`` and the like, or an event of the client's own."""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        made = self._make(parts).client_event(
            pre_defined_event, custom_event=custom_event, agent_transfer=mode, **parts
        )
        return self._hook("on_client_event", made)

    def posts(self, event: str, payload: Mapping[str, Any], *, component: str = COMPONENT_ID) -> StepResult:
        """Any hook with any payload, such as one that was recorded; its `botId` says which bot it is for."""
        __tracebackhide__ = True
        return self._hook(event, payload, component)

    # --- the rest of the world -------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> StepResult:
        """So much time passes: whatever has a time limit reaches it, in order. No test waits for it."""
        __tracebackhide__ = True
        return self._step(lambda: self._service.move_to(Instant(self._service.clock.now() + seconds)))

    def runs(self, job: Callable[..., Any], *arguments: Any, **named: Any) -> StepResult:
        """Call something of yours that works beside any hook, such as with `kit.conversation` or `kit.respond_to_hook`.

        A coroutine is run to its end, on an event loop of its own.
        """
        __tracebackhide__ = True

        def run() -> None:
            result = job(*arguments, **named)
            if inspect.iscoroutine(result):
                asyncio.run(result)

        return self._step(run)

    def answers(
        self,
        *,
        get_messages: Sequence[wire.Message] | int | None = None,
        bot_variables: Mapping[str, Mapping[str, Any]] | int | None = None,
        dialog: Mapping[str, Any] | int | None = None,
    ) -> None:
        """What the platform answers when it is asked, from now on; a number is an HTTP status instead of an answer.

        Args:
            get_messages: the conversation so far, oldest first: pairs such as ``("user", "hi")`` and ``("bot", "Hello!")``,
                or records as they are on the wire. Agents are told of it, too.
            bot_variables: for `fetch_bot_variables`: by language, keys and values.
            dialog: for `get_dialog`: `nodes` and `components`.
        """
        answers = self._service.wire.answers
        if get_messages is not None:
            answers["get_messages"] = wire.or_status(get_messages, wire.messages_answer)
        if bot_variables is not None:
            answers["fetch_bot_variables"] = wire.or_status(bot_variables, wire.variables_answer)
        if dialog is not None:
            answers["get_dialog"] = wire.or_status(dialog, wire.dialog_answer)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _make(self, parts: Parts) -> Payloads:
        bot_id = parts.get("bot", self._bot_id)
        found = self._payloads.get(bot_id)
        if found is None:
            known = ", ".join(self._payloads)
            raise KitTesterMisused(
                f"no bot {bot_id!r} in the configuration of this test, which names {known}"
            )
        return found

    def _mode(self, agent_transfer: bool | None, parts: Parts) -> bool:
        """`agent_transfer` of a payload: as the test says, else as the platform would know."""
        if agent_transfer is not None:
            return agent_transfer
        made = self._make(parts)
        return ConversationId(made.bot, user_named(parts.get("user", made.user)).id) in self._with_agent

    def _someone(self, whose: Whose) -> ConversationId:
        if not whose:
            return self._now
        made = self._make({"bot": whose.get("bot", self._now.bot_id)})
        return ConversationId(made.bot, user_named(whose.get("user", self._now.user_id)).id)

    def _whose(self, body: Mapping[str, Any]) -> ConversationId:
        """The conversation that a payload belongs to, as the door sees it."""
        found = names(payload.parse(encoded(body)))
        return ConversationId(str(body.get("botId", self._bot_id)), found[0] if found else self._now.user_id)

    def _hook(self, event: str, body: Mapping[str, Any], component: str = COMPONENT_ID) -> StepResult:
        __tracebackhide__ = True
        self._now = self._whose(body)
        bot_id = self._make({"bot": self._now.bot_id}).bot
        request_id = str(body.get("requestId", ""))
        self._of_request[request_id] = self._now
        return self._step(
            lambda: self._service.post(event, body, bot_id=bot_id, component_id=component), request_id
        )

    def _step(self, do: Callable[[], Answer | None], request_id: str = "") -> StepResult:
        """Do something, and everything that follows from it."""
        __tracebackhide__ = True
        answer = do()
        self._service.settle()
        calls, agent_calls = self._service.taken()
        for call in calls:
            if call.name in _AGENT_MODE:
                whose = self._of_request.get(call.url.rpartition("/")[2], self._now)
                (self._with_agent.add if _AGENT_MODE[call.name] else self._with_agent.discard)(whose)
        failures = self._service.failures()
        if failures and self.strict:
            raise raised_by_test(failures)
        status, body = answer or (None, {})
        return StepResult(status, body, tuple(calls), tuple(agent_calls), request_id)


def _settings_of(kit: BotKit, app: Flask | None) -> Settings:
    if app is not None:
        for mounted in mounted_in(app):
            if mounted.kit is kit:
                return mounted.service.settings
    if kit.is_configured:
        return kit.settings
    return made_up_settings(bots=dict.fromkeys(one.bot for one in kit.handlers if one.bot is not None))
