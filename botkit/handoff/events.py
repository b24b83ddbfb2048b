"""Everything that can happen to a conversation, as data.

Every event has a `key` by which the ledger knows it again (an input seen before changes nothing; an empty key is never
remembered) and `at`, when it happened. Randomness the rules need (the id of a new agent session) comes in with the event.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from botkit.handoff.conversation import Access, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseEvent:
    """What every event carries."""

    key: str
    at: Instant


# --- from the XO platform: hooks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FromClient(BaseEvent):
    """What every event carries that comes from the user's client.

    `events_url` is where the client takes events from us (the platform's `sendBotEventUrl`); empty where it does not say.
    """

    events_url: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file the user sent; `url` is the platform's."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage(FromClient):
    """on_user_message. `text` is None for a connect event or an attachment alone.

    `agent_transfer` is None where the payload does not say.
    """

    text: str | None
    agent_transfer: bool | None
    attachments: tuple[Attachment, ...] = ()
    connect: bool = False
    request_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotMessage(BaseEvent):
    """on_bot_message: an utterance of the bot on its way to the user."""

    text: str | None
    agent_transfer: bool | None = None


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What the platform knows of the user and of the talk so far; any field may be empty."""

    user_id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    bot_name: str = ""
    channel: str = ""
    language: str = ""
    last_intent: str = ""
    session_id: str = ""
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a handler chooses for a hand-off, before what the dialog says: agent system, attributes, end word."""

    agent_system: str | None = None
    pre_chat: tuple[tuple[str, str], ...] = ()
    end_word: str | None = None

    def then(self, later: Choice) -> Choice:
        """Both; the later one wins."""
        return Choice(
            later.agent_system or self.agent_system,
            tuple({**dict(self.pre_chat), **dict(later.pre_chat)}.items()),
            later.end_word or self.end_word,
        )


@dataclass(frozen=True, slots=True)
class MetaInfo:
    """`miawMetaInfo` or `liveChatMetaInfo` of `context.session.BotUserSession`, as a dialog's Script node set it."""

    pre_chat: tuple[tuple[str, str], ...] = ()
    end_word: str | None = None
    agent_system: str | None = None

    def chosen(self, choice: Choice) -> MetaInfo:
        """The same under a handler's choice."""
        return MetaInfo(
            pre_chat=tuple({**dict(self.pre_chat), **dict(choice.pre_chat)}.items()),
            end_word=choice.end_word or self.end_word,
            agent_system=choice.agent_system or self.agent_system,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTransfer(FromClient):
    """on_agent_transfer: a dialog reached an Agent Transfer node."""

    session_id: str
    """Drawn at the door: the id the new agent session gets, a lower-case UUID 4."""
    profile: UserProfile
    meta: MetaInfo
    """The dialog's `miawMetaInfo`, which speaks to every agent system."""
    live_chat_meta: MetaInfo | None = None
    """The dialog's `liveChatMetaInfo`, which wins for Live Chat."""
    node_name: str = ""
    """The name of the Agent Transfer node; the name of an agent system there chooses it."""
    request_number: int | None = None

    def chosen(self, choice: Choice) -> AgentTransfer:
        """The same under a handler's choice."""
        live_chat = self.live_chat_meta
        return replace(
            self,
            meta=self.meta.chosen(choice),
            live_chat_meta=live_chat.chosen(choice) if live_chat is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSessionClosed(BaseEvent):
    """on_event with eventType `sessionClosure`; may repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTyping(FromClient):
    """on_client_event TYPING_STARTED or TYPING_STOPPED."""

    started: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCustomEvent(FromClient):
    """on_client_event with a customEvent, for an agent's console that understands it. `data` is JSON text."""

    name: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(BaseEvent):
    """on_alert: an alert task has something for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHook(BaseEvent):
    """A hook the hand-off has no use for (endDialog, a webhook, a name not seen yet …): acknowledged, recorded."""

    name: str


# --- from the handlers of whoever runs the bot ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call a handler wants made, by its name in `kore.requests.SDK_CALLS`.

    `changes` is a JSON object as text: the members that take the place of the payload's own. `transfer` goes with
    ``start_agent_session`` and is what the hand-off is opened with.
    """

    call: str
    changes: str = field(default="", repr=False)
    transfer: AgentTransfer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookHandled(BaseEvent):
    """A hook that handlers have seen: what they ask for, and what the hook says, as they have left it.

    `proceed`: that happens by default, after the calls they ask for.
    """

    api_calls: tuple[ApiCall, ...]
    original: Event
    proceed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsRequested(BaseEvent):
    """Calls wanted outside any hook, such as by a background job: the user's newest payload addresses them."""

    api_calls: tuple[ApiCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDeferred(BaseEvent):
    """on_webhook that is answered later. At `due` it is answered with `otherwise`, changes to its context as JSON text."""

    request_id: str
    due: Instant
    otherwise: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswered(BaseEvent):
    """The answer to a deferred webhook: changes to its context as JSON text; `replace`: the whole context instead."""

    context: str = field(default="", repr=False)
    replace: bool = False


# --- from the agents' side ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FromAgents(BaseEvent):
    """What every event of the agents' side carries.

    `position` and `high_water_ms` advance the session's `Access`; empty and 0 leave it where it is.
    """

    session_id: str
    position: str = ""
    high_water_ms: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One choice offered to the user."""

    title: str


@dataclass(frozen=True, slots=True)
class Link:
    """A web address or a file, with a title to show."""

    title: str
    url: str
    kind: Literal["link", "image", "file"] = "link"


@dataclass(frozen=True, slots=True)
class Content:
    """What an agent said, freed of the agent system's wire format."""

    text: str = ""
    options: tuple[Option, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSaid(FromAgents):
    """A message for the user: an agent's, an AI agent's or an automated response (`automated`)."""

    content: Content
    agent_name: str = ""
    automated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTyping(FromAgents):
    """An agent is typing, or stopped. Typing that is not said again counts as over after `holds_seconds`."""

    started: bool
    holds_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCustomEvent(FromAgents):
    """An event of the agents' side for the user's client. `data` is JSON text, or any other."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class IdleRule:
    """How long a user may be silent after an agent's words, in seconds, before a warning and before the end."""

    warning_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJoined(FromAgents):
    """An agent is present now. `idle` is the system's rule that its client has to enforce, where it has one."""

    subject: str
    name: str = ""
    idle: IdleRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLeft(FromAgents):
    """An agent is not present any more: a transfer, or the end."""

    subject: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted(FromAgents):
    """The agents' side is looking for another agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMoved(FromAgents):
    """Where the user stands in the queue: 1 is next, 0 means that the system does not number its queue.

    `wait_seconds` is the system's estimate of the wait; None: it has none.
    """

    place: int
    wait_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequested(FromAgents):
    """An agent asks for a file. `request` is the agent system's own; empty: the request was taken back."""

    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileArrived(FromAgents):
    """The agents' side says what became of a file the user sent."""

    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingFailed(FromAgents):
    """The agents' side could not route. During a transfer the agent usually stays."""

    reason: str
    transfer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSessionEnded(FromAgents):
    """The agents' side says the session is over, or the conversation closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdvanced(FromAgents):
    """An entry that changes nothing but where we got to (own echoes, receipts, unknown types).

    `durable` is set where the agents' side forgets what was read: that position must not be lost with the process.
    """

    durable: bool = False


# --- what came of our effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message of the conversation so far, oldest first in a transcript."""

    speaker: Literal["user", "bot"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGranted(BaseEvent):
    """OpenAccess succeeded: credentials, when they expire (None: unknown), and the talk so far."""

    session_id: str
    access: Access
    expires_at: Instant | None
    transcript: tuple[TranscriptLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(BaseEvent):
    """StartSession succeeded: agents are being looked for."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAccepted(BaseEvent):
    """SendToAgent or SendFile succeeded: the agents' side has it."""

    session_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused(BaseEvent):
    """SendToAgent was refused for good, and for this message alone: the session goes on without it."""

    session_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRefused(BaseEvent):
    """SendFile was refused for good, or the file could not be had: the session goes on without it.

    `spent`: the agent's request for it is used up, so that another file would need another request.
    """

    session_id: str
    message_id: str
    spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingKnown(BaseEvent):
    """AskRouting was answered. `searching`: another agent is being looked for; `over`: nobody is."""

    session_id: str
    status: Literal["searching", "present", "over"]


class LossReason:
    """Why the agents' side is lost to us (values of `AgentsLost.why`)."""

    CLOSED = "closed"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsLost(BaseEvent):
    """Going on with this session is not possible: closed, expired, refused, or given up as unreachable."""

    session_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLost(BaseEvent):
    """The platform could not be reached for so long that a message to the user was given up."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(BaseEvent):
    """A timer of the session came due; `due` tells an old arming from the current one."""

    session_id: str
    name: str
    due: Instant


Event = (
    UserMessage
    | BotMessage
    | AgentTransfer
    | PlatformSessionClosed
    | UserTyping
    | UserCustomEvent
    | Alert
    | OtherHook
    | HookHandled
    | CallsRequested
    | HookDeferred
    | HookAnswered
    | AgentSaid
    | AgentTyping
    | AgentCustomEvent
    | AgentJoined
    | AgentLeft
    | TransferStarted
    | QueueMoved
    | FileRequested
    | FileArrived
    | RoutingFailed
    | AgentSessionEnded
    | PositionAdvanced
    | AccessGranted
    | SessionStarted
    | MessageAccepted
    | MessageRefused
    | FileRefused
    | RoutingKnown
    | AgentsLost
    | UserLost
    | TimerFired
)
