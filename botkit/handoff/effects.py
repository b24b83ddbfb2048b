"""Everything the rules can ask for, as data. The ledger writes effects down; the relay carries them out.

`lane` says in which order: effects of one conversation and one lane go out one after the other, in the order they were
decided, and a retry holds up its own lane only. The lane of the agents' side is one per agent session, so that an old
session that is still being closed never holds up a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import Content

USER_LANE = "user"
HINT_LANE = "hint"
"""What the user's client is told beside the talk. It is over in seconds: no message waits for it, nor it for any."""


# --- to the XO platform ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PassToBot:
    """Give the hook's message on to the bot as it came (sendBotMessage with the hook's own body)."""


@dataclass(frozen=True, slots=True)
class PassToUser:
    """Give the hook's message on to the user as it came (sendUserMessage with the hook's own body)."""


@dataclass(frozen=True, slots=True)
class SkipUserMessage:
    """Tell the platform that this bot message is not shown (skipUserMessage with the hook's own body)."""


@dataclass(frozen=True, slots=True)
class SendToUser:
    """Show this to the user, addressed by the conversation's newest payload.

    `agent_name` is set when a person is speaking; empty for BotKit's own words.
    """

    content: Content
    agent_name: str = ""


@dataclass(frozen=True, slots=True)
class ClearAgentSession:
    """Give the user back to the bot."""


@dataclass(frozen=True, slots=True)
class ExtendRequest:
    """Keep the platform's requestId usable (extendcallid). Retried for less than a minute: the next one is due soon."""


@dataclass(frozen=True, slots=True)
class CallWithHook:
    """A call by its name in `kore.requests.SDK_CALLS`, with the hook's own body.

    `changes` is a JSON object as text: the members that take the place of the body's own.
    """

    call: str
    changes: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallUser:
    """The same outside any hook: with the conversation's newest payload, which addresses the user."""

    call: str
    changes: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AnswerWebhook:
    """Answer a deferred webhook (respondToHook): its own payload, with these changes to its context as JSON text.

    The payload is the newest (and only) one of the conversation, which stands for this one webhook.
    """

    context: str = field(default="", repr=False)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class TypingToUser:
    """Show or hide an agent's typing to the user (sendBotEvent), at `url`. Never retried."""

    url: str = field(repr=False)
    started: bool


@dataclass(frozen=True, slots=True)
class EventToUser:
    """Pass an event of the agents' side on to the user's client (sendBotEvent), at `url`. Never retried."""

    url: str = field(repr=False)
    name: str
    data: str


# --- to the agents' side -----------------------------------------------------------------------------------------
#
# These carry the access they need: they may go out when the session is already gone from the conversation's state
# (the last messages and the end after the user's end word). Only `Access.credentials` counts; the position is stale.


@dataclass(frozen=True, slots=True)
class OpenAccess:
    """Get credentials from the agent system and the transcript from the platform → AccessGranted.

    `platform_session_id` is Kore's conversationSessionId, empty if not known: the transcript is of that session only.
    """

    session_id: str
    system: str
    platform_session_id: str = ""
    give_up_seconds: float | None = None
    """Given up sooner than other effects, because another agent system waits in line."""


@dataclass(frozen=True, slots=True)
class StartSession:
    """Create the conversation on the agents' side, which starts the search for an agent → SessionStarted."""

    session_id: str
    system: str
    access: Access
    attributes: tuple[tuple[str, str], ...]
    language: str
    give_up_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SendToAgent:
    """Say this to the agent as the user → MessageAccepted. Every attempt uses the same `message_id`."""

    session_id: str
    system: str
    access: Access
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TypingToAgent:
    """Show or hide the user's typing to the agent. Never retried."""

    session_id: str
    system: str
    access: Access
    started: bool


@dataclass(frozen=True, slots=True)
class SendFile:
    """Give the agent a file the user sent to the platform → MessageAccepted.

    `request` is that of the agent's FileRequested, where the system takes files only then.
    """

    session_id: str
    system: str
    access: Access
    message_id: str
    name: str
    url: str = field(repr=False)
    request: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SendCustomEvent:
    """Pass an event of the user's client on to the agent's console. Never retried."""

    session_id: str
    system: str
    access: Access
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class IdleNotice:
    """Tell the agents' side that the user was warned of being idle, or is not idle any more. Never retried."""

    session_id: str
    system: str
    access: Access
    warned: bool


@dataclass(frozen=True, slots=True)
class AskRouting:
    """Ask whether another agent is being looked for → RoutingKnown."""

    session_id: str
    system: str
    access: Access


@dataclass(frozen=True, slots=True)
class EndSession:
    """End and close the conversation on the agents' side. Already closed counts as done."""

    session_id: str
    system: str
    access: Access


# --- to ourselves ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Wake this session at `due`. The timer itself stands in the session's state; this is the alarm clock."""

    session_id: str
    name: str
    due: Instant


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The alarm of this name is not needed any more."""

    session_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DropLane:
    """Forget what still waits in this session's agent lane: there is nobody to take it."""

    session_id: str


@dataclass(frozen=True, slots=True)
class CountMetric:
    """Something an operator counts: `what` (handoff_opened, handoff_ended, lost_session, …) and `why`, both from a short list."""

    what: str
    why: str = ""


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
"""Go out with the body of the hook that caused them."""
ADDRESSED_BY_PAYLOAD = (SendToUser, ClearAgentSession, ExtendRequest, CallUser, AnswerWebhook)
"""Go out with the conversation's newest payload, which is kept for them."""
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
OutboundEffect = PlatformEffect | AgentEffect
LocalEffect = ArmTimer | CancelTimer | DropLane | CountMetric
Effect = OutboundEffect | LocalEffect


def lane(effect: OutboundEffect) -> str:
    """The lane an effect goes out on: ``user``, ``hint``, or ``agent:<session id>``."""
    if isinstance(effect, AgentEffect):
        return agent_lane(effect.session_id)
    return HINT_LANE if isinstance(effect, HintEffect) else USER_LANE


def agent_lane(session_id: str) -> str:
    """The lane of an agent session."""
    return f"agent:{session_id}"
