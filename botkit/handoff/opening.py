"""Rules for opening an agent session, and for the fallback to another agent system."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff import files, platform_session
from botkit.handoff.attributes import routing_attributes
from botkit.handoff.conversation import (
    AgentSession,
    Alternative,
    Conversation,
    HeldMessage,
    Instant,
    Phase,
    TimerName,
)
from botkit.handoff.decision import Decision, arm, hand_to_agent, message_id, tell, with_session
from botkit.handoff.effects import (
    CancelTimer,
    ClearAgentSession,
    CountMetric,
    DropLane,
    Effect,
    EndSession,
    ExtendRequest,
    OpenAccess,
    StartSession,
)
from botkit.handoff.ending import end
from botkit.handoff.events import AccessGranted, AgentTransfer, Choice
from botkit.handoff.languages import negotiate
from botkit.handoff.masking import readable
from botkit.handoff.moments import STARTED, call_handlers
from botkit.handoff.reference import reference, successor
from botkit.handoff.rules import Rules
from botkit.handoff.text import split
from botkit.handoff.transcript import before_handoff, render
from botkit.handoff.translations import WORDS
from botkit.handoff.translations.file_reasons import NO_FILES

EXPIRY_MARGIN_SECONDS = 30.0


def agent_transfer(rules: Rules, conversation: Conversation, event: AgentTransfer) -> Decision:
    """on_agent_transfer: open an agent session, unless there is one already (a repeated hook).

    An agent session of an older session of the platform ends first: the platform has closed that one.
    """
    ended: tuple[Effect, ...] = ()
    if (former := conversation.session) is not None:
        if not is_outdated(former, event):
            return Decision(conversation)
        conversation, ended = _end_former(rules, conversation, former, event.at)
    choices = {system: _choice_for(rules, event, system) for system in _line(rules, event)}
    first, *others = (
        Alternative(
            name,
            routing_attributes(
                event.profile,
                choice.pre_chat,
                rules.attributes_of(name),
                reference=reference(event.session_id),
            ),
        )
        for name, choice in choices.items()
    )
    end_word = (choices[first.system].end_word or rules.end_chat_command or "").strip()
    session = AgentSession(
        id=event.session_id,
        system=first.system,
        phase=Phase.OPENING,
        opened_at=event.at,
        language=event.profile.language,
        user_name=readable(f"{event.profile.first_name} {event.profile.last_name}".strip()),
        end_word=end_word or None,
        attributes=first.attributes,
        alternatives=tuple(others),
        platform_session_id=event.profile.session_id,
        session_aliases=tuple(one for one in event.sessions if one != event.profile.session_id),
        opening_request=event.request_number,
        events_url=event.events_url,
    )
    effects = tell(rules, session, "lookingForAgentMessage")
    if session.end_word:
        effects += tell(rules, session, "endChatFromUserInstruction")
    session, opening = _open(rules, session, event.at)
    called = call_handlers(rules, session, STARTED, event.at)
    return with_session(
        conversation,
        session,
        *ended,
        *effects,
        *opening,
        *called,
        CountMetric("handoff_opened", session.system),
    )


def is_outdated(session: AgentSession, transfer: AgentTransfer) -> bool:
    """Whether this transfer is from a newer session of the platform than the agent session."""
    newer = (
        transfer.request_number is None
        or session.opening_request is None
        or transfer.request_number > session.opening_request
    )
    return newer and platform_session.is_another(session, transfer.sessions)


def _end_former(
    rules: Rules, conversation: Conversation, former: AgentSession, at: Instant
) -> tuple[Conversation, tuple[Effect, ...]]:
    """End the agent session of a session that the platform has closed. The new one keeps the platform's agent mode."""
    ended = end(rules, conversation, former, at, why="platform_timeout", words="conversationClosedMessage")
    return ended.conversation, tuple(one for one in ended.effects if not isinstance(one, ClearAgentSession))


def access_granted(
    rules: Rules, conversation: Conversation, session: AgentSession, event: AccessGranted
) -> Decision:
    """Create the conversation on the agents' side; then send the transcript, then the messages typed since the transfer."""
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
    # Without the attributes from here on: otherwise every commit of every session would write them again.
    session = replace(
        session,
        access=event.access,
        held=(),
        attributes=(),
        file_limits=event.file_limits,
        nobody_message=event.nobody_message,
    )
    limit = rules.capabilities(session.system).max_text
    transcript = render(
        before_handoff(rules.responses, session, typed, event.transcript, conversation.id.channel),
        language=negotiate(session.language, WORDS, fallback=rules.default_language),
        user_name=session.user_name,
        bot_name=rules.bot_name,
        limit=limit,
    )
    told = tuple(
        HeldMessage(message_id(session.id, "transcript", index), piece, typed=False)
        for index, piece in enumerate(split(transcript, limit) if transcript else ())
    )
    session, sends = hand_to_agent(rules, session, (*told, *typed))
    if event.expires_at is None:
        return with_session(conversation, session, start, *sends)
    # A little before the token expires, so that the agents' side can still be told of the end.
    margin = min(EXPIRY_MARGIN_SECONDS, max(0.0, event.expires_at - event.at) / 4)
    session, expiry = arm(session, TimerName.EXPIRY, event.at, event.expires_at - margin - event.at)
    return with_session(conversation, session, start, *sends, expiry)


def session_started(conversation: Conversation, session: AgentSession) -> Decision:
    """The search for an agent runs."""
    if session.phase is not Phase.OPENING:
        return Decision(conversation)
    return with_session(conversation, replace(session, phase=Phase.WAITING))


def next_in_line(
    rules: Rules,
    conversation: Conversation,
    session: AgentSession,
    at: Instant,
    *,
    access_is_good: bool = True,
) -> Decision | None:
    """Move the hand-off to the next agent system. None if there is none, as always once an agent was present.

    The user is not told. All their messages go to the next system, accepted or not, as no agent has read them.
    """
    if not session.alternatives:
        return None
    following, *rest = session.alternatives
    leaving: list[Effect] = [CancelTimer(session.id, timer.name) for timer in session.timers]
    leaving.append(DropLane(session.id))
    if session.access is not None and access_is_good:
        leaving.append(EndSession(session.id, session.system, session.access))
    typed = (*session.taken, *session.in_flight, *session.held)
    session = replace(
        session,
        id=successor(session.id, message_id(session.id, "next", following.system)),
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
        # What the system before has said counts for that one only.
        file_limits=None,
        nobody_message="",
        inactive=False,
        doubt="",
        queued=False,
        automated_at=0.0,
        automated_text="",
        reason_given=False,
        record="",
    )
    cleared = [files.without_address(rules, held) for held in typed if held.typed]
    closed = files.not_delivered(rules, session, [name for _, name in cleared if name], NO_FILES)
    session = replace(session, held=_again(rules, session, tuple(held for held, _ in cleared)))
    session, opening = _open(rules, session, at)
    # The EXTEND timer starts again and may have been due soon: extend the requestId now.
    return with_session(
        conversation,
        session,
        *leaving,
        *closed,
        *opening,
        ExtendRequest(),
        CountMetric("fell_back", session.system),
    )


def _again(rules: Rules, session: AgentSession, messages: tuple[HeldMessage, ...]) -> tuple[HeldMessage, ...]:
    """The user's messages, split again at this agent system's limit."""
    limit = rules.capabilities(session.system).max_text
    return tuple(
        HeldMessage(message_id(session.id, "again", held.message_id, index), piece)
        for held in messages
        if held.typed
        for index, piece in enumerate(split(held.text, limit))
    )


def _open(rules: Rules, session: AgentSession, at: Instant) -> tuple[AgentSession, list[Effect]]:
    session, accept = arm(session, TimerName.ACCEPT, at, rules.accept_timeout_seconds)
    session, extend = arm(session, TimerName.EXTEND, at, rules.extend_every_seconds)
    deadline = rules.fallback_after_seconds if session.alternatives else None
    return session, [
        OpenAccess(session.id, session.system, session.platform_session_id, deadline),
        accept,
        extend,
    ]


def _line(rules: Rules, event: AgentTransfer) -> list[str]:
    """The agent systems to try: the handler's or the dialog's choice, else the channel's; then the fallbacks in order."""
    by_name = {name.casefold(): name for name in rules.systems}
    wishes = (event.choice.agent_system or event.agent_system, event.node_name)
    chosen = next((by_name[wish.casefold()] for wish in wishes if wish and wish.casefold() in by_name), None)
    return list(dict.fromkeys([chosen or rules.system_for(event.profile.channel), *rules.fallback]))


def _choice_for(rules: Rules, event: AgentTransfer, system: str) -> Choice:
    """Attributes and end word for this system: the handler's choice over the dialog's meta infos, in the system's order."""
    by_name = dict(event.meta_infos)
    chosen = Choice()
    for name in reversed(rules.capabilities(system).meta_infos):
        if name in by_name:
            chosen = chosen.then(Choice(None, by_name[name].pre_chat, by_name[name].end_word))
    return chosen.then(event.choice)
