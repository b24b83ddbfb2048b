"""`Journal`: what the relay tells operators of hand-offs: the names in every log line, failing calls, and steps of stories.

A failed attempt is a step of its hand-off's story at once, and a line of the log unless the same failure was logged a moment ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botkit.errors import CallError
from botkit.handoff import effects
from botkit.handoff.conversation import ConversationId
from botkit.handoff.reference import reference
from botkit.handoff.steps import Step, StepKind, details
from botkit.ledger.interface import Input, Ledger, OutboxItem
from botkit.observability.endings import ending
from botkit.observability.events import get_logger
from botkit.observability.failures import Failure, failure_of, fix_of
from botkit.observability.seldom import Seldom
from botkit.observability.user_hashes import UserHashes
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.outbound.failure_lines import FailureLines

_log = get_logger("botkit.relay")

MAX_ATTEMPTS = 60
"""Max failed attempts of one effect in the story. The end of a session is tried for a day."""
_REPORT = "report it to the authors of this agent system"
MAX_FAILURES = 200
"""Max failures of one agent session in its story since the process started: a network may flap through a long conversation."""
_REMEMBERED = 5_000
"""Max sessions whose failures are counted."""
_OF_A_HANDOFF = (effects.SendToUser, effects.ClearAgentSession, effects.ExtendRequest)
"""Effects on the platform that only a hand-off has, also just after its end."""


@dataclass(slots=True, kw_only=True, eq=False)
class Journal:
    """Lives on one loop. Its state does not grow with the number of conversations."""

    ledger: Ledger
    client: LedgerClient
    hashes: UserHashes
    clock: Clock
    lines: FailureLines = field(init=False, default_factory=FailureLines)
    _seldom: Seldom = field(init=False, default_factory=lambda: Seldom(_log))
    _failures: dict[str, int] = field(init=False, default_factory=dict)
    """The sessions that failed last, with the number of their failures."""

    # --- names ----------------------------------------------------------------------------------------------------

    def names(self, conversation_id: ConversationId, session_id: str = "") -> dict[str, Any]:
        """The members of every log line about a hand-off: its reference, its bot, and the hash of its user."""
        named = {
            "bot": conversation_id.bot_id,
            "user": self.hashes.of(conversation_id.bot_id, conversation_id.user_id),
        }
        return {"ref": reference(session_id), **named} if session_id else named

    def session_of(self, item: OutboxItem) -> str:
        """The agent session that an effect belongs to; empty if it belongs to no hand-off."""
        if isinstance(item.effect, effects.AgentEffect):
            return item.effect.session_id
        conversation = self.ledger.conversation(item.conversation_id)
        if conversation is None:
            return ""
        if conversation.session is not None:
            return conversation.session.id
        return (conversation.ended_session or "") if isinstance(item.effect, _OF_A_HANDOFF) else ""

    # --- the story ------------------------------------------------------------------------------------------------

    def step(self, session_id: str, kind: str, detail: str = "") -> Step:
        """A step of now."""
        return Step(session_id, self.clock.now(), kind, detail)

    def note(self, conversation_id: ConversationId, session_id: str, kind: str, detail: str = "") -> None:
        """Write a step that belongs to no event, without waiting for it."""
        if session_id:
            self.client.note(Input(conversation_id, None, steps=(self.step(session_id, kind, detail),)))

    def mended(self, system: str, event: object, wrong: str, *, dropped: bool) -> None:
        """Log that an agent system brought an event with impossible values; seldom, because each of its events may have some."""
        kind = type(event).__name__
        done = "the event was dropped" if dropped else "the values were replaced"
        self._seldom.say("warning", "agent_event_mended", f"{system} {kind}: {wrong}", done=done, fix=_REPORT)

    # --- failing calls --------------------------------------------------------------------------------------------

    def retried(
        self, item: OutboxItem, failure: Failure, *, failures: int, wait: float | None, held: bool
    ) -> None:
        """An attempt failed, or the circuit breaker held it back, and another follows.

        Args:
            item: the effect.
            failure: the facts.
            failures: the number of failures so far, with this one.
            wait: seconds until the next attempt; None if it waits for the user to write.
            held: no call was made. The lines of the calls that were made tell why; the story has the first one.
        """
        session_id = self.session_of(item)
        fields = self._fields(item, failure, session_id)
        if not held:
            kind = (
                fields["bot"],
                fields.get("system"),
                failure.host,
                failure.cause,
                failure.status,
                failure.words,
            )
            self.lines.failed("effect_retry", kind, {**fields, "failures": failures})
        if session_id and failures <= MAX_ATTEMPTS and (not held or failures == 1):
            told = {**_told(item, failure, failures), "next": _rounded(wait)}
            self._note_failure(item.conversation_id, session_id, StepKind.ATTEMPT, told)

    def gave_up(
        self, item: OutboxItem, failure: Failure, *, outcome: str, level: str, failures: int
    ) -> Step | None:
        """An effect failed for good. Returns the step to write with its result."""
        session_id = self.session_of(item)
        fields = self._fields(item, failure, session_id)
        getattr(_log, level)("effect_failed", outcome=outcome, failures=failures, **fields)
        if not session_id or isinstance(item.effect, _HINTS):
            return None
        told = _told(item, failure, failures)
        return self.step(session_id, StepKind.GAVE_UP, details(**told, outcome=outcome))

    def delivered(self, item: OutboxItem, *, failures: int) -> tuple[Step, ...]:
        """The steps of an effect that was delivered: the end of its failures, and what no event reports."""
        effect = item.effect
        reported = _REPORTED.get(type(effect))
        if reported is None and not failures:
            return ()
        session_id = self.session_of(item)
        if not session_id:
            return ()
        steps = []
        if failures and self._failures.get(session_id, 0) < MAX_FAILURES:
            recovered = details(effect=type(effect).__name__, failures=failures)
            steps.append(self.step(session_id, StepKind.RECOVERED, recovered))
        if reported is not None:
            steps.append(self.step(session_id, reported))
        return tuple(steps)

    def no_transcript(self, item: OutboxItem, session_id: str, error: CallError) -> None:
        """The history could not be read: the agent gets no transcript."""
        failure = failure_of(error)
        _log.warning(
            "transcript_missing",
            session=session_id,
            **self._fields(item, failure, session_id, of_platform=True),
        )
        self.note(item.conversation_id, session_id, StepKind.NO_TRANSCRIPT, details(**_facts(failure)))

    def history_unreadable(self, item: OutboxItem, error: CallError) -> None:
        """The history, which tells whether a message has arrived, could not be read."""
        failure = failure_of(error)
        fields = self._fields(item, failure, self.session_of(item))
        kind = (fields["bot"], failure.host, failure.cause, failure.status, failure.words)
        self.lines.failed("history_unreadable", kind, fields)

    def trouble(
        self,
        event: str,
        failure: Failure,
        *,
        conversation_id: ConversationId,
        session_id: str,
        system: str,
        noted: bool,
        level: str = "info",
    ) -> None:
        """A stream broke, or a list could not be read. It is tried again.

        Args:
            event: the name of the log line.
            failure: the facts.
            conversation_id: the conversation.
            session_id: its agent session.
            system: the name of its agent system.
            noted: whether it is a step of the story, too.
            level: the level of the first such line.
        """
        named = {"session": session_id, **self.names(conversation_id, session_id)}
        kind = (conversation_id.bot_id, system, failure.host, failure.cause, failure.status, failure.words)
        self.lines.failed(event, kind, _line(failure, system, named), level=level)
        if noted:
            told = {**_facts(failure), "system": system, "event": event}
            self._note_failure(conversation_id, session_id, StepKind.STREAM, told)

    def lost(
        self,
        conversation_id: ConversationId,
        session_id: str,
        *,
        system: str,
        why: str,
        failure: Failure | None,
    ) -> None:
        """A session cannot be received any more.

        Args:
            conversation_id: the conversation.
            session_id: its agent session.
            system: the name of its agent system.
            why: a `LossReason`.
            failure: the latest failed call, if there was one.
        """
        named = {"session": session_id, "why": why, **self.names(conversation_id, session_id)}
        if failure is None:
            _log.warning("agents_lost", system=system, **named, fix=ending(why).fix or None)
            return
        fields = _line(failure, system, named)
        _log.warning("agents_lost", **{**fields, "fix": fields.get("fix") or ending(why).fix or None})
        told = {**_facts(failure), "system": system, "event": "agents_lost"}
        self.note(conversation_id, session_id, StepKind.STREAM, details(**told))

    def _note_failure(
        self, conversation_id: ConversationId, session_id: str, kind: str, told: dict[str, Any]
    ) -> None:
        """Write a failure that another attempt follows, unless the session has had very many."""
        count = self._failures.pop(session_id, 0) + 1
        self._failures[session_id] = count  # The newest stands last.
        if len(self._failures) > _REMEMBERED:
            del self._failures[next(iter(self._failures))]
        if count <= MAX_FAILURES:
            last = True if count == MAX_FAILURES else None
            self.note(conversation_id, session_id, kind, details(**told, last_kept=last))

    def _fields(
        self, item: OutboxItem, failure: Failure, session_id: str, *, of_platform: bool = False
    ) -> dict[str, Any]:
        effect = item.effect
        system = effect.system if isinstance(effect, effects.AgentEffect) and not of_platform else ""
        named = {
            "outbox_id": item.id,
            "effect": type(effect).__name__,
            **self.names(item.conversation_id, session_id),
        }
        return _line(failure, system, named)


_HINTS = (
    effects.TypingToAgent,
    effects.TypingToUser,
    effects.SendCustomEvent,
    effects.EventToUser,
    effects.IdleNotice,
)
_REPORTED = {effects.ClearAgentSession: StepKind.CLEARED, effects.EndSession: StepKind.CLOSED}


def _line(failure: Failure, system: str, named: dict[str, Any]) -> dict[str, Any]:
    """The members of a log line about a failed call; empty `system`: of the XO platform."""
    fields = {
        **named,
        "system": system or "platform",
        "call": failure.call,
        "host": failure.host,
        "code": failure.code,
        "cause": failure.cause,
        "status": failure.status,
        "detail": failure.words,
        "fix": fix_of(failure, system=system),
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _told(item: OutboxItem, failure: Failure, failures: int) -> dict[str, Any]:
    effect = item.effect
    return {
        "effect": type(effect).__name__,
        "system": effect.system if isinstance(effect, effects.AgentEffect) else None,
        **_facts(failure),
        "failures": failures,
    }


def _facts(failure: Failure) -> dict[str, Any]:
    return {
        "call": failure.call,
        "host": failure.host,
        "cause": failure.cause,
        "status": failure.status,
        "code": failure.code,
        "words": failure.words,
        "fix": failure.fix,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
