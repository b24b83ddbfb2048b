"""What the rules answer with, and the small steps every rule is made of."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Instant, Timer
from botkit.handoff.effects import ArmTimer, CancelTimer, Effect, SendToAgent, SendToUser
from botkit.handoff.events import Content
from botkit.handoff.record import Record
from botkit.handoff.rules import Rules

ACCEPT = "accept"
"""Nobody accepted in time."""
SETTLE = "settle"
"""The agent left a moment ago: ask what that means."""
GRACE = "grace"
"""The agents' side said it is over; ask once more before believing it."""
EXTEND = "extend"
"""The platform's requestId wants extending."""
EXPIRY = "expiry"
"""The access token stops being good."""

SETTLE_FOR = timedelta(seconds=2)


class Decision(Record, frozen=True):
    """The conversation as it is from now on, and what is to be done, in order."""

    conversation: Conversation
    effects: tuple[Effect, ...] = ()
    refused: str = ""
    """Why nothing came of what somebody asked for; whoever asked is told. Such an input leaves no trace."""


def keep(conversation: Conversation, session: AgentSession, *effects: Effect) -> Decision:
    """Go on with the session as it is now."""
    return Decision(replace(conversation, session=session), effects)


def tell(
    rules: Rules,
    session: AgentSession,
    key: str,
    *,
    agent: str = "",
    message: str = "",
    position: str = "",
    minutes: str = "",
) -> list[Effect]:
    """A standard response in the user's language, or nothing where it is silenced."""
    text = rules.responses.text(
        key,
        session.language,
        agent=agent,
        command=session.end_word or "",
        message=message,
        position=position,
        minutes=minutes,
    )
    return [SendToUser(Content(text=text))] if text else []


def message_id(session_id: str, *parts: object) -> str:
    """The id of a message to the agent: always the same for the same cause, so that a retry is recognised.

    It has the form of a UUID 4, the only one every public MIAW client sends.
    """
    digest = hashlib.blake2b("\x1f".join([session_id, *map(str, parts)]).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def arm(session: AgentSession, name: str, due: float) -> tuple[AgentSession, ArmTimer]:
    """Arm a timer, or move it."""
    timer = Timer(name, Instant(due))
    others = tuple(one for one in session.timers if one.name != name)
    return replace(session, timers=(*others, timer)), ArmTimer(session.id, name, timer.due)


def cancel(session: AgentSession, *names: str) -> tuple[AgentSession, list[Effect]]:
    """Take timers back; those that are not armed cost nothing."""
    gone = [timer for timer in session.timers if timer.name in names]
    if not gone:
        return session, []
    rest = tuple(timer for timer in session.timers if timer.name not in names)
    return replace(session, timers=rest), [CancelTimer(session.id, timer.name) for timer in gone]


def hand_to_agent(
    rules: Rules, session: AgentSession, messages: tuple[HeldMessage, ...]
) -> tuple[AgentSession, list[Effect]]:
    """Send messages on to the agents' side in order, or hold them until it can take them."""
    ready = rules.capabilities(session.system).takes_text_before_agent or session.accepted
    if session.access is None or not ready:
        return replace(session, held=(*session.held, *messages)), []
    waiting = (*session.held, *messages)
    sends: list[Effect] = [
        SendToAgent(session.id, session.system, session.access, held.message_id, held.text)
        for held in waiting
    ]
    return replace(session, held=(), in_flight=(*session.in_flight, *waiting)), sends
