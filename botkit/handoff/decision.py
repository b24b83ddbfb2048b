"""`Decision`, the result of a rule, and the steps that rules share."""

from __future__ import annotations

import hashlib
import uuid

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Instant, Timer, TimerName
from botkit.handoff.effects import ArmTimer, CancelTimer, Effect, SendToAgent, SendToUser, TypingToUser
from botkit.handoff.events import Content
from botkit.handoff.record import Record
from botkit.handoff.reference import reference
from botkit.handoff.rules import Rules


class Decision(Record, frozen=True):
    """The new state of a conversation, and the effects to carry out, in order."""

    conversation: Conversation
    effects: tuple[Effect, ...] = ()
    refused: str = ""
    """Why the rules refuse the input; its sender is told. A refused input leaves no trace."""


def with_session(conversation: Conversation, session: AgentSession, *effects: Effect) -> Decision:
    """Continue with the session in this state."""
    return Decision(replace(conversation, session=session), effects)


def tell(rules: Rules, session: AgentSession, key: str, **placeholders: str) -> list[Effect]:
    """Send the user a standard response in their language; nothing if it is silenced. See `Responses.text`."""
    text = rules.responses.text(
        key,
        session.language,
        command=session.end_word or "",
        reference=reference(session.id),
        **placeholders,
    )
    return say(text)


def say(text: str | None) -> list[Effect]:
    """Send the user a text of BotKit's own, if there is one."""
    return [SendToUser(Content(text=text))] if text else []


def message_id(session_id: str, *parts: object) -> str:
    """The id of a message to the agent, derived from its cause: every attempt uses the same one.

    It has the form of a UUID 4, like the ids that the public clients of agent systems send.
    """
    digest = hashlib.blake2b("\x1f".join([session_id, *map(str, parts)]).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def arm(session: AgentSession, name: str, at: Instant, seconds: float) -> tuple[AgentSession, ArmTimer]:
    """Arm a timer to fire so many seconds later, or move it."""
    timer = Timer(name, Instant(at + seconds), seconds)
    others = tuple(one for one in session.timers if one.name != name)
    return replace(session, timers=(*others, timer)), ArmTimer(session.id, name, timer.due, seconds)


def is_recent(since: float, at: Instant, seconds: float) -> bool:
    """Whether less than so many seconds lie between the two.

    What seems to lie further in the future was noted before the clock was set back, and nobody knows how long ago.
    """
    return abs(at - since) < seconds


def cancel(session: AgentSession, *names: str) -> tuple[AgentSession, list[Effect]]:
    """Cancel those of the timers that are armed."""
    gone = [timer for timer in session.timers if timer.name in names]
    if not gone:
        return session, []
    rest = tuple(timer for timer in session.timers if timer.name not in names)
    return replace(session, timers=rest), [CancelTimer(session.id, timer.name) for timer in gone]


def stop_typing(session: AgentSession) -> tuple[AgentSession, list[Effect]]:
    """Hide an agent's typing from the user, if it is shown."""
    session, effects = cancel(session, TimerName.AGENT_TYPING)
    if effects:
        effects.append(TypingToUser(session.events_url, started=False))
    return session, effects


def hand_to_agent(
    rules: Rules, session: AgentSession, messages: tuple[HeldMessage, ...]
) -> tuple[AgentSession, list[Effect]]:
    """Send messages to the agents' side in order, or hold them until it can take them."""
    ready = rules.capabilities(session.system).takes_text_before_agent or session.accepted
    if session.access is None or not ready:
        return replace(session, held=(*session.held, *messages)), []
    waiting = (*session.held, *messages)
    sends: list[Effect] = [
        SendToAgent(session.id, session.system, session.access, held.message_id, held.text)
        for held in waiting
    ]
    return replace(session, held=(), in_flight=(*session.in_flight, *waiting)), sends


def without(messages: tuple[HeldMessage, ...], message_id: str) -> tuple[HeldMessage, ...]:
    """The messages but the one with this id."""
    return tuple(held for held in messages if held.message_id != message_id)
