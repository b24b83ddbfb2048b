"""Everything that can happen to a conversation, as data, split by source.

`hooks` has what the XO platform says, `handlers` what the bot's own handlers request, `agents` what the agents' side says,
`outcomes` what follows from our own effects. To add an event, define it in its module, add it to the union at that module's
end, and give it a rule in `handoff/decide.py`.
"""

from __future__ import annotations

from botkit.handoff.events.agents import (
    AgentCustomEvent,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentSideEvent,
    AgentTyping,
    Content,
    FileArrived,
    FileRequested,
    FromAgents,
    IdleRule,
    Link,
    Option,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    TransferStarted,
)
from botkit.handoff.events.base import (
    BaseEvent,
)
from botkit.handoff.events.handlers import (
    ApiCall,
    CallsRequested,
    HookAnswered,
    HookDeferred,
    HookHandled,
)
from botkit.handoff.events.hooks import (
    AgentTransfer,
    Alert,
    Attachment,
    BotMessage,
    Choice,
    FromClient,
    MetaInfo,
    OtherHook,
    PlatformHookEvent,
    PlatformSessionClosed,
    UserCustomEvent,
    UserMessage,
    UserProfile,
    UserTyping,
)
from botkit.handoff.events.outcomes import (
    AccessGranted,
    AgentsLost,
    FileRefused,
    LossReason,
    MessageAccepted,
    MessageRefused,
    OutcomeEvent,
    RoutingKnown,
    SessionStarted,
    TimerFired,
    TranscriptLine,
    UserLost,
)

SubmittedEvent = PlatformHookEvent | HookHandled | CallsRequested | HookDeferred | HookAnswered
"""Events from outside: hooks, handlers and jobs. Any process that shares a store may submit them."""
Event = SubmittedEvent | AgentSideEvent | OutcomeEvent

__all__ = [
    "AccessGranted",
    "AgentCustomEvent",
    "AgentJoined",
    "AgentLeft",
    "AgentSaid",
    "AgentSessionEnded",
    "AgentSideEvent",
    "AgentTransfer",
    "AgentTyping",
    "AgentsLost",
    "Alert",
    "ApiCall",
    "Attachment",
    "BaseEvent",
    "BotMessage",
    "CallsRequested",
    "Choice",
    "Content",
    "Event",
    "FileArrived",
    "FileRefused",
    "FileRequested",
    "FromAgents",
    "FromClient",
    "HookAnswered",
    "HookDeferred",
    "HookHandled",
    "IdleRule",
    "Link",
    "LossReason",
    "MessageAccepted",
    "MessageRefused",
    "MetaInfo",
    "Option",
    "OtherHook",
    "OutcomeEvent",
    "PlatformHookEvent",
    "PlatformSessionClosed",
    "PositionAdvanced",
    "QueueMoved",
    "RoutingFailed",
    "RoutingKnown",
    "SessionStarted",
    "SubmittedEvent",
    "TimerFired",
    "TranscriptLine",
    "TransferStarted",
    "UserCustomEvent",
    "UserLost",
    "UserMessage",
    "UserProfile",
    "UserTyping",
]
