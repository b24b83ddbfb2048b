"""`KitTester`: runs a kit's handlers between fakes, and records every call. No network, no waiting.

    def test_hours(kit_tester):
        went = kit_tester(kit).user_says("When are you open?")
        assert went.to_user == ["We are open from 9 to 5."]
        assert went.to_bot == []

Middleware, rules and ledger are real. A step returns when all of its effects are carried out.
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
from botkit.hooks.identity import canonical_channel, identity
from botkit.http.lenient_json import encoded
from botkit.kit import BotKit
from botkit.testing import fakes
from botkit.testing.agent_side import AgentSide, Answer, Whose
from botkit.testing.configuration import made_up_settings
from botkit.testing.harness import ServiceHarness, raised_by_test
from botkit.testing.payload_parts import File, User, user_named
from botkit.testing.payloads import COMPONENT_ID, FIRST_REQUEST_ID, Parts, Payloads
from botkit.testing.records import StepResult

if TYPE_CHECKING:
    from flask import Flask

_BETWEEN_BOTS = 1_000_000
"""The distance between the requestIds of two bots."""
_AGENT_MODE = {"start_agent_session": True, "clear_agent_session": False}


class Options(TypedDict, total=False):
    """Arguments of `KitTester` besides the kit."""

    settings: Settings | None
    app: Flask | None
    user: User | str
    channel: str
    handler_seconds: float | None
    strict: bool


class KitTester(AgentSide):
    """Stands in for everything around one kit: the platform, its users, the agents, and time.

    A step is a verb: `user_says`, `webhook`, `agent_says`, `passes` … Each returns a `StepResult`. A step raises the error of a
    handler that raises, returns an invalid result or exceeds its time limit, and of a requested call that cannot be made. With
    ``strict = False`` the service continues as in production.

    Call a tester for a tester of another kit: ``kit_tester(kit)``.

    Args:
        kit: the kit under test; without one, BotKit runs without handlers.
        settings: the configuration; by default the kit's own, or made-up settings if it has none. Its store is never touched.
        app: the Flask application in which the kit is mounted: handlers run in its context.
        user: the default user.
        channel: the default channel, by Kore's name.
        handler_seconds: the time limit of handlers without one of their own.
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
        self._service = ServiceHarness(
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
        made = self._payloads[self._bot_id]
        self._now = ConversationId(self._bot_id, made.user.id, canonical_channel(made.channel))

    def __call__(self, kit: BotKit, **options: Unpack[Options]) -> KitTester:
        """A tester of another kit, closed together with this one. Options as for `KitTester`."""
        other = KitTester(kit, **options)
        self._others.append(other)
        return other

    def close(self) -> None:
        """Release all resources. The fixture does it; elsewhere use ``with KitTester(kit) as tester:``."""
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
            text: None for a message without text, such as one with files only.
            attachments: files, or names of files.
            agent_transfer: whether the platform has the user in agent mode; by default it follows from the steps before.
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
        """on_user_message of a user who opened the chat."""
        __tracebackhide__ = True
        return self._hook("on_user_message", self._make(parts).connect(**parts))

    def bot_says(
        self, text: str | None = "Hello!", *, agent_transfer: bool | None = None, **parts: Unpack[Parts]
    ) -> StepResult:
        """on_bot_message: a bot's message to the user."""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        made = self._make(parts).bot_message(text, agent_transfer=mode, **parts)
        return self._hook("on_bot_message", made)

    def transfers(
        self, text: str = "talk to an agent", *, node: str = "LiveAgent", **parts: Unpack[Parts]
    ) -> StepResult:
        """on_agent_transfer: a dialog reached an Agent Transfer node.

        Args:
            text: the user's last message.
            node: the node's name.
            **parts: see `payloads.Parts`; ``session={"miawMetaInfo": {…}}`` sets what a Script node of the dialog would set.
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
        """on_webhook: a dialog waits at a Webhook node. `StepResult.context` is the answer's context, unless it was `deferred`.

        Args:
            component: the node's name.
            text: the user's last message.
            agent_transfer: whether the platform has the user in agent mode; by default it follows from the steps before.
            **parts: see `payloads.Parts`; ``context={…}`` is the dialog's context.
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
        """on_alert: an alert task has a message for the user."""
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
        """on_variable_update: a variable of the bot changed."""
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
        """on_client_event: ``TYPING_STARTED`` and the like, or a custom event of the client."""
        __tracebackhide__ = True
        mode = self._mode(agent_transfer, parts)
        made = self._make(parts).client_event(
            pre_defined_event, custom_event=custom_event, agent_transfer=mode, **parts
        )
        return self._hook("on_client_event", made)

    def posts(self, event: str, payload: Mapping[str, Any], *, component: str = COMPONENT_ID) -> StepResult:
        """Any hook with any payload, such as a recorded one. The payload's `botId` selects the bot."""
        __tracebackhide__ = True
        return self._hook(event, payload, component)

    # --- the rest of the world -------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> StepResult:
        """Move the clock. Timers fire in order; no test waits for them."""
        __tracebackhide__ = True
        return self._step(lambda: self._service.move_to(Instant(self._service.clock.now() + seconds)))

    def runs(self, job: Callable[..., Any], *arguments: Any, **named: Any) -> StepResult:
        """Run a job outside a hook, such as one that uses `kit.conversation` or `kit.respond_to_hook`.

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
        get_messages: Sequence[fakes.Message] | int | None = None,
        bot_variables: Mapping[str, Mapping[str, Any]] | int | None = None,
        dialog: Mapping[str, Any] | int | None = None,
    ) -> None:
        """Set the platform's answers to reads from now on; a number is answered as an HTTP status.

        Args:
            get_messages: the conversation so far, oldest first: pairs such as ``("user", "hi")`` and ``("bot", "Hello!")``,
                or records as on the wire. It is also the source of the transcript for agents.
            bot_variables: for `fetch_bot_variables`: keys and values by language.
            dialog: for `get_dialog`: `nodes` and `components`.
        """
        answers = self._service.platform.answers
        if get_messages is not None:
            answers["get_messages"] = fakes.or_status(get_messages, fakes.messages_answer)
        if bot_variables is not None:
            answers["fetch_bot_variables"] = fakes.or_status(bot_variables, fakes.variables_answer)
        if dialog is not None:
            answers["get_dialog"] = fakes.or_status(dialog, fakes.dialog_answer)

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
        """`agent_transfer` of a payload: the test's choice, or the agent mode that the platform would have."""
        if agent_transfer is not None:
            return agent_transfer
        made = self._make(parts)
        user, channel = parts.get("user", made.user), parts.get("channel", made.channel)
        return ConversationId(made.bot, user_named(user).id, canonical_channel(channel)) in self._with_agent

    def _someone(self, whose: Whose) -> ConversationId:
        if not whose:
            return self._now
        made = self._make({"bot": whose.get("bot", self._now.bot_id)})
        user, channel = whose.get("user", self._now.user_id), whose.get("channel", self._now.channel)
        return ConversationId(made.bot, user_named(user).id, canonical_channel(channel))

    def _whose(self, body: Mapping[str, Any]) -> ConversationId:
        """The conversation of a payload, found as the hook parser finds it."""
        found = identity(payload.parse(encoded(body)))
        user_id = found.users[0] if found.users else self._now.user_id
        return ConversationId(str(body.get("botId", self._bot_id)), user_id, found.channel)

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
        """Do something, and carry out all effects."""
        __tracebackhide__ = True
        answer = do()
        self._service.settle()
        calls, agent_calls = self._service.drain()
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
