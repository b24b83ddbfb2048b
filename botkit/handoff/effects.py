"""Everything the rules can ask for, as data. The ledger writes effects down; the relay carries them out.

`lane` says in which order: effects of one conversation and one lane go out one after the other, in the order they were
decided, and a retry holds up its own lane only. The lane of the agents' side is one per agent session, so that an old
session that is still being closed never holds up a new one.
"""

from __future__ import annotations

from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import Content
from botkit.handoff.record import Record

USER_LANE = "user"
HINT_LANE = "hint"
"""What the user's client is told beside the talk. It is over in seconds: no message waits for it, nor it for any."""


# --- to the XO platform ------------------------------------------------------------------------------------------


class PassToBot(Record, frozen=True):
    """Give the hook's message on to the bot as it came (sendBotMessage with the hook's own body)."""


class PassToUser(Record, frozen=True):
    """Give the hook's message on to the user as it came (sendUserMessage with the hook's own body)."""


class SkipUserMessage(Record, frozen=True):
    """Tell the platform that this bot message is not shown (skipUserMessage with the hook's own body)."""


class SendToUser(Record, frozen=True):
    """Show this to the user, addressed by the conversation's newest payload.

    `agent_name` is set when a person is speaking; empty for BotKit's own words.
    """

    content: Content
    agent_name: str = ""


class ClearAgentSession(Record, frozen=True):
    """Give the user back to the bot."""


class ExtendRequest(Record, frozen=True):
    """Keep the platform's requestId usable (extendcallid). Retried for less than a minute: the next one is due soon."""


class CallWithHook(Record, frozen=True):
    """A call by its name in `kore.requests.SDK_CALLS`, with the hook's own body.

    `changes` is a JSON object as text: the members that take the place of the body's own.
    """

    call: str
    changes: str = ""

    _hidden = frozenset({"changes"})


class CallUser(Record, frozen=True):
    """The same outside any hook: with the conversation's newest payload, which addresses the user."""

    call: str
    changes: str = ""

    _hidden = frozenset({"changes"})


class AnswerWebhook(Record, frozen=True):
    """Answer a deferred webhook (respondToHook): its own payload, with these changes to its context as JSON text.

    The payload is the newest (and only) one of the conversation, which stands for this one webhook.
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
    """Pass an event of the agents' side on to the user's client (sendBotEvent), at `url`. Never retried."""

    url: str
    name: str
    data: str

    _hidden = frozenset({"url"})


# --- to the agents' side -----------------------------------------------------------------------------------------
#
# These carry the access they need: they may go out when the session is already gone from the conversation's state
# (the last messages and the end after the user's end word). Only `Access.credentials` counts; the position is stale.


class OpenAccess(Record, frozen=True):
    """Get credentials from the agent system and the transcript from the platform → AccessGranted.

    `platform_session_id` is Kore's conversationSessionId, empty if not known: the transcript is of that session only.
    """

    session_id: str
    system: str
    platform_session_id: str = ""
    give_up_seconds: float | None = None
    """Given up sooner than other effects, because another agent system waits in line."""


class StartSession(Record, frozen=True):
    """Create the conversation on the agents' side, which starts the search for an agent → SessionStarted."""

    session_id: str
    system: str
    access: Access
    attributes: tuple[tuple[str, str], ...]
    language: str
    give_up_seconds: float | None = None


class SendToAgent(Record, frozen=True):
    """Say this to the agent as the user → MessageAccepted. Every attempt uses the same `message_id`."""

    session_id: str
    system: str
    access: Access
    message_id: str
    text: str


class TypingToAgent(Record, frozen=True):
    """Show or hide the user's typing to the agent. Never retried."""

    session_id: str
    system: str
    access: Access
    started: bool


class SendFile(Record, frozen=True):
    """Give the agent a file the user sent to the platform → MessageAccepted.

    `request` is that of the agent's FileRequested, where the system takes files only then.
    """

    session_id: str
    system: str
    access: Access
    message_id: str
    name: str
    url: str
    request: str = ""

    _hidden = frozenset({"url", "request"})


class SendCustomEvent(Record, frozen=True):
    """Pass an event of the user's client on to the agent's console. Never retried."""

    session_id: str
    system: str
    access: Access
    name: str
    data: str


class IdleNotice(Record, frozen=True):
    """Tell the agents' side that the user was warned of being idle, or is not idle any more. Never retried."""

    session_id: str
    system: str
    access: Access
    warned: bool


class AskRouting(Record, frozen=True):
    """Ask whether another agent is being looked for → RoutingKnown."""

    session_id: str
    system: str
    access: Access


class EndSession(Record, frozen=True):
    """End and close the conversation on the agents' side. Already closed counts as done."""

    session_id: str
    system: str
    access: Access


# --- to ourselves ------------------------------------------------------------------------------------------------


class ArmTimer(Record, frozen=True):
    """Wake this session at `due`. The timer itself stands in the session's state; this is the alarm clock."""

    session_id: str
    name: str
    due: Instant


class CancelTimer(Record, frozen=True):
    """The alarm of this name is not needed any more."""

    session_id: str
    name: str


class DropLane(Record, frozen=True):
    """Forget what still waits in this session's agent lane: there is nobody to take it."""

    session_id: str


class CountMetric(Record, frozen=True):
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
