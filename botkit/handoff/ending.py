"""How an agent session ends. Every end tells the user, gives the user back to the bot and leaves no session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Instant, Phase
from botkit.handoff.decision import Decision, say, stop_typing, tell
from botkit.handoff.effects import CancelTimer, ClearAgentSession, CountMetric, DropLane, Effect, EndSession
from botkit.handoff.moments import ENDED, call_handlers
from botkit.handoff.rules import Rules
from botkit.handoff.text import cut

EndMessage = Literal[
    "conversationClosedMessage",
    "sessionExpiredMessage",
    "handoffFailedMessage",
    "noAgentAvailableMessage",
    "idleClosedMessage",
]
END_MESSAGES: tuple[str, ...] = get_args(EndMessage)
"""Every standard response that can end a hand-off."""
MAX_QUOTED = 500
"""Max length of an undelivered message that is quoted back, in UTF-16 code units."""


def end(
    rules: Rules,
    conversation: Conversation,
    session: AgentSession,
    at: Instant,
    *,
    why: str,
    words: EndMessage | None,
    give_up_pending: bool = False,
    access_is_good: bool = True,
) -> Decision:
    """End the session.

    Args:
        why: the label of the metric (``agent``, ``user``, ``platform``, ``nobody_accepted``, …).
        words: the key of the standard response to the user; None if the user has been told.
        give_up_pending: drop the messages that the agents' side has not accepted, and tell the user so. Otherwise they are
            delivered first, in order, and the end after them.
        access_is_good: whether the agents' side can still be told of the end; False if the token has expired.

    A session that is still opening is never started: agents must not be offered the chat of a user who has left.
    """
    session, effects = stop_typing(session)
    effects += [CancelTimer(session.id, timer.name) for timer in session.timers]
    give_up_pending = give_up_pending or session.phase is Phase.OPENING
    # Messages held for an agent who never came cannot be delivered any more, however the session ends.
    lost = (*session.in_flight, *session.held) if give_up_pending else session.held
    if give_up_pending:
        effects.append(DropLane(session.id))
    effects += give_back(rules, session.language, lost)
    effects += _last_words(rules, session, words)
    # Nothing exists on the agents' side before a session is started.
    told = session.phase is not Phase.OPENING
    effects.append(ClearAgentSession(session.id, session.record) if told else ClearAgentSession())
    if session.access is not None and access_is_good:
        effects.append(EndSession(session.id, session.system, session.access))
    effects += call_handlers(rules, session, ENDED, at, why=why)
    effects.append(CountMetric("handoff_ended", why, session.id, session.system, session.record))
    ended = replace(
        conversation,
        session=None,
        ended_session=session.id,
        ended_at=at,
        ended_language=session.language,
        ended_pending=() if give_up_pending else tuple(held for held in session.in_flight if held.typed),
    )
    return Decision(ended, tuple(effects))


def _last_words(rules: Rules, session: AgentSession, words: EndMessage | None) -> Sequence[Effect]:
    """The organisation's own words where nobody is there precede the built-in ones, but not the bot's."""
    if words is None:
        return []
    if words == "noAgentAvailableMessage" and not rules.responses.is_own(words, session.language):
        return say(session.nobody_message) or tell(rules, session, words)
    return tell(rules, session, words)


def give_back(rules: Rules, language: str, messages: Iterable[HeldMessage]) -> Sequence[Effect]:
    """Quote the user's undelivered messages back to them, so that none vanishes silently."""
    lost = [held.text for held in messages if held.typed]
    if not lost:
        return []
    quoted = cut("\n".join(lost), MAX_QUOTED)
    return say(rules.responses.text("messageNotDeliveredMessage", language, message=quoted))
