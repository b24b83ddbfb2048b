"""The platform's session of an agent session: which hooks belong to another one.

The platform closes a session and opens the next one, also while an agent is present (docs/protocols/kore-xo-botkit.md, 2.8).
A hook may name its session by several ids, and not every hook has all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession

MAX_ALIASES = 4


def is_another(session: AgentSession, sessions: Sequence[str]) -> bool:
    """Whether a hook with these ids is of another session of the platform. False if either side is not known."""
    return bool(sessions) and _is_known(session) and not any(_has(session, one) for one in sessions)


def renewed(session: AgentSession, sessions: tuple[str, ...]) -> AgentSession:
    """The agent session after a message of the user from the session with these ids, which is the current one."""
    if sessions == (session.platform_session_id,):
        return session  # The usual case, at no cost.
    new = tuple(one for one in sessions if not _has(session, one))
    if not new:
        return session
    if len(new) == len(sessions):
        return replace(session, platform_session_id=new[0], session_aliases=new[1:])
    return replace(session, session_aliases=(*session.session_aliases, *new)[-MAX_ALIASES:])


def _is_known(session: AgentSession) -> bool:
    return bool(session.platform_session_id or session.session_aliases)


def _has(session: AgentSession, session_id: str) -> bool:
    return session_id == session.platform_session_id or session_id in session.session_aliases
