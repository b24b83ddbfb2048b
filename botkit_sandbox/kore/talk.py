"""The message flow of the platform: every message to and from the bot goes through BotKit, one after the other.

After each message hook the platform waits for one call of BotKit before it continues (docs/protocols/kore-xo-botkit.md, 3):
on_user_message → sendBotMessage | sendUserMessage | skipBotMessage, on_bot_message → sendUserMessage | skipUserMessage.
In agent mode the bot does not take part, so the platform does not wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botkit_sandbox.kore import bot_events, dialogs, payloads, replying
from botkit_sandbox.kore.bot import Component, Dialog, webhook_dialog
from botkit_sandbox.kore.calls import Call, FollowUp
from botkit_sandbox.kore.closures import SESSION_CLOSURE, Closure, closure_hook
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.hooks import Answer, HookSender
from botkit_sandbox.kore.payloads import CLIENT_TEXTS, ClientMessage
from botkit_sandbox.kore.templates import rendered
from botkit_sandbox.kore.tones import averaged, tones_of
from botkit_sandbox.kore.users import Attachment, ChatMessage, User


@dataclass(slots=True)
class Talk:
    """The flows. Methods that may wait for BotKit run on the user's lane."""

    core: Core
    hooks: HookSender
    _webhooks: dict[str, asyncio.Future[Mapping[str, Any]]] = field(default_factory=dict)

    # --- from the user -------------------------------------------------------------------------------------------

    async def user_says(
        self, user: User, text: str, attachments: tuple[Attachment, ...], *, payload: str = ""
    ) -> None:
        """A message of the user: shown, recorded, posted as a hook, and given to the bot if BotKit says so."""
        self._open_session(user)
        message = self.core.add_user_message(user, text, attachments, payload)
        user.tags.pop("messageMetaTags", None)
        user.message_tones = tones_of(text)
        user.session.tones = averaged(user.session.tones, user.message_tones)
        await self._said(user, message)

    async def client_retries(self, user: User) -> None:
        """The client sends the user's last message again, as it does when it saw no acknowledgement."""
        message = next((one for one in reversed(user.messages) if one.speaker == "user"), None)
        if message is not None:
            await self._said(user, message)

    async def client_message(
        self, user: User, kind: ClientMessage, *, agent_transfer: bool | None = None
    ) -> None:
        """A message of the client itself (2.6): the bot does not answer it."""
        self._open_session(user)
        if kind == "control":
            self.core.record_control_message(user, CLIENT_TEXTS[kind])
        if self.core.is_subscribed("onMessage"):
            flag = user.agent_mode if agent_transfer is None else agent_transfer
            call = self._issue(user, "on_user_message", text=CLIENT_TEXTS[kind], waits=not flag)
            body = payloads.client_message_hook(self.core, user, call, kind) | {"agent_transfer": flag}
            answer = await self.hooks.post("on_user_message", body)
            await self._follow_up(call, answer)

    async def _said(self, user: User, message: ChatMessage) -> None:
        text, attachments = message.sent, message.attachments
        # An attachment alone has no text at all (4.4).
        await self._from_user(
            user, text if text or not attachments else None, attachments=attachments, message=message
        )

    async def connects(self, user: User) -> None:
        """The user's client connects: on_user_message with botEvent and no text (2.6)."""
        self._open_session(user)
        await self._from_user(user, None, bot_event="ON_CONNECT_EVENT")

    async def client_event(
        self, user: User, event: Mapping[str, Any], custom: Mapping[str, Any] | None = None
    ) -> None:
        """Typing, read marks and custom events; posted for subscribers of onMessage or onAgentTransfer (2.6)."""
        if self.core.is_subscribed("onMessage") or self.core.is_subscribed("onAgentTransfer"):
            call = self._issue(user, "on_client_event")
            body = payloads.client_event_hook(self.core, user, call, event=event, custom=custom or {})
            await self.hooks.post("on_client_event", body)

    async def _from_user(
        self,
        user: User,
        text: str | None,
        *,
        attachments: tuple[Attachment, ...] = (),
        bot_event: str | None = None,
        message: ChatMessage | None = None,
    ) -> None:
        if not self.core.is_subscribed("onMessage"):
            if not user.agent_mode:
                await self.to_bot(user, text, bot_event=bot_event)
            return
        in_agent_mode = user.agent_mode
        call = self._issue(user, "on_user_message", text=text, waits=not in_agent_mode)
        body = payloads.message_hook(
            self.core, user, call, text=text, attachments=attachments, bot_event=bot_event, message=message
        )
        answer = await self.hooks.post("on_user_message", body)
        if in_agent_mode:
            return
        follow_up = await self._follow_up(call, answer)
        if follow_up is None:
            if not answer.acknowledged and self.core.settings.when_hook_fails == "bypass":
                await self.to_bot(user, text, bot_event=bot_event)
        elif follow_up.action == "sendBotMessage":
            await self.to_bot_as_sent(user, follow_up.body)

    # --- to the bot ----------------------------------------------------------------------------------------------

    async def to_bot_as_sent(self, user: User, body: Mapping[str, Any]) -> None:
        """A sendBotMessage: its text, and the language and intent in its metaInfo (2.3)."""
        meta = body.get("metaInfo")
        intent: object = None
        if isinstance(meta, Mapping):
            language = meta.get("setBotLanguage")
            if isinstance(language, str) and language:
                user.language = language[:20]
            nl_meta = meta.get("nlMeta")
            intent = nl_meta.get("intent") if isinstance(nl_meta, Mapping) else None
        text = body.get("message")
        channel = body.get("channel")
        bot_event = channel.get("botEvent") if isinstance(channel, Mapping) else None
        await self.to_bot(
            user,
            text if isinstance(text, str) else None,
            intent=intent if isinstance(intent, str) else None,
            bot_event=bot_event if isinstance(bot_event, str) else None,
        )

    async def to_bot(
        self, user: User, text: str | None, *, intent: str | None = None, bot_event: str | None = None
    ) -> None:
        """Let the bot answer a text, or the client's connection."""
        if text and text in CLIENT_TEXTS.values():
            return
        if not text and intent is None:
            connects = bot_event == bot_events.ON_CONNECT and not user.stalled
            if not (connects and await replying.connected(self.core, self, user)):
                user.stalled = user.stalled or self.core.settings.empty_message_stalls
        elif not user.stalled:
            await replying.reply(self.core, self, user, text or "", intent=intent)

    # --- what a running dialog does (nodes.DialogEffects) --------------------------------------------------------------

    async def closing_words(self, user: User, text: str, *, agent_transfer: bool | None) -> None:
        """The bot says that the session is over (4.6)."""
        await self.utter(user, text, dialog_id="", node_id="", agent_transfer=agent_transfer)

    async def utter(
        self,
        user: User,
        text: str,
        *,
        dialog_id: str,
        node_id: str,
        agent_transfer: bool | None = None,
    ) -> None:
        """An utterance of the bot: posted as on_bot_message, and shown when BotKit sends it."""
        if not self.core.is_subscribed("onMessage"):
            self.core.show(user, "bot", rendered(text))
            return
        call = self._issue(
            user, "on_bot_message", text=text, dialog_id=dialog_id, node_id=node_id, waits=True
        )
        body = payloads.message_hook(self.core, user, call, text=text)
        if agent_transfer is not None:
            body["agent_transfer"] = agent_transfer
        answer = await self.hooks.post("on_bot_message", body)
        follow_up = await self._follow_up(call, answer)
        if follow_up is None and not answer.acknowledged and self.core.settings.when_hook_fails == "bypass":
            self.core.show(user, "bot", rendered(text))

    async def transfer(self, user: User, component: Component, *, dialog_id: str, node_id: str) -> None:
        """An Agent Transfer node: agent mode is switched on, unless BotKit refuses the hook (3)."""
        if user.agent_mode:
            return
        if not self.core.is_subscribed("onAgentTransfer"):
            self.core.note(user, f"[Agent Transfer node {component.name}: no BotKit is subscribed to it]")
            return
        call = self._issue(user, "on_agent_transfer", dialog_id=dialog_id, node_id=node_id)
        body = payloads.agent_transfer_hook(self.core, user, call)
        self.core.set_agent_mode(user, True)
        answer = await self.hooks.post("on_agent_transfer", body, component_id=component.id)
        if not answer.acknowledged:
            # The platform logs ERR_SDK_AGENT_TRANSFER_CALL and does not inform the user.
            self.core.set_agent_mode(user, False)

    async def webhook(
        self, user: User, component: Component, *, dialog_id: str, node_id: str
    ) -> Mapping[str, Any] | None:
        """A Webhook node: the answer contains the changed context, at once or later by callback (3)."""
        if not self.core.is_subscribed("onHook"):
            return user.context
        call = self._issue(user, "on_webhook", dialog_id=dialog_id, node_id=node_id)
        body = payloads.webhook_hook(self.core, user, call, component=component.name)
        later: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._webhooks[call.id] = later
        try:
            answer = await self.hooks.post("on_webhook", body, component_id=component.id)
            content: Mapping[str, Any] | None = None
            if answer.status == 202:
                seconds = self.core.settings.webhook_timeout.total_seconds()
                content = await asyncio.wait_for(later, seconds)
            elif answer.acknowledged:
                content = _object(answer.body)
        except TimeoutError:
            content = None
        finally:
            del self._webhooks[call.id]
        if content is None:
            self.core.note(user, f"Webhook node {component.name} got no answer; the dialog ends here.")
            return None
        context = content.get("context")
        return context if isinstance(context, Mapping) else user.context

    async def ended(self, user: User, dialog: Dialog) -> None:
        """A dialog is over (2.6, endDialog)."""
        if self.core.is_subscribed("onEvent"):
            call = self._issue(user, "on_event", dialog_id=dialog.id)
            event = {
                "eventType": "endDialog",
                "taskId": dialog.id,
                "taskName": dialog.name,
                "status": "success",
            }
            body = payloads.event_hook(self.core, user, call, event=event)
            await self.hooks.post("on_event", body)

    async def failed(self, user: User, dialog: Dialog) -> None:
        """A dialog failed (7.9, TASK_FAILURE_EVENT)."""
        await replying.fire(self.core, self, user, bot_events.TASK_FAILURE, unless=dialog.id)

    async def reaches_webhook(self, user: User, name: str, then: str) -> None:
        """Run a dialog that consists of a Webhook node of this name and the text `then`."""
        self._open_session(user)
        dialog = webhook_dialog(name, then, language=self.core.bot.default_language)
        await dialogs.start(self.core, self, user, dialog)

    # --- the session ---------------------------------------------------------------------------------------------

    async def closed(self, user: User, *, times: int = 1, closure: Closure = SESSION_CLOSURE) -> None:
        """The session closes; sessionClosure may be posted more than once (2.6)."""
        for _ in range(times):
            if self.core.is_subscribed("onEvent"):
                call = self._issue(user, "on_event")
                body = closure_hook(self.core, user, call, closure)
                await self.hooks.post("on_event", body)
            if not closure.only_event:
                self.core.end_session(user)

    async def event(self, user: User, event: Mapping[str, Any]) -> None:
        """An event of the platform, such as the end of an FAQ (2.6)."""
        if self.core.is_subscribed("onEvent"):
            call = self._issue(user, "on_event")
            await self.hooks.post("on_event", payloads.event_hook(self.core, user, call, event=event))

    async def alert(self, user: User, text: str) -> None:
        """An alert of the bot (2.6)."""
        if not self.core.is_subscribed("onAlert"):
            self.core.show(user, "bot", rendered(text))
            return
        call = self._issue(user, "on_alert", text=text)
        await self.hooks.post("on_alert", payloads.alert_hook(self.core, user, call, text=text))

    def webhook_answered(self, call: Call, body: Mapping[str, Any]) -> bool:
        """Pass on a serviceCallback. Returns False if no Webhook node waits for it."""
        later = self._webhooks.get(call.id)
        if later is None or later.done():
            return False
        later.set_result(body)
        return True

    def _open_session(self, user: User) -> None:
        self.core.reset_when_idle(user)
        if user.session.closed:
            user.returning = True
            user.session = self.core.new_session()
            self.core.publish("session", user, conversationSessionId=user.session.id, closed=False)
        user.last_activity_ms = self.core.now_ms()

    def _issue(
        self,
        user: User,
        event: str,
        *,
        text: str | None = None,
        dialog_id: str = "",
        node_id: str = "",
        waits: bool = False,
    ) -> Call:
        call = self.core.calls.issue(
            user.key,
            event,
            now_ms=self.core.now_ms(),
            text=text,
            dialog_id=dialog_id,
            node_id=node_id,
            waits=waits,
        )
        if self.core.settings.request_id_lasts == "session":
            self.core.calls.name(call, payloads.session_request_id(user))
        return call

    async def _follow_up(self, call: Call, answer: Answer) -> FollowUp | None:
        """BotKit's call for a hook, or None if there was none in time. It may come before the answer to the hook."""
        if call.followed is None:
            return None
        if not answer.acknowledged and not call.followed.done():
            call.followed.cancel()
            return None
        try:
            return await asyncio.wait_for(call.followed, self.core.settings.follow_up_timeout.total_seconds())
        except TimeoutError:
            return None


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
