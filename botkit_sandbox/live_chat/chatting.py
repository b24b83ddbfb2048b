"""The POSTs of a visitor's client in a chat: the nouns under Chasitor/, alone or in a MultiNoun.

See docs/protocols/salesforce-live-chat.md, 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from botkit_sandbox.live_chat import bodies, messages
from botkit_sandbox.live_chat.core import same_id
from botkit_sandbox.live_chat.requesting import Requesting
from botkit_sandbox.live_chat.routing import SYSTEM_NAME
from botkit_sandbox.live_chat.sessions import INVALID, MOVED
from botkit_sandbox.live_chat.settings import FIRST_VERSION, SINCE_IDLE_TIMEOUTS, offers
from botkit_sandbox.live_chat.state import Chat, Session, visitor_end_event
from botkit_sandbox.salesforce.refusal import Refusal

MAX_NOUNS = 50


@dataclass(frozen=True, slots=True)
class Caller:
    """The session and API version of a request."""

    session: Session
    api_version: int


@dataclass(frozen=True, slots=True)
class Action:
    """A noun: the shape of its payload, its function, and the API version that introduced it."""

    shape: type[msgspec.Struct]
    do: Callable[[Caller, Any], None]
    since: int = FIRST_VERSION


class Chatting(Requesting):
    """Every noun takes a caller and a payload, and raises Refusal if it is refused."""

    def actions(self) -> dict[str, Action]:
        """The nouns by name."""
        return {
            "ChasitorInit": Action(bodies.ChasitorInit, self._init),
            "ChatMessage": Action(bodies.ChatMessage, self._message),
            "ChasitorTyping": Action(bodies.Empty, self._typing),
            "ChasitorNotTyping": Action(bodies.Empty, self._not_typing),
            "ChasitorSneakPeek": Action(bodies.SneakPeek, self._sneak_peek),
            "CustomEvent": Action(bodies.CustomEvent, self._custom_event),
            "ChatEnd": Action(bodies.ChatEnd, self._end),
            "ChasitorIdleTimeoutWarningEvent": Action(
                bodies.IdleWarning, self._idle_warning, since=SINCE_IDLE_TIMEOUTS
            ),
            "SensitiveDataRuleTriggered": Action(bodies.RulesTriggered, self._rules_triggered),
        }

    def post(self, caller: Caller, sequence: int | None, action: Action, payload: Any) -> None:
        """Execute an action once. A sequence number seen before is answered, but not executed again (3.8).

        Raises:
            Refusal: 400, 403, 404 (not yet in that version), 409, 500 or 503.
        """
        session = caller.session
        if not offers(self.settings, caller.api_version, since=action.since):
            raise Refusal(404, "Not Found")
        if session.over:
            raise Refusal(403, INVALID)
        if session.resyncing and self.settings.resync_required:
            session.saw_503 = True
            raise Refusal(503, MOVED)
        if self.settings.posts_keep_alive:
            session.touched_ms = self.clock()
        if sequence is None and self.settings.sequence_required:
            raise Refusal(400, "Bad Request: X-LIVEAGENT-SEQUENCE is required")
        if sequence is not None and self._is_repeated(session, sequence):
            return
        action.do(caller, payload)
        if sequence is not None:
            session.last_sequence = sequence

    def post_all(self, caller: Caller, sequence: int | None, batch: bodies.MultiNoun) -> None:
        """MultiNoun (2.14). All parts are validated before the first one is executed."""
        if len(batch.nouns) > MAX_NOUNS:
            raise Refusal(400, f"Bad Request: more than {MAX_NOUNS} nouns")
        known = self.actions()
        todo: list[tuple[Action, Any]] = []
        for noun in batch.nouns:
            action = known.get(noun.noun) if noun.prefix == "Chasitor" else None
            if action is None or not offers(self.settings, caller.api_version, since=action.since):
                raise Refusal(400, f"Bad Request: unknown noun {noun.prefix}/{noun.noun}"[:200])
            raw = noun.object if noun.object is not None else noun.data
            todo.append((action, bodies.convert(raw, action.shape)))

        def do_all(caller: Caller, _: Any) -> None:
            for action, payload in todo:
                action.do(caller, payload)

        self.post(caller, sequence, Action(bodies.MultiNoun, do_all), batch)

    def resync_state(self, session: Session, sequence: int | None, body: bodies.ResyncState) -> None:
        """ChasitorResyncState (2.13), the last step of a reconnection.

        It has no sequence number of its own. If a client counts it nevertheless, the next number is expected after it.
        """
        if not same_id(body.organization_id, self.settings.organization_id):
            raise Refusal(400, "Bad Request: no such organization")
        session.resyncing = False
        if sequence is not None and sequence == session.last_sequence + 1:
            session.last_sequence = sequence

    # --- the nouns ---------------------------------------------------------------------------------------------

    def _init(self, caller: Caller, body: bodies.ChasitorInit) -> None:
        self.request_chat(caller.session, body, api_version=caller.api_version)

    def _message(self, caller: Caller, body: bodies.ChatMessage) -> None:
        chat = self._talking(caller)
        limit = self.settings.text_max_length
        if limit is not None and len(body.text) > limit:
            raise Refusal(400, f"Bad Request: the text is longer than {limit} characters")
        now, before = self.clock(), chat.last_message_ms
        chat.last_message_ms = now
        quick = self.faults.find("lose-quick", conversation_id=chat.id)
        if quick is not None and before is not None and now - before < quick.within_ms:
            self.faults.use("lose-quick", conversation_id=chat.id)
            return  # answered with OK and lost, as IBM observed (13.4)
        if self.faults.use("lose-message", conversation_id=chat.id):
            return
        chat.user_typing, chat.preview = False, ""
        if chat.unanswered_ms is None:
            chat.unanswered_ms = now
        self.remember(chat, "Chasitor", name=chat.visitor_name, content=body.text)
        self.line(chat, "EndUser", body.text, name=chat.visitor_name, kind="text")
        if self.settings.auto_reply and chat.present:
            agent = next(iter(chat.present.values()))
            self.speak(chat, agent, self.settings.auto_reply.replace("{text}", body.text))

    def _typing(self, caller: Caller, _: bodies.Empty) -> None:
        self._types(self._talking(caller), started=True)

    def _not_typing(self, caller: Caller, _: bodies.Empty) -> None:
        self._types(self._talking(caller), started=False)

    def _sneak_peek(self, caller: Caller, body: bodies.SneakPeek) -> None:
        chat = self._talking(caller)
        if self.settings.sneak_peek:  # otherwise the agent does not see it (2.7)
            chat.preview = body.text
            self._types(chat, started=bool(body.text))

    def _types(self, chat: Chat, *, started: bool) -> None:
        chat.user_typing = started
        self.publish_change("userTyping", chat, started=started, preview=chat.preview)

    def _custom_event(self, caller: Caller, body: bodies.CustomEvent) -> None:
        chat = self._talking(caller)
        self.line(chat, "System", f"Custom event {body.type}: {body.data}", name=SYSTEM_NAME)

    def _end(self, caller: Caller, body: bodies.ChatEnd) -> None:
        chat = self._requested(caller)
        if body.reason is None and self.settings.end_needs_reason:
            raise Refusal(400, "Bad Request: reason is required")
        poll = caller.session.poll
        if poll is not None and self.settings.poll_after_client_end == "hang":
            poll.muted = True  # the poll is not answered (IBM, 3.12); the next one returns ChatEnded
        self.event(chat, visitor_end_event(body.reason, waiting=chat.waits == "first"))
        self.line(chat, "System", f"The visitor ended the chat ({body.reason})", name=SYSTEM_NAME)
        self.send(chat, "ChatEnded", messages.ended(chat, "client", self.settings))
        self.finish(chat, by="EndUser")

    def _idle_warning(self, caller: Caller, body: bodies.IdleWarning) -> None:
        chat = self._talking(caller)
        triggered = body.idle_timeout_warning_event == "triggered"
        self.event(
            chat,
            "ChasitorIdleTimeoutWarningTriggered" if triggered else "ChasitorIdleTimeoutWarningCleared",
        )
        self.line(chat, "System", f"Idle warning {body.idle_timeout_warning_event}", name=SYSTEM_NAME)

    def _rules_triggered(self, caller: Caller, body: bodies.RulesTriggered) -> None:
        chat = self._talking(caller)
        names = ", ".join(rule.name or rule.id for rule in body.rules)
        self.line(chat, "System", f"Sensitive data was masked: {names}", name=SYSTEM_NAME)

    # --- inside ------------------------------------------------------------------------------------------------

    def _requested(self, caller: Caller) -> Chat:
        if caller.session.chat is None:
            # ChasitorInit must be the first POST; the guide says that any other one before it fails (5).
            raise Refusal(500, "Internal Server Error: NullPointerException")
        if caller.session.chat.ended:
            raise Refusal(403, INVALID)  # by an earlier part of the same MultiNoun
        return caller.session.chat

    def _talking(self, caller: Caller) -> Chat:
        chat = self._requested(caller)
        if self.settings.strict_before_established and not chat.present:
            raise Refusal(500, "Internal Server Error: NullPointerException")
        return chat

    def _is_repeated(self, session: Session, sequence: int) -> bool:
        last, slack = session.last_sequence, self.settings.sequence_slack
        if not self.settings.check_sequence or last < sequence <= last + 1 + slack:
            return False
        if sequence == last and last > 0 and self.settings.same_sequence == "duplicate":
            return True
        # "Expected" only echoes what the client sent; "Actual" is the last number taken (IBM, 3.8).
        raise Refusal(409, f"Out of sync Ack. Expected {sequence}. Actual {last}")
