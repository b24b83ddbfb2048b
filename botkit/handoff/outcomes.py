"""Rules for what came of our own effects, and for timers."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from botkit.handoff import agents_side, files, idle, signals
from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Phase, Timer
from botkit.handoff.decision import (
    EXPIRY,
    EXTEND,
    GRACE,
    SETTLE,
    Decision,
    arm,
    hand_to_agent,
    keep,
    message_id,
)
from botkit.handoff.effects import AskRouting, ExtendRequest, StartSession
from botkit.handoff.ending import end, give_back
from botkit.handoff.events import (
    AccessGranted,
    AgentsLost,
    LossReason,
    MessageAccepted,
    MessageRefused,
    RoutingKnown,
    TimerFired,
    TranscriptLine,
    UserLost,
)
from botkit.handoff.languages import negotiate
from botkit.handoff.opening import next_in_line
from botkit.handoff.rules import Rules
from botkit.handoff.text import split
from botkit.handoff.transcript import render
from botkit.handoff.translations import WORDS

EXPIRY_MARGIN_SECONDS = 30.0

LOSS_WORDS = {
    LossReason.CLOSED: "conversationClosedMessage",
    LossReason.EXPIRED: "sessionExpiredMessage",
    LossReason.UNREACHABLE: "handoffFailedMessage",
    LossReason.UNAVAILABLE: "noAgentAvailableMessage",
    LossReason.REFUSED: "handoffFailedMessage",
}
_ENDINGS = ("idleClosedMessage", *dict.fromkeys(LOSS_WORDS.values()))
"""Every standard response that a hand-off can end with."""


def access_granted(
    rules: Rules, conversation: Conversation, session: AgentSession, event: AccessGranted
) -> Decision:
    """We may talk to the agents' side: create the conversation, tell the talk so far, then what was typed meanwhile."""
    if session.access is not None:
        return Decision(conversation)
    typed = session.held
    start = StartSession(
        session.id,
        session.system,
        event.access,
        session.attributes,
        session.language,
        rules.fallback_after_seconds if session.alternatives else None,
    )
    # The attributes have done their work: a thousand sessions would carry them through every commit.
    session = replace(session, access=event.access, held=(), attributes=())
    story = render(
        _before_handoff(rules, session, typed, event.transcript),
        language=negotiate(session.language, WORDS, fallback=rules.default_language),
        user_name=session.user_name,
        bot_name=rules.bot_name,
        limit=rules.capabilities(session.system).max_text,
    )
    told = tuple(
        HeldMessage(message_id(session.id, "transcript", index), piece, typed=False)
        for index, piece in enumerate(
            split(story, rules.capabilities(session.system).max_text) if story else ()
        )
    )
    session, sends = hand_to_agent(rules, session, (*told, *typed))
    if event.expires_at is None:
        return keep(conversation, session, start, *sends)
    # A little before the token runs out, so that the agents' side can still be told of the end.
    margin = min(EXPIRY_MARGIN_SECONDS, max(0.0, event.expires_at - event.at) / 4)
    session, expiry = arm(session, EXPIRY, event.expires_at - margin)
    return keep(conversation, session, start, *sends, expiry)


def session_started(conversation: Conversation, session: AgentSession) -> Decision:
    """Agents are being looked for."""
    if session.phase is not Phase.OPENING:
        return Decision(conversation)
    return keep(conversation, replace(session, phase=Phase.WAITING))


def agents_took(conversation: Conversation, session: AgentSession, event: MessageAccepted) -> Decision:
    """A message reached the agents' side. While another agent system waits in line, it may have to be said there again."""
    took = tuple(held for held in session.in_flight if held.message_id == event.message_id and held.typed)
    rest = tuple(held for held in session.in_flight if held.message_id != event.message_id)
    taken = (*session.taken, *took) if session.alternatives else ()
    session = files.delivered(session, event.message_id)
    return keep(conversation, replace(session, in_flight=rest, taken=taken))


def message_refused(
    rules: Rules, conversation: Conversation, session: AgentSession, event: MessageRefused
) -> Decision:
    """The agents' side does not take this one message (protocols/salesforce-miaw.md, 3.1: a 400 leaves the session fine)."""
    refused = [held for held in session.in_flight if held.message_id == event.message_id]
    rest = tuple(held for held in session.in_flight if held.message_id != event.message_id)
    return keep(conversation, replace(session, in_flight=rest), *give_back(rules, session.language, refused))


def routing_known(
    rules: Rules, conversation: Conversation, session: AgentSession, event: RoutingKnown
) -> Decision:
    """What the routing status says of an absent agent. `over` must be said twice, a grace period apart."""
    if session.phase is not Phase.ABSENT:
        return Decision(conversation)
    if event.status == "searching":
        return agents_side.searching(rules, conversation, session, event.at)
    if event.status == "over" and any(timer.name == GRACE for timer in session.timers):
        return agents_side.ended(rules, conversation, session, event.at)
    name = GRACE if event.status == "over" else SETTLE
    session, again = arm(session, name, event.at + rules.transfer_grace_seconds)
    return keep(conversation, session, again)


def agents_lost(
    rules: Rules, conversation: Conversation, session: AgentSession, event: AgentsLost
) -> Decision:
    """The agents' side is closed to us, does not take us, or has been out of reach for too long."""
    good = event.why != LossReason.EXPIRED
    if moved := next_in_line(rules, conversation, session, event.at, access_is_good=good):
        return moved
    words = LOSS_WORDS.get(event.why, "handoffFailedMessage")
    if event.why == LossReason.CLOSED and not session.accepted:
        words = LOSS_WORDS[
            LossReason.REFUSED
        ]  # There was no conversation with an agent that could have ended.
    return end(
        rules,
        conversation,
        session,
        event.at,
        why=event.why,
        words=words,
        give_up_pending=True,
        access_is_good=good,
    )


def user_lost(rules: Rules, conversation: Conversation, session: AgentSession, event: UserLost) -> Decision:
    """The platform has been out of reach for too long: an agent must not talk to nobody."""
    return end(rules, conversation, session, event.at, why="user_lost", words="conversationClosedMessage")


def timer_fired(
    rules: Rules, conversation: Conversation, session: AgentSession, event: TimerFired
) -> Decision:
    """A timer of the state as it is now; one that was moved or taken back since means nothing."""
    if Timer(event.name, event.due) not in session.timers:
        return Decision(conversation)
    rest = replace(session, timers=tuple(timer for timer in session.timers if timer.name != event.name))
    match event.name:
        case "accept":
            return end(
                rules,
                conversation,
                rest,
                event.at,
                why="nobody_accepted",
                words="noAgentAvailableMessage",
                give_up_pending=True,
            )
        case "expiry":
            return end(
                rules,
                conversation,
                rest,
                event.at,
                why=LossReason.EXPIRED,
                words="sessionExpiredMessage",
                give_up_pending=True,
            )
        case "extend":
            rest, again = arm(rest, EXTEND, event.at + rules.extend_every_seconds)
            return keep(conversation, rest, ExtendRequest(), again)
        case idle.IDLE_WARNING:
            return idle.warn(rules, conversation, rest)
        case signals.TYPING:
            return signals.forgotten(conversation, rest)
        case idle.IDLE_END:
            return idle.give_up(rules, conversation, rest, event.at)
        case _:
            return _ask(rules, conversation, session, rest, event)


def _ask(
    rules: Rules, conversation: Conversation, session: AgentSession, rest: AgentSession, event: TimerFired
) -> Decision:
    """The settle or grace time is over. A grace timer stays in the state: it tells the second asking from the first."""
    if rest.access is None:
        return keep(conversation, rest)
    kept = session if event.name == GRACE else rest
    return keep(conversation, kept, AskRouting(rest.id, rest.system, rest.access))


def _before_handoff(
    rules: Rules, session: AgentSession, typed: tuple[HeldMessage, ...], lines: tuple[TranscriptLine, ...]
) -> tuple[TranscriptLine, ...]:
    """The talk up to the hand-off.

    The platform's history may already have what BotKit told the user since, and what the user typed since. The one concerns no
    agent, and the other is delivered live, every word of it. Where the hand-off began is seen by the first thing BotKit said
    then; one that was followed by the words of an end belongs to an earlier hand-off.
    """
    looking = rules.responses.text("lookingForAgentMessage", session.language)
    own = {
        looking,
        rules.responses.text("endChatFromUserInstruction", session.language, command=session.end_word or ""),
    }
    endings = {rules.responses.text(key, session.language) for key in _ENDINGS}
    for index in reversed(range(len(lines))):
        if _is(lines[index], "bot", endings):
            break
        if _is(lines[index], "bot", {looking}):
            return lines[:index]
    return lines[: _end_without(lines, own, typed)]


def _is(line: TranscriptLine, speaker: str, texts: set[str | None]) -> bool:
    return line.speaker == speaker and any(text and line.text.strip() == text.strip() for text in texts)


def _end_without(
    lines: tuple[TranscriptLine, ...], own: set[str | None], typed: tuple[HeldMessage, ...]
) -> int:
    """Where the talk ends if what BotKit said and what is delivered live are taken off the end."""
    live = Counter(held.text.strip() for held in typed)
    end_of_story = len(lines)
    while end_of_story:
        line = lines[end_of_story - 1]
        text = line.text.strip()
        if line.speaker == "user" and live[text] > 0:
            live[text] -= 1
        elif line.speaker != "bot" or text not in own:
            break
        end_of_story -= 1
    return end_of_story
