"""Timers in states that were written by a machine with another clock."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from botkit.handoff.conversation import Conversation, Instant

SLACK_SECONDS: Final = 1.0
"""Clocks that differ by less agree."""


def by_this_clock(conversation: Conversation, *, ahead: float, theirs: float | None) -> Conversation:
    """The conversation with its timers as they are due by this machine's clock.

    Timers only become later by it, and the relay lets none wait for longer than it was armed for. For it is not known whether the
    other clock was set after a timer was armed, and no session may end too early.

    Args:
        conversation: as it is stored.
        ahead: by how many seconds this machine's clock is ahead of the server's.
        theirs: the same of the machine that has stored it; None if it did not tell.
    """
    later = ahead - theirs if theirs is not None else 0.0
    if later < SLACK_SECONDS:
        return conversation
    session, hook = conversation.session, conversation.deferred
    if session is not None:
        timers = tuple([replace(timer, due=Instant(timer.due + later)) for timer in session.timers])
        session = replace(session, timers=timers)
    if hook is not None:
        hook = replace(hook, due=Instant(hook.due + later))
    return replace(conversation, session=session, deferred=hook)
