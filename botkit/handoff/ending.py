"""All the ways an agent session ends. Every one tells the user, gives the user back to the bot and leaves no session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from botkit.handoff import signals
from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Instant, Phase
from botkit.handoff.decision import Decision, tell
from botkit.handoff.effects import (
    CancelTimer,
    ClearAgentSession,
    CountMetric,
    DropLane,
    Effect,
    EndSession,
    SendToUser,
)
from botkit.handoff.events import Content
from botkit.handoff.rules import Rules
from botkit.handoff.text import cut

QUOTED = 500
"""How much of an undelivered message is quoted back, in UTF-16 code units."""


def end(
    rules: Rules,
    conversation: Conversation,
    session: AgentSession,
    at: Instant,
    *,
    why: str,
    words: str,
    give_up_pending: bool = False,
    access_is_good: bool = True,
) -> Decision:
    """End the session.

    Args:
        why: the label operators see (``agent``, ``user``, ``platform``, ``nobody_accepted``, …).
        words: the standard response the user is told.
        give_up_pending: messages still on their way to the agents' side are taken back, and the user is told so.
            Otherwise they go out first, in order, and the end after them.
        access_is_good: whether the agents' side can still be told. An expired token cannot.

    A session that has not started yet is not started for its end: agents must not be offered a chat of somebody who left.
    """
    session, effects = signals.hushed(session)
    effects += [CancelTimer(session.id, timer.name) for timer in session.timers]
    give_up_pending = give_up_pending or session.phase is Phase.OPENING
    # What was held for an agent who never came cannot go out any more, however this ends.
    lost = (*session.in_flight, *session.held) if give_up_pending else session.held
    if give_up_pending:
        effects.append(DropLane(session.id))
    effects += give_back(rules, session.language, lost)
    effects += tell(rules, session, words)
    effects.append(ClearAgentSession())
    if session.access is not None and access_is_good:
        effects.append(EndSession(session.id, session.system, session.access))
    effects.append(CountMetric("handoff_ended", why))
    ended = replace(
        conversation,
        session=None,
        ended_session=session.id,
        ended_at=at,
        ended_language=session.language,
        ended_pending=() if give_up_pending else tuple(held for held in session.in_flight if held.typed),
    )
    return Decision(ended, tuple(effects))


def give_back(rules: Rules, language: str, messages: Iterable[HeldMessage]) -> Sequence[Effect]:
    """What the user typed and nobody took is given back in so many words: nothing vanishes."""
    lost = [held.text for held in messages if held.typed]
    if not lost:
        return []
    quoted = cut("\n".join(lost), QUOTED)
    text = rules.responses.text("messageNotDeliveredMessage", language, message=quoted)
    return [SendToUser(Content(text=text))] if text else []
