"""The moments of a hand-off for which a bot may have handlers: it started, an agent joined, it ended.

Each is an effect in the outbox: durable, in order, and called once the moment itself is committed. Without such a handler there
is no such effect.
"""

from __future__ import annotations

from botkit.handoff.conversation import AgentSession, Instant
from botkit.handoff.effects import CallHandlers, Effect
from botkit.handoff.rules import Rules

STARTED = "on_handoff_started"
JOINED = "on_agent_joined"
ENDED = "on_handoff_ended"
MOMENTS = (STARTED, JOINED, ENDED)


def call_handlers(
    rules: Rules, session: AgentSession, event: str, at: Instant, *, agent: str = "", why: str = ""
) -> list[Effect]:
    """Call the bot's handlers of this moment, if it has any.

    Args:
        rules: say which of `MOMENTS` have handlers.
        session: the agent session after the moment, or just before its end.
        event: one of `MOMENTS`.
        at: when it was.
        agent: the name of the agent who has joined.
        why: why the hand-off has ended.
    """
    if event not in rules.handled_moments:
        return []
    return [
        CallHandlers(
            event=event,
            at=at,
            session_id=session.id,
            system=session.system,
            language=session.language,
            opened_at=session.opened_at,
            joined_at=session.joined_at,
            record=session.record,
            agents=session.met,
            agent=agent,
            why=why,
        )
    ]
