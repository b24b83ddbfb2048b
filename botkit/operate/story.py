"""The steps of a hand-off in words, and what to change where it failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botkit.handoff.reference import shown
from botkit.handoff.steps import StepKind
from botkit.ledger.stories import Story, TakenStep
from botkit.observability.endings import advice_about, ending
from botkit.observability.failures import Failure, fix_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story: the seconds since the epoch of its first and last step, how many they are, and its words."""

    at: float
    until: float
    count: int
    words: str
    detail: Mapping[str, Any]
    kind: str


@dataclass(frozen=True, slots=True)
class Told:
    """A story in words. Times are seconds since the epoch; texts are empty and times None where they are not known."""

    reference: str
    bot: str
    user: str
    channel: str
    system: str
    conversation: str
    record: str
    began: float | None
    ended: float | None
    why: str
    live: bool
    lines: tuple[Line, ...]
    fixes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `botkit explain --json`."""
        return {
            "reference": self.reference,
            "bot": self.bot,
            "user": self.user,
            "channel": self.channel,
            "system": self.system,
            "conversation": self.conversation,
            "record": self.record,
            "began": timestamp(self.began),
            "ended": timestamp(self.ended),
            "why": self.why,
            "live": self.live,
            "steps": [
                {
                    "at": timestamp(line.at),
                    "until": timestamp(line.until),
                    "count": line.count,
                    "step": line.kind,
                    "words": line.words,
                    # The platform's id of a user may be a telephone number; `user` above is its hash.
                    "detail": {name: value for name, value in line.detail.items() if name != "user"},
                }
                for line in self.lines
            ],
            "fix": list(self.fixes),
        }


def timestamp(at: float | None) -> str | None:
    """ISO 8601 with milliseconds, in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def told(story: Story, *, user_hash: Callable[[str, str], str]) -> Told:
    """The story in words.

    Args:
        story: of the store.
        user_hash: the hash of a user of a bot, as the log has it (`UserHashes.of`).
    """
    beginning = next((step for step in story.steps if step.kind == StepKind.TRANSFER), None)
    facts: Mapping[str, Any] = beginning.detail if beginning is not None else story.facts or {}
    end = next((step for step in reversed(story.steps) if step.kind == StepKind.ENDED), None)
    system, conversation = (
        _last(story, "system", StepKind.NEXT_SYSTEM),
        _last(story, "session", StepKind.NEXT_SYSTEM),
    )
    lines = _lines(story)
    if story.live:
        lines.append(_so_far(story))
    return Told(
        reference=shown(story.number),
        bot=str(facts.get("bot", "")),
        user=user_hash(str(facts.get("bot", "")), str(facts.get("user", ""))) if facts else "",
        channel=str(facts.get("channel", "")),
        system=system or str(facts.get("system", "")),
        conversation=conversation or str(facts.get("session", "")),
        record=_last(story, "record", StepKind.RECORD),
        began=beginning.at if beginning is not None else facts.get("opened_at"),
        ended=end.at if end is not None else None,
        why=str(end.detail.get("why", "")) if end is not None else "",
        live=story.live,
        lines=tuple(lines),
        fixes=_fixes(story, end),
    )


def _last(story: Story, member: str, kind: str) -> str:
    found = (step.detail.get(member) for step in reversed(story.steps) if step.kind == kind)
    return str(next((one for one in found if one), ""))


def _lines(story: Story) -> list[Line]:
    """One line for each step, but one for attempts in a row that failed in the same way."""
    lines: list[Line] = []
    for step in story.steps:
        words = _WORDS.get(step.kind, _other)(step.detail)
        if step.kind == StepKind.COUNTED:
            words = _other(step.detail)
        last = lines[-1] if lines else None
        if last is not None and last.kind == step.kind and last.words == words:
            lines[-1] = Line(last.at, step.at, last.count + 1, words, step.detail, step.kind)
        else:
            lines.append(Line(step.at, step.at, 1, words, step.detail, step.kind))
    return lines


def _so_far(story: Story) -> Line:
    words = f"still open: {story.sent or 0} messages to the agents and {story.shown or 0} to the user so far"
    if story.waiting:
        words += f"; not done yet: {', '.join(story.waiting)}"
    if not story.steps:
        words += "; it began before stories were kept, or longer ago than they are kept"
    at = story.steps[-1].at if story.steps else float((story.facts or {}).get("opened_at") or 0.0)
    return Line(at, at, 1, words, {}, "live")


# --- words -------------------------------------------------------------------------------------------------------


def _failure(detail: Mapping[str, Any]) -> Failure:
    status = detail.get("status")
    return Failure(
        call=str(detail.get("call", "")),
        host=str(detail.get("host", "")),
        cause=str(detail.get("cause", "")),
        status=status if isinstance(status, int) else None,
        code=str(detail.get("code", "")),
        words=str(detail.get("words", "")),
        fix=str(detail.get("fix", "")),
    )


def _call(detail: Mapping[str, Any]) -> str:
    """``get a guest token at acme.test: HTTP 400, SETUP_ERROR (BK-4004)``"""
    failure = _failure(detail)
    where = f" at {failure.host}" if failure.host else ""
    if failure.status is not None:
        answer = f"HTTP {failure.status}" + (f", {failure.words}" if failure.words else "")
    else:
        answer = failure.words or _CAUSES.get(failure.cause, "no usable answer")
    code = f" ({failure.code})" if failure.code else ""
    return f"{failure.call}{where}: {answer}{code}"


_CAUSES = {
    "dns": "the host name is not known",
    "refused": "connection refused",
    "timeout": "no answer in time",
    "tls": "TLS failed",
    "proxy": "the proxy did not let it through",
    "closed": "the connection broke",
    "network": "no connection",
    "held": "held back",
    "waiting": "not sent",
}


def _transfer(detail: Mapping[str, Any]) -> str:
    words = f"the transfer hook began the hand-off to {detail.get('system', '?')}"
    if detail.get("then"):
        words += f", then {', '.join(map(str, detail['then']))}"
    return f"{words}; {detail.get('attributes', 0)} attributes, language {detail.get('language') or 'not stated'}"


def _granted(detail: Mapping[str, Any]) -> str:
    lasts = f", good for {detail['lasts']} s" if detail.get("lasts") else ""
    return f"access granted{lasts}; transcript of {detail.get('transcript', 0)} messages"


def _queued(detail: Mapping[str, Any]) -> str:
    place = f"place {detail['place']} in the queue" if detail.get("place") else "in the queue"
    return place + (f", estimated wait {detail['wait']} s" if detail.get("wait") else "")


def _ended(detail: Mapping[str, Any]) -> str:
    words = f"ended: {ending(str(detail.get('why'))).words}"
    words += f"; {detail.get('from_user', 0)} messages to the agents, {detail.get('to_user', 0)} to the user"
    return words + (f", {detail['pending']} not accepted by then" if detail.get("pending") else "")


def _gave_up(detail: Mapping[str, Any]) -> str:
    tried = detail.get("failures", 1)
    outcome = "refused" if detail.get("outcome") == "refused" else f"given up after {tried} failures"
    return f"{outcome}: {_call(detail)}"


def _stream(detail: Mapping[str, Any]) -> str:
    if detail.get("event") == "agents_lost":
        return f"nothing more can be received: {_call(detail)}"
    kind = "event stream" if detail.get("event") == "stream_broken" else "list of events"
    return f"trouble with the {kind}: {_call(detail)}{_not_all(detail)}"


def _not_all(detail: Mapping[str, Any]) -> str:
    return "; too many failures: those after it are not kept" if detail.get("last_kept") else ""


def _other(detail: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in detail.items())


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    StepKind.TRANSFER: _transfer,
    StepKind.NEXT_SYSTEM: lambda detail: (
        f"passed on to {detail.get('system', '?')}, the next agent system in line"
    ),
    StepKind.GRANTED: _granted,
    StepKind.CREATED: lambda _: "conversation created; an agent is being looked for",
    StepKind.RECORD: lambda detail: f"filed by the agents' side as {detail.get('record')}",
    StepKind.QUEUED: _queued,
    StepKind.STATUS: lambda detail: f"the agents' side says: {detail.get('status')}",
    StepKind.JOINED: lambda detail: f"an agent joined ({detail.get('agents', 1)} present)",
    StepKind.LEFT: lambda _: "an agent left",
    StepKind.TRANSFERRED: lambda _: "another agent is being looked for",
    StepKind.ROUTING_FAILED: lambda detail: f"routing failed: {detail.get('reason')}",
    StepKind.STATED_END: lambda detail: (
        "the agents' side ended the session"
        if detail.get("certain")
        else "the agents' side states an end, which the routing status has to confirm"
    ),
    StepKind.ROUTING: lambda detail: f"routing status asked: {detail.get('status')}",
    StepKind.AUTOMATED: lambda detail: (
        f"the organisation sent an automated message of {detail.get('characters', 0)} characters"
    ),
    StepKind.MESSAGE_REFUSED: lambda _: "a message of the user was refused for good; the user was told",
    StepKind.FILE_REFUSED: lambda detail: (
        f"a file of the user was refused for good ({detail.get('reason')}); the user was told"
    ),
    StepKind.LOST: lambda detail: f"the agents' side is lost: {detail.get('why')}",
    StepKind.USER_LOST: lambda _: "the user cannot be reached: the platform did not take a message",
    StepKind.ENDED: _ended,
    StepKind.ATTEMPT: lambda detail: f"failed: {_call(detail)}{_not_all(detail)}",
    StepKind.GAVE_UP: _gave_up,
    StepKind.RECOVERED: lambda detail: (
        f"{detail.get('effect', '?')} worked after {detail.get('failures')} failures"
    ),
    StepKind.NO_TRANSCRIPT: lambda detail: f"no transcript for the agent: {_call(detail)}",
    StepKind.STREAM: _stream,
    StepKind.CLEARED: lambda _: "the platform took the user back to the bot (clearAgentSession)",
    StepKind.CLOSED: lambda _: "closed on the agents' side",
}


# --- what to change ----------------------------------------------------------------------------------------------

_OF_A_CALL = (StepKind.GAVE_UP, StepKind.ATTEMPT, StepKind.NO_TRANSCRIPT, StepKind.STREAM)


def _fixes(story: Story, end: TakenStep | None) -> tuple[str, ...]:
    """What to change: first for the calls that failed for good, then for the other ones, then for the kind of end."""
    by_weight = sorted(
        (step for step in story.steps if step.kind in _OF_A_CALL),
        key=lambda step: _OF_A_CALL.index(StepKind(step.kind)),
    )
    fixes = [fix_of(_failure(step.detail), system=str(step.detail.get("system", ""))) for step in by_weight]
    fixes += [
        advice_about(step.kind, str(step.detail.get("reason", "")))[1]
        for step in story.steps
        if step.kind == StepKind.ROUTING_FAILED
    ]
    if end is not None:
        fixes.append(ending(str(end.detail.get("why"))).fix)
    return tuple(dict.fromkeys(fix for fix in fixes if fix))
