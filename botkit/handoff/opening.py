"""Rules for opening an agent session, and for going on to the next agent system when one does not take it."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.attributes import routing_attributes
from botkit.handoff.conversation import (
    AgentSession,
    Alternative,
    Conversation,
    HeldMessage,
    Instant,
    Phase,
)
from botkit.handoff.decision import ACCEPT, EXTEND, Decision, arm, keep, message_id, tell
from botkit.handoff.effects import (
    CancelTimer,
    CountMetric,
    DropLane,
    Effect,
    EndSession,
    ExtendRequest,
    OpenAccess,
)
from botkit.handoff.events import AgentTransfer, Choice, UserProfile
from botkit.handoff.rules import Rules
from botkit.handoff.text import split


def agent_transfer(rules: Rules, conversation: Conversation, event: AgentTransfer) -> Decision:
    """on_agent_transfer: open an agent session, once; a repeated hook finds it there."""
    if conversation.session is not None:
        return Decision(conversation)
    first, *others = (_offer(rules, event, system) for system in _line(rules, event))
    end_word = (_choice_for(rules, event, first.system).end_word or rules.end_chat_command or "").strip()
    session = AgentSession(
        id=event.session_id,
        system=first.system,
        phase=Phase.OPENING,
        opened_at=event.at,
        language=event.profile.language,
        user_name=_full_name(event.profile),
        end_word=end_word or None,
        attributes=first.attributes,
        alternatives=tuple(others),
        platform_session_id=event.profile.session_id,
        opening_request=event.request_number,
        events_url=event.events_url,
    )
    effects = tell(rules, session, "lookingForAgentMessage")
    if session.end_word:
        effects += tell(rules, session, "endChatFromUserInstruction")
    session, opening = _open(rules, session, event.at)
    return keep(conversation, session, *effects, *opening, CountMetric("handoff_opened", session.system))


def next_in_line(
    rules: Rules,
    conversation: Conversation,
    session: AgentSession,
    at: Instant,
    *,
    access_is_good: bool = True,
) -> Decision | None:
    """The same hand-off at the next agent system, or None where no agent system waits: once an agent has been there, none does.

    The user notices nothing but the time it takes; what they said meanwhile goes along, taken or not: no agent has read it.
    """
    if not session.alternatives:
        return None
    following, *rest = session.alternatives
    leaving: list[Effect] = [CancelTimer(session.id, timer.name) for timer in session.timers]
    leaving.append(DropLane(session.id))
    if session.access is not None and access_is_good:
        leaving.append(EndSession(session.id, session.system, session.access))
    typed = (*session.taken, *session.in_flight, *session.held)
    new_id = message_id(session.id, "next", following.system)
    session = replace(
        session,
        id=new_id,
        system=following.system,
        attributes=following.attributes,
        alternatives=tuple(rest),
        phase=Phase.OPENING,
        access=None,
        timers=(),
        queue_position=0,
        wait_minutes=0,
        in_flight=(),
        taken=(),
        held=(),
    )
    session = replace(session, held=_again(rules, session, typed))
    session, opening = _open(rules, session, at)
    # The extension's own clock starts anew, so the requestId is extended now: it may have been due.
    return keep(
        conversation, session, *leaving, *opening, ExtendRequest(), CountMetric("fell_back", session.system)
    )


def _again(rules: Rules, session: AgentSession, messages: tuple[HeldMessage, ...]) -> tuple[HeldMessage, ...]:
    """The same words, as long as this agent system takes them."""
    longest = rules.capabilities(session.system).max_text
    return tuple(
        HeldMessage(message_id(session.id, "again", held.message_id, index), piece)
        for held in messages
        if held.typed
        for index, piece in enumerate(split(held.text, longest))
    )


def _open(rules: Rules, session: AgentSession, at: Instant) -> tuple[AgentSession, list[Effect]]:
    session, accept = arm(session, ACCEPT, at + rules.accept_timeout_seconds)
    session, extend = arm(session, EXTEND, at + rules.extend_every_seconds)
    patience = rules.fallback_after_seconds if session.alternatives else None
    return session, [
        OpenAccess(session.id, session.system, session.platform_session_id, patience),
        accept,
        extend,
    ]


def _line(rules: Rules, event: AgentTransfer) -> list[str]:
    """The agent systems for this hand-off: the handler's or the dialog's choice, else the channel's, then the fallbacks."""
    by_name = {name.casefold(): name for name in rules.systems}
    wishes = (event.choice.agent_system or event.agent_system, event.node_name)
    chosen = next((by_name[wish.casefold()] for wish in wishes if wish and wish.casefold() in by_name), None)
    return list(dict.fromkeys([chosen or rules.system_for(event.profile.channel), *rules.fallback]))


def _offer(rules: Rules, event: AgentTransfer, system: str) -> Alternative:
    pre_chat = _choice_for(rules, event, system).pre_chat
    return Alternative(system, routing_attributes(event.profile, pre_chat, rules.attributes_of(system)))


def _choice_for(rules: Rules, event: AgentTransfer, system: str) -> Choice:
    """Attributes and end word for this system: the handler's choice over the dialog's meta infos, in the system's order."""
    by_name = dict(event.meta_infos)
    chosen = Choice()
    for name in reversed(rules.capabilities(system).meta_infos):
        if name in by_name:
            chosen = chosen.then(Choice(None, by_name[name].pre_chat, by_name[name].end_word))
    return chosen.then(event.choice)


def _full_name(profile: UserProfile) -> str:
    return f"{profile.first_name} {profile.last_name}".strip()
