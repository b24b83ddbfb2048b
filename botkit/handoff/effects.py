"""Everything the rules can ask for, as data. The ledger stores effects in its outbox; the relay carries them out.

`lane` gives the order: effects of one conversation and one lane are carried out one after the other, in the order they were
decided, and a retry blocks only its own lane. Each agent session has its own lane to the agents' side, so an old session that
is still closing never blocks a new one.
"""

from __future__ import annotations

from typing import cast, get_args

from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import Content
from botkit.handoff.record import Record

USER_LANE = "user"
HINT_LANE = "hint"
"""Typing and custom events for the user's client. They are obsolete in seconds, so they share no lane with messages."""


HANDLERS_LANE = "handlers"
"""The bot's own handlers of the hand-off, in order. No message waits for them."""


# --- to the XO platform ------------------------------------------------------------------------------------------


class PassToBot(Record, frozen=True):
    """Pass the hook's message to the bot unchanged (sendBotMessage with the hook's own body)."""


class PassToUser(Record, frozen=True):
    """Pass the hook's message to the user unchanged (sendUserMessage with the hook's own body)."""


class SkipUserMessage(Record, frozen=True):
    """Do not show this bot message (skipUserMessage with the hook's own body)."""


class SendToUser(Record, frozen=True):
    """Show this to the user, addressed by the conversation's newest payload.

    `agent_name` names the agent; empty for BotKit's own messages. `again`: the agents' message before it had the same text, so
    the user's history cannot tell the two apart.
    """

    content: Content
    agent_name: str = ""
    again: bool = False


class ClearAgentSession(Record, frozen=True):
    """Give the user back to the bot.

    `session_id` and `record` are the ids of the hand-off for the dialog, if a conversation existed on the agents' side.
    """

    session_id: str = ""
    record: str = ""


class ExtendRequest(Record, frozen=True):
    """Keep the platform's requestId usable (extendcallid). Retried for less than a minute: the next one is due soon."""


class CallWithHook(Record, frozen=True):
    """A call by its name in `kore.requests.SDK_CALLS`, with the hook's own body.

    `changes` is a JSON object as text: the members that replace the body's own.
    """

    call: str
    changes: str = ""

    _hidden = frozenset({"changes"})


class CallUser(Record, frozen=True):
    """A call outside any hook, with the conversation's newest payload, which addresses the user."""

    call: str
    changes: str = ""

    _hidden = frozenset({"changes"})


class AnswerWebhook(Record, frozen=True):
    """Answer a deferred webhook (respondToHook): its own payload, with these changes to its context as JSON text.

    The payload is the newest (and only) one of the webhook's conversation.
    """

    context: str = ""
    replace: bool = False

    _hidden = frozenset({"context"})


class TypingToUser(Record, frozen=True):
    """Show or hide an agent's typing to the user (sendBotEvent), at `url`. Never retried."""

    url: str
    started: bool

    _hidden = frozenset({"url"})


class EventToUser(Record, frozen=True):
    """Pass an event of the agents' side to the user's client (sendBotEvent), at `url`. Never retried."""

    url: str
    name: str
    data: str

    _hidden = frozenset({"url"})


# --- to the agents' side -----------------------------------------------------------------------------------------


class ToAgents(Record, frozen=True):
    """An effect on an agent session. It includes the access it needs, as it may be carried out when the session is already gone
    from the conversation's state (the last messages and the end after the user's end word). Only `Access.credentials` counts;
    the position is outdated.
    """

    session_id: str
    system: str
    access: Access


class OpenAccess(Record, frozen=True):
    """Get credentials from the agent system and the transcript from the platform → AccessGranted.

    `platform_session_id` is Kore's conversationSessionId, empty if not known: the transcript is of that session only.
    """

    session_id: str
    system: str
    platform_session_id: str = ""
    give_up_seconds: float | None = None
    """An earlier deadline than that of other effects, because another agent system is in line."""


class StartSession(ToAgents, frozen=True):
    """Create the conversation on the agents' side, which starts the search for an agent → SessionStarted."""

    attributes: tuple[tuple[str, str], ...]
    language: str
    give_up_seconds: float | None = None


class SendToAgent(ToAgents, frozen=True):
    """Send the agent a message of the user → MessageAccepted. Every attempt uses the same `message_id`."""

    message_id: str
    text: str


class TypingToAgent(ToAgents, frozen=True):
    """Show or hide the user's typing to the agent. Never retried."""

    started: bool


class SendFile(ToAgents, frozen=True):
    """Send the agent a file that the user sent to the platform → MessageAccepted.

    `request` is that of the agent's FileRequested, where the system takes files only then. `max_bytes` is the limit that the
    agents' side has stated; 0 for none.
    """

    message_id: str
    name: str
    url: str
    request: str = ""
    max_bytes: int = 0

    _hidden = frozenset({"url", "request"})


class SendCustomEvent(ToAgents, frozen=True):
    """Pass an event of the user's client to the agent's console. Never retried."""

    name: str
    data: str


class IdleNotice(ToAgents, frozen=True):
    """Tell the agents' side that the user was warned of being idle, or is active again. Never retried."""

    warned: bool


class AskRouting(ToAgents, frozen=True):
    """Ask the agents' side for the routing status → RoutingKnown."""


class EndSession(ToAgents, frozen=True):
    """End and close the conversation on the agents' side. If it is closed already, the effect is done."""


# --- to the bot's own handlers ------------------------------------------------------------------------------------


class CallHandlers(Record, frozen=True):
    """Call the bot's handlers of a moment of the hand-off (`handoff/moments.py`) → CallsRequested, if they ask for calls.

    It has what they are told of the agent session, which may be gone from the state when they are called.
    """

    event: str
    at: Instant
    session_id: str
    system: str
    language: str
    opened_at: Instant
    joined_at: float = 0.0
    record: str = ""
    agents: tuple[str, ...] = ()
    """The names of all agents so far."""
    agent: str = ""
    """The name of the agent who has just joined."""
    why: str = ""
    """Why the hand-off has ended."""


# --- to ourselves ------------------------------------------------------------------------------------------------


class ArmTimer(Record, frozen=True):
    """Schedule a timer of the session's state, so many seconds after the commit. `due` identifies it."""

    session_id: str
    name: str
    due: Instant
    seconds: float


class CancelTimer(Record, frozen=True):
    """Unschedule the timer of this name."""

    session_id: str
    name: str


class DropLane(Record, frozen=True):
    """Drop the effects in this session's agent lane, all but EndSession."""

    session_id: str


class CountMetric(Record, frozen=True):
    """Count a metric: `what` (handoff_opened, handoff_ended, lost_session, …), labelled with `why`; both have few values.

    `session_id`, `system` and `record` are those of a session that has just ended: the state has it no more.
    """

    what: str
    why: str = ""
    session_id: str = ""
    system: str = ""
    record: str = ""


HintEffect = TypingToUser | EventToUser
PlatformEffect = (
    PassToBot
    | PassToUser
    | SkipUserMessage
    | SendToUser
    | ClearAgentSession
    | ExtendRequest
    | CallWithHook
    | CallUser
    | AnswerWebhook
    | HintEffect
)
CARRIES_HOOK = (PassToBot, PassToUser, SkipUserMessage, CallWithHook)
"""Effects sent with the body of the hook that caused them."""
ADDRESSED_BY_PAYLOAD = (SendToUser, ClearAgentSession, ExtendRequest, CallUser, AnswerWebhook)
"""Effects sent with the conversation's newest payload, which is kept for them."""
AgentEffect = (
    OpenAccess
    | StartSession
    | SendToAgent
    | SendFile
    | SendCustomEvent
    | IdleNotice
    | TypingToAgent
    | AskRouting
    | EndSession
)
OutboundEffect = PlatformEffect | AgentEffect | CallHandlers
LocalEffect = ArmTimer | CancelTimer | DropLane | CountMetric
Effect = OutboundEffect | LocalEffect


_LANES: dict[type, str] = {
    **dict.fromkeys(get_args(PlatformEffect), USER_LANE),
    **dict.fromkeys(get_args(HintEffect), HINT_LANE),
    CallHandlers: HANDLERS_LANE,
}


def lane(effect: OutboundEffect) -> str:
    """The lane of an effect: ``user``, ``hint``, ``handlers``, or ``agent:<session id>``."""
    if (fixed := _LANES.get(type(effect))) is not None:
        return fixed
    return agent_lane(cast(AgentEffect, effect).session_id)


def agent_lane(session_id: str) -> str:
    """The lane of an agent session."""
    return f"agent:{session_id}"
